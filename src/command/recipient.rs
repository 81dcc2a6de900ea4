//! `envpipe recipient`: whom to seal to, so that a key in KMS opens.

use crate::cli;
use crate::error::Error;
use crate::keys::aws_kms;

/// Prints the recipient of each key behind a comment that says what it is: the text of a recipients file.
pub fn run(args: cli::Recipient) -> Result<(), Error> {
    let recipients = aws_kms::recipients(&args.keys)?;
    let lines = recipients.iter().map(|(arn, recipient)| format!("# P-256 key in KMS: {arn}\n{recipient}\n"));
    super::print(&lines.collect::<String>())
}
