//! What `inspect` says of a stream: as a table for people, as JSON for scripts (envpipe(1)).
//!
//! It owns the words and the form; neither may bring anything to a terminal that it does not show. What is in the stream
//! is not known to be authentic.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use crate::error::{Error, is_invisible, visible};
use crate::format::header::{Header, VERSION};
use crate::format::kms_stanza::{KIND, KmsStanza};
use crate::format::stanza::Stanza;

/// The fields are those of the JSON object, in their order.
#[derive(Serialize)]
pub struct Report {
    version: &'static str,
    armor: bool,
    header_length: usize,
    /// None where it is not known, and where there is none.
    plaintext_length: Option<u64>,
    /// Whether the input ends where no whole stream does; None where its length is not known.
    truncated: Option<bool>,
    stanzas: Vec<Described>,
    errors: Vec<String>,
}

/// A stanza, and what is known of its kind.
#[derive(Serialize)]
struct Described {
    #[serde(rename = "type")]
    kind: String,
    #[serde(flatten)]
    details: Details,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Details {
    Kms {
        key: String,
        account: String,
        region: String,
        multi_region: bool,
        context: BTreeMap<String, String>,
        blob_length: usize,
    },
    /// It should be envpipe's own, and is not.
    Malformed {
        error: &'static str,
    },
    Other {
        arguments: Vec<String>,
        body_length: usize,
    },
}

impl Described {
    fn new(stanza: &Stanza) -> Self {
        let details = match stanza.kind() == KIND {
            true => match KmsStanza::parse(stanza) {
                Ok(stanza) => Details::Kms {
                    account: stanza.key.account().to_owned(),
                    region: stanza.key.region().to_owned(),
                    multi_region: stanza.key.is_multi_region(),
                    key: stanza.key.to_string(),
                    context: stanza.context.pairs().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
                    blob_length: stanza.blob.len(),
                },
                Err(error) => Details::Malformed { error },
            },
            false => Details::Other { arguments: stanza.args[1..].to_vec(), body_length: stanza.body.len() },
        };
        Self { kind: stanza.kind().to_owned(), details }
    }
}

impl Report {
    /// `plaintext_len` is None where the length of the input is not known, and an error inside where no whole stream has it.
    pub fn new(
        header: &Header,
        armor: bool,
        plaintext_len: Option<Result<u64, ()>>,
        faults: &[Error],
    ) -> Self {
        Self {
            version: VERSION,
            armor,
            header_length: header.len,
            plaintext_length: plaintext_len.and_then(Result::ok),
            truncated: plaintext_len.map(|len| len.is_err()),
            stanzas: header.stanzas.iter().map(Described::new).collect(),
            errors: faults.iter().map(Error::message).collect(),
        }
    }

    /// One object, in one line.
    pub fn json(&self) -> String {
        #[expect(clippy::expect_used, reason = "its keys are strings, and memory is all that is written to")]
        let text = serde_json::to_string(self).expect("a report is JSON");
        let mut line = String::new();
        for c in text.chars() {
            match is_invisible(c) {
                true => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                    let _ = write!(line, "\\u{unit:04x}");
                }),
                false => line.push(c),
            }
        }
        line + "\n"
    }

    /// Lines of a label and a value.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let mut row = |label: &str, value: &str| {
            let _ = writeln!(text, "{label:<12}{}", visible(value));
        };
        row("version", self.version);
        row("armor", if self.armor { "yes" } else { "no" });
        row("header", &format!("{} bytes", self.header_length));
        row(
            "plaintext",
            &match (self.plaintext_length, self.truncated) {
                (Some(len), _) => format!("{len} bytes"),
                (None, Some(_)) => "truncated: no whole stream is as long as this one".into(),
                (None, None) => "not known, for the input is not a regular file that is whole".into(),
            },
        );
        for (i, Described { kind, details }) in self.stanzas.iter().enumerate() {
            row(&format!("stanza {}", i + 1), kind);
            match details {
                Details::Kms { key, account, region, multi_region, context, blob_length } => {
                    row("  key", key);
                    row("  account", account);
                    row(
                        "  region",
                        &format!("{region}{}", if *multi_region { ", multi-Region" } else { "" }),
                    );
                    for (i, (name, value)) in context.iter().enumerate() {
                        row(if i == 0 { "  context" } else { "" }, &format!("{name}={value}"));
                    }
                    row("  blob", &format!("{blob_length} bytes"));
                }
                Details::Malformed { error } => row("  malformed", error),
                Details::Other { .. } => {}
            }
        }
        text
    }
}
