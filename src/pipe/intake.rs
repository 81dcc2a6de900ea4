//! The input's turns: which worker reads which part of the input, in batches of whole chunks.
//!
//! It owns the order of reading and the look-ahead by one byte that finds the last chunk; not what a chunk means.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::input::Source;
use crate::error::Error;

/// Most chunks in a batch.
pub const BATCH: usize = 8;

/// What a worker got out of its turn at the input.
pub struct Batch {
    /// Its turn at the output; turns count from 0 without a gap.
    pub turn: u64,
    /// The index of its first chunk.
    pub index: u64,
    /// Bytes in the worker's buffer: whole chunks that something follows, or where `end` is set, what is left, which is at
    /// most [`BATCH`] chunks, the last one perhaps not whole, and nothing at all where the input is empty.
    pub len: usize,
    /// Whether the input ends with this batch.
    pub end: bool,
}

/// An input that workers take batches from.
pub struct Intake {
    chunk_len: usize,
    kind: Kind,
}

enum Kind {
    /// Read in turn. What one worker read beyond its batch is carried to the next.
    Stream(Mutex<Stream>),
    /// A regular file, of `len` bytes when it was begun: every worker reads its own part, at any time.
    File { file: File, start: u64, len: u64, turns: AtomicU64, name: String },
}

struct Stream {
    source: Box<dyn Source>,
    carry: Vec<u8>,
    turn: u64,
    index: u64,
    ended: bool,
}

impl Intake {
    /// Batches of chunks of `chunk_len` bytes of what `source` has yet to give.
    pub fn new(source: Box<dyn Source>, chunk_len: usize) -> Self {
        let kind = match source.as_file() {
            Some((file, start, name)) => {
                Kind::File { start, len: file_len(&file), turns: AtomicU64::new(0), name, file }
            }
            None => Kind::Stream(Mutex::new(Stream {
                source,
                carry: Vec::with_capacity(chunk_len + 1),
                turn: 0,
                index: 0,
                ended: false,
            })),
        };
        Self { chunk_len, kind }
    }

    /// The length of the buffer that a worker brings: a batch, and the one byte that shows that it is not the last.
    pub fn buffer_len(&self) -> usize {
        BATCH * self.chunk_len + 1
    }

    /// How many batches there can be at most; at least one.
    pub fn most_batches(&self) -> usize {
        match &self.kind {
            Kind::Stream(_) => usize::MAX,
            Kind::File { start, len, .. } => {
                let batch_len = (BATCH * self.chunk_len) as u64;
                usize::try_from(len.saturating_sub(*start) / batch_len + 1).unwrap_or(usize::MAX)
            }
        }
    }

    /// Reads the next batch into `buffer`; None where another worker has the end. A full chunk is not held back once the
    /// byte behind it has come. An error has its turn, too.
    pub fn take(&self, buffer: &mut [u8]) -> Option<(Batch, Option<Error>)> {
        match &self.kind {
            Kind::Stream(stream) => {
                stream.lock().unwrap_or_else(PoisonError::into_inner).take(buffer, self.chunk_len)
            }
            Kind::File { file, start, len: begun, turns, name } => {
                let turn = turns.fetch_add(1, Ordering::Relaxed);
                let offset = start + turn * (buffer.len() as u64 - 1);
                let (len, mut error) = match read_at(file, offset, buffer) {
                    Ok(len) => (len, None),
                    Err(source) => (0, Some(Error::Io { verb: "read", what: name.clone(), source })),
                };
                let end = len < buffer.len();
                // The worker before saw a byte where nothing is, or has the end, and then nobody hears of this. A file in /sys
                // never had the length that it says it has.
                let cut_off = len == 0 && turn > 0 || end && file_len(file) < *begun;
                if cut_off && error.is_none() {
                    let source = io::Error::other("it was cut off while it was read");
                    error = Some(Error::Io { verb: "read", what: name.clone(), source });
                }
                if end && error.is_none() {
                    // As reading would have left it. A pipe-like file cannot be here, and others can seek.
                    let _ = (&*file).seek(SeekFrom::Start(offset + len as u64));
                }
                let len = if end { len } else { len - 1 };
                Some((Batch { turn, index: turn * BATCH as u64, len, end }, error))
            }
        }
    }
}

impl Stream {
    fn take(&mut self, buffer: &mut [u8], chunk_len: usize) -> Option<(Batch, Option<Error>)> {
        if self.ended {
            return None;
        }
        let mut len = self.carry.len();
        buffer[..len].copy_from_slice(&self.carry);
        self.carry.clear();
        let mut error = None;
        // What has come is passed on once it is a chunk with a byte behind it; more may be long in coming.
        while len <= chunk_len && !self.ended {
            match self.source.read(&mut buffer[len..]) {
                Ok(0) => self.ended = true,
                Ok(read) => len += read,
                Err(fault) => {
                    error = Some(fault);
                    self.ended = true;
                }
            }
        }
        let ready = match self.ended {
            true => len,
            false => (len - 1) / chunk_len * chunk_len,
        };
        self.carry.extend_from_slice(&buffer[ready..len]);
        let batch = Batch { turn: self.turn, index: self.index, len: ready, end: self.ended };
        self.turn += 1;
        self.index += (ready / chunk_len) as u64;
        Some((batch, error))
    }
}

/// The length that a file says it has, in bytes.
fn file_len(file: &File) -> u64 {
    file.metadata().map_or(0, |metadata| metadata.len())
}

/// Reads until `buffer` is full or the file ends.
fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match file.read_at(&mut buffer[len..], offset + len as u64) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}
