//! Base64 as the age header has it: standard alphabet, no padding, canonical (RFC 4648, sections 3.5 and 4).

use base64_simd::STANDARD_NO_PAD;

/// Encodes without padding.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode_to_string(bytes)
}

/// Decodes; `None` for padding, other characters, or bits that no byte owns.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode_to_vec(text).ok()
}

/// Decodes exactly `N` bytes.
pub fn decode_array<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    decode(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_takes_canonical_unpadded_text_alone() {
        assert_eq!(decode(b"").as_deref(), Some(&b""[..]));
        assert_eq!(decode(b"AQ").as_deref(), Some(&[1][..]));
        assert_eq!(decode(b"AQI").as_deref(), Some(&[1, 2][..]));
        for refused in ["AR", "AQJ", "AQ==", "A", "AQ=", "AQ\n", "A Q", "-_8", "AQIDB"] {
            assert!(decode(refused.as_bytes()).is_none(), "{refused:?}");
        }
    }

    #[test]
    fn decode_array_holds_the_length() {
        assert_eq!(decode_array(b"AQI"), Some([1, 2]));
        assert_eq!(decode_array::<3>(b"AQI"), None);
    }
}
