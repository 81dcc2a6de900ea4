//! AWS KMS: data keys made and unwrapped. The only file that is async, and the only one that knows the AWS SDK.
//!
//! It owns the calls, their time limits and their errors. Which key may open which stanza is `kms_key`; what a data key is
//! good for is `format::kms_stanza`. Region, credentials, endpoint and retries come from the environment and the AWS
//! configuration files, as everywhere in AWS.

use std::collections::HashMap;
use std::time::Duration;

use aws_config::meta::region::RegionProviderChain;
use aws_config::{BehaviorVersion, Region, SdkConfig, environment, profile, timeout::TimeoutConfig};
use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::operation::RequestId;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::kms_key::KmsKey;
use super::{Recipient, random};
use crate::error::{Error, KmsFailure, KmsFault};
use crate::format::context::Context;
use crate::format::file_key::FileKey;
use crate::format::key_arn::KeyArn;
use crate::format::kms_stanza::{DataKey, KmsStanza, MAX_BLOB_LEN};
use crate::format::stanza::Stanza;

/// Everything between the start and the last answer of KMS, in seconds.
const LIMIT: u64 = 25;
/// One attempt of a call; the SDK makes three, or as many as AWS_MAX_ATTEMPTS says.
const ATTEMPT_LIMIT: u64 = 6;
/// Making the connection for it.
const CONNECT_LIMIT: u64 = 3;

const NOT_KMS: &str = "it is not in the form of KMS";

const GENERATE: &str = "GenerateDataKey";
const DECRYPT: &str = "Decrypt";

/// A data key of this run, to wrap the file keys of its streams with.
pub struct KmsRecipient {
    data_key: DataKey,
    key: KeyArn,
    context: Context,
    blob: Vec<u8>,
}

impl Recipient for KmsRecipient {
    fn wrap(&self, file_key: &FileKey) -> Result<Stanza, Error> {
        let salt = *random()?.expose();
        let Self { data_key, key, context, blob } = self;
        Ok(KmsStanza::wrap(file_key, data_key, salt, key.clone(), context.clone(), blob.clone()).encode())
    }
}

/// The keys that `open` may use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Accepted {
    /// Whichever key the header names.
    Any,
    /// These, in this order.
    Keys(Vec<KmsKey>),
}

/// Has KMS make a data key under each of `keys`, all at once; they come in the same order. If fewer than `at_least` can be
/// had, the error has the causes of each that failed; else each of those goes to `left_out`.
pub fn generate_data_keys(
    keys: &[KmsKey],
    context: &Context,
    at_least: usize,
    left_out: &mut dyn FnMut(&Error),
) -> Result<Vec<KmsRecipient>, Error> {
    let Some(first) = keys.first() else { return Ok(Vec::new()) };
    run(async {
        let session = Session::load(keys).await;
        // Without a region, credentials would be looked for in vain.
        let nowhere = keys.iter().filter(|key| session.region(key).is_none());
        if let (Some(key), true) = (nowhere.clone().next(), keys.len() - nowhere.count() < at_least) {
            return Err(failure(GENERATE, key, None, KmsFault::NoRegion));
        }
        let region = session.region(first);
        let session = session.log_in().await.map_err(|fault| failure(GENERATE, first, region, fault))?;
        let mut calls = JoinSet::new();
        for (i, key) in keys.iter().cloned().enumerate() {
            let (session, context) = (session.clone(), context.clone());
            calls.spawn(async move { (i, session.generate_data_key(key, context).await) });
        }
        let mut answers = calls.join_all().await;
        answers.sort_by_key(|(i, _)| *i);
        let (mut recipients, mut causes) = (Vec::new(), Vec::new());
        for (_, answer) in answers {
            match answer {
                Ok(recipient) => recipients.push(recipient),
                Err(cause) => causes.push(cause),
            }
        }
        if recipients.len() < at_least {
            return Err(Error::no_key_worked("not every key that is needed can be sealed under", causes));
        }
        causes.iter().for_each(left_out);
        Ok(recipients)
    })
}

