//! `envpipe check`: whether the credentials of this host may seal under KMS keys, and open again.

use std::fmt::Write;

use crate::cli;
use crate::error::{Error, KmsFault};
use crate::format::file_key::FileKey;
use crate::format::kms_stanza::KmsStanza;
use crate::format::p256tag::P256TagStanza;
use crate::keys::aws_kms::{self, Accepted, DataKeyRequest, KmsRecipient, Unwrapper};
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
    let request = |key: &KmsKey| DataKeyRequest { key: key.clone(), context: args.context.clone() };
    let requests: Vec<_> = keys.iter().map(request).collect();
    let made = aws_kms::generate_data_keys(&requests, 1, &mut |cause| failed.extend(Failed::of_key(cause)));
    let recipients = made.or_else(|error| {
        failed = error.all().into_iter().filter_map(Failed::of_key).collect();
        // What fails before any key is asked for, as for want of credentials, is no matter of a key.
        if failed.len() == keys.len() { Ok(Vec::new()) } else { Err(error) }
    })?;
    // They come in the order of the keys, but for those that failed.
    let mut recipients = recipients.into_iter();
    let mut rows = vec![Row::head()];
    for key in &keys {
        let name = key.to_string();
        match failed.iter().position(|(key, _)| *key == name) {
            Some(cause) => match failed.swap_remove(cause).1 {
                failed if failed.is_of_other_kind => rows.push(agreed(key)?),
                failed => rows.push(Row::not_sealing(key, failed)),
            },
            None => {
                if let Some(recipient) = recipients.next() {
                    rows.push(opened(key, &recipient)?);
                }
            }
        }
    }
    super::print(&table(&rows))?;
    let not_sealing: Vec<_> = rows.into_iter().skip(1).filter(|row| row.seal != WORKS).collect();
    match not_sealing.is_empty() {
        true => Ok(()),
        false => Err(Error::WouldNotSeal { keys: not_sealing.into_iter().map(|row| row.key).collect() }),
    }
}

/// The row of a symmetric key that can be sealed under.
fn opened(key: &KmsKey, recipient: &KmsRecipient) -> Result<Row, Error> {
    let stanzas = KmsStanza::parse_all(&[recipient.wrap(&random()?)?])?;
    let arn = stanzas.iter().map(|stanza| stanza.key.to_string()).collect();
    Ok(Row::sealing(key, arn, Unwrapper::default().unwrap(&Accepted::Keys(vec![key.clone()]), &stanzas, &[])))
}

/// The row of a key that is not symmetric: if it is a P-256 key for key agreement, everybody can seal to it.
fn agreed(key: &KmsKey) -> Result<Row, Error> {
    let mut recipients = match aws_kms::recipients(std::slice::from_ref(key)) {
        Ok(recipients) => recipients,
        Err(cause) => return Ok(Row::not_sealing(key, Failed::of(&cause))),
    };
    #[expect(clippy::expect_used, reason = "one key has one recipient")]
    let (arn, recipient) = recipients.pop().expect("a recipient");
    let tagged = P256TagStanza::parse_all(&[recipient.wrap(&random()?)?])?;
    let file_key = Unwrapper::default().unwrap(&Accepted::Keys(vec![key.clone()]), &[], &tagged);
    Ok(Row::sealing(key, arn.to_string(), file_key))
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

    fn not_sealing(key: &KmsKey, Failed { word, why, .. }: Failed) -> Self {
        Self { key: key.to_string(), seal: word, open: "-", arn: "-".into(), why }
    }

    /// With what came of opening.
    fn sealing(key: &KmsKey, arn: String, file_key: Result<FileKey, Error>) -> Self {
        let (open, why) = match file_key {
            Ok(_) => (WORKS, Vec::new()),
            Err(cause) => {
                let Failed { word, why, .. } = Failed::of(&cause);
                (word, why)
            }
        };
        Self { key: key.to_string(), seal: WORKS, open, arn, why }
    }
}

/// Why something does not work.
struct Failed {
    word: &'static str,
    why: Vec<String>,
    /// Whether the key is not of the kind that was asked for.
    is_of_other_kind: bool,
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
        let is_of_other_kind = matches!(cause, Error::Kms(failure) if failure.is_of_other_kind());
        Self { word: if is_denied { "denied" } else { "fails" }, why, is_of_other_kind }
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
