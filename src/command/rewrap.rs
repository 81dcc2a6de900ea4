//! `envpipe rewrap`: a sealed stream with a new header, and its chunks as they are.

use std::io::IoSlice;

use super::open::{self, Unlocked};
use super::opener::Opener;
use super::recipients::{Named, header};
use super::{Tell, seal};
use crate::cli;
use crate::error::Error;
use crate::format::context::Context;
use crate::format::header::Header;
use crate::format::kms_stanza::KmsStanza;
use crate::pipe::copy::copy;
use crate::pipe::input::Input;
use crate::pipe::progress::Bar;

/// The file key stays, for the chunks hang on it, and so does the nonce. Nothing is written before the old header is
/// authentic and KMS has given a data key for the new one.
pub fn run(args: cli::Rewrap, tell: Tell) -> Result<(), Error> {
    let mut named = Named::read(&args.to)?;
    let opener = Opener::read(args.keys)?;
    let input = Input::open(args.input.as_deref())?;
    let output = seal::create_output(args.output.as_deref(), args.armor)?;
    output.refuse_as_input(&input)?;
    let bar = seal::bar(args.progress, &output, input.rest_len());
    let mut sink = seal::sink(output, args.armor, bar.as_ref());
    // It takes the identities along, so that they are gone before the payload is read.
    let unwrap = move |header: &Header| opener.file_key(header);
    let Unlocked { header: old, file_key, nonce, mut payload } = open::unlock(Box::new(input), unwrap)?;
    if args.keep_context && !args.to.keys.is_empty() {
        named.bind(&context(&old)?);
    }
    let header = header(&named.ask_kms(tell)?, &file_key)?;
    drop(file_key);
    sink.write(&mut [IoSlice::new(header.as_bytes()), IoSlice::new(&nonce)])?;
    copy(&mut payload, sink.as_mut())?;
    sink.commit()?;
    bar.inspect(Bar::finish);
    Ok(())
}

/// The encryption context of a header; empty where KMS has no part in it.
fn context(header: &Header) -> Result<Context, Error> {
    let mut contexts = KmsStanza::parse_all(&header.stanzas)?.into_iter().map(|stanza| stanza.context);
    let first = contexts.next().unwrap_or_default();
    match contexts.all(|other| other == first) {
        true => Ok(first),
        false => Err(Error::usage(
            "the KMS stanzas of the stream differ in their encryption contexts",
            "say which one it shall have: -c NAME=VALUE",
        )),
    }
}
