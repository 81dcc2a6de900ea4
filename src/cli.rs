//! The command line: words to a [`Command`], and everything that can be wrong with them.
//!
//! It owns the subcommands and what their options mean together; the options one by one are in `words`, their help in
//! `usage`, what they do in `command`. It reads no environment: `main` gives it `ENVPIPE_KEY`.

mod usage;
mod words;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use lexopt::prelude::*;
use words::{Words, next, wrong};

use crate::error::Error;
use crate::format::context::{Context, Wanted};
use crate::format::kms_stanza::MAX_STANZAS;
use crate::keys::aws_kms::Accepted;
use crate::keys::kms_key::KmsKey;

/// What is to be done.
pub enum Command {
    /// `seal`
    Seal(Seal),
    /// `open`
    Open(Open),
    /// `keygen`
    Keygen(Keygen),
    /// Help or version: a text for standard output.
    Print(String),
}

/// `envpipe seal`; at least one key or recipient is named.
pub struct Seal {
    /// KMS keys to seal under.
    pub keys: Vec<KmsKey>,
    /// How many of them will do.
    pub min_keys: usize,
    /// Age recipients, not parsed yet.
    pub recipients: Vec<String>,
    /// Files of such.
    pub recipients_files: Vec<PathBuf>,
    /// Identity files whose recipients are sealed to.
    pub identities: Vec<PathBuf>,
    /// The encryption context of the KMS keys.
    pub context: Context,
    /// Text instead of bytes.
    pub armor: bool,
    /// How many workers; None is one a core.
    pub jobs: Option<usize>,
    /// None or `-` is standard output.
    pub output: Option<PathBuf>,
    /// What is sealed.
    pub plaintext: Plaintext,
}

/// Where the plaintext comes from.
#[derive(PartialEq, Eq, Debug)]
pub enum Plaintext {
    /// A file; None or `-` is standard input.
    File(Option<PathBuf>),
    /// What a command writes: its program and its arguments.
    Command(OsString, Vec<OsString>),
}

/// `envpipe open`
pub struct Open {
    /// The KMS keys that may be used.
    pub accepted: Accepted,
    /// Identity files.
    pub identities: Vec<PathBuf>,
    /// What the encryption context must have.
    pub context: Vec<Wanted>,
    /// How many workers; None is one a core.
    pub jobs: Option<usize>,
    /// None or `-` is standard output.
    pub output: Option<PathBuf>,
    /// None or `-` is standard input.
    pub input: Option<PathBuf>,
}

/// `envpipe keygen`
pub struct Keygen {
    /// None or `-` is standard output.
    pub output: Option<PathBuf>,
}

/// Parses the command line, whose first word is the program's name. `environment` is `ENVPIPE_KEY`: the keys, separated by
/// spaces, that stand in where none is named with `-k`.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    environment: Option<OsString>,
) -> Result<Command, Error> {
    let mut parser = lexopt::Parser::from_iter(args);
    let name = match next(&mut parser)? {
        Some(Short('h')) => return Ok(Command::Print(usage::SHORT.into())),
        Some(Long("help")) => return Ok(Command::Print(usage::LONG.into())),
        Some(Short('V') | Long("version")) => return Ok(Command::Print(usage::VERSION.into())),
        Some(Value(name)) => name,
        Some(option) => return Err(wrong(option.unexpected())),
        None => return Err(Error::usage("no command is given", usage::SHORT.trim_end())),
    };
    match name.to_str() {
        Some("help") => match next(&mut parser)? {
            None => Ok(Command::Print(usage::LONG.into())),
            Some(Value(topic)) => Ok(Command::Print(subcommand(&topic)?.help.into())),
            Some(option) => Err(wrong(option.unexpected())),
        },
        _ => {
            let subcommand = subcommand(&name)?;
            match Words::parse(&mut parser, &subcommand)? {
                None => Ok(Command::Print(subcommand.help.into())),
                Some(words) => (subcommand.build)(words, environment),
            }
        }
    }
}

