//! `envpipe keygen`: a new identity, in the format of age-keygen.

use std::io::{IoSlice, Write};

use zeroize::Zeroizing;

use crate::cli;
use crate::error::Error;
use crate::keys::x25519::Identity;
use crate::pipe::output::{Existing, Mode, Output, Sink};

const KEEP: Existing =
    Existing::Keep { mend: "move it away or name another file; keys are never overwritten" };

/// Writes the identity, with its recipient as a comment; the recipient also goes to standard error, unless the identity
/// goes to a terminal, where it can be seen.
pub fn run(args: cli::Keygen) -> Result<(), Error> {
    let mut output = Box::new(Output::create(args.output.as_deref(), Mode::Private, KEEP)?);
    let identity = Identity::generate()?;
    let recipient = identity.recipient();
    let text = Zeroizing::new(format!("# public key: {recipient}\n{}\n", *identity.to_text()));
    let seen = output.is_terminal();
    output.write(&mut [IoSlice::new(text.as_bytes())])?;
    output.commit()?;
    if !seen {
        // The comment has it too, so a closed standard error is no failure.
        let _ = writeln!(std::io::stderr(), "Public key: {recipient}");
    }
    Ok(())
}
