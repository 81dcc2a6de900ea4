//! Where bytes come from: standard input or a file, with armor taken off where there is some.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::path::Path;

use super::pipe_size;
use crate::error::Error;
use crate::format::armor;

/// Bytes to read, with errors that say of what.
pub trait Source: Send {
    /// Reads at least one byte into `buf`, which is not empty, and as many as are there; 0 at the end.
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error>;

    /// The regular file, the offset in it, and its name, where what this source has yet to give is just what a regular file
    /// has from there on.
    fn as_file(&self) -> Option<(File, u64, String)> {
        None
    }

    /// The open file or pipe, and its name, where what this source has yet to give is just what that has.
    fn handle(&self) -> Option<(&File, &str)> {
        None
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        (**self).read(buf)
    }

    fn as_file(&self) -> Option<(File, u64, String)> {
        (**self).as_file()
    }

    fn handle(&self) -> Option<(&File, &str)> {
        (**self).handle()
    }
}

/// A file or pipe as it is.
pub struct Input {
    file: File,
    name: String,
}

impl Input {
    /// Opens `path`; standard input where there is none, or it is `-`.
    pub fn open(path: Option<&Path>) -> Result<Self, Error> {
        let (file, name) = match path.filter(|path| *path != Path::new("-")) {
            None => (io::stdin().as_fd().try_clone_to_owned().map(File::from), "standard input".to_owned()),
            Some(path) => (File::open(path), path.display().to_string()),
        };
        // Reading would find out too, but only after the output was begun.
        let not_a_folder = |file: File| match file.metadata()?.is_dir() {
            true => Err(io::ErrorKind::IsADirectory.into()),
            false => Ok(file),
        };
        match file.and_then(not_a_folder) {
            Ok(file) => {
                pipe_size::enlarge(&file);
                Ok(Self { file, name })
            }
            Err(source) => Err(Error::Io { verb: "read", what: name, source }),
        }
    }
}

impl Input {
    /// Opens `path`, which has to be a regular file: opening a named pipe would wait for who writes it.
    pub fn open_regular(path: &Path) -> Result<Self, Error> {
        match std::fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => Err(Error::Io {
                verb: "read",
                what: path.display().to_string(),
                source: io::Error::other("not a regular file"),
            }),
            _ => Self::open(Some(path)),
        }
    }

    /// The open file or pipe.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// How many bytes there are to read, where the system knows: in a regular file.
    pub fn rest_len(&self) -> Option<u64> {
        let (file, offset, _) = self.as_file()?;
        Some(file.metadata().ok()?.len().saturating_sub(offset))
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Source for Input {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        loop {
            match self.file.read(buf) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    return result.map_err(|source| Error::Io {
                        verb: "read",
                        what: self.name.clone(),
                        source,
                    });
                }
            }
        }
    }

    fn as_file(&self) -> Option<(File, u64, String)> {
        let metadata = self.file.metadata().ok()?;
        let offset = (&self.file).stream_position().ok()?;
        // A file without a length may have bytes all the same: those in /proc can only be read in turn.
        let regular = metadata.is_file() && metadata.len() > offset;
        regular.then(|| Some((self.file.try_clone().ok()?, offset, self.name.clone())))?
    }

    fn handle(&self) -> Option<(&File, &str)> {
        Some((&self.file, &self.name))
    }
}

/// A source some of whose bytes were read already, and are given back.
pub struct Unread<S> {
    bytes: Vec<u8>,
    given: usize,
    source: S,
}

impl<S: Source> Unread<S> {
    /// First `bytes`, then what `source` has.
    pub fn new(bytes: Vec<u8>, source: S) -> Self {
        Self { bytes, given: 0, source }
    }
}

impl<S: Source> Source for Unread<S> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        let rest = &self.bytes[self.given..];
        if rest.is_empty() {
            return self.source.read(buf);
        }
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        self.given += len;
        Ok(len)
    }

    fn as_file(&self) -> Option<(File, u64, String)> {
        let (file, offset, name) = self.source.as_file()?;
        let unread = self.bytes.len() - self.given;
        Some((file, offset - unread as u64, name))
    }

    fn handle(&self) -> Option<(&File, &str)> {
        self.source.handle().filter(|_| self.given == self.bytes.len())
    }
}

/// A source that is read a byte at a time, so that what nobody needed is left to others who read the same pipe. Only its
/// first bytes come at once, by which what is no stream at all is told apart.
pub struct ByByte<S> {
    source: S,
    begun: bool,
}

/// Bytes that come at once; every header is longer, and so is the first line of armor.
const START_LEN: usize = 32;

impl<S: Source> ByByte<S> {
    /// From where `source` is, which is its beginning.
    pub fn new(source: S) -> Self {
        Self { source, begun: false }
    }
}

impl<S: Source> Source for ByByte<S> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        let len = if std::mem::replace(&mut self.begun, true) { 1 } else { START_LEN };
        let len = len.min(buf.len());
        self.source.read(&mut buf[..len])
    }
}

/// How much white space before armor is looked through, in bytes; as much as age does.
const MAX_LEADING_SPACE: usize = 1024;

/// The bytes of `source`, with armor taken off where it begins with armor.
pub fn dearmored(source: impl Source + 'static) -> Result<Box<dyn Source>, Error> {
    detect_armor(source).map(|(_, source)| source)
}

/// Whether `source` begins with armor, and its bytes with that taken off.
pub fn detect_armor(mut source: impl Source + 'static) -> Result<(bool, Box<dyn Source>), Error> {
    let mut start = Vec::new();
    let mut buf = [0; MAX_LEADING_SPACE];
    let armored = loop {
        let text = start.trim_ascii_start();
        let seen = text.len().min(armor::BEGIN.len());
        if start.len() - text.len() > MAX_LEADING_SPACE || text[..seen] != armor::BEGIN[..seen] {
            break false;
        }
        if seen == armor::BEGIN.len() {
            break true;
        }
        match source.read(&mut buf)? {
            0 => break false,
            len => start.extend(&buf[..len]),
        }
    };
    let source = Unread::new(start, source);
    let source: Box<dyn Source> = match armored {
        false => Box::new(source),
        true => Box::new(Dearmor {
            source,
            decoder: Some(armor::Decoder::default()),
            text: vec![0; 64 * 1024],
            bytes: Vec::new(),
            given: 0,
        }),
    };
    Ok((armored, source))
}

/// The bytes of an armored source.
struct Dearmor<S> {
    source: S,
    /// None once the armor has ended well.
    decoder: Option<armor::Decoder>,
    text: Vec<u8>,
    bytes: Vec<u8>,
    given: usize,
}

impl<S: Source> Source for Dearmor<S> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        while self.given == self.bytes.len() {
            let Some(mut decoder) = self.decoder.take() else { return Ok(0) };
            self.bytes.clear();
            self.given = 0;
            match self.source.read(&mut self.text)? {
                0 => decoder.finish(&mut self.bytes)?,
                len => {
                    decoder.push(&self.text[..len], &mut self.bytes)?;
                    self.decoder = Some(decoder);
                }
            }
        }
        let len = buf.len().min(self.bytes.len() - self.given);
        buf[..len].copy_from_slice(&self.bytes[self.given..self.given + len]);
        self.given += len;
        Ok(len)
    }
}
