//! Whom a stream is sealed to: from what the command line names to the header that they can read.
//!
//! It owns who is named where, and the limits on how many; how each of them wraps a file key is `keys`.

use super::{Notice, Tell};
use crate::cli;
use crate::error::Error;
use crate::format::context::Context;
use crate::format::file_key::FileKey;
use crate::format::header::{Header, MAX_HEADER_LEN};
use crate::format::stanza::Stanza;
use crate::keys::aws_kms::{self, DataKeyRequest};
use crate::keys::{Recipient, key_file};
use crate::pipe::small_file;

/// Recipients that are named and looked at, but for whom KMS was not asked yet.
pub struct Named {
    age: Vec<Box<dyn Recipient>>,
    kms: Vec<DataKeyRequest>,
    min_keys: usize,
}

impl Named {
    /// Reads the files that are named.
    pub fn read(named: &cli::Recipients) -> Result<Self, Error> {
        let mut age: Vec<Box<dyn Recipient>> = Vec::new();
        for text in &named.recipients {
            age.push(key_file::parse_recipient(text)?);
        }
        for path in &named.recipients_files {
            age.extend(key_file::parse_recipients(&small_file::read(path)?, &path.to_string_lossy())?);
        }
        for identity in super::identities(&named.identities)? {
            age.push(Box::new(identity.recipient()));
        }
        let request = |key| DataKeyRequest { key, context: named.context.clone() };
        let kms = named.keys.iter().cloned().map(request).collect();
        Ok(Self { age, kms, min_keys: named.min_keys })
    }

    /// Binds another encryption context under the KMS keys than the command line gives.
    pub fn bind(&mut self, context: &Context) {
        for request in &mut self.kms {
            request.context = context.clone();
        }
    }

    /// The data keys that KMS will be asked for.
    pub fn requests(&self) -> &[DataKeyRequest] {
        &self.kms
    }

    /// Those that need no KMS.
    pub fn into_age(self) -> Vec<Box<dyn Recipient>> {
        self.age
    }

    /// All of them: KMS is asked for its data keys, all at once. Keys that can be done without are told.
    pub fn ask_kms(self, tell: Tell) -> Result<Vec<Box<dyn Recipient>>, Error> {
        let left_out = &mut |error: &Error| tell(Notice::LeftOut(error));
        let kms = aws_kms::generate_data_keys(&self.kms, self.min_keys, left_out)?;
        let kms = kms.into_iter().map(|recipient| Box::new(recipient) as Box<dyn Recipient>);
        Ok(kms.chain(self.age).collect())
    }
}

/// The text of the header in which each of the recipients finds `file_key`.
pub fn header(recipients: &[Box<dyn Recipient>], file_key: &FileKey) -> Result<String, Error> {
    let stanzas = recipients.iter().map(|to| to.wrap(file_key)).collect::<Result<Vec<_>, _>>()?;
    header_of(&stanzas, file_key)
}

/// The text of a header that can be read again.
pub fn header_of(stanzas: &[Stanza], file_key: &FileKey) -> Result<String, Error> {
    let header = Header::encode(stanzas, file_key);
    if header.len() > MAX_HEADER_LEN {
        // A stream that nobody could open.
        let message = format!("the header would have {} bytes, and at most 256 KiB are read", header.len());
        return Err(Error::usage(message, "seal to fewer recipients, or with a shorter encryption context"));
    }
    Ok(header)
}
