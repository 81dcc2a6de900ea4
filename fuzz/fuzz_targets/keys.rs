//! Files of keys: what parses is written back as it was, and no error shows what a file holds.

#![no_main]

use envpipe::format::file_key::FileKey;
use envpipe::keys::key_file::{parse_identities, parse_recipients};
use envpipe::keys::p256;
use envpipe::keys::x25519::{Identity, Recipient};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let keys = || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    match parse_identities(text, "file") {
        Ok(identities) => {
            assert!(keys().eq(identities.iter().map(|identity| identity.to_text().to_string())));
            let recipients: String = identities.iter().map(|i| format!("{}\r\n", i.recipient())).collect();
            check_recipients(&recipients, &identities);
        }
        Err(error) => {
            assert_eq!((error.status(), error.hint().is_some()), (2, true));
            let first = keys().find(|line| Identity::parse(line).is_none());
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

/// What a recipient of either kind is written as.
fn written(key: &str) -> String {
    match Recipient::parse(key) {
        Some(recipient) => recipient.to_string(),
        None => p256::Recipient::parse(key).unwrap().to_string(),
    }
}

/// What is wrapped for these recipients, each of these identities unwraps.
fn check_recipients(text: &str, identities: &[Identity]) {
    let file_key = FileKey::from_slice(b"YELLOW SUBMARINE").unwrap();
    let recipients = parse_recipients(text, "file").unwrap();
    let stanzas: Vec<_> = recipients.iter().map(|to| to.wrap(&file_key).unwrap()).collect();
    for identity in identities.iter().take(2) {
        assert_eq!(identity.unwrap(&stanzas).unwrap().unwrap().expose(), file_key.expose());
    }
}
