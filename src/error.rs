//! Everything that can go wrong: its message, what mends it, and the exit status that scripts go by (envpipe(1)).
//!
//! It owns the words, those about KMS in `kms`. Whoever finds a fault says what and where; only `main` prints.

mod kms;

use std::io;
use std::path::Path;

pub use kms::{KmsFailure, KmsFault};

/// What went wrong. No variant holds a secret.
#[derive(Debug)]
pub enum Error {
    /// The command line, or a file that it names, says something that cannot be done.
    Usage {
        /// What is wrong with which word.
        message: String,
        /// What to write instead.
        hint: String,
    },
    /// `open` was told no key that it may use.
    NoKeyNamed {
        /// The ARNs of the KMS keys in the header.
        keys: Vec<String>,
        /// Whether it has stanzas for P-256 keys, which name none.
        tagged: bool,
    },
    /// `open` may use any key, and the header's stanzas name none.
    TagNamesNoKey,
    /// A file or pipe failed.
    Io {
        /// What was being done, as in «cannot read».
        verb: &'static str,
        /// Which file or pipe.
        what: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The command whose output is sealed has failed.
    Producer {
        /// Its program.
        name: String,
        /// Its exit status, or the signal that ended it.
        status: String,
    },
    /// Whoever read our output has left.
    ReaderGone,
    /// An output file that must not be overwritten is there.
    Exists {
        /// Its path.
        path: String,
        /// What to do.
        mend: &'static str,
    },
    /// A name given to `--each` is not one that it takes.
    Suffix {
        /// The name.
        path: String,
        /// What is wrong with it, and what to do.
        why: (&'static str, &'static str),
    },
    /// Something went wrong with one file out of many.
    OfFile {
        /// Its path.
        path: String,
        /// What.
        cause: Box<Error>,
    },
    /// Some of many files failed, each with an error of its own that was told.
    Each {
        /// How many failed.
        failed: usize,
        /// How many are done.
        done: usize,
        /// How many were not begun.
        left: usize,
        /// The exit status of the first that failed.
        status: u8,
    },
    /// The system gave no randomness.
    Random(getrandom::Error),

    /// KMS did not give a key.
    Kms(Box<KmsFailure>),
    /// The header has stanzas for keys in KMS, but none for a key that was named.
    OtherKey {
        /// The ARNs of the KMS keys in the header.
        keys: Vec<String>,
        /// Whether it has stanzas for P-256 keys, which name none.
        tagged: bool,
        /// What was named.
        named: Vec<String>,
    },
    /// No stanza is for any of the identities, and KMS has no part in this stream or was not asked.
    NoIdentity {
        /// The kinds of stanza in the header.
        kinds: Vec<String>,
        /// The ARNs of the KMS keys in the header.
        keys: Vec<String>,
    },
    /// KMS keys were named, but KMS has no part in this stream.
    NoKmsStanza {
        /// The kinds of stanza in the header.
        kinds: Vec<String>,
    },
    /// The header lacks what `-c` demands.
    Context {
        /// The name, or name and value.
        wanted: String,
    },
    /// `check` found keys that cannot be sealed under, and has printed why.
    WouldNotSeal {
        /// As they were named.
        keys: Vec<String>,
    },
    /// Several keys failed.
    NoKeyWorked {
        /// What came of it.
        what: &'static str,
        /// Each failure.
        causes: Vec<Error>,
    },

    /// The input is empty.
    Empty,
    /// The input is not an age file.
    NotAge {
        /// What it seems to be, and what to do about it.
        seems: Option<(&'static str, &'static str)>,
    },
    /// The input ends inside its header or the nonce behind it.
    HeaderCut,
    /// The header's line feeds have become CR LF, and with them those of the payload.
    HeaderCrLf,
    /// The header is longer than envpipe reads.
    HeaderTooLong,
    /// The header is malformed.
    Header {
        /// Its line, from 1.
        line: usize,
        /// What is wrong there.
        why: &'static str,
    },
    /// A stanza is malformed.
    Stanza {
        /// Its number in the header, from 1.
        number: usize,
        /// Its kind.
        kind: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The header's MAC does not fit.
    HeaderNotAuthentic,
    /// What KMS gave does not open the wrapped file key.
    FileKeyNotAuthentic {
        /// The ARN of the key.
        key: String,
        /// What that was.
        given: &'static str,
    },
    /// The armor is malformed.
    Armor {
        /// Its line, from 1.
        line: usize,
        /// What is wrong there.
        why: &'static str,
    },
    /// The input ends where chunk `chunk` (from 0) should begin or before its tag is whole.
    Truncated {
        /// The chunk that is missing.
        chunk: u64,
    },
    /// The file has so many bytes behind its header, which no whole stream has.
    CutSomewhere {
        /// Those bytes.
        len: u64,
    },
    /// The input ends in this chunk, which is not authentic as a last one.
    CutOrAltered {
        /// The chunk, from 0.
        chunk: u64,
    },
    /// This chunk is not what was sealed here.
    NotAuthentic {
        /// The chunk, from 0.
        chunk: u64,
    },
    /// The stream ended with this chunk, but the input goes on.
    Trailing {
        /// The chunk, from 0.
        chunk: u64,
    },
    /// The last chunk is empty though others came before it.
    EmptyLastChunk {
        /// The chunk, from 0.
        chunk: u64,
    },
}

impl Error {
    /// A command line that cannot be carried out, and what to write instead.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: hint.into() }
    }

    /// The exit status.
    pub fn status(&self) -> u8 {
        match self {
            Self::Io { .. }
            | Self::Producer { .. }
            | Self::ReaderGone
            | Self::Exists { .. }
            | Self::Random(_) => 1,
            Self::Usage { .. } | Self::NoKeyNamed { .. } | Self::TagNamesNoKey | Self::Suffix { .. } => 2,
            Self::OfFile { cause, .. } => cause.status(),
            Self::Each { status, .. } => *status,
            Self::Kms(_)
            | Self::OtherKey { .. }
            | Self::NoIdentity { .. }
            | Self::NoKmsStanza { .. }
            | Self::Context { .. }
            | Self::WouldNotSeal { .. }
            | Self::NoKeyWorked { .. } => 3,
            Self::Empty
            | Self::NotAge { .. }
            | Self::HeaderCut
            | Self::HeaderCrLf
            | Self::HeaderTooLong
            | Self::Header { .. }
            | Self::Stanza { .. }
            | Self::HeaderNotAuthentic
            | Self::FileKeyNotAuthentic { .. }
            | Self::Armor { .. }
            | Self::Truncated { .. }
            | Self::CutSomewhere { .. }
            | Self::CutOrAltered { .. }
            | Self::NotAuthentic { .. }
            | Self::Trailing { .. }
            | Self::EmptyLastChunk { .. } => 4,
        }
    }

    /// What and where: lower case, one line, without a full stop. What it quotes is made [`visible`], so that nothing quoted
    /// can pass for another line.
    pub fn message(&self) -> String {
        visible(&self.words())
    }

    fn words(&self) -> String {
        match self {
            Self::Usage { message, .. } => message.clone(),
            Self::NoKeyNamed { keys, .. } if keys.is_empty() => {
                "no key is named to open this stream with".into()
            }
            Self::NoKeyNamed { keys, .. } => format!(
                "no key is named to open this stream with; its header says it is sealed under {}",
                keys.join(", ")
            ),
            Self::TagNamesNoKey => {
                "'any' is whichever key the header names, and a p256tag stanza has only a tag of its key"
                    .into()
            }
            Self::Io { verb, what, source } => format!("cannot {verb} {what}: {}", reason(source)),
            Self::Producer { name, status } => {
                format!("{name} failed ({status}), so the stream is left without its end")
            }
            Self::ReaderGone => "standard output: broken pipe".into(),
            Self::Exists { path, .. } => format!("{path} exists already"),
            Self::Suffix { path, why: (why, _) } => format!("{path} {why}"),
            Self::OfFile { path, cause } => format!("{path}: {}", cause.words()),
            Self::Each { failed, done: 0, left: 0, .. } => format!("all {failed} files failed"),
            Self::Each { failed, done, left, .. } => {
                let all = failed + done + left;
                format!("{failed} of {all} files failed; {done} are done, and {left} were not begun")
            }
            Self::Random(source) => format!("the system gave no randomness: {source}"),
            Self::Kms(failure) => failure.message(),
            Self::OtherKey { keys, tagged, named } => {
                let mut keys = keys.clone();
                keys.extend(tagged.then(|| "a P-256 key".into()));
                let (keys, named) = (keys.join(", "), named.join(", "));
                format!("the stream is sealed under {keys}, which {named} does not name")
            }
            Self::NoIdentity { kinds, .. } => {
                format!("no identity opens this stream; its header has stanzas of kind {}", kinds.join(", "))
            }
            Self::NoKmsStanza { kinds } => format!(
                "the stream is sealed under no KMS key; its header has stanzas of kind {}",
                kinds.join(", ")
            ),
            Self::Context { wanted } => {
                format!("the header has no KMS stanza with the encryption context {wanted}")
            }
            Self::WouldNotSeal { keys } => format!("sealing would fail under {}", keys.join(", ")),
            Self::NoKeyWorked { what, .. } => (*what).into(),
            Self::Empty => "the input is empty: not even a header".into(),
            Self::NotAge { seems: Some((what, _)) } => {
                format!("the input is not a sealed stream; it looks like {what}")
            }
            Self::NotAge { seems: None } => "the input is not a sealed stream".into(),
            Self::HeaderCut => "truncated: the input ends before its first chunk".into(),
            Self::HeaderCrLf => "malformed header, line 1: its line feed became CR LF".into(),
            Self::HeaderTooLong => "the header is longer than 256 KiB".into(),
            Self::Header { line, why } => format!("malformed header, line {line}: {why}"),
            Self::Stanza { number, kind, why } => {
                format!("malformed header, stanza {number} ({kind}): {why}")
            }
            Self::HeaderNotAuthentic => "the header is not authentic: it was altered after sealing".into(),
            Self::FileKeyNotAuthentic { key, given } => {
                format!(
                    "the stanza of {key} is not authentic: KMS gave its {given}, but that does not open it"
                )
            }
            Self::Armor { line, why } => format!("malformed armor, line {line}: {why}"),
            Self::Truncated { chunk } => {
                format!(
                    "truncated: the input ends where chunk {chunk} should be, before the stream's last chunk"
                )
            }
            Self::CutSomewhere { len } => {
                format!("truncated: no whole stream has {len} bytes behind its header")
            }
            Self::CutOrAltered { chunk } => {
                format!("truncated or altered: the input ends in chunk {chunk}, which is not authentic")
            }
            Self::NotAuthentic { chunk } => {
                format!("chunk {chunk} is not authentic: it was altered or moved")
            }
            Self::Trailing { chunk } => {
                format!(
                    "trailing data: the stream is whole and ends with chunk {chunk}, but the input goes on"
                )
            }
            Self::EmptyLastChunk { chunk } => {
                format!("chunk {chunk} is the last but empty, which no sealer writes")
            }
        }
    }

    /// The command, IAM action or setting that mends it.
    pub fn hint(&self) -> Option<String> {
        let open_with =
            |key: &String| format!("if you trust that key, and the stream is yours: envpipe open -k {key}");
        Some(match self {
            Self::Usage { hint, .. } => hint.clone(),
            Self::TagNamesNoKey => NAME_P256.into(),
            Self::NoKeyNamed { keys, tagged } => match keys.first() {
                Some(key) => open_with(key),
                None if *tagged => NAME_P256.into(),
                None => "name an identity file: envpipe open -i FILE".into(),
            },
            Self::OtherKey { keys, .. } => match keys.first() {
                Some(key) => open_with(key),
                None => "its tag does not tell which; name others with -k".into(),
            },
            Self::NoIdentity { kinds, .. } | Self::NoKmsStanza { kinds }
                if kinds.iter().any(|kind| kind == "scrypt") =>
            {
                "it is sealed with a passphrase, which envpipe does not do: age -d".into()
            }
            Self::NoIdentity { keys, kinds } => match keys.first() {
                Some(key) => open_with(key),
                None if kinds.iter().any(|kind| kind == "p256tag") => NAME_P256.into(),
                None => "the identity that fits is another one, or of a kind that envpipe has not: age -d -i FILE".into(),
            },
            Self::NoKmsStanza { kinds } => match kinds.iter().any(|kind| kind == "X25519") {
                true => "name the file of the identity that fits: envpipe open -i FILE".into(),
                false => "none of these is a kind that envpipe has: age -d -i FILE".into(),
            },
            Self::Suffix { why: (_, mend), .. } => (*mend).into(),
            Self::OfFile { cause, .. } => return cause.hint(),
            Self::Each { left, .. } if *left > 0 => "--keep-going goes on with the others where one fails".into(),
            Self::Exists { mend, .. } => (*mend).into(),
            Self::Producer { .. } => "envpipe open will refuse what was written as truncated; seal again".into(),
            Self::Kms(failure) => return failure.hint(),
            Self::Context { .. } => "the stream is another one than you asked for, or was sealed without that -c".into(),
            Self::Empty => "the command that should have written the stream wrote nothing; look at its own error".into(),
            Self::NotAge { seems: Some((_, mend)) } => (*mend).into(),
            Self::NotAge { seems: None } => "a sealed stream begins with 'age-encryption.org/v1', or armored with \
                                             '-----BEGIN AGE ENCRYPTED FILE-----'"
                .into(),
            Self::HeaderCrLf => "it was copied as text: copy it as it is, or seal with -a, which survives that".into(),
            Self::Armor { .. } => "fetch it again; or if a program changed its lines or what is around them: sed \
                                   '1,/BEGIN AGE/d; /END AGE/,$d' | base64 -d | envpipe open …"
                .into(),
            Self::Trailing { .. } => "what was written is the whole plaintext; what follows may be a second stream".into(),
            Self::Truncated { .. } | Self::CutOrAltered { .. } | Self::HeaderCut => {
                "fetch it again and compare its size; what was written is only the beginning of the plaintext".into()
            }
            Self::CutSomewhere { .. } => "fetch it again and compare its size".into(),
            Self::NotAuthentic { .. } => {
                "fetch it again; what was written is only the beginning of the plaintext, and true as far as it goes".into()
            }
            _ => return None,
        })
    }

    /// The errors to print, in order: itself, and where it stands for several, each of them.
    pub fn all(&self) -> Vec<&Self> {
        match self {
            Self::NoKeyWorked { causes, .. } => std::iter::once(self).chain(causes).collect(),
            Self::OfFile { cause, .. } => {
                std::iter::once(self).chain(cause.all().into_iter().skip(1)).collect()
            }
            _ => vec![self],
        }
    }

    /// This error as one of a file among many; those that name their file stay as they are.
    pub fn of_file(self, path: &Path) -> Self {
        match self {
            Self::Io { .. } | Self::Exists { .. } | Self::Suffix { .. } => self,
            cause => Self::OfFile { path: path.display().to_string(), cause: Box::new(cause) },
        }
    }

    /// One error out of several: the error itself where there is but one.
    pub fn no_key_worked(what: &'static str, mut causes: Vec<Self>) -> Self {
        match causes.len() {
            1 => causes.remove(0),
            _ => Self::NoKeyWorked { what, causes },
        }
    }
}

/// The text in one line, with what would be unseen, or change what is seen around it, escaped.
pub fn visible(text: &str) -> String {
    let mut line = String::new();
    for c in text.chars() {
        match is_invisible(c) {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    line
}

/// Whether a character controls a terminal, has no width, or changes the direction of those around it.
pub fn is_invisible(c: char) -> bool {
    let has_no_width = ['\u{ad}', '\u{61c}', '\u{feff}'].contains(&c)
        || ('\u{200b}'..='\u{200f}').contains(&c)
        || ('\u{2028}'..='\u{202e}').contains(&c)
        || ('\u{2060}'..='\u{206f}').contains(&c);
    c.is_control() || has_no_width
}

const NAME_P256: &str =
    "it is sealed to a P-256 key; if that is one of yours in KMS, name it: envpipe open -k KEY";

/// The system's words without Rust's «(os error N)».
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_whatever_it_quotes() {
        let error = Error::Exists { path: "a\nenvpipe: b\u{1b}[2Jé\u{202e}".into(), mend: "" };
        assert_eq!(error.message(), "a\\nenvpipe: b\\u{1b}[2Jé\\u{202e} exists already");
    }
}
