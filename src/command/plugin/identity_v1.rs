//! The state machine `identity-v1`: file keys are unwrapped by KMS, under the same rules as by `open -k`.

use super::{Fault, argument, causes, identity, malformed, no_key_in_environment, text};
use crate::cli::Environment;
use crate::error::Error;
use crate::format::file_key::FileKey;
use crate::format::kms_stanza::KmsStanza;
use crate::format::p256tag::P256TagStanza;
use crate::format::stanza::Stanza;
use crate::keys::aws_kms::{Accepted, Unwrapper};
use crate::keys::kms_key::KmsKey;
use crate::keys::plugin_key::Identity;
use crate::pipe::age_client::AgeClient;

/// What the client has said.
#[derive(Default)]
struct Given {
    identities: Vec<String>,
    /// The index of each file, and the stanzas of its header.
    files: Vec<(usize, Vec<Stanza>)>,
}

/// What came of a file.
enum Outcome {
    Opened(FileKey),
    /// Nothing in it is for the keys that are accepted.
    NotOurs,
    /// It may be for them, or for somebody else: KMS does not let it be found out, and the client may have other identities.
    NotKnown(Vec<String>),
    Failed(Vec<Fault>),
}

/// Unwraps the file key of each file that has a stanza for the keys that the identities accept.
pub fn run(mut client: AgeClient, environment: &Environment) -> Result<(), Error> {
    let given = receive(&mut client)?;
    let accepted = match accepted(&given.identities, environment) {
        Ok(accepted) => accepted,
        Err(faults) => {
            faults.into_iter().try_for_each(|fault| fault.tell(&mut client))?;
            return client.done();
        }
    };
    let mut kms = Unwrapper::default();
    for (index, stanzas) in &given.files {
        match unwrap(&accepted, *index, stanzas, &mut kms) {
            Outcome::Opened(file_key) => {
                client.tell(vec!["file-key".into(), index.to_string()], file_key.expose())?;
            }
            Outcome::NotOurs => {}
            Outcome::NotKnown(messages) => {
                for message in messages {
                    // Whether the client can show it or not.
                    client.ask(vec!["msg".into()], message.as_bytes())?;
                }
            }
            Outcome::Failed(faults) => faults.into_iter().try_for_each(|fault| fault.tell(&mut client))?,
        }
    }
    client.done()
}

/// The commands of the first phase; those that are not known are ignored.
fn receive(client: &mut AgeClient) -> Result<Given, Error> {
    let mut given = Given::default();
    loop {
        let (mut stanza, body) = client.receive()?;
        match stanza.kind() {
            "add-identity" => given.identities.push(argument(&stanza, &body)?),
            "recipient-stanza" => {
                let index = stanza.args.get(1).and_then(|index| index.parse().ok());
                let (Some(index), true) = (index, stanza.args.len() > 2) else {
                    return Err(malformed(&stanza));
                };
                if given.files.last().is_some_and(|(last, _)| *last > index) {
                    return Err(malformed(&stanza));
                }
                let of_file = Stanza { args: stanza.args.split_off(2), body: body.to_vec() };
                match given.files.last_mut() {
                    Some((last, stanzas)) if *last == index => stanzas.push(of_file),
                    _ => given.files.push((index, vec![of_file])),
                }
            }
            "done" => return Ok(given),
            _ => {}
        }
    }
}

/// The keys that the identities accept, each with the place of its identity.
struct AcceptedBy {
    accepted: Accepted,
    /// For each key of `accepted`.
    identities: Vec<usize>,
    /// An identity that leaves it to the environment, where that names no key.
    without_key: Option<usize>,
}

fn accepted(identities: &[String], environment: &Environment) -> Result<AcceptedBy, Vec<Fault>> {
    let (mut keys, mut places, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    let (mut any, mut without_key) = (false, None);
    for (i, text) in identities.iter().enumerate() {
        let accepted = identity(text).and_then(|identity| match identity {
            Identity::Keys(arns) => Ok(Accepted::Keys(arns.into_iter().map(KmsKey::Arn).collect())),
            Identity::Environment => environment.accepted(),
        });
        match accepted {
            Err(error) => faults.push(Fault::of("identity", i, &error)),
            Ok(Accepted::Any) => any = true,
            Ok(Accepted::Keys(more)) if more.is_empty() => without_key = Some(i),
            Ok(Accepted::Keys(more)) => {
                places.resize(places.len() + more.len(), i);
                keys.extend(more);
            }
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let accepted = if any { Accepted::Any } else { Accepted::Keys(keys) };
    Ok(AcceptedBy { accepted, identities: places, without_key })
}

fn unwrap(by: &AcceptedBy, index: usize, stanzas: &[Stanza], kms: &mut Unwrapper) -> Outcome {
    let parsed =
        KmsStanza::parse_all(stanzas).and_then(|wrapped| Ok((wrapped, P256TagStanza::parse_all(stanzas)?)));
    let (wrapped, tagged) = match parsed {
        Ok((wrapped, tagged)) if wrapped.is_empty() && tagged.is_empty() => return Outcome::NotOurs,
        Ok(parsed) => parsed,
        Err(error) => return Outcome::Failed(vec![of_stanza(index, stanzas, &error)]),
    };
    if by.accepted == Accepted::Keys(Vec::new()) {
        return match (by.without_key, wrapped.first()) {
            (Some(identity), Some(stanza)) => {
                let hint = format!(
                    "the file is sealed under {0}; if you trust that key, and the file is yours: ENVPIPE_KEY={0}",
                    stanza.key
                );
                let fault = Fault::of("identity", identity, &no_key_in_environment(hint));
                Outcome::Failed(vec![fault])
            }
            _ => Outcome::NotOurs,
        };
    }
    match kms.unwrap(&by.accepted, &wrapped, &tagged) {
        Ok(file_key) => Outcome::Opened(file_key),
        Err(error) => failed(by, index, stanzas, &error),
    }
}

fn failed(by: &AcceptedBy, index: usize, stanzas: &[Stanza], error: &Error) -> Outcome {
    let (mut messages, mut faults) = (Vec::new(), Vec::new());
    for cause in causes(error) {
        match cause {
            Error::OtherKey { .. } | Error::TagNamesNoKey => {}
            Error::Kms(failure) if failure.is_of_other_kind() => {}
            Error::Kms(failure) if failure.operation == "GetPublicKey" => messages.push(text(cause)),
            Error::Kms(failure) => {
                let keys = match &by.accepted {
                    Accepted::Keys(keys) => &keys[..],
                    Accepted::Any => &[],
                };
                let place = keys.iter().position(|key| key.to_string() == failure.key);
                faults.push(match place {
                    Some(place) => Fault::of("identity", by.identities[place], cause),
                    None => Fault::internal(cause),
                });
            }
            cause => faults.push(of_stanza(index, stanzas, cause)),
        }
    }
    match (faults.is_empty(), messages.is_empty()) {
        (false, _) => Outcome::Failed(faults),
        (true, false) => Outcome::NotKnown(messages),
        (true, true) => Outcome::NotOurs,
    }
}

/// An error of one of the stanzas of a file.
fn of_stanza(index: usize, stanzas: &[Stanza], error: &Error) -> Fault {
    let place = match error {
        Error::Stanza { number, .. } => Some(number - 1),
        Error::FileKeyNotAuthentic { key, .. } => stanzas.iter().position(|stanza| stanza.args.contains(key)),
        _ => None,
    };
    match place {
        Some(place) => {
            Fault { of: vec!["stanza".into(), index.to_string(), place.to_string()], text: text(error) }
        }
        None => Fault::internal(error),
    }
}
