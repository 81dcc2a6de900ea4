//! A payload from source to sink, chunk after chunk, in constant memory.
//!
//! It owns buffering and the order of reading and writing; what a chunk is and when a stream is whole is
//! `format::payload`.

use std::io::IoSlice;

use super::input::Source;
use super::output::Sink;
use crate::error::Error;
use crate::format::payload::{Behind, CHUNK_LEN, Last, PayloadKey, SEALED_CHUNK_LEN, TAG_LEN};

/// Chunks that are read and written at once, where the input has them.
const BATCH: usize = 16;

/// Seals all that `source` has. A full chunk is never held back for more than the one byte that shows that it is not the
/// last.
pub fn seal(
    key: &PayloadKey,
    source: &mut (impl Source + ?Sized),
    sink: &mut (impl Sink + ?Sized),
) -> Result<(), Error> {
    let mut buffer = Buffer::new(CHUNK_LEN);
    let mut index = 0;
    loop {
        let end = buffer.fill(source)?;
        let (last, ready) = match end {
            true => (Last::Yes, buffer.held()),
            false => (Last::No, buffer.followed()),
        };
        let mut tags = [[0; TAG_LEN]; BATCH];
        // An empty stream is one empty chunk.
        let count = ready.len().div_ceil(CHUNK_LEN).max(usize::from(end));
        for (i, tag) in tags[..count].iter_mut().enumerate() {
            let last = if i + 1 == count { last } else { Last::No };
            let chunk = &mut ready[i * CHUNK_LEN..];
            let len = chunk.len().min(CHUNK_LEN);
            *tag = key.seal_chunk(index, last, &mut chunk[..len]);
            index += 1;
        }
        let mut parts = [IoSlice::new(&[]); 2 * BATCH];
        for (i, tag) in tags[..count].iter().enumerate() {
            let chunk = &ready[i * CHUNK_LEN..];
            parts[2 * i] = IoSlice::new(&chunk[..chunk.len().min(CHUNK_LEN)]);
            parts[2 * i + 1] = IoSlice::new(tag);
        }
        sink.write(&mut parts[..2 * count])?;
        match end {
            true => return Ok(()),
            false => buffer.take_followed(),
        }
    }
}

/// Opens all that `source` has. What is written before an error is a prefix of the plaintext, and no byte of it before its
/// chunk was authenticated.
pub fn open(
    key: &PayloadKey,
    source: &mut (impl Source + ?Sized),
    sink: &mut (impl Sink + ?Sized),
) -> Result<(), Error> {
    let mut buffer = Buffer::new(SEALED_CHUNK_LEN);
    let mut plain = vec![0; BATCH * CHUNK_LEN];
    let mut index = 0;
    loop {
        let end = buffer.fill(source)?;
        let (behind, ready) = match end {
            true => (Behind::End, buffer.held()),
            false => (Behind::More, buffer.followed()),
        };
        // A stream without any byte is opened too, to be found truncated.
        let count = ready.len().div_ceil(SEALED_CHUNK_LEN).max(usize::from(end));
        let mut len = 0;
        let mut fault = None;
        for i in 0..count {
            let behind = if i + 1 == count { behind } else { Behind::More };
            let sealed = &ready[i * SEALED_CHUNK_LEN..];
            let sealed = &sealed[..sealed.len().min(SEALED_CHUNK_LEN)];
            let opened = key.open_chunk(index, behind, sealed, &mut plain[len..]);
            len += opened.len;
            index += 1;
            fault = opened.fault;
            if fault.is_some() {
                break;
            }
        }
        sink.write(&mut [IoSlice::new(&plain[..len])])?;
        match (fault, end) {
            (Some(fault), _) => return Err(fault),
            (None, true) => return Ok(()),
            (None, false) => buffer.take_followed(),
        }
    }
}

/// Bytes that were read and not used yet, in chunks of one length; always room for a batch and the one byte behind it.
struct Buffer {
    bytes: Vec<u8>,
    chunk_len: usize,
    start: usize,
    end: usize,
}

impl Buffer {
    fn new(chunk_len: usize) -> Self {
        Self { bytes: vec![0; BATCH * chunk_len + 1], chunk_len, start: 0, end: 0 }
    }

    /// Reads until a whole chunk and one byte behind it are there; true where the source ends before that, so that at most
    /// one chunk is there.
    fn fill(&mut self, source: &mut (impl Source + ?Sized)) -> Result<bool, Error> {
        while self.end - self.start <= self.chunk_len {
            if self.bytes.len() - self.start <= self.chunk_len {
                self.bytes.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            match source.read(&mut self.bytes[self.end..])? {
                0 => return Ok(true),
                len => self.end += len,
            }
        }
        Ok(false)
    }

    /// All that is there.
    fn held(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    fn followed_len(&self) -> usize {
        (self.end - self.start).saturating_sub(1) / self.chunk_len * self.chunk_len
    }

    /// The whole chunks that at least one byte follows.
    fn followed(&mut self) -> &mut [u8] {
        let len = self.followed_len();
        &mut self.bytes[self.start..self.start + len]
    }

    /// Done with those.
    fn take_followed(&mut self) {
        self.start += self.followed_len();
    }
}
