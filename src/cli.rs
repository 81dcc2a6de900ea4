//! The command line: words to a [`Command`], and everything that can be wrong with them.
//!
//! Each subcommand has a file that says what its options are and mean together; what it then does is `command`. From
//! the same table come the help (`help`) and the completions. Nothing here reads the environment: `main` gives it
//! `ENVPIPE_KEY`.

mod check;
mod completion;
mod each;
mod environment;
mod help;
mod identity;
mod inspect;
mod keygen;
mod open;
mod option;
mod plugin;
mod recipient;
mod rewrap;
mod seal;
mod size;
mod words;

use std::ffi::{OsStr, OsString};

use lexopt::prelude::*;
use option::{HELP, JOBS, Opt, WANTED_CONTEXT};
use words::{Words, next, wrong};

pub use check::Check;
pub use each::Each;
pub use environment::Environment;
pub use identity::Identity;
pub use inspect::Inspect;
pub use keygen::Keygen;
pub use open::{Keys, Open, Sealed};
pub use plugin::{Plugin, StateMachine};
pub use recipient::Recipient;
pub use rewrap::Rewrap;
pub use seal::{Plaintext, Recipients, Seal, nobody};
pub use size::Size;

use crate::error::Error;
use crate::format::context::Wanted;
use crate::keys::aws_kms::Accepted;
use crate::keys::kms_key::KmsKey;

/// What is to be done.
pub enum Command {
    /// `seal`
    Seal(Seal),
    /// `open`
    Open(Open),
    /// `rewrap`
    Rewrap(Rewrap),
    /// `inspect`
    Inspect(Inspect),
    /// `size`
    Size(Size),
    /// `check`
    Check(Check),
    /// `keygen`
    Keygen(Keygen),
    /// `recipient`
    Recipient(Recipient),
    /// `identity`
    Identity(Identity),
    /// `age-plugin-envpipe`
    Plugin(Plugin),
    /// Help or version: a text for standard output.
    Print(String),
}

impl Command {
    /// Whether it was asked to say what KMS is asked.
    pub fn is_verbose(&self) -> bool {
        matches!(
            self,
            Self::Seal(Seal { verbose: true, .. })
                | Self::Open(Open { verbose: true, .. })
                | Self::Rewrap(Rewrap { verbose: true, .. })
        )
    }
}

/// A subcommand: how it is used, what its help says, and what becomes of its words.
struct Subcommand {
    name: &'static str,
    /// One line.
    summary: &'static str,
    /// What the options do not say.
    about: &'static str,
    /// All but help.
    options: &'static [Opt],
    operands: Operands,
    example: &'static str,
    build: fn(&Words) -> Result<Command, Error>,
}

/// All of them, in the order in which help lists them.
const SUBCOMMANDS: &[Subcommand] = &[
    seal::SUBCOMMAND,
    open::SUBCOMMAND,
    rewrap::SUBCOMMAND,
    inspect::SUBCOMMAND,
    size::SUBCOMMAND,
    check::SUBCOMMAND,
    keygen::SUBCOMMAND,
    recipient::SUBCOMMAND,
    identity::SUBCOMMAND,
    completion::SUBCOMMAND,
];

impl Subcommand {
    fn by_name(name: &OsStr) -> Result<&'static Self, Error> {
        SUBCOMMANDS.iter().find(|subcommand| name == subcommand.name).ok_or_else(|| {
            let names: Vec<_> = SUBCOMMANDS.iter().map(|subcommand| subcommand.name).collect();
            Error::usage(
                format!("there is no command '{}'", name.to_string_lossy()),
                format!("the commands are {}: envpipe --help", names.join(", ")),
            )
        })
    }

    /// Its options, and that for help.
    fn options(&self) -> impl Iterator<Item = &'static Opt> {
        self.options.iter().chain([&HELP])
    }
}

