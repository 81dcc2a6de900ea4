//! `envpipe size`: how long a stream will be, without sealing it or asking KMS.

use std::io::Write;

use super::recipients::{Named, header_of};
use crate::cli;
use crate::error::Error;
use crate::format::armor::armored_len;
use crate::format::kms_stanza::{EXPECTED_BLOB_LEN, KmsStanza};
use crate::format::payload::{PAYLOAD_NONCE_LEN, sealed_len};
use crate::keys::aws_kms::DataKeyRequest;
use crate::keys::random;

/// Prints the length of what `seal` writes with the same recipients. It is exact but where KMS keys are among them: their
/// stanzas are made up, as long as they are expected to be at most, and standard error says so.
pub fn run(args: cli::Size) -> Result<(), Error> {
    let named = Named::read(&args.recipients)?;
    let file_key = random()?;
    let mut stanzas = Vec::new();
    for DataKeyRequest { key, context } in named.requests() {
        let (data_key, salt) = (random()?, random()?);
        let (arn, blob) = (key.longest_arn(), vec![0; EXPECTED_BLOB_LEN]);
        let stanza = KmsStanza::wrap(&file_key, &data_key, *salt.expose(), arn, context.clone(), blob);
        stanzas.push(stanza.encode());
    }
    let is_exact = stanzas.is_empty();
    for recipient in named.into_age() {
        stanzas.push(recipient.wrap(&file_key)?);
    }
    let before_chunks = header_of(&stanzas, &file_key)?.len() + PAYLOAD_NONCE_LEN;
    let len = sealed_len(args.plaintext_len)
        .and_then(|chunks| chunks.checked_add(before_chunks as u64))
        .and_then(|len| if args.armor { armored_len(len) } else { Some(len) });
    let len = len.ok_or_else(|| {
        let message = format!("{} bytes are more than a stream can have", args.plaintext_len);
        Error::usage(message, "a stream has less than 16 EiB")
    })?;
    super::print(&format!("{len}\n"))?;
    if !is_exact {
        // Whoever named KMS keys knows it from the manual too, so a closed standard error is no failure.
        let _ = writeln!(
            std::io::stderr(),
            "envpipe: this is an upper bound: how long KMS's part of the header is, KMS says when it is asked"
        );
    }
    Ok(())
}
