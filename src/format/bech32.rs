//! Age's keys as text: Bech32 (BIP 173) without its limit on length.
//!
//! It owns the encoding; what the bytes mean belongs to the kind of key (`keys`).

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{ByteIterExt, Checksum, Fe32IterExt, Hrp};
use zeroize::Zeroizing;

/// Characters of the checksum at the end.
const CHECKSUM_LEN: usize = 6;

/// The checksum of BIP 173, without a bound on the length: beyond 1023 characters it finds fewer mistakes.
enum Bech32 {}

impl Checksum for Bech32 {
    type MidstateRepr = u32;
    const CODE_LENGTH: usize = usize::MAX;
    const CHECKSUM_LENGTH: usize = CHECKSUM_LEN;
    const GENERATOR_SH: [u32; 5] = bech32::Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: u32 = bech32::Bech32::TARGET_RESIDUE;
    type CorrectionField = <bech32::Bech32 as Checksum>::CorrectionField;
    const ROOT_GENERATOR: Self::CorrectionField = bech32::Bech32::ROOT_GENERATOR;
    const ROOT_EXPONENTS: std::ops::RangeInclusive<usize> = bech32::Bech32::ROOT_EXPONENTS;
}

/// Encodes in lower case; an upper-case prefix gives an upper-case text, as age's secret keys have it.
pub fn encode(prefix: Hrp, bytes: &[u8]) -> Zeroizing<String> {
    let upper = prefix.as_str().chars().any(|c| c.is_ascii_uppercase());
    // Never grown, so that no copy of it stays behind; the library's own functions leave one on the stack.
    let len = prefix.len() + 1 + (bytes.len() * 8).div_ceil(5) + CHECKSUM_LEN;
    let mut text = Zeroizing::new(String::with_capacity(len));
    text.extend(bytes.iter().copied().bytes_to_fes().with_checksum::<Bech32>(&prefix).chars());
    if upper {
        text.make_ascii_uppercase();
    }
    text
}

/// Decodes a text of this prefix and in its case; `None` where prefix, checksum, case or padding are wrong.
pub fn decode(prefix: Hrp, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let parsed = CheckedHrpstring::new::<Bech32>(text).ok().filter(|parsed| parsed.hrp() == prefix)?;
    let bytes = Zeroizing::new(parsed.byte_iter().collect::<Vec<u8>>());
    // What encodes to another text (another case, or padding bits that are set) is not canonical.
    (encode(prefix, &bytes).as_str() == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";

    #[test]
    fn the_examples_of_the_age_specification_decode_and_encode() {
        let age = Hrp::parse_unchecked("age");
        let secret = Hrp::parse_unchecked("AGE-SECRET-KEY-");
        let public = decode(age, RECIPIENT).unwrap();
        assert_eq!(encode(age, &public).as_str(), RECIPIENT);
        assert_eq!(decode(secret, IDENTITY).unwrap().as_slice(), &[0x42; 32]);
        assert_eq!(encode(secret, &[0x42; 32]).as_str(), IDENTITY);
    }

    #[test]
    fn a_long_text_decodes() {
        let prefix = Hrp::parse_unchecked("age1envpipe");
        for len in [0, 1, 600, 700, 5000] {
            let bytes = vec![0x61; len];
            let text = encode(prefix, &bytes);
            assert_eq!(decode(prefix, &text).unwrap().as_slice(), &bytes, "{len} bytes");
            assert!(decode(prefix, &text.replacen("1v", "1w", 1)).is_none() || len == 0, "{len} bytes");
        }
    }

    #[test]
    fn another_case_prefix_or_checksum_is_refused() {
        let age = Hrp::parse_unchecked("age");
        let altered = RECIPIENT.replace("zv", "vz");
        for refused in [&RECIPIENT.to_uppercase(), IDENTITY, &altered, "age1", "", "Age1zvkyg"] {
            assert!(decode(age, refused).is_none(), "{refused}");
        }
        assert!(decode(Hrp::parse_unchecked("AGE-SECRET-KEY-"), &IDENTITY.to_lowercase()).is_none());
    }
}
