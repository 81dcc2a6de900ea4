//! Streams in memory, for tests that go past the command line.

use std::io::IoSlice;

use envpipe::error::Error;
use envpipe::pipe::input::Source;
use envpipe::pipe::output::Sink;

/// Gives at most `step` bytes at a time.
pub struct Steps {
    pub bytes: Vec<u8>,
    given: usize,
    step: usize,
}

impl Steps {
    pub fn new(bytes: Vec<u8>, step: usize) -> Self {
        Self { bytes, given: 0, step }
    }
}

impl Source for Steps {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        let rest = &self.bytes[self.given..];
        let len = rest.len().min(buf.len()).min(self.step);
        buf[..len].copy_from_slice(&rest[..len]);
        self.given += len;
        Ok(len)
    }
}

/// Keeps what is written.
#[derive(Default)]
pub struct Written(pub Vec<u8>);

impl Sink for Written {
    fn write(&mut self, parts: &mut [IoSlice]) -> Result<(), Error> {
        parts.iter().for_each(|part| self.0.extend_from_slice(part));
        Ok(())
    }
}
