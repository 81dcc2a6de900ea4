//! What KMS says when it gives no key, and what mends that.

/// A call to KMS that failed.
#[derive(Debug)]
pub struct KmsFailure {
    /// The name of the operation, which is also that of the IAM action.
    pub operation: &'static str,
    /// The key as it was named to KMS.
    pub key: String,
    /// The region that was asked, where there was one.
    pub region: Option<String>,
    /// Why it failed.
    pub fault: KmsFault,
}

/// Why a call to KMS failed.
#[derive(Debug)]
pub enum KmsFault {
    /// KMS answered with an error.
    Refused {
        /// Its code, as in `AccessDeniedException`.
        code: String,
        /// Its message, if it has one.
        message: Option<String>,
        /// The id that AWS support asks for.
        request_id: Option<String>,
    },
    /// No region is configured, and the key's name has none.
    NoRegion,
    /// The credential chain gave nothing.
    NoCredentials(String),
    /// No answer came.
    Unreachable(String),
    /// No answer came in time.
    TimedOut,
    /// The answer is not what was asked for.
    Answer(&'static str),
    /// KMS was not asked, for it has refused the same before.
    RefusedBefore {
        /// Whether for being a key of another kind.
        of_other_kind: bool,
    },
    /// The key is of this spec and for this use, and another was needed.
    OtherKind(String),
}

impl KmsFailure {
    /// Whether the key is not of the kind that the operation is for.
    pub fn is_of_other_kind(&self) -> bool {
        match &self.fault {
            KmsFault::OtherKind(_) | KmsFault::RefusedBefore { of_other_kind: true } => true,
            KmsFault::Refused { code, .. } => {
                code == "InvalidKeyUsageException" || code == "UnsupportedOperationException"
            }
            _ => false,
        }
    }

    /// Whether KMS would say the same if it were asked once more.
    pub fn is_final(&self) -> bool {
        let refused_for_good = [
            "AccessDeniedException",
            "DisabledException",
            "IncorrectKeyException",
            "InvalidCiphertextException",
            "KMSInvalidStateException",
            "NotFoundException",
        ];
        let is_refused = matches!(&self.fault, KmsFault::Refused { code, .. } if refused_for_good.contains(&code.as_str()));
        is_refused || self.is_of_other_kind()
    }

    /// What and where, in one line.
    pub(super) fn message(&self) -> String {
        let Self { operation, key, .. } = self;
        let place = self.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
        let cause = match &self.fault {
            KmsFault::Refused { code, message, request_id } => {
                let id = request_id.as_ref().map(|id| format!(" (request id {id})")).unwrap_or_default();
                let message = message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
                format!("{code}{message}{id}")
            }
            KmsFault::NoRegion => "no AWS region is configured".into(),
            KmsFault::NoCredentials(cause) => format!("no AWS credentials: {cause}"),
            KmsFault::Unreachable(cause) => format!("KMS cannot be reached: {cause}"),
            KmsFault::TimedOut => "KMS did not answer in time".into(),
            KmsFault::Answer(what) => format!("KMS gave a wrong answer: {what}"),
            KmsFault::RefusedBefore { .. } => "KMS has refused the same already".into(),
            KmsFault::OtherKind(kind) => format!("the key is of spec {kind}"),
        };
        format!("kms:{operation} with {key}{place} failed: {cause}")
    }

