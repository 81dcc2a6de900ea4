//! The payload: STREAM over ChaCha20-Poly1305 in chunks of 64 KiB (age.md, «Payload»), one chunk at a time by its
//! index, so that chunks can be sealed and opened in any order and in parallel.
//!
//! It owns what makes a sequence of chunks one whole stream: positions, the last chunk, what is truncated and what is
//! too much. Moving the bytes belongs to `pipe`.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use super::file_key::FileKey;
use super::secret::hkdf_sha256;
use crate::error::Error;

/// Length of the nonce between header and first chunk, in bytes; fresh and random for every stream.
pub const PAYLOAD_NONCE_LEN: usize = 16;

/// Plaintext bytes in every chunk but the last.
pub const CHUNK_LEN: usize = 64 * 1024;

/// Bytes that sealing adds to a chunk.
pub const TAG_LEN: usize = 16;

/// Sealed bytes of every chunk but the last.
pub const SEALED_CHUNK_LEN: usize = CHUNK_LEN + TAG_LEN;

/// Bytes of all the chunks of a stream with `plain` bytes of plaintext; None where that is more than 2^64.
pub fn sealed_len(plain: u64) -> Option<u64> {
    let chunks = plain.div_ceil(CHUNK_LEN as u64).max(1);
    plain.checked_add(chunks * TAG_LEN as u64)
}

/// Bytes of plaintext in a stream whose chunks have `sealed` bytes altogether; None where no whole stream has as many.
pub fn plain_len(sealed: u64) -> Option<u64> {
    let chunks = sealed.div_ceil(SEALED_CHUNK_LEN as u64);
    let plain = sealed.checked_sub(chunks * TAG_LEN as u64)?;
    (sealed_len(plain) == Some(sealed)).then_some(plain)
}

/// Whether a chunk ends its stream; its nonce says so, and so it cannot be changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Last {
    /// The stream ends with this chunk.
    Yes,
    /// At least one byte of plaintext follows.
    No,
}

/// What the input shows behind a sealed chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behind {
    /// At least one more byte.
    More,
    /// The end of the input.
    End,
}

/// What came of opening a chunk.
#[must_use]
#[derive(Debug)]
pub struct Opened {
    /// Bytes of authentic plaintext, to be released even where `fault` is set.
    pub len: usize,
    /// What is wrong with the stream at this chunk; nothing behind it may be released.
    pub fault: Option<Error>,
}

/// The key of one stream's chunks. aws-lc-rs keeps it, and wipes it when it frees it, though it does not promise that.
pub struct PayloadKey(LessSafeKey);

