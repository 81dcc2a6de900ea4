//! `envpipe inspect`: what the header of a stream says, without any key.

mod report;

use report::Report;

use crate::cli;
use crate::error::Error;
use crate::format::kms_stanza::KmsStanza;
use crate::format::payload::{PAYLOAD_NONCE_LEN, plain_len};
use crate::pipe::header::read_header;
use crate::pipe::input::{ByByte, Input, Source, detect_armor};

/// Of a pipe, nothing is read but the header, and in armor the line that it ends in. What is wrong with the stream is an
/// error only after all has been printed that can be known of it.
pub fn run(args: cli::Inspect) -> Result<(), Error> {
    let input = Input::open(args.input.as_deref())?;
    let file_len = input.rest_len();
    let source: Box<dyn Source> = match file_len {
        Some(_) => Box::new(input),
        None => Box::new(ByByte::new(input)),
    };
    let (armored, source) = detect_armor(source)?;
    let (header, mut source) = read_header(source)?;
    let mut faults: Vec<Error> = KmsStanza::parse_all(&header.stanzas).err().into_iter().collect();
    let payload_len = match file_len {
        Some(_) if armored => rest_len(&mut source).map_err(|fault| faults.push(fault)).ok(),
        Some(len) => Some(len.saturating_sub(header.len as u64)),
        None => None,
    };
    let plaintext_len = payload_len.map(|len| {
        let plain = len.checked_sub(PAYLOAD_NONCE_LEN as u64).and_then(plain_len);
        plain.ok_or_else(|| faults.push(Error::CutSomewhere { len }))
    });
    let report = Report::new(&header, armored, plaintext_len, &faults);
    super::print(&if args.json { report.json() } else { report.table() })?;
    faults.into_iter().next().map_or(Ok(()), Err)
}

/// Reads `source` to its end, and counts its bytes.
fn rest_len(source: &mut impl Source) -> Result<u64, Error> {
    let mut buf = vec![0; 64 * 1024];
    let mut len = 0;
    loop {
        match source.read(&mut buf)? {
            0 => return Ok(len),
            read => len += read as u64,
        }
    }
}
