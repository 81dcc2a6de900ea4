//! Age's stanza `p256tag`: a file key sealed by HPKE to a P-256 key (age.md, «p256tag recipient stanza»).
//!
//! It owns the stanza's text, its bounds, its tag, and the cryptography between the Diffie-Hellman value and the file key.
//! The Diffie-Hellman itself is done in `keys`: by whoever seals with an ephemeral key, by KMS to open.

use aws_lc_rs::{digest, hmac};

use super::base64;
use super::file_key::{self, FileKey, WRAPPED_FILE_KEY_LEN};
use super::hpke::{self, FirstMessage};
use super::p256::Point;
use super::secret::Secret;
use super::stanza::Stanza;
use crate::error::Error;

/// The stanza's first argument.
pub const KIND: &str = "p256tag";

/// Most stanzas of one header whose tags fit one key: each may cost a call to KMS. Nobody seals to one key so often.
pub const MAX_FITTING: usize = 16;

const INFO: &[u8] = b"age-encryption.org/p256tag";
const TAG_LEN: usize = 4;

/// A parsed stanza. Its ephemeral key is a point on the curve.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct P256TagStanza {
    /// Its place in the header, from 1.
    number: usize,
    tag: [u8; TAG_LEN],
    enc: Point,
    wrapped_file_key: [u8; WRAPPED_FILE_KEY_LEN],
}

impl P256TagStanza {
    /// Seals `file_key` to `recipient`. `dh` is the x-coordinate of what that and the ephemeral key of `enc` have in common;
    /// the ephemeral key is random and fresh.
    pub fn seal(file_key: &FileKey, dh: &Secret<32>, enc: &Point, recipient: &Point) -> Stanza {
        let FirstMessage { key, nonce } = hpke::first_message(dh, enc, recipient, INFO);
        Stanza {
            args: vec![KIND.into(), base64::encode(&tag(enc, recipient)), base64::encode(enc.uncompressed())],
            body: file_key::wrap(file_key, &key, &nonce).into(),
        }
    }

    /// Opens the file key with the same value; `None` where it was not sealed to `recipient`, or `dh` is another.
    pub fn open(&self, dh: &Secret<32>, recipient: &Point) -> Option<FileKey> {
        let FirstMessage { key, nonce } = hpke::first_message(dh, &self.enc, recipient, INFO);
        file_key::unwrap(&self.wrapped_file_key, &key, &nonce)
    }

    /// The sealer's ephemeral public key.
    pub fn enc(&self) -> &Point {
        &self.enc
    }

    /// The stanzas of this kind in a header; others are ignored, a malformed one is an error.
    pub fn parse_all(stanzas: &[Stanza]) -> Result<Vec<Self>, Error> {
        let ours = stanzas.iter().enumerate().filter(|(_, stanza)| stanza.kind() == KIND);
        ours.map(|(i, stanza)| {
            let number = i + 1;
            Self::parse(number, stanza).map_err(|why| Error::Stanza { number, kind: KIND, why })
        })
        .collect()
    }

    fn parse(number: usize, stanza: &Stanza) -> Result<Self, &'static str> {
        let [_, tag, enc] = &stanza.args[..] else { return Err("it has not three arguments") };
        let tag = base64::decode_array(tag.as_bytes()).ok_or("its tag is not 4 bytes of canonical base64")?;
        let enc: [u8; 65] =
            base64::decode_array(enc.as_bytes()).ok_or("its share is not 65 bytes of canonical base64")?;
        let enc = Point::from_uncompressed(&enc).ok_or("its share is not a point of the curve P-256")?;
        let wrapped_file_key = stanza.body[..].try_into().map_err(|_| "its body has not 32 bytes")?;
        Ok(Self { number, tag, enc, wrapped_file_key })
    }

    /// Those of the stanzas whose tags say that they are for `recipient`: all that are, and by chance one of 2^32 others. An
    /// error where they are too many.
    pub fn fitting<'a>(stanzas: &'a [Self], recipient: &Point) -> Result<Vec<&'a Self>, Error> {
        let fits = |stanza: &&Self| stanza.tag == tag(&stanza.enc, recipient);
        let fitting: Vec<_> = stanzas.iter().filter(fits).collect();
        match fitting.get(MAX_FITTING) {
            None => Ok(fitting),
            Some(stanza) => Err(Error::Stanza {
                number: stanza.number,
                kind: KIND,
                why: "it is the seventeenth for one key, and at most 16 are allowed",
            }),
        }
    }
}

