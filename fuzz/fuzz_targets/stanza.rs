//! A stanza that parses is written back as it was: in general, as one of KMS or for a P-256 key, and down to its encryption context.

#![no_main]

use envpipe::format::base64;
use envpipe::format::context::Context;
use envpipe::format::kms_stanza::{KIND, KmsStanza};
use envpipe::format::p256tag::{self, P256TagStanza};
use envpipe::format::stanza::Stanza;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let mut lines = text.split(|b| *b == b'\n');
    let Ok(stanza) = Stanza::parse(lines.next().unwrap(), &mut lines) else { return pairs(text) };
    let mut encoded = String::new();
    stanza.encode(&mut encoded);
    assert!(text.starts_with(encoded.as_bytes()) || *text == encoded.as_bytes()[..encoded.len() - 1]);
    let ours = stanza.kind() == KIND;
    match KmsStanza::parse_all(std::slice::from_ref(&stanza)) {
        Ok(parsed) if ours => {
            assert_eq!(parsed[0].encode(), stanza);
            assert!(parsed[0].context.encode().eq(stanza.args[3..].iter().cloned()));
        }
        parsed => assert!(parsed.is_err() == ours),
    }
    let tagged = stanza.kind() == p256tag::KIND;
    match P256TagStanza::parse_all(std::slice::from_ref(&stanza)) {
        Ok(parsed) if tagged => {
            assert_eq!(base64::encode(parsed[0].enc().uncompressed()), stanza.args[2]);
            assert_eq!((stanza.args.len(), stanza.args[1].len(), stanza.body.len()), (3, 6, 32));
        }
        parsed => assert!(parsed.is_err() == tagged),
    }
});

/// What is no stanza is names and values in turn, one a line.
fn pairs(text: &[u8]) {
    let mut context = Context::default();
    let Ok(text) = std::str::from_utf8(text) else { return };
    let lines: Vec<&str> = text.split('\n').collect();
    for pair in lines.chunks_exact(2) {
        if context.insert(pair[0], pair[1]).is_err() {
            return;
        }
        assert_eq!(context.get(pair[0]), Some(pair[1]));
    }
    let args: Vec<String> = context.encode().collect();
    assert!(args.iter().all(|arg| arg.bytes().all(|b| b.is_ascii_graphic())));
    assert_eq!(Context::parse(&args), Ok(context));
}
