//! `envpipe inspect` on the command line.

use std::path::PathBuf;

use super::option::Opt;
use super::words::Words;
use super::{Command, Operands, Subcommand};
use crate::error::Error;

/// `envpipe inspect`
pub struct Inspect {
    /// JSON instead of a table.
    pub json: bool,
    /// None or `-` is standard input.
    pub input: Option<PathBuf>,
}

const JSON: Opt = Opt::switch("json", None, "print one JSON object in one line, for scripts");

pub(super) const SUBCOMMAND: Subcommand = Subcommand {
    name: "inspect",
    summary: "show what the header of a stream says, without any key and without AWS",
    about: "\
Who can open it, its encryption context, and if it is a regular file, how long its
plaintext is. It is what the stream claims: only open finds out whether that is true.",
    options: &[JSON],
    operands: Operands::File,
    example: "aws s3 cp s3://bucket/srv.tar.age - | envpipe inspect",
    build,
};

fn build(words: &Words) -> Result<Command, Error> {
    Ok(Command::Inspect(Inspect { json: words.has(&JSON), input: words.file() }))
}
