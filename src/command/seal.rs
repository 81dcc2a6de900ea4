//! `envpipe seal`: a stream, sealed to KMS keys and age recipients.

use std::io::IoSlice;

use crate::cli;
use crate::error::Error;
use crate::format::header::Header;
use crate::format::payload::{PAYLOAD_NONCE_LEN, PayloadKey};
use crate::format::stanza::Stanza;
use crate::keys::{Recipient, aws_kms, key_file, random};
use crate::pipe::input::{Input, Source};
use crate::pipe::output::{Armored, Existing, Mode, Output, Sink};
use crate::pipe::{small_file, stream};

/// Files and recipients are looked at before KMS is asked, and nothing is written before it has answered.
pub fn run(args: cli::Seal) -> Result<(), Error> {
    let mut recipients = age_recipients(&args)?;
    let mut input = Input::open(args.input.as_deref())?;
    let mut output = Output::create(args.output.as_deref(), Mode::Umask, Existing::Replace)?;
    if output.is_terminal() && !args.armor && args.output.is_none() {
        return Err(Error::usage(
            "a sealed stream is binary, and standard output is a terminal",
            "send it to a pipe or a file (-o FILE), armor it (-a), or insist with -o -",
        ));
    }
    let kms = aws_kms::generate_data_keys(&args.keys, &args.context)?;
    recipients.splice(0..0, kms.into_iter().map(|recipient| Box::new(recipient) as Box<dyn Recipient>));

    if args.armor {
        let mut armored = Armored::new(output);
        seal(&recipients, &mut input, &mut armored)?;
        output = armored.finish()?;
    } else {
        seal(&recipients, &mut input, &mut output)?;
    }
    output.commit()
}

/// Seals `source` to `recipients`, of which there is at least one.
pub fn seal(
    recipients: &[Box<dyn Recipient>],
    source: &mut dyn Source,
    sink: &mut dyn Sink,
) -> Result<(), Error> {
    let file_key = random()?;
    let stanzas: Vec<Stanza> = recipients.iter().map(|to| to.wrap(&file_key)).collect::<Result<_, _>>()?;
    let header = Header::encode(&stanzas, &file_key);
    let nonce = random::<PAYLOAD_NONCE_LEN>()?;
    let key = PayloadKey::derive(&file_key, nonce.expose());
    sink.write(&mut [IoSlice::new(header.as_bytes()), IoSlice::new(nonce.expose())])?;
    stream::seal(&key, source, sink)
}

fn age_recipients(args: &cli::Seal) -> Result<Vec<Box<dyn Recipient>>, Error> {
    let mut recipients: Vec<Box<dyn Recipient>> = Vec::new();
    for text in &args.recipients {
        recipients.push(key_file::parse_recipient(text)?);
    }
    for path in &args.recipients_files {
        recipients.extend(key_file::parse_recipients(&small_file::read(path)?, &path.to_string_lossy())?);
    }
    for path in &args.identities {
        for identity in key_file::parse_identities(&small_file::read(path)?, &path.to_string_lossy())? {
            recipients.push(Box::new(identity.recipient()));
        }
    }
    Ok(recipients)
}
