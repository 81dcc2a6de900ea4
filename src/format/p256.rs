//! Public points of the curve P-256, in the encodings of SEC 1 and of SubjectPublicKeyInfo (RFC 5480).
//!
//! It owns which bytes are a point; nothing secret comes here. The curve is of prime order, so none of its points but the
//! one at infinity, which has no encoding here, makes a shared secret that everybody knows.

use p256::elliptic_curve::sec1::ToSec1Point;

/// Length of a compressed point in bytes.
pub const COMPRESSED_LEN: usize = 33;

/// Length of an uncompressed point in bytes.
pub const UNCOMPRESSED_LEN: usize = 65;

/// What stands in front of an uncompressed point in its one DER encoding as SubjectPublicKeyInfo: the lengths, the object
/// identifiers id-ecPublicKey and secp256r1, and that the bit string leaves no bit unused.
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A point on the curve, not the one at infinity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Point([u8; UNCOMPRESSED_LEN]);

impl Point {
    /// Decodes 33 bytes that begin with 2 or 3; `None` for any other form, and off the curve.
    pub fn from_compressed(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == COMPRESSED_LEN && matches!(bytes[0], 2 | 3)).then(|| Self::decode(bytes))?
    }

    /// Decodes 65 bytes that begin with 4; `None` for any other form, and off the curve.
    pub fn from_uncompressed(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == UNCOMPRESSED_LEN && bytes[0] == 4).then(|| Self::decode(bytes))?
    }

    /// Decodes a SubjectPublicKeyInfo of 91 bytes, as KMS gives it.
    pub fn from_spki(der: &[u8]) -> Option<Self> {
        Self::from_uncompressed(der.strip_prefix(&SPKI_PREFIX)?)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let point = p256::PublicKey::from_sec1_bytes(bytes).ok()?;
        point.to_uncompressed_point().as_slice().try_into().ok().map(Self)
    }

    /// The point in 65 bytes: 4, x, y.
    pub fn uncompressed(&self) -> &[u8; UNCOMPRESSED_LEN] {
        &self.0
    }

    /// The point in 33 bytes: 2 for an even y or 3 for an odd one, and x.
    pub fn compressed(&self) -> [u8; COMPRESSED_LEN] {
        let mut bytes = [0; COMPRESSED_LEN];
        bytes.copy_from_slice(&self.0[..COMPRESSED_LEN]);
        bytes[0] = 2 + (self.0[UNCOMPRESSED_LEN - 1] & 1);
        bytes
    }

    /// The point as SubjectPublicKeyInfo, as KMS takes it.
    pub fn to_spki(&self) -> Vec<u8> {
        [&SPKI_PREFIX[..], &self.0].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The generator (SEC 2, section 2.4.2).
    const UNCOMPRESSED: &str = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                                4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    const COMPRESSED: &str = "036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";

    fn bytes(hex: &str) -> Vec<u8> {
        hex::decode(hex).unwrap()
    }

    #[test]
    fn every_encoding_is_of_one_point() {
        let point = Point::from_uncompressed(&bytes(UNCOMPRESSED)).unwrap();
        assert_eq!(Point::from_compressed(&bytes(COMPRESSED)), Some(point.clone()));
        assert_eq!(Point::from_spki(&point.to_spki()), Some(point.clone()));
        assert_eq!(hex::encode(point.compressed()), COMPRESSED);
        assert_eq!(hex::encode(point.uncompressed()), UNCOMPRESSED);
        let negative = Point::from_compressed(&bytes(&COMPRESSED.replacen("03", "02", 1))).unwrap();
        assert_ne!(negative, point);
        assert_eq!(hex::encode(negative.compressed()), COMPRESSED.replacen("03", "02", 1));
    }

    #[test]
    fn no_other_form_is_taken() {
        // Infinity, the hybrid forms, the compact one, and a byte too few or too many.
        let x = &COMPRESSED[2..];
        for refused in [
            "00".into(),
            format!("05{x}"),
            format!("04{x}"),
            COMPRESSED[..64].into(),
            format!("{COMPRESSED}00"),
        ] {
            assert!(Point::from_compressed(&bytes(&refused)).is_none(), "{refused}");
        }
        assert!(Point::from_compressed(&[]).is_none());
        for first in ["00", "02", "03", "05", "06", "07"] {
            let other = UNCOMPRESSED.replacen("04", first, 1);
            assert!(Point::from_uncompressed(&bytes(&other)).is_none(), "{other}");
        }
        for refused in ["", "00", COMPRESSED, &UNCOMPRESSED[..128], &format!("{UNCOMPRESSED}00")] {
            assert!(Point::from_uncompressed(&bytes(refused)).is_none(), "{refused}");
        }
        assert!(Point::from_uncompressed(&[0; UNCOMPRESSED_LEN]).is_none());
    }

    #[test]
    fn a_point_off_the_curve_or_not_reduced_is_refused() {
        let mut off = bytes(UNCOMPRESSED);
        off[64] ^= 1;
        assert!(Point::from_uncompressed(&off).is_none());
        // No y belongs to this x.
        assert!(Point::from_compressed(&bytes(&format!("02{:064x}", 1))).is_none());
        // x = 5 is on the curve, and x = 5 + p is the same number, but not in its one form.
        let five = format!("02{:064x}", 5);
        assert!(Point::from_compressed(&bytes(&five)).is_some());
        let beyond = "02ffffffff00000001000000000000000000000001000000000000000000000004";
        assert!(Point::from_compressed(&bytes(beyond)).is_none());
    }

    #[test]
    fn only_the_one_der_of_this_curve_is_taken() {
        let der = Point::from_uncompressed(&bytes(UNCOMPRESSED)).unwrap().to_spki();
        for i in 0..SPKI_PREFIX.len() + 1 {
            let mut altered = der.clone();
            altered[i] ^= 1;
            assert!(Point::from_spki(&altered).is_none(), "byte {i}");
        }
        assert!(Point::from_spki(&der[..90]).is_none());
        assert!(Point::from_spki(&[der, vec![0]].concat()).is_none());
    }
}
