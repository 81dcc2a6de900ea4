//! `envpipe seal`: a stream, sealed to KMS keys and age recipients.

use std::io::IoSlice;
use std::path::Path;

use super::Tell;
use super::each::{Engine, Files, Pair, Way};
use super::recipients::{Named, header};
use crate::cli::{self, Plaintext};
use crate::error::Error;
use crate::format::payload::{PAYLOAD_NONCE_LEN, PayloadKey};
use crate::keys::{Recipient, random};
use crate::pipe::input::{Input, Source};
use crate::pipe::output::{Armored, Existing, Mode, Output, Sink};
use crate::pipe::producer::Producer;
use crate::pipe::progress::Bar;
use crate::pipe::stream::Seal;
use crate::pipe::{signals, turnstile};

/// Files and recipients are looked at before KMS is asked. While it answers, the stream is read and sealed as far as memory
/// goes, but nothing is written before it has answered.
pub fn run(args: cli::Seal, tell: Tell) -> Result<(), Error> {
    let named = Named::read(&args.recipients)?;
    let plaintext = match &args.plaintext {
        Plaintext::Each(each) => return seal_each(&args, each, named, tell),
        Plaintext::File(path) => Ok(path.as_deref()),
        Plaintext::Command(program, arguments) => Err((program, arguments)),
    };
    let output = create_output(args.output.as_deref(), args.armor)?;
    let mut length = None;
    let source: Box<dyn Source> = match plaintext {
        Ok(path) => {
            let input = Input::open(path)?;
            output.refuse_as_input(&input)?;
            length = input.rest_len();
            Box::new(input)
        }
        Err((program, arguments)) => Box::new(Producer::start(program, arguments)?),
    };
    let bar = bar(args.progress, &output, length);
    let sink = sink(output, args.armor, bar.as_ref());
    let sealed = seal(source, sink, || named.ask_kms(tell), turnstile::workers(args.jobs));
    sealed.and_then(|sink| sink.commit()).inspect_err(|_| signals::end_command())?;
    bar.inspect(Bar::finish);
    Ok(())
}

/// One data key a KMS key for all of the files, and for each a file key of its own.
fn seal_each(args: &cli::Seal, each: &cli::Each, named: Named, tell: Tell) -> Result<(), Error> {
    let files = Files::read(each)?;
    if files.is_empty() {
        return Ok(());
    }
    let recipients = named.ask_kms(tell)?;
    let engine = Engine { workers: turnstile::workers(args.jobs), progress: args.progress };
    files.run(Way::Seal, each, engine, tell, |Pair { input, output }, bar| {
        let sink = sink(output, args.armor, bar);
        seal(Box::new(input), sink, || Ok(&recipients), engine.workers)?.commit()
    })
}

/// Seals `source` to `recipients`, of which there is at least one; gives back the sink, to be committed.
pub fn seal<R: AsRef<[Box<dyn Recipient>]>>(
    source: Box<dyn Source>,
    mut sink: Box<dyn Sink>,
    recipients: impl FnOnce() -> Result<R, Error>,
    workers: usize,
) -> Result<Box<dyn Sink>, Error> {
    let file_key = random()?;
    let nonce = random::<PAYLOAD_NONCE_LEN>()?;
    let key = PayloadKey::derive(&file_key, nonce.expose());
    let started = turnstile::start(Seal(key), source, workers)?;

    let header = header(recipients()?.as_ref(), &file_key)?;
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

/// What shows how far a stream of this length, if it is known, has come; nothing would be seen beside a stream that goes to
/// the same terminal.
pub(super) fn bar(wanted: bool, output: &Output, length: Option<u64>) -> Option<Bar> {
    (wanted && !output.is_terminal()).then(|| Bar::new(length))
}

/// What a sealed stream is written to.
pub(super) fn sink(output: Output, armor: bool, bar: Option<&Bar>) -> Box<dyn Sink> {
    let mut sink: Box<dyn Sink> = Box::new(output);
    if armor {
        sink = Box::new(Armored::new(sink));
    }
    match bar {
        Some(bar) => bar.watch(sink),
        None => sink,
    }
}
