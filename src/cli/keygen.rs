//! `envpipe keygen` on the command line.

use std::path::PathBuf;

use super::option::OUTPUT;
use super::words::Words;
use super::{Command, Operands, Subcommand};
use crate::error::Error;

/// `envpipe keygen`
pub struct Keygen {
    /// None or `-` is standard output.
    pub output: Option<PathBuf>,
}

pub(super) const SUBCOMMAND: Subcommand = Subcommand {
    name: "keygen",
    summary: "make an identity: an age key pair that opens streams without AWS",
    about: "Keep the identity off the hosts that seal; seal to its public key with -r.",
    options: &[OUTPUT.help("write to FILE, which must not exist; only you may read it")],
    operands: Operands::None,
    example: "envpipe keygen -o break-glass.key",
    build,
};

fn build(words: &Words) -> Result<Command, Error> {
    Ok(Command::Keygen(Keygen { output: words.path(&OUTPUT) }))
}
