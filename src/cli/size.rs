//! `envpipe size` on the command line.

use super::option::{ARMOR, CONTEXT, RECIPIENT, RECIPIENTS_FILE};
use super::seal::{IDENTITY_TO_SEAL, KEY_TO_SEAL, MIN_KEYS, Recipients, recipients};
use super::words::Words;
use super::{Command, Operands, Subcommand};
use crate::error::Error;

/// `envpipe size`
pub struct Size {
    /// Who could open the stream.
    pub recipients: Recipients,
    /// Text instead of bytes.
    pub armor: bool,
    /// Bytes of the plaintext.
    pub plaintext_len: u64,
}

pub(super) const SUBCOMMAND: Subcommand = Subcommand {
    name: "size",
    summary: "print how many bytes long a stream will be, for N bytes of plaintext",
    about: "\
With the options that seal will be given. N may end in K, M, G or T, powers of 1024.
With KMS keys, it is an upper bound, for KMS is not asked how long its part will be.",
    options: &[KEY_TO_SEAL, MIN_KEYS, RECIPIENT, RECIPIENTS_FILE, IDENTITY_TO_SEAL, CONTEXT, ARMOR],
    operands: Operands::Length,
    example: "aws s3 cp --expected-size \"$(envpipe size -k alias/backup 200G)\" - s3://bucket/srv.tar.age",
    build,
};

fn build(words: &Words) -> Result<Command, Error> {
    let Some(length) = words.operand() else {
        return Err(Error::usage("no length is given", "envpipe size -k alias/NAME 200G"));
    };
    Ok(Command::Size(Size {
        plaintext_len: bytes(length.to_string_lossy().trim())?,
        recipients: recipients(words)?,
        armor: words.has(&ARMOR),
    }))
}

/// A number of bytes, perhaps with a suffix.
fn bytes(text: &str) -> Result<u64, Error> {
    let unit = text.chars().last().and_then(|last| "KMGT".find(last.to_ascii_uppercase()));
    let digits = if unit.is_some() { &text[..text.len() - 1] } else { text };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        let message = format!("'{text}' is not a number of bytes");
        return Err(Error::usage(message, "a number of bytes is digits, and K, M, G or T behind them: 200G"));
    }
    let factor = unit.map_or(1, |power| 1024u64.pow(power as u32 + 1));
    let bytes = digits.parse().ok().and_then(|number: u64| number.checked_mul(factor));
    bytes.ok_or_else(|| {
        Error::usage(format!("{text} bytes are more than a stream can have"), "a stream has less than 16 EiB")
    })
}
