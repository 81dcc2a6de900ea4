//! The ARN of a KMS key, as KMS names a key in its answers and a stanza holds it.

use std::fmt;
use std::str::FromStr;

/// `arn:PARTITION:kms:REGION:ACCOUNT:key/ID`; never an alias.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KeyArn {
    text: String,
    region: std::ops::Range<usize>,
    id: usize,
}

impl KeyArn {
    /// The region that the key lives in.
    pub fn region(&self) -> &str {
        &self.text[self.region.clone()]
    }

    /// The account that the key belongs to, 12 digits.
    pub fn account(&self) -> &str {
        &self.text[self.region.end + ":".len()..self.id - ":key/".len()]
    }

    /// The key's id: a UUID, or `mrk-` and 32 hex digits.
    pub fn id(&self) -> &str {
        &self.text[self.id..]
    }

    /// Whether both are one multi-Region key: the same ARN but for the region.
    pub fn is_replica_of(&self, other: &Self) -> bool {
        let around =
            |arn: &Self| (arn.text[..arn.region.start].to_owned(), arn.text[arn.region.end..].to_owned());
        self.is_multi_region() && around(self) == around(other)
    }

    /// Whether replicas of the key can exist in other regions.
    pub fn is_multi_region(&self) -> bool {
        self.id().starts_with("mrk-")
    }
}

impl FromStr for KeyArn {
    type Err = ();

    /// Parses an ARN of at most 2048 bytes (KMS's bound for a KeyId).
    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<&str> = text.split(':').collect();
        let &[arn @ "arn", partition, service @ "kms", region, account, key] = &parts[..] else {
            return Err(());
        };
        let id = key.strip_prefix("key/").ok_or(())?;
        let name = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        if !(name(partition) && name(region) && is_account && name(id) && text.len() <= 2048) {
            return Err(());
        }
        let start = arn.len() + partition.len() + service.len() + 3;
        Ok(Self { text: text.to_owned(), region: start..start + region.len(), id: text.len() - id.len() })
    }
}

impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_falls_into_its_parts() {
        let text = "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let arn: KeyArn = text.parse().unwrap();
        assert_eq!((arn.region(), arn.account()), ("us-gov-west-1", "111122223333"));
        assert_eq!(arn.id(), "1234abcd-12ab-34cd-56ef-1234567890ab");
        assert_eq!(arn.to_string(), text);
    }

    #[test]
    fn what_is_not_the_arn_of_a_key_is_refused() {
        for refused in [
            "",
            "alias/backup",
            "arn:aws:kms:eu-west-1:111122223333:alias/backup",
            "arn:aws:s3:eu-west-1:111122223333:key/1",
            "arn:aws:kms::111122223333:key/1",
            "arn:aws:kms:eu-west-1:1111:key/1",
            "arn:aws:kms:eu-west-1:111122223333:key/",
            "arn:aws:kms:eu-west-1:111122223333:key/1 2",
            "arn:aws:kms:eu-west-1:111122223333:key/1:2",
        ] {
            assert!(refused.parse::<KeyArn>().is_err(), "{refused}");
        }
    }

    #[test]
    fn replicas_differ_in_their_region_alone() {
        let arn =
            |region: &str, rest: &str| format!("arn:aws:kms:{region}:{rest}").parse::<KeyArn>().unwrap();
        let primary = arn("eu-west-1", "111122223333:key/mrk-12");
        assert!(primary.is_replica_of(&arn("us-east-1", "111122223333:key/mrk-12")));
        assert!(!primary.is_replica_of(&arn("us-east-1", "111122223334:key/mrk-12")));
        assert!(!primary.is_replica_of(&arn("us-east-1", "111122223333:key/mrk-13")));
        let single = arn("eu-west-1", "111122223333:key/12");
        assert!(!single.is_replica_of(&arn("us-east-1", "111122223333:key/12")));
    }
}
