//! The age v1 container (C2SP `age.md`) and, of its stanzas, envpipe's own and those for keys in KMS.
//!
//! Slices in, slices and values out: no I/O, no AWS, no clock, no environment, no randomness of its own.

pub mod armor;
pub mod base64;
pub mod bech32;
pub mod context;
pub mod file_key;
pub mod header;
pub mod hpke;
pub mod key_arn;
pub mod kms_stanza;
pub mod lookalike;
pub mod p256;
pub mod p256tag;
pub mod payload;
pub mod secret;
pub mod stanza;