/// Unwraps the file key of a stream with the first of the accepted keys, and for each the first of the stanzas, for which
/// KMS gives the data key. If none does, the error has every cause.
pub fn unwrap(accepted: &Accepted, stanzas: &[KmsStanza]) -> Result<FileKey, Error> {
    let keys = match accepted {
        Accepted::Any => stanzas.iter().map(|stanza| KmsKey::Arn(stanza.key.clone())).collect(),
        Accepted::Keys(keys) => keys.clone(),
    };
    run(async {
        let mut session = Session::load(&keys).await;
        let mut causes = Vec::new();
        let mut calls = Vec::new();
        for key in &keys {
            let Some(region) = session.region(key) else {
                causes.push(failure(DECRYPT, key, None, KmsFault::NoRegion));
                continue;
            };
            let may_mean = |stanza: &&KmsStanza| key.may_mean(&stanza.key, &region);
            calls.extend(stanzas.iter().filter(may_mean).map(|stanza| (key, stanza)));
        }
        if let Some((key, _)) = calls.first() {
            let region = session.region(key);
            session = session.log_in().await.map_err(|fault| failure(DECRYPT, key, region, fault))?;
        }
        for (tried, (key, stanza)) in calls.iter().enumerate() {
            let shared = session.share(calls.len() - tried);
            match shared.unwrap(key, stanza).await {
                Ok(file_key) => return Ok(file_key),
                Err(cause) => causes.push(cause),
            }
        }
        Err(match causes.is_empty() {
            true => Error::OtherKey {
                keys: stanzas.iter().map(|stanza| stanza.key.to_string()).collect(),
                named: keys.iter().map(KmsKey::to_string).collect(),
            },
            false => Error::no_key_worked("no key named opens the stream", causes),
        })
    })
}

/// Runs KMS calls to their end on a runtime of their own.
fn run<T>(calls: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Io { verb: "start", what: "the runtime for KMS calls".into(), source })?;
    let result = runtime.block_on(calls);
    // A name server that does not answer would hold up the runtime's end.
    runtime.shutdown_background();
    result
}

/// The AWS configuration, and by when all calls have to be done.
#[derive(Clone)]
struct Session {
    config: SdkConfig,
    deadline: Instant,
}

