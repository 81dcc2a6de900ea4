//! `envpipe seal`: a stream, sealed to KMS keys and age recipients.

use std::io::IoSlice;
use std::path::Path;

use crate::cli::{self, Plaintext};
use crate::error::Error;
use crate::format::file_key::FileKey;
use crate::format::header::{Header, MAX_HEADER_LEN};
use crate::format::payload::{PAYLOAD_NONCE_LEN, PayloadKey};
use crate::format::stanza::Stanza;
use crate::keys::{Recipient, aws_kms, key_file, random};
use crate::pipe::input::{Input, Source};
use crate::pipe::output::{Armored, Existing, Mode, Output, Sink};
use crate::pipe::producer::Producer;
use crate::pipe::progress::Progress;
use crate::pipe::stream::Seal;
use crate::pipe::{signals, small_file, turnstile};

/// Files and recipients are looked at before KMS is asked. While it answers, the stream is read and sealed as far as memory
/// goes, but nothing is written before it has answered. Keys that can be done without go to `warn`.
pub fn run(args: cli::Seal, warn: &mut dyn FnMut(&Error)) -> Result<(), Error> {
    let age = age_recipients(&args.recipients)?;
    let output = create_output(args.output.as_deref(), args.armor)?;
    let source: Box<dyn Source> = match &args.plaintext {
        Plaintext::File(path) => {
            let input = Input::open(path.as_deref())?;
            output.refuse_as_input(&input)?;
            Box::new(input)
        }
        Plaintext::Command(program, arguments) => Box::new(Producer::start(program, arguments)?),
    };
    let sink = sink(output, args.armor, args.progress, &*source);
    let recipients = || with_kms(age, &args.recipients, warn);
    let sealed = seal(source, sink, recipients, turnstile::workers(args.jobs));
    sealed.and_then(|sink| sink.commit()).inspect_err(|_| signals::end_command())
}

/// Seals `source` to `recipients`, of which there is at least one; gives back the sink, to be committed.
pub fn seal(
    source: Box<dyn Source>,
    mut sink: Box<dyn Sink>,
    recipients: impl FnOnce() -> Result<Vec<Box<dyn Recipient>>, Error>,
    workers: usize,
) -> Result<Box<dyn Sink>, Error> {
    let file_key = random()?;
    let nonce = random::<PAYLOAD_NONCE_LEN>()?;
    let key = PayloadKey::derive(&file_key, nonce.expose());
    let started = turnstile::start(Seal(key), source, workers)?;

    let header = header(&wrapped(&recipients()?, &file_key)?, &file_key)?;
    sink.write(&mut [IoSlice::new(header.as_bytes()), IoSlice::new(nonce.expose())])?;
    started.write_to(sink)
}

/// The output for a sealed stream; it is no terminal, unless that is asked for.
pub(super) fn create_output(path: Option<&Path>, armor: bool) -> Result<Output, Error> {
    let output = Output::create(path, Mode::Umask, Existing::Replace)?;
    match output.is_terminal() && !armor && path.is_none() {
        true => Err(Error::usage(
            "a sealed stream is binary, and standard output is a terminal",
            "send it to a pipe or a file (-o FILE), armor it (-a), or insist with -o -",
        )),
        false => Ok(output),
    }
}

/// What a sealed stream is written to that is made of what `source` has.
pub(super) fn sink(output: Output, armor: bool, progress: bool, source: &dyn Source) -> Box<dyn Sink> {
    let show = progress && !output.is_terminal();
    let mut sink: Box<dyn Sink> = Box::new(output);
    if armor {
        sink = Box::new(Armored::new(sink));
    }
    if show {
        sink = Box::new(Progress::new(sink, source));
    }
    sink
}

/// All recipients: the KMS keys, for which KMS is asked, and those of age. Keys that can be done without go to `warn`.
pub(super) fn with_kms(
    age: Vec<Box<dyn Recipient>>,
    to: &cli::Recipients,
    warn: &mut dyn FnMut(&Error),
) -> Result<Vec<Box<dyn Recipient>>, Error> {
    let kms = aws_kms::generate_data_keys(&to.keys, &to.context, to.min_keys, warn)?;
    let kms = kms.into_iter().map(|recipient| Box::new(recipient) as Box<dyn Recipient>);
    Ok(kms.chain(age).collect())
}

/// The file key, wrapped for each of the recipients.
pub(super) fn wrapped(recipients: &[Box<dyn Recipient>], file_key: &FileKey) -> Result<Vec<Stanza>, Error> {
    recipients.iter().map(|to| to.wrap(file_key)).collect()
}

/// The text of a header that can be read again.
pub(super) fn header(stanzas: &[Stanza], file_key: &FileKey) -> Result<String, Error> {
    let header = Header::encode(stanzas, file_key);
    if header.len() > MAX_HEADER_LEN {
        // A stream that nobody could open.
        let message = format!("the header would have {} bytes, and at most 256 KiB are read", header.len());
        return Err(Error::usage(message, "seal to fewer recipients, or with a shorter encryption context"));
    }
    Ok(header)
}

/// The recipients of all kinds but KMS.
pub(super) fn age_recipients(to: &cli::Recipients) -> Result<Vec<Box<dyn Recipient>>, Error> {
    let mut recipients: Vec<Box<dyn Recipient>> = Vec::new();
    for text in &to.recipients {
        recipients.push(key_file::parse_recipient(text)?);
    }
    for path in &to.recipients_files {
        recipients.extend(key_file::parse_recipients(&small_file::read(path)?, &path.to_string_lossy())?);
    }
    for identity in super::identities(&to.identities)? {
        recipients.push(Box::new(identity.recipient()));
    }
    Ok(recipients)
}
