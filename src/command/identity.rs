//! `envpipe identity`: which keys in KMS may open, in the form that age and rage take.

use crate::cli;
use crate::error::Error;
use crate::keys::aws_kms::{self, Description};
use crate::keys::kms_key::KmsKey;
use crate::keys::plugin_key::Identity;

/// Prints one identity for all of the keys, behind a comment that says what it is. KMS is asked only what a name means that is
/// not the ARN of a key.
pub fn run(args: cli::Identity) -> Result<(), Error> {
    let is_arn = |key: &KmsKey| matches!(key, KmsKey::Arn(_));
    let names: Vec<_> = args.keys.iter().filter(|key| !is_arn(key)).cloned().collect();
    // They come in the order of the names.
    let mut described = aws_kms::describe(&names)?.into_iter().map(Description::into_arn);
    let arns: Vec<_> = args
        .keys
        .into_iter()
        .filter_map(|key| match key {
            KmsKey::Arn(arn) => Some(arn),
            _ => described.next(),
        })
        .collect();
    let text = match arns.is_empty() {
        true => format!("# opened by the KMS keys in ENVPIPE_KEY\n{}\n", Identity::Environment),
        false => {
            let keys: Vec<_> = arns.iter().map(ToString::to_string).collect();
            format!("# opened by KMS keys: {}\n{}\n", keys.join(", "), Identity::Keys(arns))
        }
    };
    super::print(&text)
}