/// What a subcommand takes beside options.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operands {
    None,
    File,
    /// One, or with `--each` any number.
    Files,
    FilesOrCommand,
    Shell,
    /// A number of bytes.
    Length,
}

impl Operands {
    fn usage(self) -> &'static str {
        match self {
            Self::None => "",
            Self::File => "[FILE]",
            Self::Files => "[FILE]...",
            Self::FilesOrCommand => "[FILE... | -- COMMAND [ARG]...]",
            Self::Shell => "bash|zsh|fish",
            Self::Length => "N",
        }
    }

    /// How many there may be, but for `--each`.
    fn most(self) -> usize {
        match self {
            Self::None => 0,
            Self::File | Self::Files | Self::FilesOrCommand | Self::Shell | Self::Length => 1,
        }
    }
}

/// Parses the command line, whose first word is the program's name. `environment` is `ENVPIPE_KEY`: the keys, separated by
/// spaces, that stand in where none is named with `-k`.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    environment: Option<OsString>,
) -> Result<Command, Error> {
    let args: Vec<_> = args.into_iter().collect();
    let is_plugin = plugin::is_started(&args);
    let mut parser = lexopt::Parser::from_iter(args);
    if is_plugin {
        return plugin::parse(parser, Environment(environment));
    }
    let name = match next(&mut parser)? {
        Some(Short('h')) => return Ok(Command::Print(help::short())),
        Some(Long("help")) => return Ok(Command::Print(help::long())),
        Some(Short('V') | Long("version")) => return Ok(Command::Print(help::VERSION.into())),
        Some(Value(name)) => name,
        Some(option) => return Err(wrong(option.unexpected())),
        None => return Err(Error::usage("no command is given", help::short().trim_end())),
    };
    if name == "help" {
        return match next(&mut parser)? {
            None => Ok(Command::Print(help::long())),
            Some(Value(topic)) => Ok(Command::Print(help::of(Subcommand::by_name(&topic)?))),
            Some(option) => Err(wrong(option.unexpected())),
        };
    }
    let subcommand = Subcommand::by_name(&name)?;
    match Words::parse(&mut parser, subcommand, Environment(environment))? {
        None => Ok(Command::Print(help::of(subcommand))),
        Some(words) => (subcommand.build)(&words),
    }
}

/// The key that stands for all keys where streams are opened.
const ANY: &str = "any";

/// The keys to seal under.
fn kms_keys(words: &Words) -> Result<Vec<KmsKey>, Error> {
    keys_to_seal(&words.keys()?)
}

/// The keys of these names, to seal under.
fn keys_to_seal(names: &[String]) -> Result<Vec<KmsKey>, Error> {
    if names.iter().any(|name| name == ANY) {
        return Err(Error::usage("'any' is no key to seal under", "name the key: alias/NAME"));
    }
    names.iter().map(|text| kms_key(text)).collect()
}

/// The keys that may open.
fn accepted(words: &Words) -> Result<Accepted, Error> {
    accepted_of(&words.keys()?)
}

/// The keys of these names, that may open.
fn accepted_of(names: &[String]) -> Result<Accepted, Error> {
    match names.iter().any(|key| key == ANY) {
        true => Ok(Accepted::Any),
        false => Ok(Accepted::Keys(names.iter().map(|text| kms_key(text)).collect::<Result<_, _>>()?)),
    }
}

fn kms_key(text: &str) -> Result<KmsKey, Error> {
    KmsKey::parse(text).map_err(|why| {
        Error::usage(
            format!("not a KMS key: '{text}': {why}"),
            "a key is alias/NAME, a key id, or the ARN of a key or alias",
        )
    })
}

/// What the encryption context must have.
fn wanted_context(words: &Words) -> Result<Vec<Wanted>, Error> {
    let texts = words.texts(&WANTED_CONTEXT)?;
    let wanted = texts.iter().map(|text| {
        Wanted::parse(text).ok_or_else(|| {
            Error::usage(format!("-c '{text}': its name is empty"), "it is NAME, or NAME=VALUE")
        })
    });
    wanted.collect()
}

