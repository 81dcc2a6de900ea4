//! What streams are opened with: from what the command line names to the file key of a header.
//!
//! It owns what is tried in which order, and what is said where nothing can be; how a key is unwrapped is `keys`.

use std::sync::{Mutex, PoisonError};

use crate::cli;
use crate::error::Error;
use crate::format::file_key::FileKey;
use crate::format::header::Header;
use crate::format::kms_stanza::KmsStanza;
use crate::format::p256tag::P256TagStanza;
use crate::keys::aws_kms::{Accepted, Unwrapper};
use crate::keys::key_file::AnyIdentity;
use crate::keys::kms_key::KmsKey;
use crate::keys::plugin_key::Identity;
use crate::keys::x25519;

/// All that may open the streams of a run.
pub struct Opener {
    identities: Vec<x25519::Identity>,
    may: cli::Keys,
    /// Asked by one at a time, so that none asks what another is asking.
    kms: Mutex<Unwrapper>,
}

impl Opener {
    /// Reads the files that are named.
    pub fn read(mut may: cli::Keys) -> Result<Self, Error> {
        let mut identities = Vec::new();
        for identity in super::identities(&may.identities)? {
            match (identity, &mut may.accepted) {
                (AnyIdentity::X25519(identity), _) => identities.push(identity),
                (AnyIdentity::Kms(Identity::Keys(arns)), Accepted::Keys(accepted)) => {
                    accepted.extend(arns.into_iter().map(KmsKey::Arn));
                }
                // The keys of the environment are accepted where no others are named.
                (AnyIdentity::Kms(_), _) => {}
            }
        }
        Ok(Self { identities, may, kms: Mutex::default() })
    }

    /// The file key of this header.
    pub fn file_key(&self, header: &Header) -> Result<FileKey, Error> {
        file_key(header, &self.identities, &self.may, |accepted, stanzas, tagged| {
            self.kms.lock().unwrap_or_else(PoisonError::into_inner).unwrap(accepted, stanzas, tagged)
        })
    }
}

/// The file key, from an identity if one fits, which costs nothing; else from `kms`, which is [`Unwrapper::unwrap`].
pub fn file_key(
    header: &Header,
    identities: &[x25519::Identity],
    may: &cli::Keys,
    kms: impl FnOnce(&Accepted, &[KmsStanza], &[P256TagStanza]) -> Result<FileKey, Error>,
) -> Result<FileKey, Error> {
    let mut kms_stanzas = KmsStanza::parse_all(&header.stanzas)?;
    let mut tagged = P256TagStanza::parse_all(&header.stanzas)?;
    let keys = || kms_stanzas.iter().map(|stanza| stanza.key.to_string()).collect();
    let may_use_kms = may.accepted != Accepted::Keys(Vec::new());
    if identities.is_empty() && !may_use_kms {
        return Err(Error::NoKeyNamed { keys: keys(), tagged: !tagged.is_empty() });
    }
    let mut kinds: Vec<_> = header.stanzas.iter().map(|stanza| stanza.kind().to_owned()).collect();
    kinds.sort();
    kinds.dedup();
    let no_key = match identities.is_empty() {
        true => Error::NoKmsStanza { kinds },
        false => Error::NoIdentity { kinds, keys: keys() },
    };
    for wanted in &may.context {
        // Nothing binds a context to a p256tag stanza.
        tagged.clear();
        kms_stanzas.retain(|stanza| wanted.is_met_by(&stanza.context));
        if kms_stanzas.is_empty() {
            return Err(Error::Context { wanted: wanted.to_string() });
        }
    }
    for identity in identities {
        if let Some(file_key) = identity.unwrap(&header.stanzas)? {
            return Ok(file_key);
        }
    }
    match may_use_kms && !(kms_stanzas.is_empty() && tagged.is_empty()) {
        true => kms(&may.accepted, &kms_stanzas, &tagged),
        false => Err(no_key),
    }
}
