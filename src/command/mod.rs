//! One file a subcommand: what it reads, asks, and writes, in order. No cryptography, no parsing.

pub mod check;
pub mod each;
pub mod identity;
pub mod inspect;
pub mod keygen;
pub mod open;
pub mod opener;
pub mod plugin;
pub mod recipient;
pub mod recipients;
pub mod rewrap;
pub mod seal;
pub mod size;

use std::path::PathBuf;

use crate::cli::Command;
use crate::error::Error;
use crate::keys::key_file::{self, AnyIdentity};
use crate::pipe::small_file;

/// What went wrong without ending a subcommand.
pub enum Notice<'a> {
    /// A key was left out, as it could be.
    LeftOut(&'a Error),
    /// A file out of many failed.
    Failed(&'a Error),
}

/// Who is told of it.
pub type Tell<'a> = &'a mut (dyn FnMut(Notice) + Send);

/// Runs a subcommand to its end; on success, its output was closed without an error.
pub fn run(command: Command, tell: Tell) -> Result<(), Error> {
    match command {
        Command::Seal(args) => seal::run(args, tell),
        Command::Open(args) => open::run(args, tell),
        Command::Rewrap(args) => rewrap::run(args, tell),
        Command::Inspect(args) => inspect::run(args),
        Command::Size(args) => size::run(args),
        Command::Check(args) => check::run(args),
        Command::Keygen(args) => keygen::run(args),
        Command::Recipient(args) => recipient::run(args),
        Command::Identity(args) => identity::run(args),
        Command::Plugin(args) => plugin::run(args),
        Command::Print(text) => print(&text),
    }
}

/// The identities in all of these files.
fn identities(paths: &[PathBuf]) -> Result<Vec<AnyIdentity>, Error> {
    let mut identities = Vec::new();
    for path in paths {
        identities.extend(key_file::parse_identities(&small_file::read(path)?, &path.to_string_lossy())?);
    }
    Ok(identities)
}

/// Writes a text to standard output.
fn print(text: &str) -> Result<(), Error> {
    use crate::pipe::output::{Existing, Mode, Output, Sink};
    let mut output = Box::new(Output::create(None, Mode::Umask, Existing::Replace)?);
    output.write(&mut [std::io::IoSlice::new(text.as_bytes())])?;
    output.commit()
}