impl PayloadKey {
    /// HKDF-SHA-256(file key, salt = the stream's nonce, info = `payload`).
    pub fn derive(file_key: &FileKey, nonce: &[u8; PAYLOAD_NONCE_LEN]) -> Self {
        let key = hkdf_sha256(file_key.expose(), nonce, b"payload");
        #[expect(clippy::expect_used, reason = "a ChaCha20-Poly1305 key is any 32 bytes")]
        Self(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key.expose()).expect("32 bytes are a key")))
    }

    /// Encrypts chunk `index` in place and returns its tag, which belongs right behind it. The chunk has [`CHUNK_LEN`]
    /// bytes; the last one 1 to that many, or none where it is the first. Each index is sealed once under one key.
    pub fn seal_chunk(&self, index: u64, last: Last, chunk: &mut [u8]) -> [u8; TAG_LEN] {
        debug_assert!(chunk.len() == CHUNK_LEN || last == Last::Yes && chunk.len() < CHUNK_LEN);
        debug_assert!(!chunk.is_empty() || index == 0);
        #[expect(clippy::expect_used, reason = "only plaintexts of 256 GiB and more fail")]
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce(index, last), Aad::empty(), chunk)
            .expect("64 KiB can be encrypted");
        let mut out = [0; TAG_LEN];
        out.copy_from_slice(tag.as_ref());
        out
    }

    /// Authenticates sealed chunk `index` and decrypts it into `plain`, which holds at least its length less
    /// [`TAG_LEN`]. `sealed` has [`SEALED_CHUNK_LEN`] bytes, or where the input ends behind it, at most that many.
    ///
    /// Faults: a tag that does not fit, a stream that ends on a chunk that is not its last or inside one, an empty last
    /// chunk that is not the first, and data behind the last chunk.
    pub fn open_chunk(&self, index: u64, behind: Behind, sealed: &[u8], plain: &mut [u8]) -> Opened {
        let Some(len) = sealed.len().checked_sub(TAG_LEN) else {
            return Opened { len: 0, fault: Some(Error::Truncated { chunk: index }) };
        };
        let plain = &mut plain[..len];
        let mut is = |last| self.try_open(index, last, sealed, plain);
        match behind {
            Behind::More if is(Last::No) => Opened { len, fault: None },
            Behind::More if is(Last::Yes) => Opened { len, fault: Some(Error::Trailing { chunk: index }) },
            Behind::End if is(Last::Yes) => match len == 0 && index > 0 {
                true => Opened { len, fault: Some(Error::EmptyLastChunk { chunk: index }) },
                false => Opened { len, fault: None },
            },
            Behind::End if len == CHUNK_LEN && is(Last::No) => {
                Opened { len, fault: Some(Error::Truncated { chunk: index + 1 }) }
            }
            Behind::End if len < CHUNK_LEN => {
                Opened { len: 0, fault: Some(Error::CutOrAltered { chunk: index }) }
            }
            _ => Opened { len: 0, fault: Some(Error::NotAuthentic { chunk: index }) },
        }
    }

    fn try_open(&self, index: u64, last: Last, sealed: &[u8], plain: &mut [u8]) -> bool {
        let (ciphertext, tag) = sealed.split_at(plain.len());
        self.0.open_separate_gather(nonce(index, last), Aad::empty(), ciphertext, tag, plain).is_ok()
    }
}

