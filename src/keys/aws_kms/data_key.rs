//! Data keys: GenerateDataKey to seal, Decrypt to open.
//!
//! What a data key is good for is `format::kms_stanza`.

use std::collections::HashMap;

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::DataKeyRequest;
use super::fault::{fault, key_arn};
use super::session::Session;
use crate::error::{Error, KmsFault};
use crate::format::context::Context;
use crate::format::file_key::FileKey;
use crate::format::key_arn::KeyArn;
use crate::format::kms_stanza::{DataKey, KmsStanza, MAX_BLOB_LEN};
use crate::format::stanza::Stanza;
use crate::keys::kms_key::KmsKey;
use crate::keys::{Recipient, random};

pub(super) const GENERATE: &str = "GenerateDataKey";
pub(super) const DECRYPT: &str = "Decrypt";

/// A data key of this run, to wrap the file keys of its streams with.
#[derive(ZeroizeOnDrop)]
pub struct KmsRecipient {
    data_key: DataKey,
    #[zeroize(skip)]
    key: KeyArn,
    #[zeroize(skip)]
    context: Context,
    #[zeroize(skip)]
    blob: Vec<u8>,
}

impl Recipient for KmsRecipient {
    fn wrap(&self, file_key: &FileKey) -> Result<Stanza, Error> {
        let salt = *random()?.expose();
        let Self { data_key, key, context, blob } = self;
        Ok(KmsStanza::wrap(file_key, data_key, salt, key.clone(), context.clone(), blob.clone()).encode())
    }
}

/// Has KMS make a data key.
pub(super) async fn generate(session: &Session, request: DataKeyRequest) -> Result<KmsRecipient, Error> {
    let DataKeyRequest { key, context } = request;
    let ask = async |client: Client| {
        let answer = client
            .generate_data_key()
            .key_id(key.to_string())
            .key_spec(DataKeySpec::Aes256)
            .set_encryption_context(Some(encryption_context(&context)))
            .send()
            .await
            .map_err(fault)?;
        let arn = key_arn(answer.key_id)?;
        if !key.is_answered_by(&arn, &arn) {
            return Err(KmsFault::Answer("it is under another key than the one named"));
        }
        let blob = answer.ciphertext_blob.map(Blob::into_inner).unwrap_or_default();
        if !(1..=MAX_BLOB_LEN).contains(&blob.len()) {
            return Err(KmsFault::Answer("the wrapped data key has not 1 to 6144 bytes"));
        }
        let answered = arn.to_string();
        Ok(((data_key(answer.plaintext)?, arn, blob), answered))
    };
    let (data_key, arn, blob) = session.ask(GENERATE, &key, ask).await?;
    Ok(KmsRecipient { data_key, key: arn, context, blob })
}

/// Has KMS unwrap the data key of a stanza.
pub(super) async fn decrypt(session: &Session, key: &KmsKey, stanza: &KmsStanza) -> Result<DataKey, Error> {
    let ask = async |client: Client| {
        let answer = client
            .decrypt()
            .key_id(key.to_string())
            .ciphertext_blob(Blob::new(stanza.blob.clone()))
            .set_encryption_context(Some(encryption_context(&stanza.context)))
            .send()
            .await
            .map_err(fault)?;
        let arn = key_arn(answer.key_id)?;
        if !key.is_answered_by(&arn, &stanza.key) {
            return Err(KmsFault::Answer("it is under another key than the one named"));
        }
        Ok((data_key(answer.plaintext)?, arn.to_string()))
    };
    session.ask(DECRYPT, key, ask).await
}

fn encryption_context(context: &Context) -> HashMap<String, String> {
    context.for_kms().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn data_key(answer: Option<Blob>) -> Result<DataKey, KmsFault> {
    let bytes = Zeroizing::new(answer.map(Blob::into_inner).unwrap_or_default());
    DataKey::from_slice(&bytes).ok_or(KmsFault::Answer("the data key has not 32 bytes"))
}
