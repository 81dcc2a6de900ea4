//! The state machine `recipient-v1`: file keys are wrapped for KMS keys.

use super::{Fault, argument, causes, identity, malformed, no_key_in_environment};
use crate::cli::Environment;
use crate::error::Error;
use crate::format::context::Context;
use crate::format::file_key::FileKey;
use crate::format::kms_stanza::MAX_STANZAS;
use crate::format::stanza::Stanza;
use crate::keys::Recipient as _;
use crate::keys::aws_kms::{self, DataKeyRequest, KmsRecipient};
use crate::keys::kms_key::KmsKey;
use crate::keys::plugin_key::{Identity, Recipient};
use crate::pipe::age_client::AgeClient;

/// What the client has said.
#[derive(Default)]
struct Wanted {
    recipients: Vec<String>,
    identities: Vec<String>,
    file_keys: Vec<FileKey>,
    knows_labels: bool,
}

/// A key to wrap for, and whose it is, as a [`Fault`] has it.
struct Target {
    of: (&'static str, usize),
    request: DataKeyRequest,
}

/// Wraps each file key for each of the recipients and identities, with one data key a KMS key. If that fails for one of them, no
/// stanza is sent.
pub fn run(mut client: AgeClient, environment: &Environment) -> Result<(), Error> {
    let wanted = receive(&mut client)?;
    match targets(&wanted, environment).and_then(|targets| wrap(&targets, &wanted.file_keys)) {
        Err(faults) => faults.into_iter().try_for_each(|fault| fault.tell(&mut client))?,
        Ok(files) => {
            if wanted.knows_labels {
                // None: what is sealed under KMS may also be sealed to anybody else.
                client.tell(vec!["labels".into()], &[])?;
            }
            for (index, stanzas) in files.into_iter().enumerate() {
                for Stanza { args, body } in stanzas {
                    let command = vec!["recipient-stanza".into(), index.to_string()];
                    client.tell([command, args].concat(), &body)?;
                }
            }
        }
    }
    client.done()
}

/// The commands of the first phase; those that are not known are ignored.
fn receive(client: &mut AgeClient) -> Result<Wanted, Error> {
    let mut wanted = Wanted::default();
    loop {
        let (stanza, body) = client.receive()?;
        match stanza.kind() {
            "add-recipient" => wanted.recipients.push(argument(&stanza, &body)?),
            "add-identity" => wanted.identities.push(argument(&stanza, &body)?),
            "wrap-file-key" => {
                wanted.file_keys.push(FileKey::from_slice(&body).ok_or_else(|| malformed(&stanza))?);
            }
            "extension-labels" => wanted.knows_labels = true,
            "done" => return Ok(wanted),
            _ => {}
        }
    }
}

/// The keys to wrap for, in the order in which they were named.
fn targets(wanted: &Wanted, environment: &Environment) -> Result<Vec<Target>, Vec<Fault>> {
    let (mut targets, mut faults) = (Vec::new(), Vec::new());
    for (i, text) in wanted.recipients.iter().enumerate() {
        match Recipient::parse(text) {
            Ok(recipient) => targets.push(Target { of: ("recipient", i), request: recipient.into() }),
            Err(why) => {
                let message = format!("not a recipient of a KMS key: {why}");
                let error = Error::usage(message, "envpipe recipient -k alias/NAME prints one");
                faults.push(Fault::of("recipient", i, &error));
            }
        }
    }
    for (i, text) in wanted.identities.iter().enumerate() {
        let keys = identity(text).and_then(|identity| match identity {
            Identity::Keys(arns) => Ok(arns.into_iter().map(KmsKey::Arn).collect()),
            Identity::Environment => match environment.keys_to_seal()? {
                none if none.is_empty() => {
                    Err(no_key_in_environment("name the keys to seal under: ENVPIPE_KEY=alias/NAME"))
                }
                keys => Ok(keys),
            },
        });
        match keys {
            Err(error) => faults.push(Fault::of("identity", i, &error)),
            Ok(keys) => targets.extend(keys.into_iter().map(|key| {
                let request = DataKeyRequest { key, context: Context::default() };
                Target { of: ("identity", i), request }
            })),
        }
    }
    if targets.len() > MAX_STANZAS {
        let message = format!("{} KMS keys are named, and a file has at most {MAX_STANZAS}", targets.len());
        faults.push(Fault::internal(&Error::usage(message, "name fewer")));
    }
    if faults.is_empty() { Ok(targets) } else { Err(faults) }
}

/// The stanzas of each file.
fn wrap(targets: &[Target], file_keys: &[FileKey]) -> Result<Vec<Vec<Stanza>>, Vec<Fault>> {
    let requests: Vec<_> = targets.iter().map(|target| target.request.clone()).collect();
    let recipients = aws_kms::generate_data_keys(&requests, requests.len(), &mut |_| ());
    let recipients: Vec<KmsRecipient> = recipients.map_err(|error| {
        let fault = |cause: &Error| {
            let is_of = |target: &&Target| {
                matches!(cause, Error::Kms(failure) if failure.key == target.request.key.to_string())
            };
            match targets.iter().find(is_of) {
                Some(Target { of: (kind, index), .. }) => Fault::of(kind, *index, cause),
                None => Fault::internal(cause),
            }
        };
        causes(&error).map(fault).collect::<Vec<_>>()
    })?;
    let wrap = |file_key| recipients.iter().map(|recipient| recipient.wrap(file_key)).collect();
    file_keys.iter().map(wrap).collect::<Result<_, _>>().map_err(|error| vec![Fault::internal(&error)])
}
