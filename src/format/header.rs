//! The header: version line, stanzas, MAC (age.md, «Header»).
//!
//! It owns where a header ends, its bound, and its authenticity; not what any stanza means.

use aws_lc_rs::hmac;

use super::base64;
use super::file_key::FileKey;
use super::secret::hkdf_sha256;
use super::stanza::Stanza;
use crate::error::Error;

/// A longer header is refused: one stanza of ours has at most some 20 KiB, and the header is held in memory.
pub const MAX_HEADER_LEN: usize = 256 * 1024;

/// What every age file begins with, whatever its version.
pub const MAGIC: &[u8] = b"age-encryption.org/";

/// The first line of a stream that was copied as if it were text.
pub const CRLF_VERSION_LINE: &[u8] = b"age-encryption.org/v1\r\n";

/// The version of the age format that envpipe has.
pub const VERSION: &str = "age-encryption.org/v1";

const MAC_LEN: usize = 32;

/// A header that was read. Only [`Header::authenticate`] says whether it is what the sealer wrote.
#[derive(Debug)]
pub struct Header {
    /// One for each recipient.
    pub stanzas: Vec<Stanza>,
    /// Its length in bytes.
    pub len: usize,
    /// The text that the MAC covers: up to and including `---`.
    covered: Vec<u8>,
    mac: [u8; MAC_LEN],
}

impl Header {
    /// The length in bytes of the header that `bytes` begin with, once its end is among them. `bytes` need not be a
    /// header; `searched` is how many of them an earlier call was given, which are not looked at again.
    pub fn end(bytes: &[u8], searched: usize) -> Option<usize> {
        // A MAC line is the only one with three dashes, and it has 48 bytes with its line feed.
        let from = searched.saturating_sub(64);
        let mac = bytes[from..].windows(4).position(|w| w == b"\n---")? + from + 1;
        let line_feed = bytes[mac..].iter().position(|b| *b == b'\n')?;
        Some(mac + line_feed + 1)
    }

    /// Parses a whole header.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut number = 0;
        let mut lines = bytes.split_inclusive(|b| *b == b'\n').map(|line| {
            number += 1;
            line.strip_suffix(b"\n").unwrap_or(line)
        });
        let mut parse = || {
            let version = lines.next().unwrap_or_default();
            if version != VERSION.as_bytes() {
                return Err("another version of the age format than v1");
            }
            let mut stanzas = Vec::new();
            loop {
                let line = lines.next().ok_or("the header has no end")?;
                if let Some(mac) = line.strip_prefix(b"---") {
                    let mac = mac.strip_prefix(b" ").and_then(base64::decode_array);
                    let mac = mac.ok_or("the MAC is not 32 bytes of canonical base64 behind a space")?;
                    return match (stanzas.is_empty(), bytes.ends_with(b"\n"), lines.next()) {
                        (true, ..) => Err("the header has no stanza"),
                        (false, true, None) => Ok((stanzas, mac)),
                        _ => Err("the header goes on behind its MAC"),
                    };
                }
                stanzas.push(Stanza::parse(line, &mut lines)?);
            }
        };
        let (stanzas, mac) = parse().map_err(|why| Error::Header { line: number, why })?;
        let covered = bytes[..bytes.len() - " \n".len() - base64::encode(&mac).len()].to_vec();
        Ok(Self { stanzas, len: bytes.len(), covered, mac })
    }

    /// The text of a header with these stanzas, of which there is at least one.
    pub fn encode(stanzas: &[Stanza], file_key: &FileKey) -> String {
        let mut text = format!("{VERSION}\n");
        for stanza in stanzas {
            stanza.encode(&mut text);
        }
        text.push_str("---");
        let mac = hmac::sign(&mac_key(file_key), text.as_bytes());
        text.push(' ');
        text.push_str(&base64::encode(mac.as_ref()));
        text.push('\n');
        text
    }

    /// Holds the header against its MAC, in constant time.
    pub fn authenticate(&self, file_key: &FileKey) -> Result<(), Error> {
        hmac::verify(&mac_key(file_key), &self.covered, &self.mac).map_err(|_| Error::HeaderNotAuthentic)
    }
}

fn mac_key(file_key: &FileKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, hkdf_sha256(file_key.expose(), b"", b"header").expose())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> (String, FileKey) {
        let file_key = FileKey::from_slice(b"YELLOW SUBMARINE").unwrap();
        let stanzas = [("one", 5), ("two", 48)]
            .map(|(kind, len)| Stanza { args: vec![kind.into(), "x".into()], body: vec![1; len] });
        (Header::encode(&stanzas, &file_key), file_key)
    }

    #[test]
    fn a_header_parses_back_and_is_authentic() {
        let (text, file_key) = example();
        let header = Header::parse(text.as_bytes()).unwrap();
        assert_eq!(header.stanzas.len(), 2);
        assert_eq!(header.len, text.len());
        assert!(header.authenticate(&file_key).is_ok());
        assert!(header.authenticate(&FileKey::from_slice(b"yellow submarine").unwrap()).is_err());
    }

    #[test]
    fn no_byte_of_a_header_can_be_changed() {
        let (text, file_key) = example();
        for i in 0..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[i] ^= 1;
            let intact = Header::parse(&altered).is_ok_and(|h| h.authenticate(&file_key).is_ok());
            assert!(!intact, "byte {i}");
        }
    }

    #[test]
    fn the_end_is_found_however_the_header_arrives() {
        let (text, _) = example();
        let stream = [text.as_bytes(), b"payload\n--- x\n"].concat();
        for have in 0..stream.len() {
            let expected = (have >= text.len()).then_some(text.len());
            assert_eq!(Header::end(&stream[..have], have.saturating_sub(1)), expected, "{have} bytes");
            assert_eq!(Header::end(&stream[..have], 0), expected, "{have} bytes");
        }
    }

    #[test]
    fn a_faulty_header_names_the_line() {
        let (text, _) = example();
        let line = |text: &str| match Header::parse(text.as_bytes()) {
            Err(Error::Header { line, .. }) => line,
            other => panic!("{other:?}"),
        };
        assert_eq!(line(&text.replace("/v1", "/v2")), 1);
        assert_eq!(line(&text.replace("-> two x", "-> two  x")), 4);
        assert_eq!(line(&text.replace("AQEBAQE\n", "AQEBAQF\n")), 3);
        assert_eq!(line(&text.replace("--- ", "---")), 7);
        assert_eq!(line(&format!("{text}x")), 8);
    }
}