    /// The command, IAM action or setting that mends it.
    pub(super) fn hint(&self) -> Option<String> {
        let Self { operation, key, region, fault } = self;
        let code = match fault {
            KmsFault::Refused { code, message, .. } if is_about_the_clock(code, message.as_deref()) => {
                return Some(
                    "set this host's clock: KMS takes what was signed within 5 minutes of its own".into(),
                );
            }
            KmsFault::Refused { code, .. } => code.as_str(),
            KmsFault::NoRegion => {
                return Some("set AWS_REGION, or name the key by its ARN, which has the region in it".into());
            }
            KmsFault::NoCredentials(_) => {
                return Some(
                    "log in (aws sso login), set AWS_PROFILE, or give this host a role; to test: aws sts \
                     get-caller-identity"
                        .into(),
                );
            }
            KmsFault::Unreachable(_) | KmsFault::TimedOut => {
                return Some("check the network, proxy, VPC endpoint and AWS_ENDPOINT_URL_KMS".into());
            }
            KmsFault::OtherKind(_) if *operation == "DescribeKey" => {
                return Some(
                    "this takes a symmetric key (SYMMETRIC_DEFAULT for ENCRYPT_DECRYPT), or a key of spec ECC_NIST_P256 for \
                     KEY_AGREEMENT"
                        .into(),
                );
            }
            KmsFault::OtherKind(_) => return Some(WANTS_P256.into()),
            KmsFault::RefusedBefore { .. } => return None,
            KmsFault::Answer(_) => {
                return Some("check AWS_ENDPOINT_URL_KMS: is it really KMS that answers?".into());
            }
        };
        let agrees = matches!(*operation, "GetPublicKey" | "DeriveSharedSecret");
        Some(match code {
            "AccessDeniedException" if agrees => format!(
                "allow kms:{operation} on this key, in the policy of the caller and in that of the key; to open takes \
                 kms:GetPublicKey and kms:DeriveSharedSecret"
            ),
            "AccessDeniedException" if *operation == "DescribeKey" => {
                "allow kms:DescribeKey on this key, in the policy of the caller and in that of the key".into()
            }
            "AccessDeniedException" => format!(
                "allow kms:{operation} on this key, in the policy of the caller and in that of the key; its conditions may \
                 ask for an encryption context (-c)"
            ),
            "NotFoundException" => match region {
                _ if key.starts_with("arn:") => "check the ARN; the key may have been deleted".into(),
                Some(region) => format!(
                    "check the name (an alias is written alias/NAME), the region ({region}) and the account"
                ),
                None => "check the name (an alias is written alias/NAME), the region and the account".into(),
            },
            "DisabledException" => format!("enable the key: aws kms enable-key --key-id {key}"),
            "KMSInvalidStateException" => {
                format!(
                    "look at KeyState; a deletion that is pending can be cancelled: aws kms describe-key --key-id {key}"
                )
            }
            "InvalidKeyUsageException" | "UnsupportedOperationException" if agrees => WANTS_P256.into(),
            "InvalidKeyUsageException" if *operation == "GenerateDataKey" => format!(
                "the key must be symmetric, for ENCRYPT_DECRYPT; to a P-256 key for KEY_AGREEMENT, seal with -r and what \
                 this prints: envpipe recipient -k {key}"
            ),
            "InvalidKeyUsageException" => "the key must be symmetric, for ENCRYPT_DECRYPT".into(),
            "IncorrectKeyException" => {
                "the stream is sealed under another key than the one named; see its header's ARN".into()
            }
            "InvalidCiphertextException" => {
                "the stanza was altered: its encryption context or wrapped key is not what KMS wrapped".into()
            }
            "ExpiredTokenException"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "MissingAuthenticationToken" => {
                "the credentials are not valid, or no longer; to test: aws sts get-caller-identity".into()
            }
            "ThrottlingException" | "LimitExceededException" => {
                "KMS limits the rate of calls; wait, or raise AWS_MAX_ATTEMPTS".into()
            }
            "KMSInternalException" | "DependencyTimeoutException" | "KeyUnavailableException" => {
                KMS_AT_FAULT.into()
            }
            code if code.starts_with("HTTP status 5") => KMS_AT_FAULT.into(),
            "ValidationException" => "check the key's name: an alias is written alias/NAME".into(),
            _ => return None,
        })
    }
}

/// Signatures bear the time. The SDK corrects a wrong clock by the answer's Date, but a proxy may take that away.
fn is_about_the_clock(code: &str, message: Option<&str>) -> bool {
    let of_time = ["Signature expired", "Signature not yet current"];
    match code {
        "RequestExpired" | "RequestTimeTooSkewed" => true,
        "InvalidSignatureException" => {
            of_time.iter().any(|text| message.is_some_and(|m| m.starts_with(text)))
        }
        _ => false,
    }
}

const WANTS_P256: &str = "this takes a key of spec ECC_NIST_P256 for KEY_AGREEMENT";

const KMS_AT_FAULT: &str = "the fault is with KMS; try again, and if it lasts, look at health.aws.amazon.com";
