//! A run of KMS calls: the configuration, the credentials, and the time that it may take.
//!
//! Region, credentials, endpoint and retries come from the environment and the AWS configuration files, as everywhere in
//! AWS. What is asked of KMS is not known here.

use std::time::{Duration, SystemTime};

use aws_config::meta::region::RegionProviderChain;
use aws_config::{BehaviorVersion, Region, SdkConfig, environment, profile, timeout::TimeoutConfig};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::{ProvideCredentials, SharedCredentialsProvider};
use tokio::time::{Instant, timeout_at};

use super::fault::{failure, no_credentials};
use crate::error::{Error, KmsFault};
use crate::keys::kms_key::KmsKey;

/// Everything between the start and the last answer of KMS for a stream, in seconds.
const LIMIT: u64 = 25;
/// One attempt of a call; the SDK makes three, or as many as AWS_MAX_ATTEMPTS says.
const ATTEMPT_LIMIT: u64 = 6;
/// Making the connection for it.
const CONNECT_LIMIT: u64 = 3;

/// How long credentials have to be good for yet, to be used for more calls.
const SPARE: Duration = Duration::from_secs(60);

/// The AWS configuration, and by when all calls have to be done.
#[derive(Clone)]
pub(super) struct Session {
    config: SdkConfig,
    login: Option<Login>,
    deadline: Instant,
}

/// The credentials in the configuration, which were found.
#[derive(Clone)]
struct Login {
    /// Until when they are good.
    expiry: Option<SystemTime>,
}

impl Session {
    /// The configuration that these keys need; from here on, the time runs.
    pub(super) async fn load(keys: &[KmsKey]) -> Self {
        let deadline = deadline();
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
        Self { config, login: None, deadline }
    }

    /// The same configuration and credentials; the time runs anew.
    pub(super) fn begun_anew(self) -> Self {
        Self { deadline: deadline(), ..self }
    }

    /// Whether its credentials, if it has some, are good for more calls.
    pub(super) fn is_fresh(&self) -> bool {
        let expiry = self.login.as_ref().and_then(|login| login.expiry);
        expiry.is_none_or(|expiry| SystemTime::now() + SPARE < expiry)
    }

    /// Whether it has credentials.
    pub(super) fn is_logged_in(&self) -> bool {
        self.login.is_some()
    }

    /// Finds credentials, once for all calls.
    pub(super) async fn log_in(self) -> Result<Self, KmsFault> {
        let provider = self
            .config
            .credentials_provider()
            .ok_or_else(|| KmsFault::NoCredentials("the AWS configuration allows none".into()))?;
        let credentials = self
            .within_limit(provider.provide_credentials())
            .await
            .map_err(|_| KmsFault::NoCredentials(format!("none were found within {LIMIT} s")))?
            .map_err(|error| KmsFault::NoCredentials(no_credentials(&error)))?;
        let login = Some(Login { expiry: credentials.expiry() });
        let provider = SharedCredentialsProvider::new(credentials);
        let config = self.config.into_builder().credentials_provider(provider).build();
        Ok(Self { config, login, deadline: self.deadline })
    }

    /// The region that a key is looked up in: its ARN's own, else the configured one.
    pub(super) fn region(&self, key: &KmsKey) -> Option<String> {
        key.region().or_else(|| Some(self.config.region()?.as_ref())).map(str::to_owned)
    }

    /// Asks KMS for `operation` with `key`, within the time limit. `call` gives the value of the answer and the key that it
    /// names. With `-v`, what came of it is told.
    pub(super) async fn ask<T, F>(
        &self,
        operation: &'static str,
        key: &KmsKey,
        call: impl FnOnce(Client) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<(T, String), KmsFault>>,
    {
        let start = Instant::now();
        let region = self.region(key);
        let answer = match region.clone().map(Region::new) {
            None => Err(KmsFault::NoRegion),
            Some(region) => {
                let config = aws_sdk_kms::config::Builder::from(&self.config).region(region).build();
                self.within_limit(call(Client::from_conf(config))).await.flatten()
            }
        };
        let took = start.elapsed().as_millis();
        match answer {
            Ok((value, answered)) => {
                let region = region.unwrap_or_default();
                log::info!("kms:{operation} with {key} in {region} took {took} ms, answered for {answered}");
                Ok(value)
            }
            Err(fault) => {
                let error = failure(operation, key, region, fault);
                log::info!("{}, after {took} ms", error.message());
                Err(error)
            }
        }
    }

    /// With the fair share that `calls` have of the time left for `all`, so that a region that is down leaves time for the rest.
    pub(super) fn share(&self, calls: usize, all: usize) -> Self {
        let now = Instant::now();
        let left = self.deadline.saturating_duration_since(now);
        let number = |calls| u32::try_from(calls).unwrap_or(u32::MAX);
        Self { deadline: now + left / number(all) * number(calls), ..self.clone() }
    }

    /// The result of a step, if it comes in time.
    async fn within_limit<T>(&self, step: impl Future<Output = T>) -> Result<T, KmsFault> {
        timeout_at(self.deadline, step).await.map_err(|_| KmsFault::TimedOut)
    }
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(LIMIT)
}