/// More workers would only take memory.
const MOST_JOBS: usize = 256;

fn jobs(words: &Words) -> Result<Option<usize>, Error> {
    words.number(&JOBS, MOST_JOBS)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn parse_with(environment: &str, line: &str) -> Result<Command, Error> {
        let words = std::iter::once("envpipe").chain(line.split_whitespace()).map(OsString::from);
        parse(words, Some(environment.into()))
    }

    fn seal(line: &str) -> Seal {
        match parse_with("", &format!("seal {line}")) {
            Ok(Command::Seal(seal)) => seal,
            other => panic!("{line}: {:?}", other.err()),
        }
    }

    fn open(environment: &str, line: &str) -> Open {
        match parse_with(environment, &format!("open {line}")) {
            Ok(Command::Open(open)) => open,
            other => panic!("{line}: {:?}", other.err()),
        }
    }

    fn refused(line: &str) -> String {
        let error = parse_with("", line).err().unwrap_or_else(|| panic!("{line} is taken"));
        assert_eq!(error.status(), 2, "{line}");
        assert!(error.hint().is_some(), "{line} has no hint");
        error.message()
    }

    #[test]
    fn options_come_in_every_usual_form_and_place() {
        for line in
            ["FILE -ak alias/a -o x", "-a FILE --key=alias/a --output x", "-kalias/a -ox FILE --armor"]
        {
            let seal = seal(line);
            assert!(seal.armor, "{line}");
            assert_eq!(seal.recipients.keys, [KmsKey::Local("alias/a".into())], "{line}");
            assert_eq!(seal.output, Some("x".into()), "{line}");
            assert_eq!(seal.plaintext, Plaintext::File(Some("FILE".into())), "{line}");
        }
    }

    #[test]
    fn the_environment_stands_in_for_k_alone() {
        let keys = |open: Open| open.keys.accepted;
        let two = Accepted::Keys(vec![KmsKey::Local("alias/a".into()), KmsKey::Local("alias/b".into())]);
        assert_eq!(keys(open("alias/a  alias/b", "-i f")), two);
        assert_eq!(keys(open("alias/x", "-k alias/a -k alias/b")), two);
        assert_eq!(keys(open(" ", "-i f")), Accepted::Keys(vec![]));
        assert_eq!(keys(open("any", "")), Accepted::Any);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_hint() {
        assert_eq!(refused(""), "no command is given");
        assert_eq!(refused("sael"), "there is no command 'sael'");
        assert_eq!(refused("help sael"), "there is no command 'sael'");
        assert_eq!(refused("seal"), "no key is named to seal under");
        assert_eq!(refused("seal -k any"), "'any' is no key to seal under");
        assert_eq!(refused("open -r age1x"), "open has no option -r");
        assert_eq!(refused("recipient"), "no key is named whose recipient to print");
        assert_eq!(refused("recipient -k any"), "'any' is no key to seal under");
        assert_eq!(refused("recipient -k alias/a -c a"), "-c 'a': it has no '='");
        assert_eq!(refused("identity -k any"), "an identity names its keys, and 'any' is none");
        assert_eq!(refused("seal -k alias/a one two"), "unexpected argument \"two\"");
        assert_eq!(refused("keygen FILE"), "unexpected argument \"FILE\"");
        assert_eq!(refused("seal -k alias/a -o x -o y"), "-o is given twice");
        assert_eq!(refused("seal -x"), "seal has no option -x");
        assert_eq!(refused("seal --key"), "missing argument for option '--key'");
        assert_eq!(refused("open -k alias/a -- pg_dump"), "'--' is not understood");
        assert_eq!(refused("seal -k alias/a --"), "no command follows '--'");
        assert_eq!(refused("seal -k alias/a f -- x"), "both a file (f) and a command are to be sealed");
        assert_eq!(refused("seal -k alias/a --min-keys 0"), "--min-keys '0' is not a number from 1 to 16");
        assert_eq!(refused("seal -k alias/a -c a"), "-c 'a': it has no '='");
        assert_eq!(refused("seal -k alias/a -c =b"), "-c '=b': a name of the encryption context is empty");
        assert_eq!(
            refused("seal -k alias/a -c a=1 -c a=2"),
            "-c 'a=2': a name of the encryption context is there twice"
        );
        assert_eq!(
            refused("seal -k alias/a -c envpipe=v1"),
            "-c 'envpipe=v1': the name 'envpipe' of the encryption context is envpipe's own"
        );
        assert_eq!(refused("check"), "no key is named to check");
        assert_eq!(refused("check -k any"), "'any' is no key to seal under");
        assert_eq!(refused("size -k alias/a"), "no length is given");
        assert_eq!(refused("size 1G"), "no key is named to seal under");
        for n in ["x", "1.5G", "1GiB", "1GB", "G", "1E", "+1", "0x10", "1é"] {
            let message = format!("'{n}' is not a number of bytes");
            assert_eq!(refused(&format!("size -k alias/a {n}")), message);
        }
        assert_eq!(refused("size -k alias/a 16777216T"), "16777216T bytes are more than a stream can have");
        assert_eq!(refused("open -j 0"), "--jobs '0' is not a number from 1 to 256");
        assert_eq!(refused("open -j x"), "--jobs 'x' is not a number from 1 to 256");
        assert_eq!(refused("keygen --jobs 1"), "keygen has no option --jobs");
        assert_eq!(refused("open -c =b"), "-c '=b': its name is empty");
        assert_eq!(refused("open -i -"), "standard input cannot be read twice");
        assert_eq!(refused("rewrap -k alias/a"), "nobody is named to rewrap the stream to");
        assert_eq!(refused("rewrap --to-key any"), "'any' is no key to seal under");
        assert_eq!(
            refused("rewrap --to-recipient age1x -c a=b"),
            "-c is given without a KMS key to rewrap to"
        );
        assert_eq!(refused("rewrap --to-recipients-file -"), "standard input cannot be read twice");
        assert_eq!(refused("seal -i - -R - FILE"), "standard input cannot be read twice");
        assert_eq!(refused("seal -k alias/a --each"), "no file is named for --each");
        assert_eq!(refused("seal -k alias/a --each a -o b"), "--each is given together with -o");
        assert_eq!(refused("seal -k alias/a --each -- x"), "--each is given together with a command");
        assert_eq!(refused("open -k alias/a a --each -"), "--each is given together with '-'");
        assert_eq!(refused("open -k alias/a --force a"), "--force is given without --each");
        assert_eq!(refused("seal -i - --each a --files0-from -"), "standard input cannot be read twice");
    }

    #[test]
    fn everything_behind_two_dashes_is_the_command() {
        let command = |program: &str, args: &[&str]| {
            Plaintext::Command(program.into(), args.iter().map(OsString::from).collect())
        };
        assert_eq!(seal("-i - -- tar -c -- -k").plaintext, command("tar", &["-c", "--", "-k"]));
        assert_eq!(seal("-k alias/a -- --help").plaintext, command("--help", &[]));
    }

    #[test]
    fn each_takes_any_number_of_files_before_and_behind_it() {
        let plaintext = seal("a -k alias/a --each b --keep-going c").plaintext;
        let files = ["a", "b", "c"].map(PathBuf::from).into();
        let each = Each { files, files0_from: None, keep_going: true, force: false };
        assert_eq!(plaintext, Plaintext::Each(each));
        assert_eq!(refused("seal -k alias/a one two"), "unexpected argument \"two\"");
    }

    #[test]
    fn an_identity_from_standard_input_goes_with_a_file() {
        assert_eq!(open("", "-i - FILE").keys.identities, [PathBuf::from("-")]);
    }
}
