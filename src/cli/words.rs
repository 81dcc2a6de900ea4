//! The words of the command line behind a subcommand: options with their values, operands, a command.
//!
//! It owns which word is what; what they mean is with each subcommand.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use lexopt::prelude::*;

use super::each::EACH;
use super::option::{FILE, KEY, OUTPUT, Opt};
use super::{Environment, Operands, Subcommand};
use crate::error::Error;

/// What the words after a subcommand say, before they are understood.
pub struct Words {
    /// Options by their long names, in the order in which they were given; a switch has an empty value.
    options: Vec<(&'static str, OsString)>,
    operands: Vec<OsString>,
    /// The words behind `--`.
    command: Option<(OsString, Vec<OsString>)>,
    environment: Environment,
}

impl Words {
    /// None where help is asked for.
    pub(super) fn parse(
        parser: &mut lexopt::Parser,
        subcommand: &Subcommand,
        environment: Environment,
    ) -> Result<Option<Self>, Error> {
        let mut words = Self { options: Vec::new(), operands: Vec::new(), command: None, environment };
        loop {
            if subcommand.operands == Operands::FilesOrCommand && at_command(parser) {
                words.command = Some(words.take_command(parser)?);
                break;
            }
            let Some(arg) = next(parser)? else { break };
            let (option, as_written) = match arg {
                Short('h') | Long("help") => return Ok(None),
                Short(short) => (subcommand.options().find(|o| o.short == Some(short)), format!("-{short}")),
                Long(long) => (subcommand.options().find(|o| o.long == long), format!("--{long}")),
                Value(word) => {
                    words.operands.push(word);
                    continue;
                }
            };
            let Some(option) = option else {
                let name = subcommand.name;
                let hint = format!("for its options: envpipe help {name}");
                return Err(Error::usage(format!("{name} has no option {as_written}"), hint));
            };
            if !option.repeats && option.value.is_some() && words.has(option) {
                return Err(Error::usage(format!("{as_written} is given twice"), "it takes one value"));
            }
            let value = match option.value {
                Some(_) => parser.value().map_err(wrong)?,
                None => OsString::new(),
            };
            words.options.push((option.long, value));
        }
        if let (false, Some(word)) = (words.has(&EACH), words.operands.get(subcommand.operands.most())) {
            return Err(wrong(lexopt::Error::UnexpectedArgument(word.clone())));
        }
        words.refuse_reading_standard_input_twice(subcommand)?;
        Ok(Some(words))
    }

    fn take_command(&self, parser: &mut lexopt::Parser) -> Result<(OsString, Vec<OsString>), Error> {
        if let (Some(file), false) = (self.operands.first(), self.has(&EACH)) {
            let message = format!("both a file ({}) and a command are to be sealed", file.display());
            return Err(Error::usage(message, "name one of them: FILE, or -- COMMAND"));
        }
        let mut words = parser.raw_args().map_err(wrong)?.skip(1);
        let program = words.next().ok_or_else(|| {
            Error::usage("no command follows '--'", "envpipe seal -k alias/NAME -- pg_dump mydb")
        })?;
        Ok((program, words.collect()))
    }

    fn refuse_reading_standard_input_twice(&self, subcommand: &Subcommand) -> Result<(), Error> {
        let reads = |name| {
            subcommand.options().any(|o| o.long == name && o.value == Some(FILE) && name != OUTPUT.long)
        };
        let named = self.options.iter().filter(|(name, value)| value == "-" && reads(*name)).count();
        let input =
            matches!(subcommand.operands, Operands::File | Operands::Files | Operands::FilesOrCommand)
                && self.command.is_none()
                && !self.has(&EACH)
                && self.operands.iter().all(|operand| operand == "-");
        match named + usize::from(input) > 1 {
            true => Err(Error::usage(
                "standard input cannot be read twice",
                "name the FILE to read, or a file of keys that is not '-'",
            )),
            false => Ok(()),
        }
    }

    /// Whether an option is given.
    pub fn has(&self, option: &Opt) -> bool {
        self.values(option).next().is_some()
    }

    /// The values of an option that are text.
    pub fn texts(&self, option: &Opt) -> Result<Vec<String>, Error> {
        self.values(option).map(|value| value.clone().string().map_err(wrong)).collect()
    }

    /// The values of an option that are paths.
    pub fn paths(&self, option: &Opt) -> Vec<PathBuf> {
        self.values(option).map(PathBuf::from).collect()
    }

    /// The value of an option that is a path.
    pub fn path(&self, option: &Opt) -> Option<PathBuf> {
        self.values(option).next().map(PathBuf::from)
    }

    /// The value of an option that is a number from 1 to `most`.
    pub fn number(&self, option: &Opt, most: usize) -> Result<Option<usize>, Error> {
        let Some(text) = self.texts(option)?.pop() else { return Ok(None) };
        let number = text.parse().ok().filter(|number| (1..=most).contains(number));
        number.map(Some).ok_or_else(|| {
            let message = format!("--{} '{text}' is not a number from 1 to {most}", option.long);
            Error::usage(message, format!("without --{}, it is as many as there are", option.long))
        })
    }

    /// The keys of `-k`, else of the environment.
    pub fn keys(&self) -> Result<Vec<String>, Error> {
        let named = self.texts(&KEY)?;
        if !named.is_empty() {
            return Ok(named);
        }
        self.environment.names()
    }

    /// The first operand.
    pub fn operand(&self) -> Option<&OsStr> {
        self.operands.first().map(OsString::as_os_str)
    }

    /// The first operand, as a path.
    pub fn file(&self) -> Option<PathBuf> {
        self.operand().map(PathBuf::from)
    }

    /// All operands, as paths.
    pub fn files(&self) -> Vec<PathBuf> {
        self.operands.iter().map(PathBuf::from).collect()
    }

    /// The program and the arguments behind `--`.
    pub fn command(&self) -> Option<(OsString, Vec<OsString>)> {
        self.command.clone()
    }

    fn values(&self, option: &Opt) -> impl Iterator<Item = &OsString> {
        self.options.iter().filter(|(name, _)| *name == option.long).map(|(_, value)| value)
    }
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

pub(super) fn wrong(error: lexopt::Error) -> Error {
    Error::usage(error.to_string(), "for help: envpipe --help")
}
