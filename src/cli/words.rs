//! The words of the command line behind a subcommand: options with their values, a file, a command.
//!
//! It owns which word is what; what they mean together is `cli`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use lexopt::prelude::*;

use super::Subcommand;
use crate::error::Error;
use crate::format::kms_stanza::MAX_STANZAS;

/// What the words after a subcommand say, before they are understood.
#[derive(Default)]
pub(super) struct Words {
    pub(super) keys: Vec<String>,
    pub(super) min_keys: Option<usize>,
    pub(super) recipients: Vec<String>,
    pub(super) recipients_files: Vec<PathBuf>,
    pub(super) identities: Vec<PathBuf>,
    pub(super) context: Vec<String>,
    pub(super) armor: bool,
    pub(super) jobs: Option<usize>,
    pub(super) output: Option<PathBuf>,
    pub(super) input: Option<PathBuf>,
    /// The words behind `--`.
    pub(super) command: Option<(OsString, Vec<OsString>)>,
}

impl Words {
    /// None where help is asked for.
    pub(super) fn parse(parser: &mut lexopt::Parser, subcommand: &Subcommand) -> Result<Option<Self>, Error> {
        let mut words = Self::default();
        loop {
            if subcommand.takes_command && at_command(parser) {
                words.command = Some(words.take_command(parser)?);
                break;
            }
            let Some(arg) = next(parser)? else { break };
            let option = match arg {
                Short('h') | Long("help") => return Ok(None),
                Value(file) if subcommand.takes_file && words.input.is_none() => {
                    words.input = Some(file.into());
                    continue;
                }
                Short('k') | Long("key") => "key",
                Long("min-keys") => "min-keys",
                Short('r') | Long("recipient") => "recipient",
                Short('R') | Long("recipients-file") => "recipients-file",
                Short('i') | Long("identity") => "identity",
                Short('c') | Long("context") => "context",
                Short('a') | Long("armor") => "armor",
                Short('j') | Long("jobs") => "jobs",
                Short('o') | Long("output") => "output",
                arg => return Err(wrong(arg.unexpected())),
            };
            if !subcommand.options.contains(&option) {
                let name = subcommand.name;
                let hint = format!("for its options: envpipe help {name}");
                return Err(Error::usage(format!("{name} has no option --{option}"), hint));
            }
            match option {
                "key" => words.keys.push(text(parser)?),
                "recipient" => words.recipients.push(text(parser)?),
                "recipients-file" => words.recipients_files.push(value(parser)?.into()),
                "identity" => words.identities.push(value(parser)?.into()),
                "context" => words.context.push(text(parser)?),
                "armor" => words.armor = true,
                "jobs" => words.jobs = Some(number(option, &text(parser)?, MOST_JOBS)?),
                "min-keys" => words.min_keys = Some(number(option, &text(parser)?, MAX_STANZAS)?),
                _ if words.output.is_some() => {
                    return Err(Error::usage("-o is given twice", "there is one output"));
                }
                _ => words.output = Some(value(parser)?.into()),
            }
        }
        words.refuse_reading_standard_input_twice(subcommand.takes_file)?;
        Ok(Some(words))
    }

    fn take_command(&self, parser: &mut lexopt::Parser) -> Result<(OsString, Vec<OsString>), Error> {
        if let Some(file) = &self.input {
            let message = format!("both a file ({}) and a command are to be sealed", file.display());
            return Err(Error::usage(message, "name one of them: FILE, or -- COMMAND"));
        }
        let mut words = parser.raw_args().map_err(wrong)?.skip(1);
        let program = words.next().ok_or_else(|| {
            Error::usage("no command follows '--'", "envpipe seal -k alias/NAME -- pg_dump mydb")
        })?;
        Ok((program, words.collect()))
    }

    fn refuse_reading_standard_input_twice(&self, reads_input: bool) -> Result<(), Error> {
        let is_stdin = |path: &&PathBuf| path.as_path() == Path::new("-");
        let named = self.recipients_files.iter().chain(&self.identities).filter(is_stdin).count();
        let input =
            reads_input && self.command.is_none() && self.input.as_ref().is_none_or(|path| is_stdin(&path));
        match named + usize::from(input) > 1 {
            true => Err(Error::usage(
                "standard input cannot be read twice",
                "name the FILE to read, or a file of keys that is not '-'",
            )),
            false => Ok(()),
        }
    }

    /// The keys of `-k`, else of the environment.
    pub(super) fn keys(&self, environment: Option<OsString>) -> Result<Vec<String>, Error> {
        if !self.keys.is_empty() {
            return Ok(self.keys.clone());
        }
        let environment = environment.unwrap_or_default();
        let text = environment.to_str().ok_or_else(|| {
            Error::usage("ENVPIPE_KEY is not text", "it holds KMS keys, separated by spaces")
        })?;
        Ok(text.split_whitespace().map(str::to_owned).collect())
    }
}

/// More would only take memory.
const MOST_JOBS: usize = 256;

fn number(option: &str, text: &str, most: usize) -> Result<usize, Error> {
    text.parse().ok().filter(|number| (1..=most).contains(number)).ok_or_else(|| {
        let message = format!("--{option} '{text}' is not a number from 1 to {most}");
        Error::usage(message, format!("without --{option}, it is as many as there are"))
    })
}

/// Whether the next word is `--`, which begins a command.
fn at_command(parser: &mut lexopt::Parser) -> bool {
    parser.try_raw_args().is_some_and(|words| words.peek() == Some(OsStr::new("--")))
}

/// The next word. `--` means a command, and only where there can be one.
pub(super) fn next(parser: &mut lexopt::Parser) -> Result<Option<lexopt::Arg<'_>>, Error> {
    if at_command(parser) {
        let hint = "only seal takes a command; a FILE that begins with '-' is written ./-FILE";
        return Err(Error::usage("'--' is not understood", hint));
    }
    parser.next().map_err(wrong)
}

fn value(parser: &mut lexopt::Parser) -> Result<OsString, Error> {
    parser.value().map_err(wrong)
}

fn text(parser: &mut lexopt::Parser) -> Result<String, Error> {
    value(parser)?.string().map_err(wrong)
}

pub(super) fn wrong(error: lexopt::Error) -> Error {
    Error::usage(error.to_string(), "for help: envpipe --help")
}
