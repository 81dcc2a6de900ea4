//! Who can open a stream: each kind of key wraps a file key into a stanza, and unwraps it.
//!
//! It owns the kinds of key and where randomness comes from; the text of stanzas and keys is `format`.

pub mod aws_kms;
pub mod key_file;
pub mod kms_key;
pub mod p256;
pub mod plugin_key;
pub mod x25519;

use crate::error::Error;
use crate::format::file_key::FileKey;
use crate::format::secret::Secret;
use crate::format::stanza::Stanza;

/// Someone that a stream is sealed to.
pub trait Recipient: Send + Sync {
    /// Wraps the file key for this recipient, with fresh randomness each time.
    fn wrap(&self, file_key: &FileKey) -> Result<Stanza, Error>;
}

/// `N` bytes of the operating system's randomness.
pub fn random<const N: usize>() -> Result<Secret<N>, Error> {
    Secret::filled(|bytes| getrandom::fill(bytes)).map_err(Error::Random)
}
