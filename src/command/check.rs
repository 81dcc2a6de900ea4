//! `envpipe check`: whether the credentials of this host may seal under KMS keys, and open again.

use std::fmt::Write;

use crate::cli;
use crate::error::{Error, KmsFault};
use crate::format::kms_stanza::KmsStanza;
use crate::keys::aws_kms::{self, Accepted, KmsRecipient};
use crate::keys::kms_key::KmsKey;
use crate::keys::{Recipient, random};

/// Does with each key what `seal` and `open` do, though without a stream, and prints a row for it. Where sealing fails, that
/// is an error after the last row; where only opening does, it is none.
pub fn run(args: cli::Check) -> Result<(), Error> {
    let mut keys: Vec<KmsKey> = Vec::new();
    for key in args.keys {
        // Named twice, it has one row.
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut failed = Vec::new();
    let made = aws_kms::generate_data_keys(&keys, &args.context, 1, &mut |cause| {
        failed.extend(Failed::of_key(cause))
    });
    let recipients = made.or_else(|error| {
        failed = error.all().into_iter().filter_map(Failed::of_key).collect();
        // What fails before any key is asked for, as for want of credentials, is no matter of a key.
        if failed.len() == keys.len() { Ok(Vec::new()) } else { Err(error) }
    })?;
    // They come in the order of the keys, but for those that failed.
    let mut recipients = recipients.into_iter();
    let mut rows = vec![Row::head()];
    let mut not_sealing = Vec::new();
    for key in &keys {
        let name = key.to_string();
        match failed.iter().position(|(key, _)| *key == name) {
            Some(cause) => {
                not_sealing.push(name.clone());
                let (_, Failed { word, why }) = failed.swap_remove(cause);
                rows.push(Row { key: name, seal: word, open: "-", arn: "-".into(), why });
            }
            None => {
                if let Some(recipient) = recipients.next() {
                    rows.push(opened(key, &recipient)?);
                }
            }
        }
    }
    super::print(&table(&rows))?;
    match not_sealing.is_empty() {
        true => Ok(()),
        false => Err(Error::WouldNotSeal { keys: not_sealing }),
    }
}

/// The row of a key that can be sealed under.
fn opened(key: &KmsKey, recipient: &KmsRecipient) -> Result<Row, Error> {
    let stanzas = KmsStanza::parse_all(&[recipient.wrap(&random()?)?])?;
    let arn = stanzas.iter().map(|stanza| stanza.key.to_string()).collect();
    let Failed { word, why } = match aws_kms::unwrap(&Accepted::Keys(vec![key.clone()]), &stanzas, &[]) {
        Ok(_) => Failed { word: WORKS, why: Vec::new() },
        Err(cause) => Failed::of(&cause),
    };
    Ok(Row { key: key.to_string(), seal: WORKS, open: word, arn, why })
}

/// What is said of one key.
struct Row {
    key: String,
    seal: &'static str,
    open: &'static str,
    arn: String,
    /// Lines beneath it.
    why: Vec<String>,
}

const WORKS: &str = "yes";

impl Row {
    fn head() -> Self {
        Self { key: "KEY".into(), seal: "SEAL", open: "OPEN", arn: "ARN".into(), why: Vec::new() }
    }
}

/// Why something does not work.
struct Failed {
    word: &'static str,
    why: Vec<String>,
}

impl Failed {
    fn of(cause: &Error) -> Self {
        let is_denied = match cause {
            Error::Kms(failure) => {
                matches!(&failure.fault, KmsFault::Refused { code, .. } if code == "AccessDeniedException")
            }
            _ => false,
        };
        let why = [Some(cause.message()), cause.hint()].into_iter().flatten().collect();
        Self { word: if is_denied { "denied" } else { "fails" }, why }
    }

    /// With the key as it was named.
    fn of_key(cause: &Error) -> Option<(String, Self)> {
        let Error::Kms(failure) = cause else { return None };
        Some((failure.key.clone(), Self::of(cause)))
    }
}

fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.key.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Row { key, seal, open, arn, why } in rows {
        let _ = writeln!(text, "{key:<width$}  {seal:<6}  {open:<6}  {arn}");
        for line in why {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}
