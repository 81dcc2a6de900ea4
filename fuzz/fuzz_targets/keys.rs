//! Files of keys: what parses is written back as it was, and no error shows what a file holds.

#![no_main]

use envpipe::format::file_key::FileKey;
use envpipe::keys::key_file::{AnyIdentity, AnyRecipient, parse_identities, parse_recipients};
use envpipe::keys::x25519::{Identity, Recipient};
use envpipe::keys::{p256, plugin_key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let keys = || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    match parse_identities(text, "file") {
        Ok(identities) => {
            assert_eq!(identities.len(), keys().count());
            let mut of_x25519 = Vec::new();
            for (key, identity) in keys().zip(identities) {
                match identity {
                    AnyIdentity::X25519(identity) => {
                        assert_eq!(identity.to_text().as_str(), key);
                        of_x25519.push(identity);
                    }
                    // What leaves the keys to the environment has two forms.
                    AnyIdentity::Kms(identity) => {
                        assert_eq!(plugin_key::Identity::parse(&identity.to_string()), Ok(identity));
                    }
                }
            }
            let recipients: String = of_x25519.iter().map(|i| format!("{}\r\n", i.recipient())).collect();
            check_recipients(&recipients, &of_x25519);
        }
        Err(error) => {
            assert_eq!((error.status(), error.hint().is_some()), (2, true));
            let is_none =
                |line: &&str| Identity::parse(line).is_none() && plugin_key::Identity::parse(line).is_err();
            let first = keys().find(is_none);
            let number = first.and_then(|key| text.lines().position(|line| line.trim() == key));
            let shown = error.message();
            let expected =
                number.map(|i| format!("file, line {}: not an identity that envpipe knows", i + 1));
            let others = ["file has no identity in it", "file is itself encrypted"];
            assert!(expected.is_some_and(|e| e == shown) || others.contains(&&shown[..]), "{shown}");
        }
    }
    if let Ok(recipients) = parse_recipients(text, "file") {
        assert_eq!(recipients.len(), keys().count());
        keys().for_each(|key| assert_eq!(written(key), key));
    }
});

/// What a recipient of any kind is written as.
fn written(key: &str) -> String {
    if let Some(recipient) = Recipient::parse(key) {
        return recipient.to_string();
    }
    match plugin_key::Recipient::parse(key) {
        Ok(recipient) => recipient.to_string(),
        Err(_) => p256::Recipient::parse(key).unwrap().to_string(),
    }
}

/// What is wrapped for these recipients, each of these identities unwraps.
fn check_recipients(text: &str, identities: &[Identity]) {
    let file_key = FileKey::from_slice(b"YELLOW SUBMARINE").unwrap();
    if text.is_empty() {
        return;
    }
    let recipients = parse_recipients(text, "file").unwrap();
    let wrap = |to: &AnyRecipient| match to {
        AnyRecipient::Age(to) => to.wrap(&file_key).unwrap(),
        AnyRecipient::Kms(_) => panic!("an X25519 recipient became another"),
    };
    let stanzas: Vec<_> = recipients.iter().map(wrap).collect();
    for identity in identities.iter().take(2) {
        assert_eq!(identity.unwrap(&stanzas).unwrap().unwrap().expose(), file_key.expose());
    }
}
