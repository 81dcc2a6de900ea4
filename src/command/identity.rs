//! `envpipe identity`: which keys in KMS may open, in the form that age and rage take.

use crate::cli;
use crate::error::Error;
use crate::keys::aws_kms::{self, Description};
use crate::keys::kms_key::KmsKey;
use crate::keys::plugin_key::Identity;

/// Prints one identity for all of the keys, behind a comment that says what it is. KMS is asked only what a name means that is
/// not the ARN of a key.
pub fn run(args: cli::Identity) -> Result<(), Error> {
    let mut arns = Vec::new();
    for key in args.keys {
        match key {
            KmsKey::Arn(arn) => arns.push(arn),
            name => {
                arns.extend(aws_kms::describe(&[name])?.into_iter().map(|description| match description {
                    Description::Symmetric(arn) | Description::P256(arn) => arn,
                }))
            }
        }
    }
    let text = match arns.is_empty() {
        true => format!("# opened by the KMS keys in ENVPIPE_KEY\n{}\n", Identity::Environment),
        false => {
            let keys: Vec<_> = arns.iter().map(ToString::to_string).collect();
            format!("# opened by KMS keys: {}\n{}\n", keys.join(", "), Identity::Keys(arns))
        }
    };
    super::print(&text)
}
