//! Reading a header off the front of a stream.

use super::input::{Source, Unread};
use crate::error::Error;
use crate::format::header::{CRLF_VERSION_LINE, Header, MAGIC, MAX_HEADER_LEN};
use crate::format::lookalike;

/// Reads and parses the header; what the stream holds behind it is left to read. Input that cannot be a header is refused
/// at its first bytes, and no more than [`MAX_HEADER_LEN`] and one read are held.
pub fn read_header<S: Source>(mut source: S) -> Result<(Header, Unread<S>), Error> {
    let mut bytes = Vec::new();
    let mut buf = [0; 4096];
    loop {
        let searched = bytes.len();
        let len = source.read(&mut buf)?;
        bytes.extend(&buf[..len]);
        let magic = bytes.len().min(MAGIC.len());
        if bytes[..magic] != MAGIC[..magic] {
            return Err(Error::NotAge { seems: lookalike::guess(&bytes) });
        }
        if bytes.starts_with(CRLF_VERSION_LINE) {
            return Err(Error::HeaderCrLf);
        }
        match Header::end(&bytes, searched) {
            Some(end) if end <= MAX_HEADER_LEN => {
                let header = Header::parse(&bytes[..end])?;
                return Ok((header, Unread::new(bytes.split_off(end), source)));
            }
            None if len == 0 && bytes.is_empty() => return Err(Error::Empty),
            None if len == 0 => return Err(Error::HeaderCut),
            None if bytes.len() < MAX_HEADER_LEN => {}
            _ => return Err(Error::HeaderTooLong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Source for &[u8] {
        fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
            let len = self.len().min(buf.len());
            buf[..len].copy_from_slice(&self[..len]);
            *self = &self[len..];
            Ok(len)
        }
    }

    fn fault(bytes: &[u8]) -> Error {
        read_header(bytes).err().unwrap()
    }

    #[test]
    fn a_header_is_refused_at_its_bound() {
        let stanzas =
            |len: usize| [b"age-encryption.org/v1\n".to_vec(), b"-> x\n\n".repeat(len / 6)].concat();
        assert!(matches!(fault(&stanzas(MAX_HEADER_LEN + 100)), Error::HeaderTooLong));
        assert!(matches!(fault(&stanzas(10 * MAX_HEADER_LEN)), Error::HeaderTooLong));
        assert!(matches!(fault(&stanzas(MAX_HEADER_LEN / 2)), Error::HeaderCut));
    }

    #[test]
    fn what_is_no_header_is_told_apart() {
        assert!(matches!(fault(b""), Error::Empty));
        assert!(matches!(fault(b"age-enc"), Error::HeaderCut));
        assert!(matches!(fault(b"age-encryption!"), Error::NotAge { seems: None }));
        assert!(matches!(fault(b"\x1f\x8b\x08"), Error::NotAge { seems: Some(("gzip", _)) }));
        assert!(matches!(fault(b"age-encryption.org/v2\n--- x\n"), Error::Header { line: 1, .. }));
    }
}
