//! How a user names a KMS key, and which stanzas such a name may open.
//!
//! It owns the trust in a name: what a header says of its key is never enough. Calling KMS is `aws_kms`.

use std::fmt;

use crate::format::key_arn::KeyArn;

/// A key as `-k` names it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum KmsKey {
    /// By its ARN.
    Arn(KeyArn),
    /// By the ARN of an alias.
    AliasArn {
        /// The whole ARN.
        text: String,
        /// The region in it.
        region: String,
    },
    /// By an alias (`alias/NAME`) or a key id, which mean something in the configured region alone.
    Local(String),
}

impl KmsKey {
    /// Parses a name, or says what is wrong with it. Whether there is such a key, KMS will tell.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > 2048 || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("a key has 1 to 2048 visible characters");
        }
        if !text.starts_with("arn:") {
            return Ok(Self::Local(text.to_owned()));
        }
        if let Ok(arn) = text.parse() {
            return Ok(Self::Arn(arn));
        }
        match text.splitn(6, ':').collect::<Vec<_>>()[..] {
            [_, _, "kms", region, _, name] if name.starts_with("alias/") && !region.is_empty() => {
                Ok(Self::AliasArn { text: text.to_owned(), region: region.to_owned() })
            }
            _ => Err(
                "it is not the ARN of a KMS key or alias: arn:aws:kms:REGION:ACCOUNT:key/ID or …:alias/NAME",
            ),
        }
    }

    /// The region in the name.
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::Arn(arn) => Some(arn.region()),
            Self::AliasArn { region, .. } => Some(region),
            Self::Local(_) => None,
        }
    }

    /// An ARN that is as long as that of the key, or where the name does not tell, as long as one can be.
    pub fn longest_arn(&self) -> KeyArn {
        // A UUID, and `mrk-` with 32 digits: an id has 36 characters.
        let id = "-".repeat(36);
        let of_alias = match self {
            Self::Arn(arn) => return arn.clone(),
            Self::AliasArn { text, .. } => text.split_once(":alias/").map(|(start, _)| start),
            Self::Local(_) => None,
        };
        // No partition has more than 10 characters (aws-us-gov), and no region more than 15 (us-isof-south-1).
        let longest = format!("arn:{:->16}:kms:{:->24}:{:0>12}", "", "", "");
        let arn = |start: &str| format!("{start}:key/{id}").parse();
        #[expect(clippy::expect_used, reason = "it has the form of an ARN")]
        of_alias.and_then(|start| arn(start).ok()).unwrap_or_else(|| arn(&longest).expect("an ARN"))
    }

    /// Whether this name, by itself, says that it is this key. Replicas of a multi-Region key are one key.
    pub fn names(&self, key: &KeyArn) -> bool {
        match self {
            Self::Arn(arn) => arn == key || arn.is_replica_of(key),
            Self::Local(name) => name == key.id(),
            Self::AliasArn { .. } => false,
        }
    }

    /// Whether this name, looked up in `region`, can mean the key of a stanza, so that asking KMS makes sense.
    pub fn may_mean(&self, key: &KeyArn, region: &str) -> bool {
        match self {
            Self::Arn(_) => self.names(key),
            Self::Local(name) if !name.starts_with("alias/") && !self.names(key) => false,
            _ => key.region() == region || key.is_multi_region(),
        }
    }

    /// Whether `answer`, the key that KMS says it used, is the one that was named, and that of the stanza.
    pub fn is_answered_by(&self, answer: &KeyArn, stanza: &KeyArn) -> bool {
        let named = match self {
            Self::Arn(arn) => arn == answer,
            Self::Local(name) if !name.starts_with("alias/") => name == answer.id(),
            Self::AliasArn { .. } | Self::Local(_) => true,
        };
        named && (answer == stanza || answer.is_replica_of(stanza))
    }
}

