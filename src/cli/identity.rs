//! `envpipe identity` on the command line.

use super::option::KEY;
use super::words::Words;
use super::{Command, Operands, Subcommand, keys_to_seal};
use crate::error::Error;
use crate::keys::kms_key::KmsKey;

/// `envpipe identity`
pub struct Identity {
    /// KMS keys; none leaves it to the environment of whoever opens.
    pub keys: Vec<KmsKey>,
}

pub(super) const SUBCOMMAND: Subcommand = Subcommand {
    name: "identity",
    summary: "print an identity with which age and rage open streams by keys in KMS",
    about: "\
For age -d -i and rage -d -i, with age-plugin-envpipe, and for envpipe open -i. It holds no
secret: only the names of the keys that may open. Without -k, these are the keys in
ENVPIPE_KEY when it is used.",
    options: &[KEY.help(
        "\
accept this KMS key: alias/NAME, a key id, or the ARN of a
key or alias",
    )],
    operands: Operands::None,
    example: "envpipe identity -k alias/backup > identity && age -d -i identity db.age",
    build,
};

fn build(words: &Words) -> Result<Command, Error> {
    // Not those of the environment: they may be others when the identity is used.
    let names = words.texts(&KEY)?;
    if names.iter().any(|name| name == super::ANY) {
        return Err(Error::usage(
            "an identity names its keys, and 'any' is none",
            "leave out -k, and set ENVPIPE_KEY=any where the identity is used",
        ));
    }
    Ok(Command::Identity(Identity { keys: keys_to_seal(&names)? }))
}
