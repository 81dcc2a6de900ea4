//! What an input may be that is not a sealed stream: the mistakes that people make with pipelines.

/// What input that begins so looks like, and what to do with it. Only for a message: it is a guess.
pub fn guess(start: &[u8]) -> Option<(&'static str, &'static str)> {
    let is = |magic: &[u8]| start.starts_with(magic);
    Some(match start {
        _ if is(&[0x1f, 0x8b]) => ("gzip", "if a sealed stream was compressed: gzip -d | envpipe open …"),
        _ if is(&[0x28, 0xb5, 0x2f, 0xfd]) => {
            ("zstd", "if a sealed stream was compressed: zstd -d | envpipe open …")
        }
        _ if is(b"Salted__") => ("the output of openssl enc", "to decrypt it: openssl enc -d …"),
        _ if is(b"YWdlLWVuY3J5cHRpb24u") => {
            ("one in base64 without armor", "to decode it: base64 -d | envpipe open …")
        }
        // The packet tags that an encrypted or signed OpenPGP message begins with (RFC 9580, section 5).
        _ if is(b"-----BEGIN PGP") => ("OpenPGP", "to decrypt it: gpg -d"),
        [0x84 | 0x85 | 0x8c | 0xc1 | 0xc3 | 0xd2, ..] => ("OpenPGP", "to decrypt it: gpg -d"),
        _ => return None,
    })
}
