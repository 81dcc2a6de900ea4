//! What a worker does with a batch of chunks: sealing or opening.
//!
//! It owns how a batch lies in memory; what a chunk is and when a stream is whole is `format::payload`, who reads and writes
//! when is `turnstile`.

use std::io::IoSlice;

use super::intake::BATCH;
use super::output::Sink;
use crate::error::Error;
use crate::format::payload::{Behind, CHUNK_LEN, Last, PayloadKey, SEALED_CHUNK_LEN, TAG_LEN};

/// Work on one batch of a stream, in any order with other batches.
pub trait Work: Send + Sync + 'static {
    /// Bytes of the input in every chunk but the last.
    const CHUNK_LEN: usize;

    /// What a worker keeps for the results of a batch.
    type Result: Default;

    /// Seals or opens `input`, whose first chunk has this index and whose last ends the stream if `end` is set. An error is
    /// one of the stream; what is in the result is to be written before it.
    fn crypt(&self, index: u64, end: bool, input: &mut [u8], result: &mut Self::Result) -> Option<Error>;

    /// Writes the result of [`Work::crypt`] on this input.
    fn write(input: &[u8], result: &Self::Result, sink: &mut dyn Sink) -> Result<(), Error>;
}

/// Plaintext in, sealed chunks out. The chunks are sealed where they are, and their tags written between them.
pub struct Seal(pub PayloadKey);

impl Work for Seal {
    const CHUNK_LEN: usize = CHUNK_LEN;

    type Result = Tags;

    fn crypt(&self, index: u64, end: bool, input: &mut [u8], tags: &mut Tags) -> Option<Error> {
        // An empty stream is one empty chunk.
        tags.count = input.len().div_ceil(CHUNK_LEN).max(usize::from(end));
        let mut rest = input;
        for (i, tag) in tags.tags[..tags.count].iter_mut().enumerate() {
            let last = if end && i + 1 == tags.count { Last::Yes } else { Last::No };
            let (chunk, behind) = rest.split_at_mut(rest.len().min(CHUNK_LEN));
            *tag = self.0.seal_chunk(index + i as u64, last, chunk);
            rest = behind;
        }
        None
    }

    fn write(input: &[u8], tags: &Tags, sink: &mut dyn Sink) -> Result<(), Error> {
        let mut parts = [IoSlice::new(&[]); 2 * BATCH];
        let mut rest = input;
        for (parts, tag) in parts.chunks_exact_mut(2).zip(&tags.tags[..tags.count]) {
            let (chunk, behind) = rest.split_at(rest.len().min(CHUNK_LEN));
            parts[0] = IoSlice::new(chunk);
            parts[1] = IoSlice::new(tag);
            rest = behind;
        }
        sink.write(&mut parts[..2 * tags.count])
    }
}

/// The tags of a batch.
#[derive(Default)]
pub struct Tags {
    tags: [[u8; TAG_LEN]; BATCH],
    count: usize,
}

/// Sealed chunks in, plaintext out. The plaintext gets a place of its own: a chunk that is not authentic as what it should
/// be is looked at once more, to say what is wrong with the stream, and the cipher wipes what it refuses.
pub struct Open(pub PayloadKey);

impl Work for Open {
    const CHUNK_LEN: usize = SEALED_CHUNK_LEN;

    type Result = Plain;

    fn crypt(&self, index: u64, end: bool, input: &mut [u8], plain: &mut Plain) -> Option<Error> {
        plain.len = 0;
        plain.bytes.resize(BATCH * CHUNK_LEN, 0);
        // A stream without any byte is opened too, to be found truncated.
        let count = input.len().div_ceil(SEALED_CHUNK_LEN).max(usize::from(end));
        for i in 0..count {
            let behind = if end && i + 1 == count { Behind::End } else { Behind::More };
            let sealed = &input[i * SEALED_CHUNK_LEN..];
            let sealed = &sealed[..sealed.len().min(SEALED_CHUNK_LEN)];
            let opened = self.0.open_chunk(index + i as u64, behind, sealed, &mut plain.bytes[plain.len..]);
            plain.len += opened.len;
            if opened.fault.is_some() {
                return opened.fault;
            }
        }
        None
    }

    fn write(_input: &[u8], plain: &Plain, sink: &mut dyn Sink) -> Result<(), Error> {
        sink.write(&mut [IoSlice::new(&plain.bytes[..plain.len])])
    }
}

/// The plaintext of a batch.
#[derive(Default)]
pub struct Plain {
    bytes: Vec<u8>,
    len: usize,
}
