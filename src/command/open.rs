//! `envpipe open`: a sealed stream, opened with an identity or a KMS key that the user named.

use super::Tell;
use super::each::{Engine, Files, Pair, Way};
use super::opener::Opener;
use super::seal::{bar, sink};
use crate::cli::{self, Sealed};
use crate::error::Error;
use crate::format::file_key::FileKey;
use crate::format::header::Header;
use crate::format::payload::{PAYLOAD_NONCE_LEN, PayloadKey};
use crate::pipe::header::read_header;
use crate::pipe::input::{Input, Source, Unread, dearmored};
use crate::pipe::output::{Existing, Mode, Output, Sink};
use crate::pipe::progress::Bar;
use crate::pipe::stream::Open;
use crate::pipe::turnstile;

/// Nothing is written before the header is authentic, and no chunk before it is.
pub fn run(args: cli::Open, tell: Tell) -> Result<(), Error> {
    let opener = Opener::read(args.keys)?;
    let workers = turnstile::workers(args.jobs);
    let path = match args.input {
        Sealed::Each(each) => {
            return open_each(&each, &opener, Engine { workers, progress: args.progress }, tell);
        }
        Sealed::File(path) => path,
    };
    let input = Input::open(path.as_deref())?;
    let output = Output::create(args.output.as_deref(), Mode::Private, Existing::Replace)?;
    output.refuse_as_input(&input)?;
    let bar = bar(args.progress, &output, input.rest_len());
    let sink = sink(output, false, bar.as_ref());
    // It takes the identities along, so that they are gone before the payload is read.
    let unwrap = move |header: &Header| opener.file_key(header);
    open(Box::new(input), sink, unwrap, workers)?.commit()?;
    bar.inspect(Bar::finish);
    Ok(())
}

/// KMS unwraps each data key once, however many of the files it is for.
fn open_each(each: &cli::Each, opener: &Opener, engine: Engine, tell: Tell) -> Result<(), Error> {
    Files::read(each)?.run(Way::Open, each, engine, tell, |Pair { input, output }, bar| {
        let sink = sink(output, false, bar);
        open(Box::new(input), sink, |header| opener.file_key(header), engine.workers)?.commit()
    })
}

/// Opens `source`, armored or not, with the file key that `unwrap` finds for its header; gives back the sink, to be
/// committed.
pub fn open(
    source: Box<dyn Source>,
    sink: Box<dyn Sink>,
    unwrap: impl FnOnce(&Header) -> Result<FileKey, Error>,
    workers: usize,
) -> Result<Box<dyn Sink>, Error> {
    let Unlocked { file_key, nonce, payload, .. } = unlock(source, unwrap)?;
    let key = PayloadKey::derive(&file_key, &nonce);
    drop(file_key);
    turnstile::start(Open(key), Box::new(payload), workers)?.write_to(sink)
}

/// A stream whose header is authentic, and whose payload is yet to be read.
pub struct Unlocked {
    /// The header.
    pub header: Header,
    /// Its file key.
    pub file_key: FileKey,
    /// The payload's nonce.
    pub nonce: [u8; PAYLOAD_NONCE_LEN],
    /// The chunks, as they are.
    pub payload: Unread<Box<dyn Source>>,
}

/// Reads `source`, armored or not, up to its first chunk, and authenticates its header with the file key that `unwrap` finds
/// for it.
pub fn unlock(
    source: Box<dyn Source>,
    unwrap: impl FnOnce(&Header) -> Result<FileKey, Error>,
) -> Result<Unlocked, Error> {
    let (header, mut payload) = read_header(dearmored(source)?)?;
    let nonce = read_nonce(&mut payload)?;
    let file_key = unwrap(&header)?;
    header.authenticate(&file_key)?;
    Ok(Unlocked { header, file_key, nonce, payload })
}

fn read_nonce(source: &mut impl Source) -> Result<[u8; PAYLOAD_NONCE_LEN], Error> {
    let mut nonce = [0; PAYLOAD_NONCE_LEN];
    let mut have = 0;
    while have < nonce.len() {
        match source.read(&mut nonce[have..])? {
            0 => return Err(Error::HeaderCut),
            len => have += len,
        }
    }
    Ok(nonce)
}
