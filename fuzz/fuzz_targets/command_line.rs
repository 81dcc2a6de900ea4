//! No words of a command line make it panic; those that it refuses, it refuses in one line and with a hint.

#![no_main]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use envpipe::cli;
use libfuzzer_sys::fuzz_target;

// A word a line; the first is `ENVPIPE_KEY`.
fuzz_target!(|text: &[u8]| {
    let mut words = text.split(|b| *b == b'\n').map(|word| OsStr::from_bytes(word).to_owned());
    let environment = words.next().filter(|word| !word.is_empty());
    let args = std::iter::once(OsString::from("envpipe")).chain(words);
    if let Err(error) = cli::parse(args, environment) {
        assert_eq!(error.status(), 2);
        assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{}", error.message());
        assert!(!error.message().contains(char::is_control), "{}", error.message());
    }
});