/// A subcommand: the options that it has, its help, and what becomes of its words.
struct Subcommand {
    name: &'static str,
    options: &'static [&'static str],
    takes_file: bool,
    takes_command: bool,
    help: &'static str,
    build: fn(Words, Option<OsString>) -> Result<Command, Error>,
}

fn subcommand(name: &OsStr) -> Result<Subcommand, Error> {
    let seal_options = &[
        "key",
        "min-keys",
        "recipient",
        "recipients-file",
        "identity",
        "context",
        "armor",
        "jobs",
        "output",
    ];
    match name.to_str() {
        Some("seal") => Ok(Subcommand {
            name: "seal",
            options: seal_options,
            takes_file: true,
            takes_command: true,
            help: usage::SEAL,
            build: seal,
        }),
        Some("open") => Ok(Subcommand {
            name: "open",
            options: &["key", "identity", "context", "jobs", "output"],
            takes_file: true,
            takes_command: false,
            help: usage::OPEN,
            build: open,
        }),
        Some("keygen") => Ok(Subcommand {
            name: "keygen",
            options: &["output"],
            takes_file: false,
            takes_command: false,
            help: usage::KEYGEN,
            build: keygen,
        }),
        _ => Err(Error::usage(
            format!("there is no command '{}'", name.to_string_lossy()),
            "the commands are seal, open and keygen: envpipe --help",
        )),
    }
}

/// The key that stands for all keys on `open`.
const ANY: &str = "any";

fn seal(words: Words, environment: Option<OsString>) -> Result<Command, Error> {
    let keys = words.keys(environment)?;
    if keys.iter().any(|key| key == ANY) {
        return Err(Error::usage("'any' is no key to seal under", "name the key: -k alias/NAME"));
    }
    let keys = keys.iter().map(|text| kms_key(text)).collect::<Result<Vec<_>, _>>()?;
    if keys.len() > MAX_STANZAS {
        let message = format!("{} KMS keys are named, and a stream has at most {MAX_STANZAS}", keys.len());
        return Err(Error::usage(message, "name fewer"));
    }
    let has_recipient =
        !(words.recipients.is_empty() && words.recipients_files.is_empty() && words.identities.is_empty());
    if keys.is_empty() && !has_recipient {
        return Err(Error::usage(
            "no key is named to seal under",
            "name a KMS key (-k alias/NAME, or ENVPIPE_KEY), an age recipient (-r age1…) or an identity file (-i FILE)",
        ));
    }
    if keys.is_empty() && !words.context.is_empty() {
        return Err(Error::usage("-c is given without a KMS key", "the encryption context belongs to -k"));
    }
    let mut context = Context::default();
    for pair in &words.context {
        let fault = |why| Error::usage(format!("-c '{pair}': {why}"), "a pair is NAME=VALUE, each name once");
        let (name, value) = pair.split_once('=').ok_or_else(|| fault("it has no '='"))?;
        context.insert(name, value).map_err(fault)?;
    }
    let min_keys = words.min_keys.unwrap_or(keys.len());
    if min_keys > keys.len() {
        let message = format!("--min-keys asks for {min_keys} KMS keys, and {} are named", keys.len());
        return Err(Error::usage(message, "name more with -k, or ask for fewer"));
    }
    Ok(Command::Seal(Seal {
        keys,
        min_keys,
        recipients: words.recipients,
        recipients_files: words.recipients_files,
        identities: words.identities,
        context,
        armor: words.armor,
        jobs: words.jobs,
        output: words.output,
        plaintext: match words.command {
            Some((program, args)) => Plaintext::Command(program, args),
            None => Plaintext::File(words.input),
        },
    }))
}

