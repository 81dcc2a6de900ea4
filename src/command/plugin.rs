//! `age-plugin-envpipe`: KMS keys for every age client (C2SP `age-plugin.md`).
//!
//! It owns what the two state machines have in common: what is said of an error. What goes wrong with keys is said inside the
//! protocol, since clients hide standard error; only where there is no conversation any more is it an error here.

mod identity_v1;
mod recipient_v1;

use crate::cli::{self, StateMachine};
use crate::error::Error;
use crate::format::stanza::Stanza;
use crate::keys::plugin_key::Identity;
use crate::pipe::age_client::AgeClient;

/// Runs a state machine to its end.
pub fn run(args: cli::Plugin) -> Result<(), Error> {
    let client = AgeClient::new()?;
    match args.machine {
        StateMachine::RecipientV1 => recipient_v1::run(client, &args.environment),
        StateMachine::IdentityV1 => identity_v1::run(client, &args.environment),
    }
}

/// An error, and what it is of, as the client is told.
struct Fault {
    /// `recipient`, `identity` or `stanza`, and the place of that; or `internal`.
    of: Vec<String>,
    text: String,
}

impl Fault {
    fn of(kind: &str, index: usize, error: &Error) -> Self {
        Self { of: vec![kind.into(), index.to_string()], text: text(error) }
    }

    fn internal(error: &Error) -> Self {
        Self { of: vec!["internal".into()], text: text(error) }
    }

    fn tell(self, client: &mut AgeClient) -> Result<(), Error> {
        client.tell([vec!["error".into()], self.of].concat(), self.text.as_bytes())
    }
}

/// The message and, in a line of its own, the hint.
fn text(error: &Error) -> String {
    let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    error.message() + &hint
}

/// Each error out of several, without what is said of them all: some clients show only the first.
fn causes(error: &Error) -> impl Iterator<Item = &Error> {
    let all = error.all();
    let skip = usize::from(all.len() > 1);
    all.into_iter().skip(skip)
}

/// The one argument of a command without a body.
fn argument(stanza: &Stanza, body: &[u8]) -> Result<String, Error> {
    match &stanza.args[..] {
        [_, argument] if body.is_empty() => Ok(argument.clone()),
        _ => Err(malformed(stanza)),
    }
}

fn malformed(stanza: &Stanza) -> Error {
    crate::pipe::age_client::fault(format!("its command '{}' is malformed", stanza.kind()))
}

fn identity(text: &str) -> Result<Identity, Error> {
    Identity::parse(text).map_err(|why| {
        Error::usage(
            format!("not an identity of KMS keys: {why}"),
            "envpipe identity -k alias/NAME prints one",
        )
    })
}

/// An identity leaves the keys to the environment, and that names none.
fn no_key_in_environment(hint: impl Into<String>) -> Error {
    Error::usage("no KMS key is named: ENVPIPE_KEY is empty", hint)
}
