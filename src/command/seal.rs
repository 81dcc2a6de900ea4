//! `envpipe seal`: a stream, sealed to KMS keys and age recipients.

use std::io::IoSlice;
use std::path::Path;

use super::recipients::{Named, header};
use crate::cli::{self, Plaintext};
use crate::error::Error;
use crate::format::payload::{PAYLOAD_NONCE_LEN, PayloadKey};
use crate::keys::{Recipient, random};
use crate::pipe::input::{Input, Source};
use crate::pipe::output::{Armored, Existing, Mode, Output, Sink};
use crate::pipe::producer::Producer;
use crate::pipe::progress::Progress;
use crate::pipe::stream::Seal;
use crate::pipe::{signals, turnstile};

/// Files and recipients are looked at before KMS is asked. While it answers, the stream is read and sealed as far as memory
/// goes, but nothing is written before it has answered. Keys that can be done without go to `warn`.
pub fn run(args: cli::Seal, warn: &mut dyn FnMut(&Error)) -> Result<(), Error> {
    let named = Named::read(&args.recipients)?;
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
    let sealed = seal(source, sink, || named.ask_kms(warn), turnstile::workers(args.jobs));
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

    let header = header(&recipients()?, &file_key)?;
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