/// HKDF's extraction, which is HMAC (RFC 5869, section 2.2).
fn tag(enc: &Point, recipient: &Point) -> [u8; TAG_LEN] {
    let hash = digest::digest(&digest::SHA256, &recipient.compressed());
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, INFO));
    mac.update(enc.uncompressed());
    mac.update(&hash.as_ref()[..4]);
    let mut tag = [0; TAG_LEN];
    tag.copy_from_slice(&mac.sign().as_ref()[..TAG_LEN]);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of an ephemeral key (the generator) and a recipient (its negative), with some value for what they have in common.
    fn sealed() -> (Stanza, Point, Secret<32>) {
        let x = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
        let point =
            |first: &str| Point::from_compressed(&hex::decode(format!("{first}{x}")).unwrap()).unwrap();
        let (enc, recipient) = (point("03"), point("02"));
        let dh = Secret::from_slice(&[7; 32]).unwrap();
        let file_key = FileKey::from_slice(b"YELLOW SUBMARINE").unwrap();
        (P256TagStanza::seal(&file_key, &dh, &enc, &recipient), recipient, dh)
    }

    #[test]
    fn a_stanza_opens_for_its_recipient_and_value_alone() {
        let (stanza, recipient, dh) = sealed();
        let [parsed] = &P256TagStanza::parse_all(&[stanza]).unwrap()[..] else { panic!("not one") };
        assert!(parsed.open(&dh, &recipient).is_some_and(|key| key.expose() == b"YELLOW SUBMARINE"));
        assert!(parsed.open(&Secret::from_slice(&[8; 32]).unwrap(), &recipient).is_none());
        assert!(parsed.open(&dh, parsed.enc()).is_none());
    }

    #[test]
    fn the_tag_tells_whom_a_stanza_is_for() {
        let (stanza, recipient, _) = sealed();
        let parsed = P256TagStanza::parse_all(&[stanza]).unwrap();
        assert_eq!(P256TagStanza::fitting(&parsed, &recipient).unwrap().len(), 1);
        assert!(P256TagStanza::fitting(&parsed, parsed[0].enc()).unwrap().is_empty());
    }

    #[test]
    fn sixteen_stanzas_for_one_key_are_taken_and_seventeen_are_not() {
        let (stanza, recipient, _) = sealed();
        let parsed = |count| P256TagStanza::parse_all(&vec![stanza.clone(); count]).unwrap();
        assert_eq!(P256TagStanza::fitting(&parsed(16), &recipient).unwrap().len(), 16);
        let error = P256TagStanza::fitting(&parsed(17), &recipient).unwrap_err();
        assert!(matches!(error, Error::Stanza { number: 17, .. }), "{error:?}");
        // Those for others are as many as there are.
        let other = parsed(1)[0].enc().clone();
        assert!(P256TagStanza::fitting(&parsed(40), &other).unwrap().is_empty());
    }

    fn fault(alter: impl FnOnce(&mut Stanza)) -> Option<&'static str> {
        let mut stanza = sealed().0;
        alter(&mut stanza);
        match P256TagStanza::parse_all(&[stanza]) {
            Ok(_) => None,
            Err(Error::Stanza { number: 1, kind: "p256tag", why }) => Some(why),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_bound_of_the_stanza_holds() {
        let share = |alter: fn(&mut Vec<u8>)| {
            fault(|s| {
                let mut bytes = base64::decode(s.args[2].as_bytes()).unwrap();
                alter(&mut bytes);
                s.args[2] = base64::encode(&bytes);
            })
        };
        assert_eq!(fault(|_| ()), None);
        assert_eq!(fault(|s| s.args[0] = "p256".into()), None, "other kinds are ignored");
        assert_eq!(fault(|s| s.args.truncate(2)), Some("it has not three arguments"));
        assert_eq!(fault(|s| s.args.push("x".into())), Some("it has not three arguments"));
        for tag in ["AAAA", "AAAAAAA", "AAAAAB", "AAAAAA==", "!"] {
            let why = Some("its tag is not 4 bytes of canonical base64");
            assert_eq!(fault(|s| s.args[1] = tag.into()), why, "{tag}");
        }
        let length = Some("its share is not 65 bytes of canonical base64");
        assert_eq!(share(|bytes| bytes.truncate(64)), length);
        assert_eq!(share(|bytes| bytes.truncate(33)), length);
        assert_eq!(share(|bytes| bytes.push(0)), length);
        assert_eq!(fault(|s| s.args[2].push('=')), length);
        let point = Some("its share is not a point of the curve P-256");
        assert_eq!(share(|bytes| bytes[64] ^= 1), point);
        assert_eq!(share(|bytes| bytes[0] = 6), point);
        assert_eq!(share(|bytes| bytes[0] = 7), point);
        assert_eq!(share(|bytes| bytes.fill(0)), point);
        let body = Some("its body has not 32 bytes");
        assert_eq!(fault(|s| s.body.truncate(31)), body);
        assert_eq!(fault(|s| s.body.push(0)), body);
        assert_eq!(fault(|s| s.body.clear()), body);
    }
}
