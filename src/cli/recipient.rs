//! `envpipe recipient` on the command line.

use super::option::KEY;
use super::words::Words;
use super::{Command, Operands, Subcommand, kms_keys};
use crate::error::Error;
use crate::keys::kms_key::KmsKey;

/// `envpipe recipient`
pub struct Recipient {
    /// KMS keys, at least one.
    pub keys: Vec<KmsKey>,
}

pub(super) const SUBCOMMAND: Subcommand = Subcommand {
    name: "recipient",
    summary: "print the recipient of a P-256 key in KMS, which anyone can seal to",
    about: "\
Sealing to it takes neither AWS nor a secret, with envpipe, age or rage (-r or -R); opening
takes KMS: envpipe open -k KEY. The key is of spec ECC_NIST_P256, for KEY_AGREEMENT.",
    options: &[KEY.help(
        "\
the recipient of this KMS key: alias/NAME, a key id, or the
ARN of a key or alias; default: the keys in ENVPIPE_KEY",
    )],
    operands: Operands::None,
    example: "envpipe recipient -k alias/drop > recipients",
    build,
};

fn build(words: &Words) -> Result<Command, Error> {
    let keys = kms_keys(words)?;
    match keys.is_empty() {
        true => Err(Error::usage(
            "no key is named whose recipient to print",
            "name a KMS key of spec ECC_NIST_P256: -k alias/NAME, or ENVPIPE_KEY",
        )),
        false => Ok(Command::Recipient(Recipient { keys })),
    }
}
