//! Age's X25519 recipients and identities (age.md, «The X25519 recipient type»): the keys for break-glass and for testing
//! without AWS.

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::error::Unspecified;
use bech32::Hrp;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::random;
use crate::error::Error;
use crate::format::file_key::{self, FileKey, ZERO_NONCE};
use crate::format::secret::{Secret, hkdf_sha256};
use crate::format::stanza::Stanza;
use crate::format::{base64, bech32 as text};

const KIND: &str = "X25519";
const INFO: &[u8] = b"age-encryption.org/v1/X25519";
const RECIPIENT_PREFIX: Hrp = Hrp::parse_unchecked("age");
const IDENTITY_PREFIX: Hrp = Hrp::parse_unchecked("AGE-SECRET-KEY-");

/// A public key: `age1…`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipient([u8; 32]);

impl Recipient {
    /// Parses `age1…`. A point of low order, which would share its secret with everybody, is refused.
    pub fn parse(text: &str) -> Option<Self> {
        let public = <[u8; 32]>::try_from(text::decode(RECIPIENT_PREFIX, text)?.as_slice()).ok()?;
        let any = Secret::from_slice(&[1; 32])?;
        shared_secret(&any, &public).is_ok().then_some(Self(public))
    }

    fn wrap_with(&self, file_key: &FileKey, ephemeral: &Secret<32>) -> Result<Stanza, Unspecified> {
        let share = public_key(ephemeral)?;
        let wrap_key = wrap_key(&shared_secret(ephemeral, &self.0)?, &share, &self.0);
        Ok(Stanza {
            args: vec![KIND.into(), base64::encode(&share)],
            body: file_key::wrap(file_key, &wrap_key, &ZERO_NONCE).into(),
        })
    }
}

impl super::Recipient for Recipient {
    fn wrap(&self, file_key: &FileKey) -> Result<Stanza, Error> {
        #[expect(clippy::expect_used, reason = "parse refuses the points that no secret can be shared with")]
        Ok(self.wrap_with(file_key, &random()?).expect("a point that was checked"))
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&text::encode(RECIPIENT_PREFIX, &self.0))
    }
}

/// A secret key: `AGE-SECRET-KEY-1…`.
#[derive(ZeroizeOnDrop)]
pub struct Identity {
    secret: Secret<32>,
    #[zeroize(skip)]
    public: [u8; 32],
}

impl Identity {
    /// A new one.
    pub fn generate() -> Result<Self, Error> {
        Ok(Self::new(random()?))
    }

    /// Parses `AGE-SECRET-KEY-1…`.
    pub fn parse(text: &str) -> Option<Self> {
        let secret = Secret::from_slice(&text::decode(IDENTITY_PREFIX, text)?)?;
        Some(Self::new(secret))
    }

    fn new(secret: Secret<32>) -> Self {
        #[expect(clippy::expect_used, reason = "every 32 bytes are an X25519 key")]
        let public = public_key(&secret).expect("32 bytes are a key");
        Self { secret, public }
    }

    /// The secret key as text.
    pub fn to_text(&self) -> Zeroizing<String> {
        text::encode(IDENTITY_PREFIX, self.secret.expose())
    }

    /// The public half.
    pub fn recipient(&self) -> Recipient {
        Recipient(self.public)
    }

    /// The file key, where one of the header's stanzas is for this identity. A malformed X25519 stanza is an error, whoever
    /// it is for.
    pub fn unwrap(&self, stanzas: &[Stanza]) -> Result<Option<FileKey>, Error> {
        for (i, stanza) in stanzas.iter().enumerate().filter(|(_, stanza)| stanza.kind() == KIND) {
            let fault = |why| Error::Stanza { number: i + 1, kind: KIND, why };
            let [_, share] = &stanza.args[..] else { return Err(fault("it has not two arguments")) };
            let share = base64::decode_array(share.as_bytes())
                .ok_or_else(|| fault("its share is not 32 bytes of canonical base64"))?;
            let body = stanza.body.as_slice().try_into().map_err(|_| fault("its body has not 32 bytes"))?;
            let secret = shared_secret(&self.secret, &share)
                .map_err(|_| fault("its share is a point of low order"))?;
            if let Some(file_key) =
                file_key::unwrap(body, &wrap_key(&secret, &share, &self.public), &ZERO_NONCE)
            {
                return Ok(Some(file_key));
            }
        }
        Ok(None)
    }
}

fn public_key(secret: &Secret<32>) -> Result<[u8; 32], Unspecified> {
    let key = PrivateKey::from_private_key(&X25519, secret.expose()).map_err(|_| Unspecified)?;
    key.compute_public_key()?.as_ref().try_into().map_err(|_| Unspecified)
}

/// X25519 (RFC 7748, section 5); an error where the secret comes out as zeros.
fn shared_secret(secret: &Secret<32>, public: &[u8; 32]) -> Result<Secret<32>, Unspecified> {
    let key = PrivateKey::from_private_key(&X25519, secret.expose()).map_err(|_| Unspecified)?;
    let public = UnparsedPublicKey::new(&X25519, public);
    agreement::agree(&key, public, Unspecified, |shared| Secret::from_slice(shared).ok_or(Unspecified))
}

fn wrap_key(shared: &Secret<32>, share: &[u8; 32], public: &[u8; 32]) -> Secret<32> {
    hkdf_sha256(shared.expose(), &[&share[..], public].concat(), INFO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_the_age_specification_belong_together() {
        let identity =
            Identity::parse("AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX")
                .unwrap();
        let recipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
        assert_eq!(identity.recipient().to_string(), recipient);
        assert_eq!(Recipient::parse(recipient).unwrap(), identity.recipient());
    }

    #[test]
    fn only_the_identity_of_the_recipient_unwraps() {
        use crate::keys::Recipient as _;
        let (ours, other) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let file_key = random().unwrap();
        let stanzas = [other.recipient().wrap(&file_key).unwrap(), ours.recipient().wrap(&file_key).unwrap()];
        assert!(ours.unwrap(&stanzas).unwrap().is_some_and(|key| key.expose() == file_key.expose()));
        assert!(ours.unwrap(&stanzas[..1]).unwrap().is_none());
    }

    #[test]
    fn a_recipient_of_low_order_is_refused() {
        for point in [[0; 32], std::array::from_fn(|i| u8::from(i == 0))] {
            assert!(Recipient::parse(&text::encode(RECIPIENT_PREFIX, &point)).is_none());
        }
    }
}
