//! Files that are read whole: identities and recipients.

use std::path::Path;

use zeroize::Zeroizing;

use super::input::{Input, Source};
use crate::error::Error;

/// More is no list of keys, but the wrong file.
const MAX_LEN: usize = 1024 * 1024;

/// The text of a file of at most 1 MiB; `-` is standard input. It may hold secret keys, and is wiped.
pub fn read(path: &Path) -> Result<Zeroizing<String>, Error> {
    let mut source = Input::open(Some(path))?;
    // Never grown, so that no copy of it stays behind.
    let mut bytes = Zeroizing::new(vec![0; MAX_LEN + 1]);
    let mut len = 0;
    while len < bytes.len() {
        match source.read(&mut bytes[len..])? {
            0 => break,
            more => len += more,
        }
    }
    let refuse = |why: &str| {
        Error::usage(
            format!("{}: {why}", path.display()),
            "a key file is text, one key a line; keygen makes one",
        )
    };
    match std::str::from_utf8(&bytes[..len]) {
        _ if len > MAX_LEN => Err(refuse("is too large for a file of keys")),
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(refuse("is not text")),
    }
}