/// The index as 11 bytes big-endian, then 1 for the last chunk, else 0.
fn nonce(index: u64, last: Last) -> Nonce {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&index.to_be_bytes());
    nonce[11] = u8::from(last == Last::Yes);
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20poly1305::aead::{AeadInOut, KeyInit};

    fn key() -> PayloadKey {
        PayloadKey::derive(&FileKey::from_slice(b"YELLOW SUBMARINE").unwrap(), &[3; PAYLOAD_NONCE_LEN])
    }

    fn seal(index: u64, last: Last, len: usize) -> Vec<u8> {
        let mut sealed = vec![0x5a; len];
        let tag = key().seal_chunk(index, last, &mut sealed);
        sealed.extend(tag);
        sealed
    }

    /// The name of the fault, and how much was released; what was released must be the truth.
    fn open(index: u64, behind: Behind, sealed: &[u8]) -> (String, usize) {
        let mut plain = vec![0; CHUNK_LEN];
        let opened = key().open_chunk(index, behind, sealed, &mut plain);
        assert!(plain[..opened.len].iter().all(|b| *b == 0x5a));
        let fault = opened.fault.map_or("none".into(), |f| format!("{f:?}"));
        (fault.split(' ').next().unwrap().to_owned(), opened.len)
    }

    #[test]
    fn another_library_agrees_on_every_chunk() {
        let key_bytes = hkdf_sha256(b"YELLOW SUBMARINE", &[3; PAYLOAD_NONCE_LEN], b"payload");
        let cipher = chacha20poly1305::ChaCha20Poly1305::new(key_bytes.expose().into());
        let mut chance = [0; 16];
        for round in 0..300 {
            getrandom::fill(&mut chance).unwrap();
            let [index, len] =
                [&chance[..8], &chance[8..]].map(|b| u64::from_le_bytes(b.try_into().unwrap()));
            // Small indices and large ones, whole chunks and every other length.
            let index = index >> (chance[0] % 64);
            let (last, len) = match round % 3 {
                0 => (Last::No, CHUNK_LEN),
                _ => (Last::Yes, 1 + len as usize % CHUNK_LEN),
            };
            let mut nonce = [0; 12];
            nonce[..11].copy_from_slice(&u128::from(index).to_be_bytes()[5..]);
            nonce[11] = (last == Last::Yes).into();
            let mut expected = vec![0x5a; len];
            let in_place = expected.as_mut_slice().into();
            let tag = cipher.encrypt_inout_detached(&nonce.into(), &[], in_place).unwrap();
            expected.extend(tag);
            assert!(seal(index, last, len) == expected, "chunk {index} of {len} bytes");
            let behind = if last == Last::Yes { Behind::End } else { Behind::More };
            assert_eq!(open(index, behind, &expected), ("none".into(), len), "chunk {index} of {len} bytes");
        }
    }

    #[test]
    fn the_length_of_a_stream_is_that_of_its_chunks() {
        // Every length that a whole stream of up to three chunks can have, made a chunk at a time.
        let whole = (0..3).flat_map(|full| (0..=CHUNK_LEN).map(move |last| (full, last)));
        let whole = whole.filter(|(full, last)| *full == 0 || *last > 0);
        let mut plain_of = std::collections::BTreeMap::new();
        for (full, last) in whole {
            let sealed = full * (CHUNK_LEN + TAG_LEN) + last + TAG_LEN;
            let plain = full * CHUNK_LEN + last;
            plain_of.insert(sealed as u64, plain as u64);
            assert_eq!(sealed_len(plain as u64), Some(sealed as u64), "{plain} bytes of plaintext");
        }
        for sealed in 0..=3 * SEALED_CHUNK_LEN as u64 {
            assert_eq!(plain_len(sealed), plain_of.get(&sealed).copied(), "{sealed} bytes");
        }
        assert_eq!(sealed_len(u64::MAX), None);
        assert_eq!(sealed_len(1 << 40), Some((1 << 40) + 16 * (1 << 24)));
    }

    #[test]
    fn an_intact_stream_opens() {
        assert_eq!(open(0, Behind::End, &seal(0, Last::Yes, 0)), ("none".into(), 0));
        assert_eq!(open(0, Behind::More, &seal(0, Last::No, CHUNK_LEN)), ("none".into(), CHUNK_LEN));
        assert_eq!(open(7, Behind::End, &seal(7, Last::Yes, CHUNK_LEN)), ("none".into(), CHUNK_LEN));
        assert_eq!(open(7, Behind::End, &seal(7, Last::Yes, 1)), ("none".into(), 1));
    }

    #[test]
    fn each_way_to_break_a_stream_has_its_own_fault() {
        let full = seal(4, Last::No, CHUNK_LEN);
        let last = seal(4, Last::Yes, CHUNK_LEN);
        let short = seal(4, Last::Yes, 100);
        let mut altered = full.clone();
        altered[9] ^= 1;
        assert_eq!(open(4, Behind::End, &full), ("Truncated".into(), CHUNK_LEN));
        assert_eq!(open(4, Behind::End, &full[..15]), ("Truncated".into(), 0));
        assert_eq!(open(4, Behind::End, &[]), ("Truncated".into(), 0));
        assert_eq!(open(4, Behind::End, &full[..500]), ("CutOrAltered".into(), 0));
        assert_eq!(open(4, Behind::End, &short[..115]), ("CutOrAltered".into(), 0));
        assert_eq!(open(4, Behind::More, &last), ("Trailing".into(), CHUNK_LEN));
        assert_eq!(open(4, Behind::More, &altered), ("NotAuthentic".into(), 0));
        assert_eq!(open(4, Behind::End, &altered), ("NotAuthentic".into(), 0));
        assert_eq!(open(5, Behind::More, &full), ("NotAuthentic".into(), 0));
        // No honest sealer makes this one.
        let tag = key().0.seal_in_place_separate_tag(nonce(4, Last::Yes), Aad::empty(), &mut []).unwrap();
        assert_eq!(open(4, Behind::End, tag.as_ref()), ("EmptyLastChunk".into(), 0));
    }
}
