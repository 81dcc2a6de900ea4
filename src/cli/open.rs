//! `envpipe open` on the command line.

use std::path::PathBuf;

use super::each::{EACH, Each, FILES0_FROM, FORCE, KEEP_GOING, each};
use super::option::{ACCEPTED_KEY, IDENTITY, JOBS, OUTPUT, PROGRESS, VERBOSE, WANTED_CONTEXT};
use super::words::Words;
use super::{Command, Operands, Subcommand, accepted, jobs, wanted_context};
use crate::error::Error;
use crate::format::context::Wanted;
use crate::keys::aws_kms::Accepted;

/// `envpipe open`
pub struct Open {
    /// What it is opened with.
    pub keys: Keys,
    /// How many workers; None is one a core.
    pub jobs: Option<usize>,
    /// Whether to say what KMS is asked.
    pub verbose: bool,
    /// Whether to show how far it is.
    pub progress: bool,
    /// None or `-` is standard output.
    pub output: Option<PathBuf>,
    /// What is opened.
    pub input: Sealed,
}

/// Where sealed streams come from.
pub enum Sealed {
    /// A file; None or `-` is standard input.
    File(Option<PathBuf>),
    /// Many files, each to one of its own.
    Each(Each),
}

/// What may open a stream.
pub struct Keys {
    /// The KMS keys that may be used.
    pub accepted: Accepted,
    /// Identity files.
    pub identities: Vec<PathBuf>,
    /// What the encryption context must have.
    pub context: Vec<Wanted>,
}

pub(super) const SUBCOMMAND: Subcommand = Subcommand {
    name: "open",
    summary: "decrypt a sealed stream from standard input, or FILE",
    about: "\
Nothing is written before the key is known and the header authentic. Exit status 0 says
that the whole stream was authentic; after an error, what was written is only its beginning.",
    options: &[
        ACCEPTED_KEY,
        IDENTITY,
        WANTED_CONTEXT,
        EACH.help("open each FILE.age to FILE beside it"),
        FILES0_FROM,
        KEEP_GOING,
        FORCE,
        JOBS,
        PROGRESS,
        VERBOSE,
        OUTPUT,
    ],
    operands: Operands::Files,
    example: "aws s3 cp s3://bucket/db.age - | envpipe open -k alias/backup -c db=main | psql db",
    build,
};

fn build(words: &Words) -> Result<Command, Error> {
    Ok(Command::Open(Open {
        keys: Keys {
            accepted: accepted(words)?,
            identities: words.paths(&IDENTITY),
            context: wanted_context(words)?,
        },
        jobs: jobs(words)?,
        verbose: words.has(&VERBOSE),
        progress: words.has(&PROGRESS),
        output: words.path(&OUTPUT),
        input: each(words)?.map_or_else(|| Sealed::File(words.file()), Sealed::Each),
    }))
}
