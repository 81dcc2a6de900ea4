//! `envpipe size`: how long a stream will be, without sealing it or asking KMS.

use std::io::Write;

use super::seal::{age_recipients, header};
use crate::cli;
use crate::error::Error;
use crate::format::armor::armored_len;
use crate::format::kms_stanza::{EXPECTED_BLOB_LEN, KmsStanza};
use crate::format::payload::{PAYLOAD_NONCE_LEN, sealed_len};
use crate::keys::random;

/// Prints the length of what `seal` writes with the same recipients. It is exact but where KMS keys are among them: their
/// stanzas are made up, as long as they are expected to be at most, and standard error says so.
pub fn run(args: cli::Size) -> Result<(), Error> {
    let to = &args.recipients;
    let file_key = random()?;
    let mut stanzas = Vec::new();
    for recipient in age_recipients(to)? {
        stanzas.push(recipient.wrap(&file_key)?);
    }
    for key in &to.keys {
        let (data_key, salt) = (random()?, random()?);
        let (arn, blob) = (key.longest_arn(), vec![0; EXPECTED_BLOB_LEN]);
        let stanza = KmsStanza::wrap(&file_key, &data_key, *salt.expose(), arn, to.context.clone(), blob);
        stanzas.push(stanza.encode());
    }
    let before_chunks = header(&stanzas, &file_key)?.len() + PAYLOAD_NONCE_LEN;
    let len = sealed_len(args.plaintext_len)
        .and_then(|chunks| chunks.checked_add(before_chunks as u64))
        .and_then(|len| if args.armor { armored_len(len) } else { Some(len) });
    let len = len.ok_or_else(|| {
        let message = format!("{} bytes are more than a stream can have", args.plaintext_len);
        Error::usage(message, "a stream has less than 16 EiB")
    })?;
    super::print(&format!("{len}\n"))?;
    if !to.keys.is_empty() {
        // Whoever named KMS keys knows it from the manual too, so a closed standard error is no failure.
        let _ = writeln!(
            std::io::stderr(),
            "envpipe: this is an upper bound: how long KMS's part of the header is, KMS says when it is asked"
        );
    }
    Ok(())
}
