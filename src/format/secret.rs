//! Bytes that must not be seen, and the derivation of one secret from another.
//!
//! It owns how secrets live in memory; not where they come from (`keys`), nor what they open.

use aws_lc_rs::hkdf;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret of `N` bytes: wiped when dropped, and without `Debug`, `Display` or `Clone`, so that it can neither be
/// printed nor copied by accident. It has a place of its own, for what moves leaves its bytes behind on the stack.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// A secret that `fill` writes in place, so that no copy of it stays behind on the stack.
    pub fn filled<E>(fill: impl FnOnce(&mut [u8; N]) -> Result<(), E>) -> Result<Self, E> {
        let mut secret = Self(Box::new([0; N]));
        fill(&mut secret.0)?;
        Ok(secret)
    }

    /// A copy of `bytes`, or `None` where they are not `N` long.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self(Box::new([0; N]));
        (bytes.len() == N).then(|| secret.0.copy_from_slice(bytes))?;
        Some(secret)
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

/// HKDF-SHA-256 (RFC 5869) to 32 bytes; an empty `salt` is RFC 5869's default.
pub fn hkdf_sha256(ikm: &[u8], salt: &[u8], info: &[u8]) -> Secret<32> {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(ikm);
    let info = [info];
    #[expect(clippy::expect_used, reason = "HKDF-SHA-256 yields up to 8160 bytes; 32 always fit")]
    Secret::filled(|out| prk.expand(&info, hkdf::HKDF_SHA256)?.fill(out)).expect("32 bytes fit HKDF")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_takes_only_its_own_length() {
        assert!(Secret::<4>::from_slice(&[1, 2, 3, 4]).is_some_and(|s| s.expose() == &[1, 2, 3, 4]));
        assert!(Secret::<4>::from_slice(&[1, 2, 3]).is_none());
        assert!(Secret::<4>::from_slice(&[1, 2, 3, 4, 5]).is_none());
    }

    #[test]
    fn a_secret_is_wiped() {
        let mut secret = Secret(Box::new([7; 16]));
        secret.zeroize();
        assert_eq!(secret.expose(), &[0; 16]);
        fn wiped_on_drop<T: ZeroizeOnDrop>(_: &T) {}
        wiped_on_drop(&secret);
    }

    #[test]
    fn hkdf_gives_the_first_answer_of_rfc_5869() {
        let salt = hex::decode("000102030405060708090a0b0c").unwrap();
        let info = hex::decode("f0f1f2f3f4f5f6f7f8f9").unwrap();
        let okm = hkdf_sha256(&[0x0b; 22], &salt, &info);
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf";
        assert_eq!(hex::encode(okm.expose()), expected);
    }
}