fn open(words: Words, environment: Option<OsString>) -> Result<Command, Error> {
    let keys = words.keys(environment)?;
    let accepted = match keys.iter().any(|key| key == ANY) {
        true => Accepted::Any,
        false => Accepted::Keys(keys.iter().map(|text| kms_key(text)).collect::<Result<_, _>>()?),
    };
    let context = words.context.iter().map(|text| {
        Wanted::parse(text).ok_or_else(|| {
            Error::usage(format!("-c '{text}': its name is empty"), "it is NAME, or NAME=VALUE")
        })
    });
    Ok(Command::Open(Open {
        accepted,
        context: context.collect::<Result<_, _>>()?,
        identities: words.identities,
        jobs: words.jobs,
        output: words.output,
        input: words.input,
    }))
}

fn keygen(words: Words, _environment: Option<OsString>) -> Result<Command, Error> {
    Ok(Command::Keygen(Keygen { output: words.output }))
}

fn kms_key(text: &str) -> Result<KmsKey, Error> {
    KmsKey::parse(text).map_err(|why| {
        Error::usage(
            format!("not a KMS key: '{text}': {why}"),
            "a key is alias/NAME, a key id, or the ARN of a key or alias",
        )
    })
}

#[cfg(test)]
mod tests {
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
            assert_eq!(seal.keys, [KmsKey::Local("alias/a".into())], "{line}");
            assert_eq!(seal.output, Some("x".into()), "{line}");
            assert_eq!(seal.plaintext, Plaintext::File(Some("FILE".into())), "{line}");
        }
    }

    #[test]
    fn the_environment_stands_in_for_k_alone() {
        let keys = |open: Open| open.accepted;
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
        assert_eq!(refused("open -r age1x"), "open has no option --recipient");
        assert_eq!(refused("seal -k alias/a one two"), "unexpected argument \"two\"");
        assert_eq!(refused("keygen FILE"), "unexpected argument \"FILE\"");
        assert_eq!(refused("seal -k alias/a -o x -o y"), "-o is given twice");
        assert_eq!(refused("seal -x"), "invalid option '-x'");
        assert_eq!(refused("seal --key"), "missing argument for option '--key'");
        assert_eq!(refused("open -k alias/a -- pg_dump"), "'--' is not understood");
        assert_eq!(refused("seal -k alias/a --"), "no command follows '--'");
        assert_eq!(refused("seal -k alias/a f -- x"), "both a file (f) and a command are to be sealed");
        let seventeen = format!("seal{}", " -k alias/a".repeat(17));
        assert_eq!(refused(&seventeen), "17 KMS keys are named, and a stream has at most 16");
        assert_eq!(
            refused("seal -k alias/a --min-keys 2"),
            "--min-keys asks for 2 KMS keys, and 1 are named"
        );
        assert_eq!(refused("seal -k alias/a --min-keys 0"), "--min-keys '0' is not a number from 1 to 16");
        assert_eq!(refused("seal -r age1x -c a=b"), "-c is given without a KMS key");
        assert_eq!(refused("seal -k alias/a -c a"), "-c 'a': it has no '='");
        assert_eq!(refused("seal -k alias/a -c =b"), "-c '=b': its name is empty");
        assert_eq!(refused("seal -k alias/a -c a=1 -c a=2"), "-c 'a=2': its name is there twice");
        assert_eq!(
            refused("seal -k alias/a -c envpipe=v1"),
            "-c 'envpipe=v1': the name 'envpipe' is envpipe's own"
        );
        assert_eq!(refused("open -j 0"), "--jobs '0' is not a number from 1 to 256");
        assert_eq!(refused("open -j x"), "--jobs 'x' is not a number from 1 to 256");
        assert_eq!(refused("keygen -j 1"), "keygen has no option --jobs");
        assert_eq!(refused("open -c =b"), "-c '=b': its name is empty");
        assert_eq!(refused("open -i -"), "standard input cannot be read twice");
        assert_eq!(refused("seal -i - -R - FILE"), "standard input cannot be read twice");
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
    fn an_identity_from_standard_input_goes_with_a_file() {
        assert_eq!(open("", "-i - FILE").identities, [PathBuf::from("-")]);
    }
}
