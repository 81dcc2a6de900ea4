//! `envpipe seal` on the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use super::each::{EACH, Each, FILES0_FROM, FORCE, KEEP_GOING, each};
use super::option::{
    ARMOR, CONTEXT, IDENTITY, JOBS, KEY, OUTPUT, Opt, PROGRESS, RECIPIENT, RECIPIENTS_FILE, SEALED_OUTPUT,
    VERBOSE,
};
use super::words::Words;
use super::{Command, Operands, Subcommand, jobs, kms_keys};
use crate::error::Error;
use crate::format::context::Context;
use crate::format::kms_stanza::MAX_STANZAS;
use crate::keys::kms_key::KmsKey;

/// `envpipe seal`
pub struct Seal {
    /// Who can open the stream.
    pub recipients: Recipients,
    /// Text instead of bytes.
    pub armor: bool,
    /// How many workers; None is one a core.
    pub jobs: Option<usize>,
    /// Whether to say what KMS is asked.
    pub verbose: bool,
    /// Whether to show how far it is.
    pub progress: bool,
    /// None or `-` is standard output.
    pub output: Option<PathBuf>,
    /// What is sealed.
    pub plaintext: Plaintext,
}

/// Whom a stream is sealed to: at least one key or recipient.
pub struct Recipients {
    /// KMS keys to seal under.
    pub keys: Vec<KmsKey>,
    /// How many KMS keys will do; None is all of them.
    pub min_keys: Option<usize>,
    /// The encryption context of these keys, and of those that identities name.
    pub context: Context,
    /// Age recipients, not parsed yet.
    pub recipients: Vec<String>,
    /// Files of such.
    pub recipients_files: Vec<PathBuf>,
    /// Identity files whose recipients are sealed to.
    pub identities: Vec<PathBuf>,
}

/// Where the plaintext comes from.
#[derive(PartialEq, Eq, Debug)]
pub enum Plaintext {
    /// A file; None or `-` is standard input.
    File(Option<PathBuf>),
    /// What a command writes: its program and its arguments.
    Command(OsString, Vec<OsString>),
    /// Many files, each to one of its own.
    Each(Each),
}

pub(super) const KEY_TO_SEAL: Opt = KEY.help(
    "\
seal under this KMS key: alias/NAME, a key id, or the ARN
of a key or alias; default: the keys in ENVPIPE_KEY",
);

pub(super) const MIN_KEYS: Opt = Opt::value(
    "min-keys",
    None,
    "N",
    "go on if N of the KMS keys can be had, and say which were\nleft out; default: all of them",
);

pub(super) const IDENTITY_TO_SEAL: Opt = IDENTITY.help("seal to the identities in FILE");

pub(super) const SUBCOMMAND: Subcommand = Subcommand {
    name: "seal",
    summary: "encrypt standard input, or FILE, under KMS keys and to age recipients",
    about: "\
With -- COMMAND, what COMMAND writes is sealed, and the stream gets its end only if
COMMAND exits with 0: a dump that dies can never be opened as if it were whole.
Any one of the keys and recipients named opens the stream.",
    options: &[
        KEY_TO_SEAL,
        MIN_KEYS,
        RECIPIENT,
        RECIPIENTS_FILE,
        IDENTITY_TO_SEAL,
        CONTEXT,
        ARMOR,
        EACH.help("seal each FILE to FILE.age beside it, with one data key a KMS key"),
        FILES0_FROM,
        KEEP_GOING,
        FORCE,
        JOBS,
        PROGRESS,
        VERBOSE,
        SEALED_OUTPUT,
    ],
    operands: Operands::FilesOrCommand,
    example: "envpipe seal -k alias/backup -c db=main -o db.age -- pg_dump main",
    build,
};

fn build(words: &Words) -> Result<Command, Error> {
    Ok(Command::Seal(Seal {
        recipients: recipients(words)?,
        armor: words.has(&ARMOR),
        jobs: jobs(words)?,
        verbose: words.has(&VERBOSE),
        progress: words.has(&PROGRESS),
        output: words.path(&OUTPUT),
        plaintext: match (each(words)?, words.command()) {
            (Some(each), _) => Plaintext::Each(each),
            (None, Some((program, args))) => Plaintext::Command(program, args),
            (None, None) => Plaintext::File(words.file()),
        },
    }))
}

/// Whom the options say that a stream is to be sealed to.
pub(super) fn recipients(words: &Words) -> Result<Recipients, Error> {
    let keys = kms_keys(words)?;
    let has_recipient = [&RECIPIENT, &RECIPIENTS_FILE, &IDENTITY].into_iter().any(|option| words.has(option));
    if keys.is_empty() && !has_recipient {
        return Err(nobody());
    }
    Ok(Recipients {
        keys,
        min_keys: words.number(&MIN_KEYS, MAX_STANZAS)?,
        context: context(words)?,
        recipients: words.texts(&RECIPIENT)?,
        recipients_files: words.paths(&RECIPIENTS_FILE),
        identities: words.paths(&IDENTITY),
    })
}

/// The error of naming nobody to seal to.
pub fn nobody() -> Error {
    Error::usage(
        "no key is named to seal under",
        "name a KMS key (-k alias/NAME, or ENVPIPE_KEY), an age recipient (-r age1…) or an identity file (-i FILE)",
    )
}

/// The encryption context that the options give.
pub(super) fn context(words: &Words) -> Result<Context, Error> {
    let mut context = Context::default();
    for pair in words.texts(&CONTEXT)? {
        let fault = |why| Error::usage(format!("-c '{pair}': {why}"), "a pair is NAME=VALUE, each name once");
        let (name, value) = pair.split_once('=').ok_or_else(|| fault("it has no '='"))?;
        context.insert(name, value).map_err(fault)?;
    }
    Ok(context)
}
