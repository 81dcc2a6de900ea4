//! `ENVPIPE_KEY`: the KMS keys that stand in where none is named.

use std::ffi::OsString;

use super::{accepted_of, keys_to_seal};
use crate::error::Error;
use crate::keys::aws_kms::Accepted;
use crate::keys::kms_key::KmsKey;

/// The text of `ENVPIPE_KEY`, if it is set; what is wrong with it matters only where it is used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Environment(pub Option<OsString>);

impl Environment {
    /// The names in it.
    pub(super) fn names(&self) -> Result<Vec<String>, Error> {
        let Some(text) = &self.0 else { return Ok(Vec::new()) };
        let text = text.to_str().ok_or_else(|| {
            Error::usage("ENVPIPE_KEY is not text", "it holds KMS keys, separated by spaces")
        })?;
        Ok(text.split_whitespace().map(str::to_owned).collect())
    }

    /// The keys in it, to seal under.
    pub fn keys_to_seal(&self) -> Result<Vec<KmsKey>, Error> {
        keys_to_seal(&self.names()?)
    }

    /// The keys in it, that may open.
    pub fn accepted(&self) -> Result<Accepted, Error> {
        accepted_of(&self.names()?)
    }
}
