//! AWS KMS: whom it is asked for a key. With the files below it, the only room that is async, and the only one that knows the
//! AWS SDK.
//!
//! What is asked to open, and in which order, is `unwrapper`. The calls themselves are `data_key` for symmetric keys,
//! `shared_secret` for P-256 keys, and `description` for both; configuration, credentials and time limits are `session`, errors `fault`. Which key may
//! open which stanza is `kms_key`.

mod data_key;
mod description;
mod fault;
mod session;
mod shared_secret;
mod unwrapper;

use tokio::task::JoinSet;

pub use data_key::KmsRecipient;
pub use description::Description;
use fault::failure;
use session::Session;
use shared_secret::PublicKey;
pub use unwrapper::Unwrapper;

use super::kms_key::KmsKey;
use super::{p256, plugin_key};
use crate::error::{Error, KmsFault};
use crate::format::context::Context;
use crate::format::key_arn::KeyArn;

/// The keys that `open` may use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Accepted {
    /// Whichever key the header names.
    Any,
    /// These, in this order.
    Keys(Vec<KmsKey>),
}

/// What KMS is asked for to seal: a data key under this key, bound to this encryption context.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataKeyRequest {
    /// The key.
    pub key: KmsKey,
    /// The encryption context.
    pub context: Context,
}

impl From<plugin_key::Recipient> for DataKeyRequest {
    fn from(plugin_key::Recipient { key, context }: plugin_key::Recipient) -> Self {
        Self { key: KmsKey::Arn(key), context }
    }
}

/// Has KMS make the data keys of `requests`, all at once; they come in the same order. If fewer than `at_least` can be had,
/// the error has the causes of each that failed; else each of those goes to `left_out`.
pub fn generate_data_keys(
    requests: &[DataKeyRequest],
    at_least: usize,
    left_out: &mut dyn FnMut(&Error),
) -> Result<Vec<KmsRecipient>, Error> {
    let keys: Vec<_> = requests.iter().map(|request| request.key.clone()).collect();
    let Some(first) = keys.first() else { return Ok(Vec::new()) };
    run(async {
        let session = Session::load(&keys).await;
        // Without a region, credentials would be looked for in vain.
        let nowhere = keys.iter().filter(|key| session.region(key).is_none());
        if let (Some(key), true) = (nowhere.clone().next(), keys.len() - nowhere.count() < at_least) {
            return Err(failure(data_key::GENERATE, key, None, KmsFault::NoRegion));
        }
        let session = log_in(session, data_key::GENERATE, first).await?;
        let mut calls = JoinSet::new();
        for (i, request) in requests.iter().cloned().enumerate() {
            let session = session.clone();
            calls.spawn(async move { (i, data_key::generate(&session, request).await) });
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

/// Says what each of `keys` is, in their order; an error where one cannot be had.
pub fn describe(keys: &[KmsKey]) -> Result<Vec<Description>, Error> {
    in_turn(keys, description::DESCRIBE, async |session, key| description::describe(session, key).await)
}

/// Gives the public halves of P-256 keys, as recipients, in the order of `keys`; an error where one cannot be had.
pub fn recipients(keys: &[KmsKey]) -> Result<Vec<(KeyArn, p256::Recipient)>, Error> {
    in_turn(keys, shared_secret::PUBLIC_KEY, async |session, key| {
        let PublicKey { arn, point } = shared_secret::public_key(session, key).await?;
        Ok((arn, point.into()))
    })
}

/// What `ask`, which makes one call to `operation`, gives for each of `keys`, one after the other; an error ends it.
fn in_turn<T>(
    keys: &[KmsKey],
    operation: &'static str,
    ask: impl AsyncFn(&Session, &KmsKey) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let Some(first) = keys.first() else { return Ok(Vec::new()) };
    run(async {
        let session = Session::load(keys).await;
        if let Some(key) = keys.iter().find(|key| session.region(key).is_none()) {
            return Err(failure(operation, key, None, KmsFault::NoRegion));
        }
        let session = log_in(session, operation, first).await?;
        let mut answers = Vec::new();
        for (asked, key) in keys.iter().enumerate() {
            answers.push(ask(&session.share(1, keys.len() - asked), key).await?);
        }
        Ok(answers)
    })
}

/// Finds credentials; if there are none, `operation` with `key` fails.
async fn log_in(session: Session, operation: &'static str, key: &KmsKey) -> Result<Session, Error> {
    let region = session.region(key);
    session.log_in().await.map_err(|fault| failure(operation, key, region, fault))
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
