//! Whom a stream is sealed to: from what the command line names to the header that they can read.
//!
//! It owns who is named where, and the limits on how many; how each of them wraps a file key is `keys`.

use super::{Notice, Tell};
use crate::cli;
use crate::error::Error;
use crate::format::context::Context;
use crate::format::file_key::FileKey;
use crate::format::header::{Header, MAX_HEADER_LEN};
use crate::format::kms_stanza::MAX_STANZAS;
use crate::format::stanza::Stanza;
use crate::keys::aws_kms::{self, DataKeyRequest};
use crate::keys::key_file::{AnyIdentity, AnyRecipient};
use crate::keys::kms_key::KmsKey;
use crate::keys::plugin_key::Identity;
use crate::keys::{Recipient, key_file};
use crate::pipe::small_file;

/// Recipients that are named and looked at, but for whom KMS was not asked yet.
pub struct Named {
    age: Vec<Box<dyn Recipient>>,
    /// Of the keys that the command line or an identity names.
    keys: Vec<DataKeyRequest>,
    /// Of recipients that are KMS keys; each has an encryption context of its own.
    recipients: Vec<DataKeyRequest>,
    min_keys: usize,
}

impl Named {
    /// Reads the files that are named; there is at least one recipient.
    pub fn read(named: &cli::Recipients) -> Result<Self, Error> {
        let mut read = Self { age: Vec::new(), keys: Vec::new(), recipients: Vec::new(), min_keys: 0 };
        let mut recipients = Vec::new();
        for text in &named.recipients {
            recipients.push(key_file::parse_recipient(text)?);
        }
        for path in &named.recipients_files {
            recipients.extend(key_file::parse_recipients(&small_file::read(path)?, &path.to_string_lossy())?);
        }
        for recipient in recipients {
            match recipient {
                AnyRecipient::Age(recipient) => read.age.push(recipient),
                AnyRecipient::Kms(recipient) => read.recipients.push(recipient.into()),
            }
        }
        let mut keys = named.keys.clone();
        for identity in super::identities(&named.identities)? {
            match identity {
                AnyIdentity::X25519(identity) => read.age.push(Box::new(identity.recipient())),
                AnyIdentity::Kms(Identity::Keys(arns)) => keys.extend(arns.into_iter().map(KmsKey::Arn)),
                // Its keys are those that stand in for `-k`.
                AnyIdentity::Kms(Identity::Environment) => {}
            }
        }
        if !keys.is_empty() || named.context == Context::default() {
            let request = |key| DataKeyRequest { key, context: named.context.clone() };
            read.keys = keys.into_iter().map(request).collect();
        } else {
            return Err(Error::usage(
                "-c is given without a KMS key",
                "the encryption context belongs to -k; a recipient (age1envpipe1…) has one of its own",
            ));
        }
        let count = read.requests().count();
        if count + read.age.len() == 0 {
            return Err(cli::nobody());
        }
        if count > MAX_STANZAS {
            let message = format!("{count} KMS keys are named, and a stream has at most {MAX_STANZAS}");
            return Err(Error::usage(message, "name fewer"));
        }
        read.min_keys = named.min_keys.unwrap_or(count);
        if read.min_keys > count {
            let message = format!("--min-keys asks for {} KMS keys, and {count} are named", read.min_keys);
            return Err(Error::usage(message, "name more with -k, or ask for fewer"));
        }
        Ok(read)
    }

    /// Binds another encryption context under the keys than the command line gives; those of recipients stay.
    pub fn bind(&mut self, context: &Context) {
        for request in &mut self.keys {
            request.context = context.clone();
        }
    }

    /// The data keys that KMS will be asked for.
    pub fn requests(&self) -> impl Iterator<Item = &DataKeyRequest> {
        self.keys.iter().chain(&self.recipients)
    }

    /// Those that need no KMS.
    pub fn into_age(self) -> Vec<Box<dyn Recipient>> {
        self.age
    }

    /// All of them: KMS is asked for its data keys, all at once. Keys that can be done without are told.
    pub fn ask_kms(self, tell: Tell) -> Result<Vec<Box<dyn Recipient>>, Error> {
        let requests: Vec<_> = self.requests().cloned().collect();
        let left_out = &mut |error: &Error| tell(Notice::LeftOut(error));
        let kms = aws_kms::generate_data_keys(&requests, self.min_keys, left_out)?;
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
