//! Files of keys: a recipient or an identity a line, with comments (`#`) and blank lines, as age has them.
//!
//! It owns the text of such a file; reading it is `pipe::small_file`.

use super::{Recipient, p256, plugin_key, x25519};
use crate::error::Error;

/// Whom a line of a recipients file names.
pub enum AnyRecipient {
    /// One that needs no KMS.
    Age(Box<dyn Recipient>),
    /// A KMS key.
    Kms(plugin_key::Recipient),
}

/// What a line of an identity file is.
pub enum AnyIdentity {
    /// A secret key.
    X25519(x25519::Identity),
    /// The KMS keys that may open.
    Kms(plugin_key::Identity),
}

/// Parses one recipient, as `-r` takes it.
pub fn parse_recipient(text: &str) -> Result<AnyRecipient, Error> {
    // A secret key in the wrong place must not be printed.
    let shown = match text.to_ascii_uppercase().contains("SECRET") {
        true => "a secret key",
        false => text,
    };
    recipient(text).map_err(|hint| Error::usage(format!("not a recipient: {shown}"), hint))
}

/// Parses a recipient, or says how to mend it.
fn recipient(text: &str) -> Result<AnyRecipient, String> {
    if let Some(recipient) = x25519::Recipient::parse(text) {
        return Ok(AnyRecipient::Age(Box::new(recipient)));
    }
    if let Some(recipient) = p256::Recipient::parse(text) {
        return Ok(AnyRecipient::Age(Box::new(recipient)));
    }
    if text.starts_with(plugin_key::RECIPIENT_START) {
        let parsed = plugin_key::Recipient::parse(text).map(AnyRecipient::Kms);
        return parsed
            .map_err(|why| format!("a recipient of a KMS key is what envpipe recipient prints: {why}"));
    }
    let hint = if text.starts_with("AGE-SECRET-KEY-") {
        "that is a secret key: keep it, and name its file with -i"
    } else if text.starts_with("AGE-PLUGIN-") {
        "that is an identity: put it in a file, and name that with -i"
    } else if text.starts_with("ssh-") || text.starts_with("age1pq1") || text.starts_with("age1tagpq1") {
        "envpipe seals to X25519 (age1…) and P-256 recipients (age1tag1…) and KMS keys (-k) only"
    } else if text.starts_with("age1tag1") {
        "a P-256 recipient is age1tag1… and 59 more characters; one may be missing or mistyped"
    } else if let Some(name) = plugin(text, "age1", "1") {
        return Err(runs_no_plugin(&name));
    } else if text.starts_with("alias/") || text.starts_with("arn:") {
        "a KMS key is named with -k"
    } else {
        "a recipient is age1… and 58 more characters; one may be missing or mistyped"
    };
    Err(hint.into())
}

/// Parses the text of a recipients file named `name`; at least one is in it.
pub fn parse_recipients(text: &str, name: &str) -> Result<Vec<AnyRecipient>, Error> {
    parse(text, name, "recipient", recipient)
}

/// Parses the text of an identity file named `name`; at least one is in it.
pub fn parse_identities(text: &str, name: &str) -> Result<Vec<AnyIdentity>, Error> {
    if text.starts_with("age-encryption.org/") || text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") {
        let hint = "decrypt it first: age -d -o IDENTITY FILE, or age -d FILE | envpipe … -i -";
        return Err(Error::usage(format!("{name} is itself encrypted"), hint));
    }
    parse(text, name, "identity", identity)
}

/// Parses an identity, or says how to mend it, without showing it.
fn identity(text: &str) -> Result<AnyIdentity, String> {
    if text.starts_with(plugin_key::IDENTITY_START) {
        let parsed = plugin_key::Identity::parse(text).map(AnyIdentity::Kms);
        return parsed
            .map_err(|why| format!("an identity of KMS keys is what envpipe identity prints: {why}"));
    }
    if let Some(name) = plugin(text, "AGE-PLUGIN-", "-1") {
        return Err(runs_no_plugin(&name));
    }
    let known =
        "envpipe has X25519 identities (AGE-SECRET-KEY-1…) and KMS keys (AGE-PLUGIN-ENVPIPE-1…), one a line";
    x25519::Identity::parse(text).map(AnyIdentity::X25519).ok_or_else(|| known.into())
}

