//! Bytes from a source to a sink as they are.
//!
//! It owns who copies: the system, where that is fastest, or this process.

use std::fs::File;
use std::io::{self, IoSlice, Read};
use std::os::unix::fs::FileTypeExt;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::input::Source;
use super::output::Sink;
use crate::error::Error;

/// Bytes at a time, where this process copies.
const LEN: usize = 256 * 1024;
/// Bytes at a time, where the system does.
const STEP: u64 = 64 * 1024 * 1024;

/// Copies what `source` has yet to give.
pub fn copy(source: &mut dyn Source, sink: &mut dyn Sink) -> Result<(), Error> {
    let mut buf = Vec::new();
    loop {
        if let (Some((from, input)), Some((mut to, output))) = (source.handle(), sink.handle())
            && copied_best_by_the_system(from, to)
        {
            let len = io::copy(&mut from.take(STEP), &mut to).map_err(|source| match source.kind() {
                io::ErrorKind::BrokenPipe => Error::ReaderGone,
                // It does not say which of the two failed.
                _ => Error::Io { verb: "copy", what: format!("{input} to {output}"), source },
            })?;
            match len {
                0 => return Ok(()),
                len => sink.was_written_to(len),
            }
            continue;
        }
        buf.resize(LEN, 0);
        match source.read(&mut buf)? {
            0 => return Ok(()),
            len => sink.write(&mut [IoSlice::new(&buf[..len])])?,
        }
    }
}

/// On Linux, from file to file and from pipe to pipe: what is copied there need not pass through this process, nor even be
/// copied. Between a file and a pipe that goes page by page, and is slower; to the end of a file, it cannot be done.
fn copied_best_by_the_system(from: &File, to: &File) -> bool {
    let (Ok(input), Ok(output)) = (from.metadata(), to.metadata()) else { return false };
    let across =
        input.file_type().is_fifo() && output.is_file() || input.is_file() && output.file_type().is_fifo();
    let flags = OFlag::from_bits_retain(fcntl(to, FcntlArg::F_GETFL).unwrap_or(0));
    !across && !flags.contains(OFlag::O_APPEND)
}
