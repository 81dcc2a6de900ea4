//! Streams in memory, for tests that go past the command line.

use std::io::IoSlice;
use std::sync::{Arc, Mutex};

use envpipe::error::Error;
use envpipe::pipe::input::Source;
use envpipe::pipe::output::Sink;

/// Gives at most so many bytes at a time: each of the steps in turn, over and over.
pub struct Steps {
    bytes: Vec<u8>,
    given: usize,
    steps: std::iter::Cycle<std::vec::IntoIter<usize>>,
}

impl Steps {
    pub fn new(bytes: Vec<u8>, step: usize) -> Self {
        Self::of(bytes, vec![step])
    }

    pub fn of(bytes: Vec<u8>, steps: Vec<usize>) -> Self {
        Self { bytes, given: 0, steps: steps.into_iter().cycle() }
    }
}

impl Source for Steps {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        let rest = &self.bytes[self.given..];
        let len = rest.len().min(buf.len()).min(self.steps.next().unwrap_or(0));
        buf[..len].copy_from_slice(&rest[..len]);
        self.given += len;
        Ok(len)
    }
}

/// Keeps what is written; a clone sees the same.
#[derive(Default, Clone)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    /// All of it.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Sink for Written {
    fn write(&mut self, parts: &mut [IoSlice]) -> Result<(), Error> {
        let mut written = self.0.lock().unwrap();
        parts.iter().for_each(|part| written.extend_from_slice(part));
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<(), Error> {
        Ok(())
    }
}
