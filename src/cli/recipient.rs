//! `envpipe recipient` on the command line.

use super::option::{CONTEXT, KEY};
use super::seal::context;
use super::words::Words;
use super::{Command, Operands, Subcommand, kms_keys};
use crate::error::Error;
use crate::format::context::Context;
use crate::keys::kms_key::KmsKey;

/// `envpipe recipient`
pub struct Recipient {
    /// KMS keys, at least one.
    pub keys: Vec<KmsKey>,
    /// The encryption context of those that are symmetric.
    pub context: Context,
}

pub(super) const SUBCOMMAND: Subcommand = Subcommand {
    name: "recipient",
    summary: "print the recipient of a key in KMS, for envpipe, age and rage",
    about: "\
Of a symmetric key, age1envpipe1…: age and rage seal to it with age-plugin-envpipe, and ask KMS
for a data key. Of a P-256 key (spec ECC_NIST_P256, for KEY_AGREEMENT), age1tag1…: sealing to it
takes neither AWS nor a secret. Opening takes KMS: envpipe open -k KEY, or envpipe identity.",
    options: &[
        KEY.help(
            "\
the recipient of this KMS key: alias/NAME, a key id, or the
ARN of a key or alias; default: the keys in ENVPIPE_KEY",
        ),
        CONTEXT.help("bind this pair to what is sealed to a symmetric key"),
    ],
    operands: Operands::None,
    example: "envpipe recipient -k alias/drop > recipients",
    build,
};

fn build(words: &Words) -> Result<Command, Error> {
    let keys = kms_keys(words)?;
    match keys.is_empty() {
        true => Err(Error::usage(
            "no key is named whose recipient to print",
            "name a KMS key: -k alias/NAME, or ENVPIPE_KEY",
        )),
        false => Ok(Command::Recipient(Recipient { keys, context: context(words)? })),
    }
}
