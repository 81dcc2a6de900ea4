//! `envpipe recipient`: whom to seal to, so that a key in KMS opens.

use crate::cli;
use crate::error::Error;
use crate::format::context::Context;
use crate::keys::aws_kms::{self, Description};
use crate::keys::kms_key::KmsKey;
use crate::keys::plugin_key::Recipient;

/// Prints the recipient of each key behind a comment that says what it is: the text of a recipients file.
pub fn run(args: cli::Recipient) -> Result<(), Error> {
    let keys = aws_kms::describe(&args.keys)?;
    let mut p256 = Vec::new();
    for key in &keys {
        match key {
            Description::Symmetric(_) => {}
            Description::P256(key) if args.context == Context::default() => {
                p256.push(KmsKey::Arn(key.clone()))
            }
            Description::P256(key) => {
                return Err(Error::usage(
                    format!("-c is given, and {key} is a P-256 key, which has no encryption context"),
                    "leave it out, or name a symmetric key",
                ));
            }
        }
    }
    // They come in the order of the keys.
    let mut p256 = aws_kms::recipients(&p256)?.into_iter();
    let lines = keys.into_iter().filter_map(|key| match key {
        Description::Symmetric(key) => {
            let recipient = Recipient { key, context: args.context.clone() };
            Some(format!("# KMS key: {}\n{recipient}\n", recipient.key))
        }
        Description::P256(_) => {
            p256.next().map(|(arn, recipient)| format!("# P-256 key in KMS: {arn}\n{recipient}\n"))
        }
    });
    super::print(&lines.collect::<String>())
}
