//! AWS KMS: whom it is asked for a key, in which order, and for how long. With the files below it, the only room that is
//! async, and the only one that knows the AWS SDK.
//!
//! The calls themselves are `data_key`; configuration, credentials and time limits are `session`, errors `fault`. Which key
//! may open which stanza is `kms_key`.

mod data_key;
mod fault;
mod session;

use tokio::task::JoinSet;

pub use data_key::KmsRecipient;
use fault::failure;
use session::Session;

use super::kms_key::KmsKey;
use crate::error::{Error, KmsFault};
use crate::format::context::Context;
use crate::format::file_key::FileKey;
use crate::format::kms_stanza::KmsStanza;

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
            return Err(failure(data_key::GENERATE, key, None, KmsFault::NoRegion));
        }
        let region = session.region(first);
        let session =
            session.log_in().await.map_err(|fault| failure(data_key::GENERATE, first, region, fault))?;
        let mut calls = JoinSet::new();
        for (i, key) in keys.iter().cloned().enumerate() {
            let (session, context) = (session.clone(), context.clone());
            calls.spawn(async move { (i, data_key::generate(&session, key, context).await) });
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
                causes.push(failure(data_key::DECRYPT, key, None, KmsFault::NoRegion));
                continue;
            };
            let may_mean = |stanza: &&KmsStanza| key.may_mean(&stanza.key, &region);
            calls.extend(stanzas.iter().filter(may_mean).map(|stanza| (key, stanza)));
        }
        if let Some((key, _)) = calls.first() {
            let region = session.region(key);
            session =
                session.log_in().await.map_err(|fault| failure(data_key::DECRYPT, key, region, fault))?;
        }
        for (tried, (key, stanza)) in calls.iter().enumerate() {
            let shared = session.share(calls.len() - tried);
            match data_key::unwrap(&shared, key, stanza).await {
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
