//! KMS keys in the form of age's keys, for every program that takes these: as a recipient whom to seal to, and as an identity
//! that says which keys may open (envpipe(5)). Nothing in either is secret.
//!
//! It owns their text; what KMS makes of the keys is `aws_kms`, how age asks for that is `command::plugin`.

use bech32::Hrp;

use crate::format::bech32 as encoding;
use crate::format::context::Context;
use crate::format::key_arn::KeyArn;

const RECIPIENT_PREFIX: Hrp = Hrp::parse_unchecked("age1envpipe");
const IDENTITY_PREFIX: Hrp = Hrp::parse_unchecked("AGE-PLUGIN-ENVPIPE-");

/// How every recipient begins.
pub const RECIPIENT_START: &str = "age1envpipe1";
/// How every identity begins.
pub const IDENTITY_START: &str = "AGE-PLUGIN-ENVPIPE-1";

/// The first byte of both.
const VERSION: u8 = 1;

/// A KMS key to seal under, and the encryption context to bind: `age1envpipe1…`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipient {
    /// The key.
    pub key: KeyArn,
    /// The encryption context.
    pub context: Context,
}

impl Recipient {
    /// Parses `age1envpipe1…`, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let bytes = encoding::decode(RECIPIENT_PREFIX, text).ok_or(MISTYPED)?;
        let words = words(bytes.split_first().ok_or("it is empty")?)?;
        let (key, context) = words.split_first().ok_or(NO_KEY)?;
        Ok(Self { key: key.parse().map_err(|()| NO_KEY)?, context: Context::parse(context)? })
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let words = std::iter::once(self.key.to_string()).chain(self.context.encode());
        f.write_str(&encoding::encode(RECIPIENT_PREFIX, &bytes(words)))
    }
}

/// The KMS keys that may open: `AGE-PLUGIN-ENVPIPE-1…`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Identity {
    /// These; at least one.
    Keys(Vec<KeyArn>),
    /// Those that the environment of whoever opens names.
    Environment,
}

impl Identity {
    /// Parses `AGE-PLUGIN-ENVPIPE-1…`, or says what is wrong with it. One without data, as age makes it from the name of a
    /// plugin alone, leaves it to the environment.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let bytes = encoding::decode(IDENTITY_PREFIX, text).ok_or(MISTYPED)?;
        let words = match bytes.split_first() {
            None | Some((&VERSION, [])) => return Ok(Self::Environment),
            Some(bytes) => words(bytes)?,
        };
        let keys = words.iter().map(|word| word.parse()).collect::<Result<_, ()>>();
        keys.map(Self::Keys).map_err(|()| NO_KEY)
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let keys = match self {
            Self::Keys(keys) => &keys[..],
            Self::Environment => &[],
        };
        f.write_str(&encoding::encode(IDENTITY_PREFIX, &bytes(keys.iter().map(KeyArn::to_string))))
    }
}

const MISTYPED: &str = "a character is missing or mistyped";
const NO_KEY: &str = "what is in it is not the ARN of a KMS key";

/// The version, and words a space apart.
fn bytes(words: impl Iterator<Item = String>) -> Vec<u8> {
    let text = words.collect::<Vec<_>>().join(" ");
    [&[VERSION], text.as_bytes()].concat()
}

fn words((version, text): (&u8, &[u8])) -> Result<Vec<String>, &'static str> {
    if *version != VERSION {
        return Err("it is of a version that this envpipe does not know");
    }
    let text = std::str::from_utf8(text).map_err(|_| NO_KEY)?;
    Ok(text.split(' ').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    /// The known answers of envpipe(5).
    const RECIPIENT: &str = "age1envpipe1q9shym36v9mhxwntd4en5et494mk2um595cn5vf3xycnyv3jxgenxven8f4k27f0xyerxdrpvf3kgtf3xfskytfnx33kgtf4xejkvtf3xgengdfkxuurjvrpvgsxzurs843xzcmtw4czqar9v9kn6erzy5erqmmswvvmz80m";
    const IDENTITY: &str = "AGE-PLUGIN-ENVPIPE-1Q9SHYM36V9MHXWNTD4EN5ET494MK2UM595CN5VF3XYCNYV3JXGENXVEN8F4K27F0XYERXDRPVF3KGTF3XFSKYTFNX33KGTF4XEJKVTF3XGENGDFKXUURJVRPVGP80AGS";

    fn recipient(bytes: &[u8]) -> Result<Recipient, &'static str> {
        Recipient::parse(&encoding::encode(RECIPIENT_PREFIX, bytes))
    }

    fn identity(bytes: &[u8]) -> Result<Identity, &'static str> {
        Identity::parse(&encoding::encode(IDENTITY_PREFIX, bytes))
    }

    #[test]
    fn the_known_answers_hold() {
        let recipient = recipient(format!("\x01{ARN} app=backup team=db%20ops").as_bytes()).unwrap();
        assert_eq!(recipient.key.to_string(), ARN);
        assert_eq!(recipient.context.pairs().collect::<Vec<_>>(), [("app", "backup"), ("team", "db ops")]);
        assert_eq!(Recipient::parse(RECIPIENT), Ok(recipient.clone()));
        assert_eq!(recipient.to_string(), RECIPIENT);
        let keys = Identity::Keys(vec![ARN.parse().unwrap()]);
        assert_eq!(Identity::parse(IDENTITY), Ok(keys.clone()));
        assert_eq!(keys.to_string(), IDENTITY);
        assert!(RECIPIENT.starts_with(RECIPIENT_START) && IDENTITY.starts_with(IDENTITY_START));
    }

    #[test]
    fn an_identity_without_keys_leaves_them_to_the_environment() {
        assert_eq!(identity(&[]), Ok(Identity::Environment));
        assert_eq!(identity(&[1]), Ok(Identity::Environment));
        assert_eq!(Identity::parse(&Identity::Environment.to_string()), Ok(Identity::Environment));
        let two = format!("\x01{ARN} {}", ARN.replace("key/1", "key/2"));
        assert!(matches!(identity(two.as_bytes()), Ok(Identity::Keys(keys)) if keys.len() == 2));
    }

    #[test]
    fn what_is_no_key_or_of_another_version_is_refused() {
        for text in [String::new(), " ".into(), format!("{ARN} "), format!(" {ARN}"), "alias/backup".into()] {
            assert!(recipient(format!("\x01{text}").as_bytes()).is_err(), "{text}");
            assert!(text.is_empty() || identity(format!("\x01{text}").as_bytes()).is_err(), "{text}");
        }
        // The pairs are in the one form that a stanza has, too.
        for pairs in ["a", "b=1 a=1", "a=1 a=1", "envpipe=v1", "a=%2D", "a=1  b=1"] {
            assert!(recipient(format!("\x01{ARN} {pairs}").as_bytes()).is_err(), "{pairs}");
        }
        let later = format!("\x02{ARN}");
        assert_eq!(recipient(later.as_bytes()), identity(later.as_bytes()).map(|_| unreachable!()));
        assert!(recipient(later.as_bytes()).is_err_and(|why| why.contains("version")));
        assert!(recipient(&[]).is_err() && recipient(&[1, 0xff]).is_err() && identity(&[1, 0xff]).is_err());
    }
}
