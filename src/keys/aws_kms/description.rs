//! What a key is: DescribeKey.

use aws_sdk_kms::Client;
use aws_sdk_kms::types::{KeySpec, KeyUsageType};

use super::fault::{fault, key_arn};
use super::session::Session;
use crate::error::{Error, KmsFault};
use crate::format::key_arn::KeyArn;
use crate::keys::kms_key::KmsKey;

pub(super) const DESCRIBE: &str = "DescribeKey";

/// What a key is, and its ARN.
pub enum Description {
    /// For data keys.
    Symmetric(KeyArn),
    /// A P-256 key for key agreement.
    P256(KeyArn),
}

impl Description {
    /// The key's ARN.
    pub fn into_arn(self) -> KeyArn {
        match self {
            Self::Symmetric(arn) | Self::P256(arn) => arn,
        }
    }
}

/// Has KMS say what `key` is; one that is of no use here is an error.
pub(super) async fn describe(session: &Session, key: &KmsKey) -> Result<Description, Error> {
    let ask = async |client: Client| {
        let answer = client.describe_key().key_id(key.to_string()).send().await.map_err(fault)?;
        let metadata = answer.key_metadata.ok_or(KmsFault::Answer("it does not say what the key is"))?;
        let arn = key_arn(metadata.arn)?;
        if !key.is_answered_by(&arn, &arn) {
            return Err(KmsFault::Answer("it is of another key than the one named"));
        }
        let answered = arn.to_string();
        let description = match (metadata.key_spec, metadata.key_usage) {
            (Some(KeySpec::SymmetricDefault), Some(KeyUsageType::EncryptDecrypt)) => {
                Description::Symmetric(arn)
            }
            (Some(KeySpec::EccNistP256), Some(KeyUsageType::KeyAgreement)) => Description::P256(arn),
            (Some(spec), Some(usage)) => return Err(KmsFault::OtherKind(format!("{spec} for {usage}"))),
            _ => return Err(KmsFault::Answer("it does not say what the key is for")),
        };
        Ok((description, answered))
    };
    session.ask(DESCRIBE, key, ask).await
}
