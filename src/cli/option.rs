//! An option as the parser, the help and the completions know it, and those that several subcommands have.
//!
//! It owns their names and texts; what their values mean is with each subcommand.

/// One option of a subcommand.
#[derive(Clone, Copy)]
pub struct Opt {
    /// Its long name, without dashes; it is what values are looked up by.
    pub long: &'static str,
    /// Its short name.
    pub short: Option<char>,
    /// What its value is called; None for a switch. [`FILE`] is the name of a file.
    pub value: Option<&'static str>,
    /// Whether it may be given more than once.
    pub repeats: bool,
    /// What it does, in lines of up to 60 characters.
    pub help: &'static str,
}

/// The value that is the name of a file.
pub const FILE: &str = "FILE";

impl Opt {
    /// A switch: without a value, and given once.
    pub const fn switch(long: &'static str, short: Option<char>, help: &'static str) -> Self {
        Self { long, short, value: None, repeats: false, help }
    }

    /// An option with a value, given once.
    pub const fn value(
        long: &'static str,
        short: Option<char>,
        value: &'static str,
        help: &'static str,
    ) -> Self {
        Self { long, short, value: Some(value), repeats: false, help }
    }

    /// An option with a value, given any number of times.
    pub const fn values(
        long: &'static str,
        short: Option<char>,
        value: &'static str,
        help: &'static str,
    ) -> Self {
        Self { long, short, value: Some(value), repeats: true, help }
    }

    /// The same option with another text.
    pub const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }
}

/// The KMS keys.
pub const KEY: Opt = Opt::values("key", Some('k'), "KEY", "");

/// The KMS keys that may open.
pub const ACCEPTED_KEY: Opt = KEY.help(
    "\
accept this KMS key: alias/NAME, a key id, or the ARN of a
key or alias; 'any': whichever the header names;
default: the keys in ENVPIPE_KEY",
);

/// Age recipients.
pub const RECIPIENT: Opt =
    Opt::values("recipient", Some('r'), "RECIPIENT", "seal to this age recipient (age1… or age1tag1…)");

/// Files of age recipients.
pub const RECIPIENTS_FILE: Opt =
    Opt::values("recipients-file", Some('R'), FILE, "seal to the recipients in FILE, one a line");

/// Files of age identities.
pub const IDENTITY: Opt = Opt::values("identity", Some('i'), FILE, "try the age identities in FILE first");

/// The encryption context, as it is bound.
pub const CONTEXT: Opt = Opt::values(
    "context",
    Some('c'),
    "NAME=VALUE",
    "bind this pair to the stream, as KMS encryption context;\nit can be read by everybody who sees the stream",
);

/// The encryption context, as it is demanded.
pub const WANTED_CONTEXT: Opt =
    Opt::values("context", Some('c'), "NAME[=VALUE]", "the stream must have been sealed with this context");

/// Text instead of bytes.
pub const ARMOR: Opt = Opt::switch("armor", Some('a'), "write text instead of bytes");

/// The number of workers.
pub const JOBS: Opt = Opt::value("jobs", Some('j'), "N", "work on N cores; default: all, but no more than 8");

/// The output.
pub const OUTPUT: Opt = Opt::value(
    "output",
    Some('o'),
    FILE,
    "write to FILE, which is replaced only on success;\n'-' is standard output",
);

/// The output, where it is a sealed stream.
pub const SEALED_OUTPUT: Opt = OUTPUT.help(
    "\
write to FILE, which is replaced only on success;
'-' is standard output, even if it is a terminal",
);

/// How far it is.
pub const PROGRESS: Opt =
    Opt::switch("progress", None, "show how far it is, where standard error is a terminal");

/// What KMS is asked.
pub const VERBOSE: Opt =
    Opt::switch("verbose", Some('v'), "say what KMS was asked, what it answered, and in how long");

/// Help; every subcommand has it.
pub const HELP: Opt = Opt::switch("help", Some('h'), "print this help");