impl Session {
    async fn load(keys: &[KmsKey]) -> Self {
        let deadline = Instant::now() + Duration::from_secs(LIMIT);
        // The instance metadata service is asked for a region only where nothing else has one: without it, it is slow.
        let configured =
            RegionProviderChain::first_try(environment::EnvironmentVariableRegionProvider::new())
                .or_else(profile::ProfileFileRegionProvider::new());
        let all_named = keys.iter().all(|key| key.region().is_some());
        let region = match keys.iter().find_map(KmsKey::region) {
            Some(region) if all_named => configured.or_else(Region::new(region.to_owned())),
            _ => configured.or_else(aws_config::imds::region::ImdsRegionProvider::builder().build()),
        };
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(CONNECT_LIMIT))
            .operation_attempt_timeout(Duration::from_secs(ATTEMPT_LIMIT))
            .build();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(region)
            .timeout_config(timeouts)
            .load()
            .await;
        Self { config, deadline }
    }

    /// Finds credentials, once for all calls.
    async fn log_in(self) -> Result<Self, KmsFault> {
        let provider = self
            .config
            .credentials_provider()
            .ok_or_else(|| KmsFault::NoCredentials("the AWS configuration allows none".into()))?;
        let credentials = self
            .within_limit(provider.provide_credentials())
            .await
            .map_err(|_| KmsFault::NoCredentials(format!("none were found within {LIMIT} s")))?
            .map_err(|error| KmsFault::NoCredentials(no_credentials(&error)))?;
        let provider = SharedCredentialsProvider::new(credentials);
        let config = self.config.into_builder().credentials_provider(provider).build();
        Ok(Self { config, deadline: self.deadline })
    }

    /// The region that a key is looked up in: its ARN's own, else the configured one.
    fn region(&self, key: &KmsKey) -> Option<String> {
        key.region().or_else(|| Some(self.config.region()?.as_ref())).map(str::to_owned)
    }

    async fn generate_data_key(&self, key: KmsKey, context: Context) -> Result<KmsRecipient, Error> {
        let region = self.region(&key);
        let call = async {
            let answer = self
                .within_limit(
                    self.client(region.as_deref())?
                        .generate_data_key()
                        .key_id(key.to_string())
                        .key_spec(DataKeySpec::Aes256)
                        .set_encryption_context(Some(encryption_context(&context)))
                        .send(),
                )
                .await?
                .map_err(fault)?;
            let arn = key_arn(answer.key_id)?;
            if !key.is_answered_by(&arn, &arn) {
                return Err(KmsFault::Answer("it is under another key than the one named"));
            }
            let blob = answer.ciphertext_blob.map(Blob::into_inner).unwrap_or_default();
            if !(1..=MAX_BLOB_LEN).contains(&blob.len()) {
                return Err(KmsFault::Answer("the wrapped data key has not 1 to 6144 bytes"));
            }
            Ok((data_key(answer.plaintext)?, arn, blob))
        };
        match call.await {
            Ok((data_key, arn, blob)) => Ok(KmsRecipient { data_key, key: arn, context, blob }),
            Err(fault) => Err(failure(GENERATE, &key, region, fault)),
        }
    }

    async fn unwrap(&self, key: &KmsKey, stanza: &KmsStanza) -> Result<FileKey, Error> {
        let region = self.region(key);
        let call = async {
            let answer = self
                .within_limit(
                    self.client(region.as_deref())?
                        .decrypt()
                        .key_id(key.to_string())
                        .ciphertext_blob(Blob::new(stanza.blob.clone()))
                        .set_encryption_context(Some(encryption_context(&stanza.context)))
                        .send(),
                )
                .await?
                .map_err(fault)?;
            if !key.is_answered_by(&key_arn(answer.key_id)?, &stanza.key) {
                return Err(KmsFault::Answer("it is under another key than the one named"));
            }
            data_key(answer.plaintext)
        };
        let data_key = call.await.map_err(|fault| failure(DECRYPT, key, region, fault))?;
        stanza.unwrap(&data_key).ok_or_else(|| Error::FileKeyNotAuthentic { key: stanza.key.to_string() })
    }

    fn client(&self, region: Option<&str>) -> Result<aws_sdk_kms::Client, KmsFault> {
        let region = Region::new(region.ok_or(KmsFault::NoRegion)?.to_owned());
        let config = aws_sdk_kms::config::Builder::from(&self.config).region(region).build();
        Ok(aws_sdk_kms::Client::from_conf(config))
    }

    /// With a fair share of the time that is left for this many calls, so that a region that is down leaves time for the rest.
    fn share(&self, calls: usize) -> Self {
        let now = Instant::now();
        let left = self.deadline.saturating_duration_since(now);
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        Self { config: self.config.clone(), deadline: now + left / calls }
    }

    async fn within_limit<T>(&self, step: impl Future<Output = T>) -> Result<T, KmsFault> {
        timeout_at(self.deadline, step).await.map_err(|_| KmsFault::TimedOut)
    }
}

fn encryption_context(context: &Context) -> HashMap<String, String> {
    context.for_kms().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn key_arn(answer: Option<String>) -> Result<KeyArn, KmsFault> {
    answer.unwrap_or_default().parse().map_err(|()| KmsFault::Answer("its KeyId is not the ARN of a key"))
}

fn data_key(answer: Option<Blob>) -> Result<DataKey, KmsFault> {
    let bytes = Zeroizing::new(answer.map(Blob::into_inner).unwrap_or_default());
    DataKey::from_slice(&bytes).ok_or(KmsFault::Answer("the data key has not 32 bytes"))
}

fn failure(operation: &'static str, key: &KmsKey, region: Option<String>, fault: KmsFault) -> Error {
    Error::Kms(Box::new(KmsFailure { operation, key: key.to_string(), region, fault }))
}

fn fault<E>(error: SdkError<E, HttpResponse>) -> KmsFault
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
fn no_credentials(error: &dyn std::error::Error) -> String {
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
