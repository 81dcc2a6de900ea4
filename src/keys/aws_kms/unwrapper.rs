//! What KMS is asked, and in which order, to open streams; and what it has answered, so that a run asks nothing twice.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, VacantEntry};

use super::data_key;
use super::fault::failure;
use super::session::Session;
use super::shared_secret::{self, PublicKey};
use super::{Accepted, log_in, run};
use crate::error::{Error, KmsFault};
use crate::format::context::Context;
use crate::format::file_key::FileKey;
use crate::format::key_arn::KeyArn;
use crate::format::kms_stanza::{DataKey, KmsStanza};
use crate::format::p256tag::P256TagStanza;
use crate::keys::kms_key::KmsKey;

/// Most data keys that are remembered, lest a long run take all memory; then KMS is asked anew.
const MOST_REMEMBERED: usize = 4096;

/// What opens the streams of a run.
#[derive(Default)]
pub struct Unwrapper {
    session: Option<Session>,
    data_keys: HashMap<Wrapped, Result<DataKey, Refused>>,
    public_keys: HashMap<KmsKey, Result<PublicKey, Refused>>,
}

/// What is remembered of a call that KMS has refused for good.
struct Refused {
    of_other_kind: bool,
}

/// A data key as KMS wrapped it, the key that KMS is told it is under, and all that the stanza says of it.
#[derive(PartialEq, Eq, Hash)]
struct Wrapped {
    named: KmsKey,
    key: KeyArn,
    context: Context,
    blob: Vec<u8>,
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

impl Unwrapper {
    /// Unwraps the file key of a stream with the first of the accepted keys for which KMS does its part: for each, it is asked
    /// for the data keys of `stanzas`, in their order, then for a secret shared with one of `tagged`. If none does, the error
    /// has every cause. What KMS has answered for an earlier stream, it is not asked again.
    pub fn unwrap(
        &mut self,
        accepted: &Accepted,
        stanzas: &[KmsStanza],
        tagged: &[P256TagStanza],
    ) -> Result<FileKey, Error> {
        let keys = match accepted {
            Accepted::Any if stanzas.is_empty() => return Err(Error::TagNamesNoKey),
            Accepted::Any => stanzas.iter().map(|stanza| KmsKey::Arn(stanza.key.clone())).collect(),
            Accepted::Keys(keys) => keys.clone(),
        };
        let Unsuccessful { mut causes, other_tags } = match run(self.try_all(&keys, stanzas, tagged))? {
            Ok(file_key) => return Ok(file_key),
            Err(unsuccessful) => unsuccessful,
        };
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
    }

    /// What came of `keys`, tried in their order; an error where there are no credentials to try them with.
    async fn try_all(
        &mut self,
        keys: &[KmsKey],
        stanzas: &[KmsStanza],
        tagged: &[P256TagStanza],
    ) -> Result<Result<FileKey, Unsuccessful>, Error> {
        let mut session = match self.session.take().filter(Session::is_fresh) {
            Some(session) => session.begun_anew(),
            None => Session::load(keys).await,
        };
        let mut causes = Vec::new();
        let mut attempts = Vec::new();
        for key in keys {
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
        let mut other_tags = false;
        let mut opened = None;
        for (tried, attempt) in attempts.iter().enumerate() {
            if !session.is_logged_in() && !self.needs_no_call(attempt) {
                session = log_in(session, attempt.calls().0, attempt.key()).await?;
            }
            let left = attempts[tried..].iter().map(|attempt| attempt.calls().1).sum();
            let shared = session.share(attempt.calls().1, left);
            let result = match attempt {
                Attempt::DataKey(key, stanza) => self.by_data_key(&shared, key, stanza).await.map(Some),
                Attempt::SharedSecret(key) => self.by_shared_secret(&shared, key, tagged).await,
            };
            match result {
                Ok(Some(file_key)) => {
                    opened = Some(file_key);
                    break;
                }
                Ok(None) => other_tags = true,
                Err(more) => causes.extend(more),
            }
        }
        self.session = Some(session);
        Ok(opened.ok_or(Unsuccessful { causes, other_tags }))
    }

    fn needs_no_call(&self, attempt: &Attempt) -> bool {
        match attempt {
            Attempt::DataKey(key, stanza) => self.data_keys.contains_key(&Wrapped::in_stanza(key, stanza)),
            Attempt::SharedSecret(key) => matches!(self.public_keys.get(key), Some(Err(_))),
        }
    }

    /// Unwraps the file key with the data key, for which KMS is asked unless it was before.
    async fn by_data_key(
        &mut self,
        session: &Session,
        key: &KmsKey,
        stanza: &KmsStanza,
    ) -> Result<FileKey, Vec<Error>> {
        if self.data_keys.len() >= MOST_REMEMBERED {
            self.data_keys.clear();
        }
        let data_key = match self.data_keys.entry(Wrapped::in_stanza(key, stanza)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => remember(unknown, data_key::decrypt(session, key, stanza).await)?,
        };
        let data_key = data_key.as_ref().map_err(|refused| refused.again(data_key::DECRYPT, session, key))?;
        let not_authentic =
            || vec![Error::FileKeyNotAuthentic { key: stanza.key.to_string(), given: "data key" }];
        stanza.unwrap(data_key).ok_or_else(not_authentic)
    }

    /// Opens the file key with the first of those stanzas whose tags fit `key`. None where no tag fits; an error has every
    /// cause.
    async fn by_shared_secret(
        &mut self,
        session: &Session,
        key: &KmsKey,
        tagged: &[P256TagStanza],
    ) -> Result<Option<FileKey>, Vec<Error>> {
        let public = match self.public_keys.entry(key.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                remember(unknown, shared_secret::public_key(&session.share(1, 2), key).await)?
            }
        };
        let public =
            public.as_ref().map_err(|refused| refused.again(shared_secret::PUBLIC_KEY, session, key))?;
        shared_secret::unwrap(session, key, public, tagged).await
    }
}

/// What came of all attempts where none gave the file key.
struct Unsuccessful {
    causes: Vec<Error>,
    /// Whether there was a key whose tag no stanza has.
    other_tags: bool,
}

impl Wrapped {
    fn in_stanza(named: &KmsKey, stanza: &KmsStanza) -> Self {
        let KmsStanza { key, context, blob, .. } = stanza.clone();
        Self { named: named.clone(), key, context, blob }
    }
}

/// Remembers an answer; of an error, only that KMS has refused for good.
fn remember<'a, K, V>(
    place: VacantEntry<'a, K, Result<V, Refused>>,
    answer: Result<V, Error>,
) -> Result<&'a mut Result<V, Refused>, Vec<Error>> {
    match answer {
        Ok(value) => Ok(place.insert(Ok(value))),
        Err(cause) => {
            if matches!(&cause, Error::Kms(failure) if failure.is_final()) {
                place.insert(Err(Refused { of_other_kind: is_of_other_kind(&cause) }));
            }
            Err(vec![cause])
        }
    }
}

impl Refused {
    /// The error of the same call, which is not made again.
    fn again(&self, operation: &'static str, session: &Session, key: &KmsKey) -> Vec<Error> {
        let fault = KmsFault::RefusedBefore { of_other_kind: self.of_other_kind };
        vec![failure(operation, key, session.region(key), fault)]
    }
}

fn is_of_other_kind(cause: &Error) -> bool {
    matches!(cause, Error::Kms(failure) if failure.is_of_other_kind())
}
