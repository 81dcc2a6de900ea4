//! A decoder of sealed streams whose file key is known, written from envpipe(5) and nothing else: slow, all in memory, and
//! plain enough to be believed.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The file key of all streams, which is that of most of age's test vectors too.
pub const FILE_KEY: &[u8; 16] = b"YELLOW SUBMARINE";

pub const CHUNK_LEN: usize = 65_536;

const MAX_HEADER_LEN: usize = 256 * 1024;
const BEGIN: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const END: &[u8] = b"-----END AGE ENCRYPTED FILE-----";

/// What a stream is; a number is the chunk that it fails at.
#[derive(PartialEq, Debug)]
pub enum Verdict {
    Whole,
    Armor,
    Header,
    Mac,
    Cut(u64),
    Altered(u64),
    Trailing(u64),
    EmptyLast(u64),
}

/// A verdict, and every byte that may be released before it.
pub struct Opened {
    pub verdict: Verdict,
    pub released: Vec<u8>,
}

pub fn open(input: &[u8]) -> Opened {
    let text = input.trim_ascii_start();
    match input.len() - text.len() <= 1024 && text.starts_with(BEGIN) {
        false => open_binary(input),
        true => match dearmor(text) {
            (bytes, true) => open_binary(&bytes),
            (bytes, false) => Opened { verdict: Verdict::Armor, released: open_binary(&bytes).released },
        },
    }
}

/// The bytes of all lines before the first that is at fault, and whether there is none.
fn dearmor(text: &[u8]) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let mut lines = text.trim_ascii().split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l));
    if lines.next() != Some(BEGIN) {
        return (bytes, false);
    }
    let mut is_last = false;
    loop {
        match lines.next() {
            Some(line) if line == END => return (bytes, lines.next().is_none()),
            Some(line) if !is_last && (1..=64).contains(&line.len()) => match STANDARD.decode(line) {
                Ok(decoded) => bytes.extend(decoded),
                Err(_) => return (bytes, false),
            },
            _ => return (bytes, false),
        }
        is_last = bytes.len() % 48 != 0;
    }
}

fn open_binary(stream: &[u8]) -> Opened {
    let fails = |verdict| Opened { verdict, released: Vec::new() };
    let Some((covered, its_mac, payload)) = header(stream) else { return fails(Verdict::Header) };
    let Some((nonce, sealed)) = payload.split_at_checked(16) else { return fails(Verdict::Header) };
    if mac(covered) != its_mac {
        return fails(Verdict::Mac);
    }
    let mut released = Vec::new();
    let count = sealed.len().div_ceil(CHUNK_LEN + 16).max(1);
    for k in 0..count {
        let chunk = &sealed[k * (CHUNK_LEN + 16)..];
        let chunk = &chunk[..chunk.len().min(CHUNK_LEN + 16)];
        let (index, ends, full) = (k as u64, k + 1 == count, chunk.len() == CHUNK_LEN + 16);
        let as_last = open_chunk(nonce, index, true, chunk);
        let as_other = open_chunk(nonce, index, false, chunk).filter(|_| full);
        let verdict = match (&as_last, &as_other) {
            (Some(_), None) if !ends => Some(Verdict::Trailing(index)),
            (Some(plain), None) if plain.is_empty() && k > 0 => Some(Verdict::EmptyLast(index)),
            (Some(_), None) => Some(Verdict::Whole),
            (None, Some(_)) if ends => Some(Verdict::Cut(index + 1)),
            (None, Some(_)) => None,
            (None, None) if full => Some(Verdict::Altered(index)),
            (None, None) => Some(Verdict::Cut(index)),
            (Some(_), Some(_)) => unreachable!("one tag, two nonces"),
        };
        released.extend(as_last.or(as_other).unwrap_or_default());
        if let Some(verdict) = verdict {
            return Opened { verdict, released };
        }
    }
    unreachable!("a stream that ends behind a chunk is cut off")
}

/// What the MAC covers, the MAC, and what is behind the header.
fn header(stream: &[u8]) -> Option<(&[u8], Vec<u8>, &[u8])> {
    let mut at = 0;
    let mut line = || {
        let len = stream[at..].iter().position(|b| *b == b'\n')?;
        at += len + 1;
        Some((&stream[at - len - 1..at - 1], at)).filter(|_| at <= MAX_HEADER_LEN)
    };
    if line()?.0 != b"age-encryption.org/v1" {
        return None;
    }
    let mut stanzas = 0;
    loop {
        let (first, end) = line()?;
        if let Some(mac) = first.strip_prefix(b"--- ") {
            let mac = STANDARD_NO_PAD.decode(mac).ok().filter(|mac| mac.len() == 32 && stanzas > 0)?;
            return Some((&stream[..end - 45], mac, &stream[end..]));
        }
        let args = first.strip_prefix(b"-> ")?;
        if !args.split(|b| *b == b' ').all(|arg| !arg.is_empty() && arg.iter().all(u8::is_ascii_graphic)) {
            return None;
        }
        while {
            let (body, _) = line()?;
            STANDARD_NO_PAD.decode(body).ok().filter(|_| body.len() <= 64)?;
            body.len() == 64
        } {}
        stanzas += 1;
    }
}

/// The MAC of a header up to and with its three dashes.
pub fn mac(covered: &[u8]) -> Vec<u8> {
    let key = hkdf(b"", b"header");
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key).unwrap();
    mac.update(covered);
    mac.finalize().into_bytes().to_vec()
}

fn open_chunk(nonce: &[u8], index: u64, last: bool, sealed: &[u8]) -> Option<Vec<u8>> {
    cipher(nonce).decrypt(&chunk_nonce(index, last).into(), sealed).ok()
}

pub fn seal_chunk(nonce: &[u8], index: u64, last: bool, plain: &[u8]) -> Vec<u8> {
    cipher(nonce).encrypt(&chunk_nonce(index, last).into(), plain).unwrap()
}

fn cipher(nonce: &[u8]) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&Key::from(hkdf(nonce, b"payload")))
}

fn chunk_nonce(index: u64, last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..11].copy_from_slice(&u128::from(index).to_be_bytes()[5..]);
    nonce[11] = last.into();
    nonce
}

fn hkdf(salt: &[u8], info: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    hkdf::Hkdf::<Sha256>::new(Some(salt), FILE_KEY).expand(info, &mut key).unwrap();
    key
}
