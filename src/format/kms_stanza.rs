//! The stanza `envpipe/aws-kms`: a file key wrapped under a data key that KMS wrapped (envpipe(5)).
//!
//! It owns the stanza's text, its bounds, and the cryptography between data key and file key. Asking KMS for the data key
//! is `keys::aws_kms`.

use super::base64;
use super::context::Context;
use super::file_key::{self, FileKey, WRAPPED_FILE_KEY_LEN, ZERO_NONCE};
use super::key_arn::KeyArn;
use super::secret::{Secret, hkdf_sha256};
use super::stanza::Stanza;
use crate::error::Error;

/// The stanza's first argument; also the info of the wrap key's derivation.
pub const KIND: &str = "envpipe/aws-kms";

/// Length of the salt of a wrap key, in bytes.
pub const SALT_LEN: usize = 16;

/// Most stanzas of this kind in one header: each may cost a call to KMS.
pub const MAX_STANZAS: usize = 16;

/// Most bytes of KMS's ciphertext blob (KMS's own bound for Decrypt).
pub const MAX_BLOB_LEN: usize = 6144;

/// Bytes that a blob is taken to have where its length is not known: it has 184 today, and some more may come, as from keys in
/// stores outside AWS.
pub const EXPECTED_BLOB_LEN: usize = 512;

/// A 256-bit key that KMS made, and unwraps on request.
pub type DataKey = Secret<32>;

/// A parsed stanza.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KmsStanza {
    /// The KMS key that the data key is wrapped under, so the sealer says.
    pub key: KeyArn,
    /// The user's pairs of the encryption context.
    pub context: Context,
    /// The data key as KMS wrapped it; opaque.
    pub blob: Vec<u8>,
    salt: [u8; SALT_LEN],
    wrapped_file_key: [u8; WRAPPED_FILE_KEY_LEN],
}

impl KmsStanza {
    /// Wraps `file_key` under `data_key`, which KMS gave together with `blob`, for `key` and `context`. The salt is random
    /// and fresh, so that one data key may wrap the file keys of many streams.
    pub fn wrap(
        file_key: &FileKey,
        data_key: &DataKey,
        salt: [u8; SALT_LEN],
        key: KeyArn,
        context: Context,
        blob: Vec<u8>,
    ) -> Self {
        let wrapped_file_key = file_key::wrap(file_key, &wrap_key(data_key, &salt), &ZERO_NONCE);
        Self { key, context, blob, salt, wrapped_file_key }
    }

    /// Unwraps the file key; `None` where it was not wrapped under this data key.
    pub fn unwrap(&self, data_key: &DataKey) -> Option<FileKey> {
        file_key::unwrap(&self.wrapped_file_key, &wrap_key(data_key, &self.salt), &ZERO_NONCE)
    }

    /// The stanza for a header.
    pub fn encode(&self) -> Stanza {
        let mut args = vec![KIND.to_owned(), self.key.to_string(), base64::encode(&self.salt)];
        args.extend(self.context.encode());
        Stanza { args, body: [&self.wrapped_file_key[..], &self.blob].concat() }
    }

    /// The stanzas of this kind in a header; others are ignored, a malformed or a seventeenth one is an error.
    pub fn parse_all(stanzas: &[Stanza]) -> Result<Vec<Self>, Error> {
        let ours = stanzas.iter().enumerate().filter(|(_, stanza)| stanza.kind() == KIND);
        let mut parsed = Vec::new();
        for (i, stanza) in ours {
            let fault = |why| Error::Stanza { number: i + 1, kind: KIND, why };
            if parsed.len() == MAX_STANZAS {
                return Err(fault("it is the seventeenth of its kind, and at most 16 are allowed"));
            }
            parsed.push(Self::parse(stanza).map_err(fault)?);
        }
        Ok(parsed)
    }

    /// Parses one stanza of this kind, or says what is wrong with it.
    pub fn parse(stanza: &Stanza) -> Result<Self, &'static str> {
        let [_, key, salt, context @ ..] = &stanza.args[..] else {
            return Err("it has fewer than three arguments");
        };
        let key = key.parse().map_err(|()| "its second argument is not the ARN of a KMS key")?;
        let salt =
            base64::decode_array(salt.as_bytes()).ok_or("its salt is not 16 bytes of canonical base64")?;
        let context = Context::parse(context)?;
        let body = stanza.body.split_first_chunk();
        let (wrapped_file_key, blob) = body.ok_or("its body is too short for a wrapped file key")?;
        match blob.len() {
            0 => Err("its body has no data key wrapped by KMS"),
            1..=MAX_BLOB_LEN => {
                Ok(Self { key, context, blob: blob.to_vec(), salt, wrapped_file_key: *wrapped_file_key })
            }
            _ => Err("its data key wrapped by KMS is longer than 6144 bytes"),
        }
    }
}