/// The name of the plugin that a key is for, in lower case: what stands before the last `end`.
fn plugin(text: &str, start: &str, end: &str) -> Option<String> {
    let (name, _) = text.strip_prefix(start)?.rsplit_once(end)?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b));
    is_name.then(|| name.to_ascii_lowercase())
}

fn runs_no_plugin(name: &str) -> String {
    format!("it is for age-plugin-{name}, and envpipe runs no plugins: age and rage do")
}

/// An error names the line but never shows it: it may be a secret.
fn parse<T>(
    text: &str,
    name: &str,
    what: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, Error> {
    let a = if what == "identity" { "an" } else { "a" };
    let lines = text.lines().map(str::trim).enumerate();
    let keys: Vec<T> = lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(i, line)| {
            parse(line).map_err(|hint| {
                Error::usage(format!("{name}, line {}: not {a} {what} that envpipe knows", i + 1), hint)
            })
        })
        .collect::<Result<_, _>>()?;
    match keys.is_empty() {
        true => Err(Error::usage(format!("{name} has no {what} in it"), "keygen makes an identity file")),
        false => Ok(keys),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

    #[test]
    fn comments_blank_lines_and_both_line_endings_are_taken() {
        let text = format!("# comment\r\n\r\n  {IDENTITY}\r\n\n#\n{IDENTITY}");
        assert_eq!(parse_identities(&text, "f").unwrap().len(), 2);
        assert_eq!(parse_recipients(&text.replace(IDENTITY, RECIPIENT), "f").unwrap().len(), 2);
    }

    #[test]
    fn a_file_may_mix_the_kinds_of_recipient() {
        let p256 = "age1tag1qwe0kafsjrar4txm6heqnhpfuggzr0gvznz7fvygxrlq90u5mq2pysxtw6h";
        let arn = "arn:aws:kms:eu-west-1:111122223333:key/1234";
        let kms = plugin_key::Recipient { key: arn.parse().unwrap(), context: Default::default() };
        let wrapped: Vec<_> = parse_recipients(&format!("{RECIPIENT}\n{p256}\n{kms}\n"), "f")
            .unwrap()
            .iter()
            .map(|recipient| match recipient {
                AnyRecipient::Age(age) => age.wrap(&crate::keys::random().unwrap()).unwrap().args[0].clone(),
                AnyRecipient::Kms(kms) => kms.key.id().to_owned(),
            })
            .collect();
        assert_eq!(wrapped, ["X25519", "p256tag", "1234"]);
        let mistyped = parse_recipient(&p256[..60]).err().unwrap();
        assert!(mistyped.hint().unwrap().starts_with("a P-256 recipient is"), "{mistyped:?}");
    }

    #[test]
    fn keys_of_plugins_have_an_error_of_their_own() {
        let hint = |error: Option<Error>| error.unwrap().hint().unwrap();
        let yubikey = "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t";
        assert!(hint(parse_recipient(yubikey).err()).starts_with("it is for age-plugin-yubikey, "));
        let identity = "AGE-PLUGIN-YUBIKEY-1Q9SHYM36V9MHXWNTD4EN5ET494MK2UM595";
        assert!(hint(parse_identities(identity, "f").err()).starts_with("it is for age-plugin-yubikey, "));
        assert!(hint(parse_recipient(identity).err()).starts_with("that is an identity"));
        for mistyped in ["age1envpipe1q", "age1envpipe1qwt50d05nh5vutpd"] {
            assert!(hint(parse_recipient(mistyped).err()).ends_with("missing or mistyped"), "{mistyped}");
        }
        let hint = hint(parse_identities("AGE-PLUGIN-ENVPIPE-1QQQ", "f").err());
        assert!(hint.ends_with("missing or mistyped"), "{hint}");
    }

    #[test]
    fn an_error_names_the_line_and_never_shows_it() {
        for text in [format!("#\n{}", &IDENTITY[..40]), format!("#\n{IDENTITY}x")] {
            let message = parse_identities(&text, "keys.txt").err().unwrap().message();
            assert!(message.starts_with("keys.txt, line 2:") && !message.contains("SECRET"), "{message}");
        }
        let error = parse_recipient(IDENTITY).err().unwrap();
        assert!(!error.message().contains("GFPYY"), "{error:?}");
        assert!(parse_identities("# nothing\n", "f").is_err());
    }
}
