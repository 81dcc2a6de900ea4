//! AWS KMS: whom it is asked for a key, in which order, and for how long. With the files below it, the only room that is
//! async, and the only one that knows the AWS SDK.
//!
//! The calls themselves are `data_key` for symmetric keys and `shared_secret` for P-256 keys; configuration, credentials
//! and time limits are `session`, errors `fault`. Which key may open which stanza is `kms_key`.

mod data_key;
mod fault;
mod session;
mod shared_secret;

use tokio::task::JoinSet;

pub use data_key::KmsRecipient;
use fault::failure;
use session::Session;
use shared_secret::PublicKey;

use super::kms_key::KmsKey;
use super::p256;
use crate::error::{Error, KmsFault};
use crate::format::context::Context;
use crate::format::file_key::FileKey;
use crate::format::key_arn::KeyArn;
use crate::format::kms_stanza::KmsStanza;
use crate::format::p256tag::P256TagStanza;

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

/// Gives the public halves of P-256 keys, as recipients, in the order of `keys`; an error where one cannot be had.
pub fn recipients(keys: &[KmsKey]) -> Result<Vec<(KeyArn, p256::Recipient)>, Error> {
    let Some(first) = keys.first() else { return Ok(Vec::new()) };
    run(async {
        let session = Session::load(keys).await;
        if let Some(key) = keys.iter().find(|key| session.region(key).is_none()) {
            return Err(failure(shared_secret::PUBLIC_KEY, key, None, KmsFault::NoRegion));
        }
        let session = log_in(session, shared_secret::PUBLIC_KEY, first).await?;
        let mut recipients = Vec::new();
        for (asked, key) in keys.iter().enumerate() {
            let shared = session.share(1, keys.len() - asked);
            let PublicKey { arn, point } = shared_secret::public_key(&shared, key).await?;
            recipients.push((arn, point.into()));
        }
        Ok(recipients)
    })
}

/// What KMS can be asked, to open a stream.
enum Attempt<'a> {
    /// For the data key of a stanza.
    DataKey(&'a KmsKey, &'a KmsStanza),
    /// For the public key, and if its tag is there, for a shared secret.
    SharedSecret(&'a KmsKey),
}

impl<'a> Attempt<'a> {
    fn key(&self) -> &'a KmsKey {
        match self {
            Self::DataKey(key, _) | Self::SharedSecret(key) => key,
        }
    }

    /// The call to begin with, and how many there will be.
    fn calls(&self) -> (&'static str, usize) {
        match self {
            Self::DataKey(..) => (data_key::DECRYPT, 1),
            Self::SharedSecret(_) => (shared_secret::PUBLIC_KEY, 2),
        }
    }
}

/// Unwraps the file key of a stream with the first of the accepted keys for which KMS does its part: for each, it is asked for
/// the data keys of `stanzas`, in their order, then for a secret shared with one of `tagged`. If none does, the error has every
/// cause.
pub fn unwrap(
    accepted: &Accepted,
    stanzas: &[KmsStanza],
    tagged: &[P256TagStanza],
) -> Result<FileKey, Error> {
    let keys = match accepted {
        Accepted::Any if stanzas.is_empty() => return Err(Error::TagNamesNoKey),
        Accepted::Any => stanzas.iter().map(|stanza| KmsKey::Arn(stanza.key.clone())).collect(),
        Accepted::Keys(keys) => keys.clone(),
    };
    run(async {
        let mut session = Session::load(&keys).await;
        let mut causes = Vec::new();
        let mut attempts = Vec::new();
        for key in &keys {
            let Some(region) = session.region(key) else {
                let operation =
                    if stanzas.is_empty() { shared_secret::PUBLIC_KEY } else { data_key::DECRYPT };
                causes.push(failure(operation, key, None, KmsFault::NoRegion));
                continue;
            };
            let may_mean = |stanza: &&KmsStanza| key.may_mean(&stanza.key, &region);
            attempts.extend(stanzas.iter().filter(may_mean).map(|stanza| Attempt::DataKey(key, stanza)));
            // A key that wraps data keys is symmetric.
            if !tagged.is_empty() && !stanzas.iter().any(|stanza| key.names(&stanza.key)) {
                attempts.push(Attempt::SharedSecret(key));
            }
        }
        if let Some(first) = attempts.first() {
            session = log_in(session, first.calls().0, first.key()).await?;
        }
        let mut other_tags = false;
        for (tried, attempt) in attempts.iter().enumerate() {
            let left = attempts[tried..].iter().map(|attempt| attempt.calls().1).sum();
            let shared = session.share(attempt.calls().1, left);
            match attempt {
                Attempt::DataKey(key, stanza) => match data_key::unwrap(&shared, key, stanza).await {
                    Ok(file_key) => return Ok(file_key),
                    Err(cause) => causes.push(cause),
                },
                Attempt::SharedSecret(key) => match shared_secret::unwrap(&shared, key, tagged).await {
                    Ok(Some(file_key)) => return Ok(file_key),
                    Ok(None) => other_tags = true,
                    Err(more) => causes.extend(more),
                },
            }
        }
        // An alias may be tried as a key of both kinds: that it is not of the one is no cause, if there is another.
        let both = !stanzas.is_empty() && !tagged.is_empty();
        if both && (other_tags || causes.iter().any(|cause| !is_of_other_kind(cause))) {
            causes.retain(|cause| !is_of_other_kind(cause));
        }
        if causes.is_empty() {
            return Err(Error::OtherKey {
                keys: stanzas.iter().map(|stanza| stanza.key.to_string()).collect(),
                tagged: !tagged.is_empty(),
                named: keys.iter().map(KmsKey::to_string).collect(),
            });
        }
        if *accepted == Accepted::Any && !tagged.is_empty() {
            causes.push(Error::TagNamesNoKey);
        }
        Err(Error::no_key_worked("no key named opens the stream", causes))
    })
}

fn is_of_other_kind(cause: &Error) -> bool {
    matches!(cause, Error::Kms(failure) if failure.is_of_other_kind())
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
