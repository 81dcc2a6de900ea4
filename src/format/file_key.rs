//! The file key: the 16 bytes that every recipient's stanza wraps and that everything in one stream hangs on.
//!
//! It owns the wrapping of a file key under a wrap key, the same for every kind of recipient; not how a recipient comes
//! by its wrap key (`keys`).

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};

use super::secret::Secret;

/// Length of a file key in bytes.
pub const FILE_KEY_LEN: usize = 16;

/// Length of a wrapped file key in bytes: the file key and a tag.
pub const WRAPPED_FILE_KEY_LEN: usize = FILE_KEY_LEN + 16;

/// Random and fresh for every stream.
pub type FileKey = Secret<FILE_KEY_LEN>;

/// The nonce of a wrap key that encrypts one file key once (age.md, «X25519 recipient stanza»).
pub const ZERO_NONCE: [u8; 12] = [0; 12];

/// Encrypts the file key with ChaCha20-Poly1305 under a wrap key that is used for nothing else.
pub fn wrap(file_key: &FileKey, wrap_key: &Secret<32>, nonce: &[u8; 12]) -> [u8; WRAPPED_FILE_KEY_LEN] {
    let mut wrapped = [0; WRAPPED_FILE_KEY_LEN];
    let (body, tag) = wrapped.split_at_mut(FILE_KEY_LEN);
    body.copy_from_slice(file_key.expose());
    #[expect(clippy::expect_used, reason = "only plaintexts of 256 GiB and more fail")]
    let computed = cipher(wrap_key)
        .encrypt_inout_detached(&Nonce::from(*nonce), &[], (&mut *body).into())
        .expect("16 bytes can be encrypted");
    tag.copy_from_slice(&computed);
    wrapped
}

/// Decrypts a wrapped file key; `None` where it was not wrapped under this key. The exact length is part of the type:
/// a body of any other length must be refused before this, lest it be split into several guesses (age.md).
pub fn unwrap(
    wrapped: &[u8; WRAPPED_FILE_KEY_LEN],
    wrap_key: &Secret<32>,
    nonce: &[u8; 12],
) -> Option<FileKey> {
    let (body, tag) = wrapped.split_at(FILE_KEY_LEN);
    let tag = chacha20poly1305::Tag::try_from(tag).ok()?;
    FileKey::filled(|key| {
        key.copy_from_slice(body);
        cipher(wrap_key).decrypt_inout_detached(&Nonce::from(*nonce), &[], key.as_mut_slice().into(), &tag)
    })
    .ok()
}

fn cipher(wrap_key: &Secret<32>) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(<&Key>::from(wrap_key.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwrap_gives_back_what_wrap_took_and_nothing_else() {
        let file_key = FileKey::from_slice(b"YELLOW SUBMARINE").unwrap();
        let wrap_key = Secret::from_slice(&[1; 32]).unwrap();
        let wrapped = wrap(&file_key, &wrap_key, &ZERO_NONCE);
        assert!(unwrap(&wrapped, &wrap_key, &ZERO_NONCE).is_some_and(|k| k.expose() == b"YELLOW SUBMARINE"));
        assert!(unwrap(&wrapped, &Secret::from_slice(&[2; 32]).unwrap(), &ZERO_NONCE).is_none());
        assert!(unwrap(&wrapped, &wrap_key, &[1; 12]).is_none());
        for i in 0..wrapped.len() {
            let mut altered = wrapped;
            altered[i] ^= 1;
            assert!(unwrap(&altered, &wrap_key, &ZERO_NONCE).is_none(), "byte {i}");
        }
    }
}
