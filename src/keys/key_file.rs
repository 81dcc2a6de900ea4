//! Files of keys: a recipient or an identity a line, with comments (`#`) and blank lines, as age has them.
//!
//! It owns the text of such a file; reading it is `pipe::small_file`.

use super::{Recipient, p256, x25519};
use crate::error::Error;

/// Parses one recipient, as `-r` takes it.
pub fn parse_recipient(text: &str) -> Result<Box<dyn Recipient>, Error> {
    if let Some(recipient) = x25519::Recipient::parse(text) {
        return Ok(Box::new(recipient));
    }
    if let Some(recipient) = p256::Recipient::parse(text) {
        return Ok(Box::new(recipient));
    }
    let hint = if text.starts_with("AGE-SECRET-KEY-") {
        "that is a secret key: keep it, and name its file with -i"
    } else if text.starts_with("ssh-") || text.starts_with("age1pq1") || text.starts_with("age1tagpq1") {
        "envpipe seals to X25519 (age1…) and P-256 recipients (age1tag1…) and KMS keys (-k) only"
    } else if text.starts_with("age1tag1") {
        "a P-256 recipient is age1tag1… and 59 more characters; one may be missing or mistyped"
    } else if text.starts_with("alias/") || text.starts_with("arn:") {
        "a KMS key is named with -k"
    } else {
        "a recipient is age1… and 58 more characters; one may be missing or mistyped"
    };
    // A secret key in the wrong place must not be printed.
    let shown = match text.to_ascii_uppercase().contains("SECRET") {
        true => "a secret key",
        false => text,
    };
    Err(Error::usage(format!("not a recipient: {shown}"), hint))
}

/// Parses the text of a recipients file named `name`; at least one is in it.
pub fn parse_recipients(text: &str, name: &str) -> Result<Vec<Box<dyn Recipient>>, Error> {
    parse(text, name, "recipient", |line| parse_recipient(line).ok())
}

/// Parses the text of an identity file named `name`; at least one is in it.
pub fn parse_identities(text: &str, name: &str) -> Result<Vec<x25519::Identity>, Error> {
    if text.starts_with("age-encryption.org/") || text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") {
        let hint = "decrypt it first: age -d -o IDENTITY FILE, or age -d FILE | envpipe … -i -";
        return Err(Error::usage(format!("{name} is itself encrypted"), hint));
    }
    parse(text, name, "identity", x25519::Identity::parse)
}

/// An error names the line but never shows it: it may be a secret.
fn parse<T>(text: &str, name: &str, what: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Error> {
    let lines = text.lines().map(str::trim).enumerate();
    let keys: Vec<T> = lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(i, line)| {
            parse(line).ok_or_else(|| {
                let hint = match what {
                    "identity" => "envpipe has X25519 identities: AGE-SECRET-KEY-1…, one a line",
                    _ => "envpipe has X25519 (age1…) and P-256 recipients (age1tag1…), one a line; KMS keys are named with -k",
                };
                Error::usage(format!("{name}, line {}: not an {what} that envpipe knows", i + 1), hint)
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
        let wrapped: Vec<_> = parse_recipients(&format!("{RECIPIENT}\n{p256}\n"), "f")
            .unwrap()
            .iter()
            .map(|recipient| recipient.wrap(&crate::keys::random().unwrap()).unwrap().args[0].clone())
            .collect();
        assert_eq!(wrapped, ["X25519", "p256tag"]);
        let mistyped = parse_recipient(&p256[..60]).err().unwrap();
        assert!(mistyped.hint().unwrap().starts_with("a P-256 recipient is"), "{mistyped:?}");
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
