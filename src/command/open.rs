//! `envpipe open`: a sealed stream, opened with an identity or a KMS key that the user named.

use crate::cli;
use crate::error::Error;
use crate::format::file_key::FileKey;
use crate::format::header::Header;
use crate::format::kms_stanza::KmsStanza;
use crate::format::p256tag::P256TagStanza;
use crate::format::payload::{PAYLOAD_NONCE_LEN, PayloadKey};
use crate::keys::aws_kms::{self, Accepted};
use crate::keys::x25519;
use crate::pipe::header::read_header;
use crate::pipe::input::{Input, Source, Unread, dearmored};
use crate::pipe::output::{Existing, Mode, Output, Sink};
use crate::pipe::progress::Progress;
use crate::pipe::stream::Open;
use crate::pipe::turnstile;

/// Nothing is written before the header is authentic, and no chunk before it is.
pub fn run(args: cli::Open) -> Result<(), Error> {
    let identities = super::identities(&args.keys.identities)?;
    let input = Input::open(args.input.as_deref())?;
    let output = Output::create(args.output.as_deref(), Mode::Private, Existing::Replace)?;
    output.refuse_as_input(&input)?;
    let sink: Box<dyn Sink> = match args.progress && !output.is_terminal() {
        true => Box::new(Progress::new(Box::new(output), &input)),
        false => Box::new(output),
    };
    let workers = turnstile::workers(args.jobs);
    // It takes the identities along, so that they are gone before the payload is read.
    let unwrap = move |header: &Header| file_key(header, &identities, &args.keys, aws_kms::unwrap);
    open(Box::new(input), sink, unwrap, workers)?.commit()
}

/// Opens `source`, armored or not, with the file key that `unwrap` finds for its header; gives back the sink, to be
/// committed.
pub fn open(
    source: Box<dyn Source>,
    sink: Box<dyn Sink>,
    unwrap: impl FnOnce(&Header) -> Result<FileKey, Error>,
    workers: usize,
) -> Result<Box<dyn Sink>, Error> {
    let Unlocked { file_key, nonce, payload, .. } = unlock(source, unwrap)?;
    let key = PayloadKey::derive(&file_key, &nonce);
    drop(file_key);
    turnstile::start(Open(key), Box::new(payload), workers)?.write_to(sink)
}

/// A stream whose header is authentic, and whose payload is yet to be read.
pub struct Unlocked {
    /// The header.
    pub header: Header,
    /// Its file key.
    pub file_key: FileKey,
    /// The payload's nonce.
    pub nonce: [u8; PAYLOAD_NONCE_LEN],
    /// The chunks, as they are.
    pub payload: Unread<Box<dyn Source>>,
}

/// Reads `source`, armored or not, up to its first chunk, and authenticates its header with the file key that `unwrap` finds
/// for it.
pub fn unlock(
    source: Box<dyn Source>,
    unwrap: impl FnOnce(&Header) -> Result<FileKey, Error>,
) -> Result<Unlocked, Error> {
    let (header, mut payload) = read_header(dearmored(source)?)?;
    let nonce = read_nonce(&mut payload)?;
    let file_key = unwrap(&header)?;
    header.authenticate(&file_key)?;
    Ok(Unlocked { header, file_key, nonce, payload })
}

/// The file key, from an identity if one fits, which costs nothing; else from `kms`, which is [`aws_kms::unwrap`].
pub fn file_key(
    header: &Header,
    identities: &[x25519::Identity],
    may: &cli::Keys,
    kms: impl FnOnce(&Accepted, &[KmsStanza], &[P256TagStanza]) -> Result<FileKey, Error>,
) -> Result<FileKey, Error> {
    let mut kms_stanzas = KmsStanza::parse_all(&header.stanzas)?;
    let mut tagged = P256TagStanza::parse_all(&header.stanzas)?;
    let keys = || kms_stanzas.iter().map(|stanza| stanza.key.to_string()).collect();
    let may_use_kms = may.accepted != Accepted::Keys(Vec::new());
    if identities.is_empty() && !may_use_kms {
        return Err(Error::NoKeyNamed { keys: keys(), tagged: !tagged.is_empty() });
    }
    let mut kinds: Vec<_> = header.stanzas.iter().map(|stanza| stanza.kind().to_owned()).collect();
    kinds.sort();
    kinds.dedup();
    let no_key = match identities.is_empty() {
        true => Error::NoKmsStanza { kinds },
        false => Error::NoIdentity { kinds, keys: keys() },
    };
    for wanted in &may.context {
        // Nothing binds a context to a p256tag stanza.
        tagged.clear();
        kms_stanzas.retain(|stanza| wanted.is_met_by(&stanza.context));
        if kms_stanzas.is_empty() {
            return Err(Error::Context { wanted: wanted.to_string() });
        }
    }
    for identity in identities {
        if let Some(file_key) = identity.unwrap(&header.stanzas)? {
            return Ok(file_key);
        }
    }
    match may_use_kms && !(kms_stanzas.is_empty() && tagged.is_empty()) {
        true => kms(&may.accepted, &kms_stanzas, &tagged),
        false => Err(no_key),
    }
}

fn read_nonce(source: &mut impl Source) -> Result<[u8; PAYLOAD_NONCE_LEN], Error> {
    let mut nonce = [0; PAYLOAD_NONCE_LEN];
    let mut have = 0;
    while have < nonce.len() {
        match source.read(&mut nonce[have..])? {
            0 => return Err(Error::HeaderCut),
            len => have += len,
        }
    }
    Ok(nonce)
}
