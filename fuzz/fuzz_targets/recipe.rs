//! Streams that random bytes would never make: sealed with the right keys, in ways that no sealer would.

use arbitrary::{Arbitrary, Unstructured};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use envpipe::format::armor::Encoder;

use crate::naive::{CHUNK_LEN, mac, seal_chunk};

#[derive(Arbitrary)]
struct Recipe<'a> {
    /// None is a stanza of an age recipient.
    stanzas: Option<&'a [u8]>,
    chunks: Vec<Chunk>,
    edits: Vec<Edit>,
    armor: bool,
    edits_of_armor: Vec<Edit>,
}

#[derive(Arbitrary)]
struct Chunk {
    kind: Kind,
    last: bool,
    /// Added to the index of its place.
    moved: u8,
    /// Added to its length, up to the longest.
    more: u16,
}

#[derive(Arbitrary)]
enum Kind {
    Full,
    Short,
}

#[derive(Arbitrary)]
enum Edit {
    Flip { at: u32, bits: u8 },
    Truncate { at: u32 },
    Insert { at: u32, byte: u8, times: u16 },
    Remove { at: u32, len: u16 },
    Double { at: u32, len: u32 },
}

/// The stream that a recipe makes. At most 5 chunks, for speed.
pub fn stream(recipe: &[u8]) -> Vec<u8> {
    let Ok(recipe) = Recipe::arbitrary(&mut Unstructured::new(recipe)) else { return Vec::new() };
    let mut stream = b"age-encryption.org/v1\n".to_vec();
    stream.extend(recipe.stanzas.unwrap_or(b"-> X25519 x\nAQ\n"));
    stream.extend(b"---");
    let mac = STANDARD_NO_PAD.encode(mac(&stream));
    stream.extend([b" ", mac.as_bytes(), b"\n", &[7; 16]].concat());
    for (place, chunk) in recipe.chunks.iter().take(5).enumerate() {
        let len = match chunk.kind {
            Kind::Full => CHUNK_LEN,
            Kind::Short => chunk.more.into(),
        };
        let index = place as u64 + u64::from(chunk.moved);
        stream.extend(seal_chunk(&[7; 16], index, chunk.last, &vec![place as u8; len]));
    }
    edit(&mut stream, &recipe.edits);
    if recipe.armor {
        let mut encoder = Encoder::default();
        let binary = std::mem::take(&mut stream);
        encoder.push(&binary, &mut stream);
        encoder.finish(&mut stream);
        edit(&mut stream, &recipe.edits_of_armor);
    }
    stream
}

fn edit(stream: &mut Vec<u8>, edits: &[Edit]) {
    for edit in edits.iter().take(8) {
        let place = |at: &u32| *at as usize % (stream.len() + 1);
        match edit {
            Edit::Flip { at, bits } => {
                let at = place(at);
                stream.get_mut(at).map(|byte| *byte ^= bits);
            }
            Edit::Truncate { at } => stream.truncate(place(at)),
            Edit::Insert { at, byte, times } => {
                let at = place(at);
                stream.splice(at..at, std::iter::repeat_n(*byte, usize::from(*times)));
            }
            Edit::Remove { at, len } => {
                let at = place(at);
                let end = (at + usize::from(*len)).min(stream.len());
                stream.drain(at..end);
            }
            Edit::Double { at, len } => {
                let at = place(at);
                let end = (at + *len as usize % (CHUNK_LEN * 2)).min(stream.len());
                let copy = stream[at..end].to_vec();
                stream.splice(end..end, copy);
            }
        }
    }
}
