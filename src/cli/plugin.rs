//! `age-plugin-envpipe` on the command line: envpipe under the name by which age clients start their plugins.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use lexopt::prelude::*;

use super::words::wrong;
use super::{Command, Environment, help};
use crate::error::Error;

/// The name.
const NAME: &str = "age-plugin-envpipe";

/// `age-plugin-envpipe`
pub struct Plugin {
    /// What is wanted of it.
    pub machine: StateMachine,
    /// The keys that stand in where an identity names none.
    pub environment: Environment,
}

/// The state machines of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StateMachine {
    /// `recipient-v1`: wraps file keys.
    RecipientV1,
    /// `identity-v1`: unwraps them.
    IdentityV1,
}

/// Whether these words, the program's name first, start a plugin. The name alone does not tell: rage resolves the symbolic link
/// that it finds, and starts what that leads to.
pub(super) fn is_started(words: &[OsString]) -> bool {
    let is_named = |program: &OsString| Path::new(program).file_name().is_some_and(|name| name == NAME);
    let is_asked = |word: &OsString| word.as_bytes().starts_with(b"--age-plugin");
    words.first().is_some_and(is_named) || words.get(1).is_some_and(is_asked)
}

/// Parses the words behind the program's name.
pub(super) fn parse(mut parser: lexopt::Parser, environment: Environment) -> Result<Command, Error> {
    let machine = match parser.next().map_err(wrong)? {
        Some(Long("age-plugin")) => parser.value().map_err(wrong)?,
        Some(Short('h') | Long("help")) => return Ok(Command::Print(HELP.into())),
        Some(Short('V') | Long("version")) => return Ok(Command::Print(help::VERSION.into())),
        _ => {
            let message = format!("{NAME} is started by age, rage and other age clients");
            return Err(Error::usage(message, "its keys come from envpipe recipient and envpipe identity"));
        }
    };
    if let Some(more) = parser.next().map_err(wrong)? {
        return Err(wrong(more.unexpected()));
    }
    let machine = match machine.to_str() {
        Some("recipient-v1") => StateMachine::RecipientV1,
        Some("identity-v1") => StateMachine::IdentityV1,
        _ => {
            let message = format!("there is no state machine '{}'", machine.to_string_lossy());
            let hint =
                "the age client may be newer than this envpipe, which has recipient-v1 and identity-v1";
            return Err(Error::usage(message, hint));
        }
    };
    Ok(Command::Plugin(Plugin { machine, environment }))
}

const HELP: &str = "\
keys in the AWS Key Management Service, for age and rage

This is started by them, for recipients age1envpipe1… and identities AGE-PLUGIN-ENVPIPE-1…,
and has to be on the PATH:

    age -r \"$(envpipe recipient -k alias/backup | tail -n 1)\" -o db.age db.dump
    envpipe identity -k alias/backup > identity
    age -d -i identity db.age

Where no key is named (age -j envpipe), ENVPIPE_KEY names them. Region and credentials come
from the environment and the AWS configuration, as everywhere in AWS: envpipe --help
";
