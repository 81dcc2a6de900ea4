//! HPKE (RFC 9180) in base mode, from the Diffie-Hellman value to key and nonce, in the one suite that age uses: DHKEM(P-256,
//! HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305.
//!
//! It owns the derivations; not the Diffie-Hellman, which KMS does too (`keys`), nor the encryption (`file_key`).

use aws_lc_rs::{hkdf, hmac};

use super::p256::Point;
use super::secret::Secret;

/// DHKEM(P-256, HKDF-SHA256) is 0x0010 (section 7.1).
const KEM_SUITE: &[u8] = b"KEM\x00\x10";

/// That with HKDF-SHA256, 0x0001, and ChaCha20Poly1305, 0x0003 (section 5.1).
const SUITE: &[u8] = b"HPKE\x00\x10\x00\x01\x00\x03";

const MODE_BASE: u8 = 0;

/// What encrypts the first message of a context, sequence number 0.
pub struct FirstMessage {
    /// Of ChaCha20-Poly1305.
    pub key: Secret<32>,
    /// The base nonce, which for sequence number 0 is the nonce.
    pub nonce: [u8; 12],
}

/// The key schedule of one context. `dh` is the x-coordinate of the point that `enc`, the ephemeral key, and `recipient`
/// have in common (section 4.1); `info` says what the context is for.
pub fn first_message(dh: &Secret<32>, enc: &Point, recipient: &Point, info: &[u8]) -> FirstMessage {
    let secret = labeled_extract(SUITE, shared_secret(dh, enc, recipient).expose(), b"secret", b"");
    let psk_id_hash = labeled_hash(b"psk_id_hash", b"");
    let info_hash = labeled_hash(b"info_hash", info);
    let context = [&[MODE_BASE], psk_id_hash.as_ref(), info_hash.as_ref()].concat();
    let key = labeled_expand(SUITE, &secret, b"key", &context);
    let nonce = *labeled_expand(SUITE, &secret, b"base_nonce", &context).expose();
    FirstMessage { key, nonce }
}

/// ExtractAndExpand of the KEM (section 4.1).
fn shared_secret(dh: &Secret<32>, enc: &Point, recipient: &Point) -> Secret<32> {
    let eae_prk = labeled_extract(KEM_SUITE, b"", b"eae_prk", dh.expose());
    let context = [&enc.uncompressed()[..], recipient.uncompressed()].concat();
    labeled_expand(KEM_SUITE, &eae_prk, b"shared_secret", &context)
}

/// LabeledExtract (section 4), to be expanded.
fn labeled_extract(suite: &[u8], salt: &[u8], label: &[u8], ikm: &[u8]) -> hkdf::Prk {
    let labeled = zeroize::Zeroizing::new([b"HPKE-v1", suite, label, ikm].concat());
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(&labeled)
}

/// LabeledExtract without salt of what is no secret, as bytes: HKDF's extraction is HMAC (RFC 5869, section 2.2).
fn labeled_hash(label: &[u8], text: &[u8]) -> hmac::Tag {
    let unsalted = hmac::Key::new(hmac::HMAC_SHA256, &[0; 32]);
    hmac::sign(&unsalted, &[b"HPKE-v1", SUITE, label, text].concat())
}

/// LabeledExpand (section 4) to `N` bytes.
fn labeled_expand<const N: usize>(suite: &[u8], prk: &hkdf::Prk, label: &[u8], info: &[u8]) -> Secret<N> {
    struct Len(usize);
    impl hkdf::KeyType for Len {
        fn len(&self) -> usize {
            self.0
        }
    }
    #[expect(clippy::cast_possible_truncation, reason = "12 or 32")]
    let len = (N as u16).to_be_bytes();
    let info = [&len, &b"HPKE-v1"[..], suite, label, info];
    #[expect(clippy::expect_used, reason = "HKDF-SHA-256 yields up to 8160 bytes")]
    Secret::filled(|out| prk.expand(&info, Len(N))?.fill(out)).expect("12 or 32 bytes fit HKDF")
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};

    use super::*;

    #[test]
    fn the_key_schedule_of_rfc_9180_holds() {
        // Appendix A.5.1, base mode of this suite.
        let bytes = |hex| hex::decode(hex).unwrap();
        let enc = Point::from_uncompressed(&bytes(
            "04c07836a0206e04e31d8ae99bfd549380b072a1b1b82e563c935c095827824fc1\
             559eac6fb9e3c70cd3193968994e7fe9781aa103f5b50e934b5b2f387e381291",
        ));
        let recipient = Point::from_uncompressed(&bytes(
            "04a697bffde9405c992883c5c439d6cc358170b51af72812333b015621dc0f40ba\
             d9bb726f68a5c013806a790ec716ab8669f84f6b694596c2987cf35baba2a006",
        ));
        let (enc, recipient) = (enc.unwrap(), recipient.unwrap());
        let info = bytes("4f6465206f6e2061204772656369616e2055726e");
        let ephemeral = bytes("7550253e1147aae48839c1f8af80d2770fb7a4c763afe7d0afa7e0f42a5b3689");
        let ephemeral = PrivateKey::from_private_key(&ECDH_P256, &ephemeral).unwrap();
        let peer = UnparsedPublicKey::new(&ECDH_P256, recipient.uncompressed());
        let dh = agree(&ephemeral, peer, (), |dh| Secret::from_slice(dh).ok_or(())).unwrap();
        assert_eq!(
            hex::encode(shared_secret(&dh, &enc, &recipient).expose()),
            "806520f82ef0b03c823b7fc524b6b55a088f566b9751b89551c170f4113bd850"
        );
        let first = first_message(&dh, &enc, &recipient, &info);
        assert_eq!(
            hex::encode(first.key.expose()),
            "a8f45490a92a3b04d1dbf6cf2c3939ad8bfc9bfcb97c04bffe116730c9dfe3fc"
        );
        assert_eq!(hex::encode(first.nonce), "726b4390ed2209809f58c693");
    }
}
