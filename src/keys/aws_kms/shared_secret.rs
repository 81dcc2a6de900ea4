//! Shared secrets of P-256 keys: GetPublicKey to know whom a stanza is for, DeriveSharedSecret to open it.
//!
//! What a shared secret is good for is `format::p256tag`.

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeyAgreementAlgorithmSpec, KeySpec, KeyUsageType};
use zeroize::Zeroizing;

use super::fault::{fault, key_arn};
use super::session::Session;
use crate::error::{Error, KmsFault};
use crate::format::file_key::FileKey;
use crate::format::key_arn::KeyArn;
use crate::format::p256::Point;
use crate::format::p256tag::P256TagStanza;
use crate::format::secret::Secret;
use crate::keys::kms_key::KmsKey;

pub(super) const PUBLIC_KEY: &str = "GetPublicKey";
const DERIVE: &str = "DeriveSharedSecret";

/// The public half of a key in KMS.
pub(super) struct PublicKey {
    pub(super) arn: KeyArn,
    pub(super) point: Point,
}

/// Has KMS give the public half of `key`, which has to be of P-256 and for key agreement.
pub(super) async fn public_key(session: &Session, key: &KmsKey) -> Result<PublicKey, Error> {
    let ask = async |client: Client| {
        let answer = client.get_public_key().key_id(key.to_string()).send().await.map_err(fault)?;
        let arn = key_arn(answer.key_id)?;
        if !key.is_answered_by(&arn, &arn) {
            return Err(KmsFault::Answer("it is of another key than the one named"));
        }
        match (answer.key_spec, answer.key_usage) {
            (Some(KeySpec::EccNistP256), Some(KeyUsageType::KeyAgreement)) => {}
            (Some(spec), Some(usage)) => return Err(KmsFault::OtherKind(format!("{spec} for {usage}"))),
            _ => return Err(KmsFault::Answer("it does not say what the key is for")),
        }
        let der = answer.public_key.map(Blob::into_inner).unwrap_or_default();
        let point = Point::from_spki(&der)
            .ok_or(KmsFault::Answer("the public key is not a point of the curve P-256"))?;
        let answered = arn.to_string();
        Ok((PublicKey { arn, point }, answered))
    };
    session.ask(PUBLIC_KEY, key, ask).await
}

/// Opens the file key with the first of those stanzas whose tags fit `key`, of which `public` is the public half. None where no
/// tag fits; an error has every cause.
pub(super) async fn unwrap(
    session: &Session,
    key: &KmsKey,
    public: &PublicKey,
    tagged: &[P256TagStanza],
) -> Result<Option<FileKey>, Vec<Error>> {
    let fitting = P256TagStanza::fitting(tagged, &public.point).map_err(|cause| vec![cause])?;
    let mut causes = Vec::new();
    for (tried, stanza) in fitting.iter().enumerate() {
        match open(&session.share(1, fitting.len() - tried), key, public, stanza).await {
            Ok(file_key) => return Ok(Some(file_key)),
            Err(cause) => causes.push(cause),
        }
    }
    if causes.is_empty() { Ok(None) } else { Err(causes) }
}

async fn open(
    session: &Session,
    key: &KmsKey,
    public: &PublicKey,
    stanza: &P256TagStanza,
) -> Result<FileKey, Error> {
    let ask = async |client: Client| {
        let answer = client
            .derive_shared_secret()
            .key_id(key.to_string())
            .key_agreement_algorithm(KeyAgreementAlgorithmSpec::Ecdh)
            .public_key(Blob::new(stanza.enc().to_spki()))
            .send()
            .await
            .map_err(fault)?;
        // Of this KeyId, KMS's reference does not say that it is an ARN, and has examples where it is not. Only a secret of
        // the key whose public half was given opens the file key, so an alias that came to mean another key is found out.
        let answered = answer.key_id.unwrap_or_default();
        let names = [public.arn.to_string(), public.arn.id().to_owned(), key.to_string()];
        if !names.contains(&answered) {
            return Err(KmsFault::Answer("it is of another key than the one named"));
        }
        let bytes = Zeroizing::new(answer.shared_secret.map(Blob::into_inner).unwrap_or_default());
        let secret =
            Secret::from_slice(&bytes).ok_or(KmsFault::Answer("the shared secret has not 32 bytes"))?;
        Ok((secret, answered))
    };
    let dh = session.ask(DERIVE, key, ask).await?;
    stanza
        .open(&dh, &public.point)
        .ok_or_else(|| Error::FileKeyNotAuthentic { key: public.arn.to_string(), given: "shared secret" })
}