impl fmt::Display for KmsKey {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Arn(arn) => arn.fmt(f),
            Self::AliasArn { text, .. } | Self::Local(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arn(region: &str, id: &str) -> KeyArn {
        format!("arn:aws:kms:{region}:111122223333:key/{id}").parse().unwrap()
    }

    fn key(text: &str) -> KmsKey {
        KmsKey::parse(text).unwrap()
    }

    #[test]
    fn a_name_has_the_region_of_its_arn_or_none() {
        assert_eq!(key("arn:aws:kms:eu-west-1:111122223333:key/12").region(), Some("eu-west-1"));
        assert_eq!(key("arn:aws:kms:eu-west-2:111122223333:alias/a").region(), Some("eu-west-2"));
        assert_eq!(key("alias/a").region(), None);
        for refused in ["", "alias/a b", "arn:aws:s3:::bucket", "arn:aws:kms:eu-west-1:1:key/", "arn:x"] {
            assert!(KmsKey::parse(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_name_tells_how_long_the_arn_is_if_it_can() {
        let key_arn = arn("eu-west-1", "1234abcd-12ab-34cd-56ef-1234567890ab").to_string();
        let alias_arn = "arn:aws:kms:eu-west-1:111122223333:alias/a:alias/b";
        for name in [&key_arn, alias_arn] {
            assert_eq!(key(name).longest_arn().to_string().len(), key_arn.len(), "{name}");
        }
        let longest =
            "arn:aws-us-gov:kms:us-isof-south-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        for name in ["alias/a", "1234abcd-12ab-34cd-56ef-1234567890ab", "arn:aws:kms:eu-west-1::alias/a"] {
            assert!(key(name).longest_arn().to_string().len() >= longest.len(), "{name}");
        }
    }

    #[test]
    fn a_name_is_tried_only_where_it_can_mean_the_stanzas_key() {
        let stanza = arn("eu-west-1", "12");
        assert!(key(&stanza.to_string()).may_mean(&stanza, "x"));
        assert!(!key("arn:aws:kms:eu-west-1:111122223333:key/13").may_mean(&stanza, "eu-west-1"));
        assert!(key("alias/a").may_mean(&stanza, "eu-west-1"));
        assert!(!key("alias/a").may_mean(&stanza, "eu-west-2"));
        assert!(key("12").may_mean(&stanza, "eu-west-1"));
        assert!(!key("13").may_mean(&stanza, "eu-west-1"));
        assert!(key("alias/a").may_mean(&arn("eu-west-1", "mrk-12"), "eu-west-2"));
        assert!(
            key("arn:aws:kms:us-east-1:111122223333:key/mrk-12").may_mean(&arn("eu-west-1", "mrk-12"), "x")
        );
    }

    #[test]
    fn an_alias_names_no_key_by_itself() {
        let (stanza, other) = (arn("eu-west-1", "12"), arn("eu-west-1", "13"));
        for name in ["12", &stanza.to_string()] {
            assert!(key(name).names(&stanza) && !key(name).names(&other), "{name}");
        }
        let (primary, replica) = (arn("eu-west-1", "mrk-12"), arn("us-east-1", "mrk-12"));
        assert!(key(&primary.to_string()).names(&replica));
        for name in ["alias/12", "arn:aws:kms:eu-west-1:111122223333:alias/12"] {
            assert!(!key(name).names(&stanza), "{name}");
        }
    }

    #[test]
    fn an_answer_under_another_key_is_not_believed() {
        let stanza = arn("eu-west-1", "12");
        assert!(key("alias/a").is_answered_by(&stanza, &stanza));
        assert!(!key("alias/a").is_answered_by(&arn("eu-west-1", "13"), &stanza));
        assert!(!key("13").is_answered_by(&stanza, &stanza));
        assert!(!key("arn:aws:kms:eu-west-1:111122223333:key/13").is_answered_by(&stanza, &stanza));
        let (primary, replica) = (arn("eu-west-1", "mrk-12"), arn("us-east-1", "mrk-12"));
        assert!(key(&replica.to_string()).is_answered_by(&replica, &primary));
        assert!(!key(&replica.to_string()).is_answered_by(&primary, &primary));
    }
}
