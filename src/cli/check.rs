//! `envpipe check` on the command line.

use super::option::{CONTEXT, KEY};
use super::seal::context;
use super::words::Words;
use super::{Command, Operands, Subcommand, kms_keys};
use crate::error::Error;
use crate::format::context::Context;
use crate::keys::kms_key::KmsKey;

/// `envpipe check`
pub struct Check {
    /// At least one.
    pub keys: Vec<KmsKey>,
    /// The encryption context to check them with.
    pub context: Context,
}

pub(super) const SUBCOMMAND: Subcommand = Subcommand {
    name: "check",
    summary: "find out whether these credentials may seal under KMS keys, and open again",
    about: "\
Has KMS make a data key under each key, and unwrap it again. Exit status 3 says that sealing
would fail under one of them; that opening would is only reported: a host that seals and never
opens has no kms:Decrypt.",
    options: &[
        KEY.help(
            "\
check this KMS key: alias/NAME, a key id, or the ARN of a
key or alias; default: the keys in ENVPIPE_KEY",
        ),
        CONTEXT.help("give KMS this pair of the encryption context, as seal would"),
    ],
    operands: Operands::None,
    example: "envpipe check -k alias/backup -c db=main && backup-of-tonight",
    build,
};

fn build(words: &Words) -> Result<Command, Error> {
    let keys = kms_keys(words)?;
    if keys.is_empty() {
        return Err(Error::usage(
            "no key is named to check",
            "name a KMS key: -k alias/NAME, or ENVPIPE_KEY",
        ));
    }
    Ok(Command::Check(Check { keys, context: context(words)? }))
}