fn wrap_key(data_key: &DataKey, salt: &[u8; SALT_LEN]) -> Secret<32> {
    hkdf_sha256(data_key.expose(), salt, KIND.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::header::Header;

    /// The known answer of envpipe(5).
    const HEADER: &str = "\
age-encryption.org/v1
-> envpipe/aws-kms arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab oKGio6SlpqeoqaqrrK2urw app=backup team=db%20ops
JDIyOp5rq9Ou3sBSPwfQZjPUZRLnmM+CsQ64OcKocFcAAQIDBAUGBwgJCgsMDQ4P
EBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/
QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl9gYWJjZGVmZ2hpamtsbW5v
cHFyc3R1dnd4eXp7fH1+f4CBgoOEhYaHiImKi4yNjo+QkZKTlJWWl5iZmpucnZ6f
oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3
--- NvotEQ7rIgbtloXFPe/Isydgor1t/VMo8J4+oz/l9/0
";

    fn count<const N: usize>(from: u8) -> [u8; N] {
        std::array::from_fn(|i| from + i as u8)
    }

    fn data_key() -> DataKey {
        DataKey::from_slice(&count::<32>(0)).unwrap()
    }

    fn file_key() -> FileKey {
        FileKey::from_slice(b"YELLOW SUBMARINE").unwrap()
    }

    fn known() -> KmsStanza {
        let mut context = Context::default();
        context.insert("team", "db ops").unwrap();
        context.insert("app", "backup").unwrap();
        let key = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let blob = count::<184>(0).to_vec();
        KmsStanza::wrap(&file_key(), &data_key(), count(0xa0), key.parse().unwrap(), context, blob)
    }

    #[test]
    fn the_known_answer_holds() {
        assert_eq!(
            hex::encode(wrap_key(&data_key(), &count(0xa0)).expose()),
            "ed040551964dd4e4d7c9a55897ae2107f9e005f2159c1eaedb044583d18b074d"
        );
        assert_eq!(
            hex::encode(known().wrapped_file_key),
            "2432323a9e6babd3aedec0523f07d06633d46512e798cf82b10eb839c2a87057"
        );
        assert_eq!(Header::encode(&[known().encode()], &file_key()), HEADER);
    }

    #[test]
    fn the_known_answer_opens() {
        let header = Header::parse(HEADER.as_bytes()).unwrap();
        let stanzas = KmsStanza::parse_all(&header.stanzas).unwrap();
        assert_eq!(stanzas, [known()]);
        let file_key = stanzas[0].unwrap(&data_key()).unwrap();
        assert!(header.authenticate(&file_key).is_ok());
        assert!(stanzas[0].unwrap(&DataKey::from_slice(&[0; 32]).unwrap()).is_none());
    }

    fn parses(alter: impl FnOnce(&mut Stanza)) -> bool {
        let mut stanza = known().encode();
        alter(&mut stanza);
        KmsStanza::parse_all(&[stanza]).is_ok()
    }

    #[test]
    fn every_bound_of_the_stanza_holds() {
        assert!(parses(|_| ()));
        assert!(parses(|s| s.args.truncate(3)));
        assert!(parses(|s| s.body.resize(32 + 1, 0)));
        assert!(parses(|s| s.body.resize(32 + MAX_BLOB_LEN, 0)));
        assert!(!parses(|s| s.body.resize(32 + MAX_BLOB_LEN + 1, 0)));
        assert!(!parses(|s| s.body.truncate(32)));
        assert!(!parses(|s| s.body.truncate(31)));
        assert!(!parses(|s| s.args.truncate(2)));
        assert!(!parses(|s| s.args[1] = "arn:aws:kms:eu-west-1:111122223333:alias/backup".into()));
        assert!(!parses(|s| s.args[2].truncate(21)));
        assert!(!parses(|s| s.args[2] = "oKGio6SlpqeoqaqrrK2urx".into()));
        assert!(!parses(|s| s.args.swap(3, 4)));
        assert!(parses(|s| s.args[0] = "envpipe/other".into()), "other kinds are ignored");
    }

    #[test]
    fn sixteen_stanzas_are_taken_and_seventeen_are_not() {
        assert_eq!(KmsStanza::parse_all(&vec![known().encode(); 16]).unwrap().len(), 16);
        let error = KmsStanza::parse_all(&vec![known().encode(); 17]).unwrap_err();
        assert!(matches!(error, Error::Stanza { number: 17, .. }), "{error:?}");
    }
}
