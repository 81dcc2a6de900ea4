//! What an input may be that is not a sealed stream: the mistakes that people make with pipelines.

/// What input that begins so looks like, and what to do with it. Only for a message: it is a guess.
pub fn guess(start: &[u8]) -> Option<(&'static str, &'static str)> {
    let is = |magic: &[u8]| start.starts_with(magic);
    let is_any = |magics: &[&[u8]]| magics.iter().any(|magic| is(magic));
    Some(match start {
        // In either byte order, with a byte order mark or without.
        _ if is_any(&[b"\xff\xfe", b"\xfe\xff", b"a\0g\0", b"\0a\0g", b"-\0-\0", b"\0-\0-"]) => (
            "UTF-16, as PowerShell's > writes",
            "armor can be had back: iconv -f UTF-16 -t UTF-8 | envpipe open …; a binary stream cannot, so seal with -o FILE",
        ),
        _ if is(b"\xef\xbb\xbf") => {
            ("text with a byte order mark", "if an editor put it before armor: tail -c +4 | envpipe open …")
        }
        _ if is(&[0x1f, 0x8b]) => ("gzip", "if a sealed stream was compressed: gzip -d | envpipe open …"),
        _ if is(&[0x28, 0xb5, 0x2f, 0xfd]) => {
            ("zstd", "if a sealed stream was compressed: zstd -d | envpipe open …")
        }
        _ if is(b"Salted__") => ("the output of openssl enc", "to decrypt it: openssl enc -d …"),
        // Of a header, and of armor.
        _ if is_any(&[b"YWdlLWVuY3J5cHRpb24u", b"LS0tLS1CRUdJTiBBR0Ug"]) => {
            ("one in base64", "to decode it: base64 -d | envpipe open …")
        }
        // Its versions, each with the first byte or two of its algorithms, and the same in base64.
        [0x01, 0x80, ..] | [0x02, 0x04 | 0x05, 0x78, ..] => AWS_ENCRYPTION_SDK,
        _ if is_any(&[b"AYA", b"AgR4", b"AgV4"]) => AWS_ENCRYPTION_SDK,
        // No format that is promised, but all that KMS has written begins so.
        [0x01, 0x01 | 0x02, 0x02 | 0x03, 0x00, 0x78, ..] => (
            "a ciphertext of KMS itself",
            "if aws kms encrypt made it: aws kms decrypt --ciphertext-blob fileb://FILE …",
        ),
        _ if is_any(&[b"AQECAH", b"AQEDAH", b"AQICAH", b"AQIDAH"]) => (
            "a ciphertext of KMS itself, in base64",
            "if aws kms encrypt made it: base64 -d > FILE; aws kms decrypt --ciphertext-blob fileb://FILE …",
        ),
        // The packet tags that an encrypted or signed OpenPGP message begins with (RFC 9580, section 5).
        _ if is(b"-----BEGIN PGP") => ("OpenPGP", "to decrypt it: gpg -d"),
        [0x84 | 0x85 | 0x8c | 0xc1 | 0xc3 | 0xd2, ..] => ("OpenPGP", "to decrypt it: gpg -d"),
        _ => return None,
    })
}

const AWS_ENCRYPTION_SDK: (&str, &str) =
    ("a message of the AWS Encryption SDK", "to decrypt it: aws-encryption-cli --decrypt …");
