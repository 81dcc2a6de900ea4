//! The encryption context: names and values that KMS binds to a data key, and their form in a stanza.
//!
//! It owns the user's pairs and envpipe's fixed one; not what a policy makes of them.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The pair that KMS is always given and no stanza holds. It keeps a data key that another program wrapped from being
/// passed off as one of ours.
pub const FIXED_PAIR: (&str, &str) = ("envpipe", "v1");

/// Everything but the characters that stand for themselves: `A-Z a-z 0-9 - . _ ~ : / @ ,`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b'/')
    .remove(b'@')
    .remove(b',');

/// The user's pairs, sorted by the bytes of the name; names are unique, not empty, and not `envpipe`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Context(BTreeMap<String, String>);

impl Context {
    /// Adds a pair, or says why it cannot be one.
    pub fn insert(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        if name.is_empty() {
            return Err("a name of the encryption context is empty");
        }
        if name == FIXED_PAIR.0 {
            return Err("the name 'envpipe' of the encryption context is envpipe's own");
        }
        match self.0.insert(name.to_owned(), value.to_owned()) {
            None => Ok(()),
            Some(_) => Err("a name of the encryption context is there twice"),
        }
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// What KMS is given: the user's pairs and the fixed one.
    pub fn for_kms(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs().chain([FIXED_PAIR])
    }

    /// The stanza's arguments, one a pair.
    pub fn encode(&self) -> impl Iterator<Item = String> {
        self.pairs().map(|(name, value)| encode(name, value))
    }

    /// Parses a stanza's arguments; any but the one encoding of the same pairs is refused.
    pub fn parse(args: &[String]) -> Result<Self, &'static str> {
        let mut context = Self::default();
        for arg in args {
            let (name, value) = arg.split_once('=').ok_or("a pair of the encryption context has no '='")?;
            let decode = |text| percent_decode_str(text).decode_utf8();
            let (Ok(name), Ok(value)) = (decode(name), decode(value)) else {
                return Err("the encryption context is not UTF-8");
            };
            if encode(&name, &value) != *arg {
                return Err("a pair of the encryption context is not in its one percent-encoding");
            }
            context.insert(&name, &value)?;
        }
        match context.encode().eq(args.iter().cloned()) {
            true => Ok(context),
            false => Err("the encryption context is not sorted by name"),
        }
    }

    /// The user's pairs.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn encode(name: &str, value: &str) -> String {
    format!("{}={}", utf8_percent_encode(name, ESCAPED), utf8_percent_encode(value, ESCAPED))
}

/// What `open` demands of a context: a name, or a pair.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    name: String,
    value: Option<String>,
}

impl Wanted {
    /// Parses `NAME` or `NAME=VALUE`; `None` for an empty name.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        (!name.is_empty()).then(|| Self { name: name.to_owned(), value })
    }

    /// Whether a context has it.
    pub fn is_met_by(&self, context: &Context) -> bool {
        match (context.get(&self.name), &self.value) {
            (Some(value), Some(wanted)) => value == wanted,
            (value, None) => value.is_some(),
            (None, Some(_)) => false,
        }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Context, &'static str> {
        Context::parse(&args.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn pairs_come_back_sorted_and_escaped() {
        let mut context = Context::default();
        for (name, value) in [("é", "=%"), ("b", ""), ("B", "x y"), ("a/:@,~_.-", "9")] {
            context.insert(name, value).unwrap();
        }
        let args: Vec<_> = context.encode().collect();
        assert_eq!(args, ["B=x%20y", "a/:@,~_.-=9", "b=", "%C3%A9=%3D%25"]);
        assert_eq!(Context::parse(&args).unwrap(), context);
        assert_eq!(context.for_kms().last(), Some(("envpipe", "v1")));
    }

    #[test]
    fn a_demand_is_a_name_or_a_pair() {
        let mut context = Context::default();
        context.insert("app", "x=y").unwrap();
        let met = |text| Wanted::parse(text).unwrap().is_met_by(&context);
        assert!(met("app") && met("app=x=y"));
        assert!(!met("app=x") && !met("ap") && !met("app=") && !met("envpipe"));
        assert!(Wanted::parse("=x").is_none() && Wanted::parse("").is_none());
    }

    #[test]
    fn any_other_encoding_is_refused() {
        assert!(parse(&["a=1", "b=2"]).is_ok());
        for refused in [
            &["b=2", "a=1"][..],
            &["a=1", "a=2"],
            &["a"],
            &["=1"],
            &["a=b=c"],
            &["envpipe=v1"],
            &["envpip%65=v1"],
            &["a=%2D"],
            &["a=%c3%a9"],
            &["a=%C3"],
            &["a=%"],
            &["a=%4"],
            &["a=+"],
            &["a=\u{e9}"],
        ] {
            assert!(parse(refused).is_err(), "{refused:?}");
        }
    }
}
