//! P-256 keys that KMS may hold (age.md, «The tagged recipient types»): the public half, which anyone can seal to.
//!
//! Opening is KMS's part: `aws_kms`. The stanza is `format::p256tag`.

use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::error::Unspecified;
use bech32::Hrp;

use super::random;
use crate::error::Error;
use crate::format::bech32 as text;
use crate::format::file_key::FileKey;
use crate::format::p256::Point;
use crate::format::p256tag::P256TagStanza;
use crate::format::secret::Secret;
use crate::format::stanza::Stanza;

const PREFIX: Hrp = Hrp::parse_unchecked("age1tag");

/// A public key: `age1tag1…`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipient(Point);

impl Recipient {
    /// Parses `age1tag1…`; only the compressed form of a point on the curve is one.
    pub fn parse(text: &str) -> Option<Self> {
        Point::from_compressed(&text::decode(PREFIX, text)?).map(Self)
    }

    fn wrap_with(&self, file_key: &FileKey, ephemeral: &PrivateKey) -> Result<Stanza, Unspecified> {
        let public = ephemeral.compute_public_key()?;
        let enc = Point::from_uncompressed(public.as_ref()).ok_or(Unspecified)?;
        let peer = UnparsedPublicKey::new(&ECDH_P256, self.0.uncompressed());
        let dh =
            agreement::agree(ephemeral, peer, Unspecified, |x| Secret::from_slice(x).ok_or(Unspecified))?;
        Ok(P256TagStanza::seal(file_key, &dh, &enc, &self.0))
    }
}

impl From<Point> for Recipient {
    fn from(point: Point) -> Self {
        Self(point)
    }
}

impl super::Recipient for Recipient {
    fn wrap(&self, file_key: &FileKey) -> Result<Stanza, Error> {
        // One number in 2^32 is beyond the curve's order, and no key.
        let ephemeral = loop {
            if let Ok(key) = PrivateKey::from_private_key(&ECDH_P256, random::<32>()?.expose()) {
                break key;
            }
        };
        #[expect(clippy::expect_used, reason = "any key and any point on the curve have a secret in common")]
        Ok(self.wrap_with(file_key, &ephemeral).expect("a point that was checked"))
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&text::encode(PREFIX, &self.0.compressed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::header::Header;
    use crate::keys::Recipient as _;

    /// The known answer of envpipe(5).
    const RECIPIENT: &str = "age1tag1qwe0kafsjrar4txm6heqnhpfuggzr0gvznz7fvygxrlq90u5mq2pysxtw6h";
    const PRIVATE: &str = "8dc9e8b609a4b6e8d8b41b853c64668789104b156ae642193a575f4b3f6b9148";
    const EPHEMERAL: &str = "f25ab98365f2775f07859b99853f3dbe98e464851c379a0f35cfb6aec820035e";
    const STANZA: &str = "\
-> p256tag J0YzSw BHeMzLJQiSUX5FsGOQESNdVwvqPsZy2R/LHHH/SJZxWlJep1/oCC8I7XX3AMThg66GjG9r+1UD/DUGsSxNoW/bg
5N05uPcAraPD82WVP9OYI0b3TzulfSY8gwFLXb4U+po
";

    fn private(hex: &str) -> PrivateKey {
        PrivateKey::from_private_key(&ECDH_P256, &hex::decode(hex).unwrap()).unwrap()
    }

    /// What KMS does with the key of the known answer.
    fn agree(enc: &Point) -> Secret<32> {
        let peer = UnparsedPublicKey::new(&ECDH_P256, enc.uncompressed());
        agreement::agree(&private(PRIVATE), peer, (), |x| Secret::from_slice(x).ok_or(())).unwrap()
    }

    fn file_key() -> FileKey {
        FileKey::from_slice(b"YELLOW SUBMARINE").unwrap()
    }

    #[test]
    fn the_known_answer_holds_byte_for_byte() {
        let recipient = Recipient::parse(RECIPIENT).unwrap();
        assert_eq!(recipient.to_string(), RECIPIENT);
        let public = private(PRIVATE).compute_public_key().unwrap();
        assert_eq!(Point::from_uncompressed(public.as_ref()), Some(recipient.0.clone()));
        let mut text = String::new();
        recipient.wrap_with(&file_key(), &private(EPHEMERAL)).unwrap().encode(&mut text);
        assert_eq!(text, STANZA);
    }

    #[test]
    fn the_known_answer_opens() {
        let recipient = Recipient::parse(RECIPIENT).unwrap();
        let header = Header::parse(
            Header::encode(&[recipient.wrap_with(&file_key(), &private(EPHEMERAL)).unwrap()], &file_key())
                .as_bytes(),
        )
        .unwrap();
        let stanzas = P256TagStanza::parse_all(&header.stanzas).unwrap();
        let [stanza] = P256TagStanza::fitting(&stanzas, &recipient.0).unwrap()[..] else { panic!("not one") };
        let opened = stanza.open(&agree(stanza.enc()), &recipient.0).unwrap();
        assert!(header.authenticate(&opened).is_ok());
    }

    #[test]
    fn every_stanza_has_an_ephemeral_key_of_its_own() {
        let recipient = Recipient::parse(RECIPIENT).unwrap();
        let wrapped = [(); 2].map(|()| recipient.wrap(&file_key()).unwrap());
        assert_ne!(wrapped[0].args, wrapped[1].args);
        for stanza in P256TagStanza::parse_all(&wrapped).unwrap() {
            let opened = stanza.open(&agree(stanza.enc()), &recipient.0).unwrap();
            assert_eq!(opened.expose(), file_key().expose());
        }
    }

    #[test]
    fn what_is_no_compressed_point_is_no_recipient() {
        let point = Recipient::parse(RECIPIENT).unwrap().0;
        for bytes in [&point.compressed()[..32], &point.uncompressed()[..], &[0; 33], &[0], &[]] {
            assert!(Recipient::parse(&text::encode(PREFIX, bytes)).is_none(), "{bytes:?}");
        }
        assert!(Recipient::parse(&RECIPIENT.to_uppercase()).is_none());
        let other_prefix = text::encode(Hrp::parse_unchecked("age"), &point.compressed());
        assert!(Recipient::parse(&other_prefix).is_none());
        // A mistyped character.
        assert!(Recipient::parse(&RECIPIENT.replacen("qwe0", "qwe9", 1)).is_none());
    }
}
