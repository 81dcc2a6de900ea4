//! `envpipe recipient`: whom to seal to, so that a key in KMS opens.

use crate::cli;
use crate::error::Error;
use crate::format::context::Context;
use crate::keys::aws_kms::{self, Description};
use crate::keys::kms_key::KmsKey;
use crate::keys::plugin_key::Recipient;

/// Prints the recipient of each key behind a comment that says what it is: the text of a recipients file.
pub fn run(args: cli::Recipient) -> Result<(), Error> {
    let mut text = String::new();
    for key in aws_kms::describe(&args.keys)? {
        text.push_str(&match key {
            Description::Symmetric(key) => {
                let recipient = Recipient { key, context: args.context.clone() };
                format!("# KMS key: {}\n{recipient}\n", recipient.key)
            }
            Description::P256(key) if args.context == Context::default() => p256(KmsKey::Arn(key))?,
            Description::P256(key) => {
                return Err(Error::usage(
                    format!("-c is given, and {key} is a P-256 key, which has no encryption context"),
                    "leave it out, or name a symmetric key",
                ));
            }
        });
    }
    super::print(&text)
}

fn p256(key: KmsKey) -> Result<String, Error> {
    let recipients = aws_kms::recipients(&[key])?;
    let lines = recipients.iter().map(|(arn, recipient)| format!("# P-256 key in KMS: {arn}\n{recipient}\n"));
    Ok(lines.collect())
}
