//! What goes wrong between envpipe and KMS, in terms of [`KmsFault`].
//!
//! It reads the SDK's errors; the words for the user are `error`.

use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::operation::RequestId;

use crate::error::{Error, KmsFailure, KmsFault};
use crate::format::key_arn::KeyArn;
use crate::keys::kms_key::KmsKey;

const NOT_KMS: &str = "it is not in the form of KMS";

/// The KeyId of an answer, which is always an ARN.
pub(super) fn key_arn(answer: Option<String>) -> Result<KeyArn, KmsFault> {
    answer.unwrap_or_default().parse().map_err(|()| KmsFault::Answer("its KeyId is not the ARN of a key"))
}

/// A call that failed for a key.
pub(super) fn failure(
    operation: &'static str,
    key: &KmsKey,
    region: Option<String>,
    fault: KmsFault,
) -> Error {
    Error::Kms(Box::new(KmsFailure { operation, key: key.to_string(), region, fault }))
}

/// What an error of the SDK means.
pub(super) fn fault<E>(error: SdkError<E, HttpResponse>) -> KmsFault
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match &error {
        SdkError::ServiceError(answer) if answer.raw().status().is_success() => KmsFault::Answer(NOT_KMS),
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            KmsFault::Refused {
                code: error.code().map_or_else(|| format!("HTTP status {status}"), str::to_owned),
                message: error.message().map(str::to_owned),
                request_id: error.request_id().map(str::to_owned),
            }
        }
        SdkError::ResponseError(_) => KmsFault::Answer(NOT_KMS),
        SdkError::TimeoutError(_) => KmsFault::TimedOut,
        _ => {
            // The two innermost levels say it; those around them are the SDK's own.
            let levels = levels(&error);
            KmsFault::Unreachable(levels[levels.len().saturating_sub(2)..].join(": "))
        }
    }
}

/// What the credential chain says, in one line: of its providers, those that were configured but failed.
pub(super) fn no_credentials(error: &dyn std::error::Error) -> String {
    let text = levels(error).join(": ");
    let faults: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.contains("was not enabled")).collect();
    match faults.is_empty() {
        true => "none in environment, profile, web identity, container and instance metadata".into(),
        false => faults.join("; "),
    }
}

/// The texts of an error and of its causes, outermost first, without those that their parent repeats.
fn levels(error: &dyn std::error::Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut level = error.source();
    while let Some(cause) = level {
        let text = cause.to_string();
        if !texts.iter().any(|outer| outer.contains(&text)) {
            texts.push(text);
        }
        level = cause.source();
    }
    texts
}
