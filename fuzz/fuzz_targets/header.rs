//! A header that parses is the one text of its stanzas and its MAC, and is authentic only with the right one.

#![no_main]

use envpipe::format::file_key::FileKey;
use envpipe::format::header::Header;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(header) = Header::parse(bytes) else { return };
    assert_eq!(Header::end(bytes, 0), Some(bytes.len()));
    let file_key = FileKey::from_slice(b"YELLOW SUBMARINE").unwrap();
    let text = Header::encode(&header.stanzas, &file_key);
    let mac = text.len() - 44;
    assert_eq!(text.as_bytes()[..mac], bytes[..mac]);
    assert_eq!(header.authenticate(&file_key).is_ok(), text.as_bytes() == bytes);
    assert!(Header::parse(text.as_bytes()).unwrap().authenticate(&file_key).is_ok());
});
