//! `envpipe rewrap` on the command line.

use std::path::PathBuf;

use super::option::{
    ACCEPTED_KEY, ARMOR, CONTEXT, FILE, IDENTITY, OUTPUT, Opt, PROGRESS, SEALED_OUTPUT, VERBOSE,
};
use super::seal::{Recipients, context};
use super::words::Words;
use super::{Command, Keys, Operands, Subcommand, accepted, keys_to_seal};
use crate::error::Error;

/// `envpipe rewrap`
pub struct Rewrap {
    /// What the stream is opened with.
    pub keys: Keys,
    /// Who can open it afterwards.
    pub to: Recipients,
    /// Whether the encryption context is the old one, and not that of `to`.
    pub keep_context: bool,
    /// Text instead of bytes.
    pub armor: bool,
    /// Whether to say what KMS is asked.
    pub verbose: bool,
    /// Whether to show how far it is.
    pub progress: bool,
    /// None or `-` is standard output.
    pub output: Option<PathBuf>,
    /// None or `-` is standard input.
    pub input: Option<PathBuf>,
}

const TO_KEY: Opt = Opt::values(
    "to-key",
    None,
    "KEY",
    "\
seal under this KMS key: alias/NAME, a key id, or the ARN
of a key or alias",
);

const TO_RECIPIENT: Opt =
    Opt::values("to-recipient", None, "RECIPIENT", "seal to this age recipient (age1… or age1tag1…)");

const TO_RECIPIENTS_FILE: Opt =
    Opt::values("to-recipients-file", None, FILE, "seal to the recipients in FILE, one a line");

pub(super) const SUBCOMMAND: Subcommand = Subcommand {
    name: "rewrap",
    summary: "change who can open a sealed stream, without decrypting it",
    about: "\
Writes a new header, for exactly the keys and recipients named with --to-…, and copies the
rest as it is; whether that is whole and authentic, only open finds out. Who could open the
old stream can still open every copy of it and, having kept its file key, the new one.",
    options: &[
        ACCEPTED_KEY,
        IDENTITY,
        TO_KEY,
        TO_RECIPIENT,
        TO_RECIPIENTS_FILE,
        CONTEXT.help(
            "\
bind this pair under the new KMS keys, and none that was
bound before; default: the old encryption context",
        ),
        ARMOR,
        PROGRESS,
        VERBOSE,
        SEALED_OUTPUT,
    ],
    operands: Operands::File,
    example: "envpipe rewrap -k alias/old --to-key alias/new -o db.age db.age",
    build,
};

fn build(words: &Words) -> Result<Command, Error> {
    let names = words.texts(&TO_KEY)?;
    let (recipients, recipients_files) = (words.texts(&TO_RECIPIENT)?, words.paths(&TO_RECIPIENTS_FILE));
    if names.is_empty() && recipients.is_empty() && recipients_files.is_empty() {
        return Err(Error::usage(
            "nobody is named to rewrap the stream to",
            "name all who shall open it: --to-key alias/NAME, --to-recipient age1… or --to-recipients-file FILE",
        ));
    }
    if names.is_empty() && words.has(&CONTEXT) {
        return Err(Error::usage(
            "-c is given without a KMS key to rewrap to",
            "the encryption context belongs to --to-key",
        ));
    }
    let keys = keys_to_seal(&names)?;
    Ok(Command::Rewrap(Rewrap {
        keys: Keys { accepted: accepted(words)?, identities: words.paths(&IDENTITY), context: Vec::new() },
        to: Recipients {
            keys,
            min_keys: None,
            context: context(words)?,
            recipients,
            recipients_files,
            identities: Vec::new(),
        },
        keep_context: !words.has(&CONTEXT),
        armor: words.has(&ARMOR),
        verbose: words.has(&VERBOSE),
        progress: words.has(&PROGRESS),
        output: words.path(&OUTPUT),
        input: words.file(),
    }))
}
