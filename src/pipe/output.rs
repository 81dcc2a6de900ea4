//! Where bytes go: standard output, or a file that appears under its name only when it is whole.

use std::fs::{self, File, Permissions};
use std::io::{self, IoSlice, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat};
use tempfile::NamedTempFile;

use super::input::Input;
use super::{pipe_size, signals};
use crate::error::Error;
use crate::format::armor;

/// Bytes to write, with errors that say to what.
pub trait Sink: Send {
    /// Writes all of the parts, in order.
    fn write(&mut self, parts: &mut [IoSlice]) -> Result<(), Error>;

    /// The open file or pipe, and its name, where it gets what is written just as it is.
    fn handle(&self) -> Option<(&File, &str)> {
        None
    }

    /// So many bytes were written to the handle itself.
    fn was_written_to(&mut self, _len: u64) {}

    /// Ends and closes the output, and gives a file its name; after this it is whole.
    fn commit(self: Box<Self>) -> Result<(), Error>;
}

/// Who may read a file that is created.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Whoever the umask lets.
    Umask,
    /// The owner alone: plaintext and keys.
    Private,
}

/// What is done where the output file is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It is replaced, but only once the new one is whole.
    Replace,
    /// It is an error, which this mends.
    Keep {
        /// What to do.
        mend: &'static str,
    },
}

impl Existing {
    /// What an error of the system means for the output `name`.
    fn fault(self, verb: &'static str, name: String, source: io::Error) -> Error {
        match self {
            Self::Keep { mend } if source.kind() == io::ErrorKind::AlreadyExists => {
                Error::Exists { path: name, mend }
            }
            _ => Error::Io { verb, what: name, source },
        }
    }
}

/// An output. Dropped without [`Sink::commit`], a file leaves no trace, and one of its name stays as it was.
pub struct Output {
    place: Place,
    name: String,
}

enum Place {
    /// Standard output, or what cannot be replaced by a file: a device, a named pipe.
    Open(File),
    /// A file that takes the name `path` when it is whole.
    Pending { file: NamedTempFile, path: PathBuf, existing: Existing, removal: signals::Removal },
}

impl Output {
    /// Standard output where there is no path, or it is `-`.
    pub fn create(path: Option<&Path>, mode: Mode, existing: Existing) -> Result<Self, Error> {
        match path.filter(|path| *path != Path::new("-")) {
            None => {
                let name = "standard output".to_owned();
                match io::stdout().as_fd().try_clone_to_owned() {
                    Ok(fd) => Ok(Self { place: Place::Open(File::from(fd)), name }),
                    Err(source) => Err(Error::Io { verb: "open", what: name, source }),
                }
            }
            Some(path) => {
                let name = path.display().to_string();
                let place = Self::file(path, mode, existing)
                    .map_err(|source| existing.fault("create", name.clone(), source))?;
                Ok(Self { place, name })
            }
        }
        .inspect(|output| {
            if let Place::Open(file) = &output.place {
                pipe_size::enlarge(file);
            }
        })
    }

    fn file(path: &Path, mode: Mode, existing: Existing) -> io::Result<Place> {
        let new = match mode {
            Mode::Umask => Permissions::from_mode(0o666),
            Mode::Private => Permissions::from_mode(0o600),
        };
        if existing != Existing::Replace && fs::symlink_metadata(path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let (path, permissions) = match fs::metadata(path) {
            // To replace a device by a file of its name is never what was meant.
            Ok(old) if !old.is_file() => return Ok(Place::Open(File::options().write(true).open(path)?)),
            Ok(old) => {
                // The system would let it be replaced by whoever may write to its folder; but somebody protected it.
                faccessat(AT_FDCWD, path, AccessFlags::W_OK, AtFlags::AT_EACCESS)?;
                // Through a symbolic link, to keep it; and with the mode that somebody gave the old one.
                (fs::canonicalize(path)?, Some(Permissions::from_mode(old.mode() & 0o777)))
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) => match fs::read_link(path) {
                // To where a file shall be, perhaps on another file system.
                Ok(target) => return Self::file(&folder(path).join(target), mode, existing),
                Err(_) => (path.to_owned(), None),
            },
        };
        let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(name);
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".tmp").permissions(new);
        let (file, removal) = signals::removed_by_signals(|| builder.tempfile_in(folder(&path)))?;
        if let Some(permissions) = permissions {
            file.as_file().set_permissions(permissions)?;
        }
        Ok(Place::Pending { file, path, existing, removal })
    }

    /// Refuses an input that is the very file that is written to: it would be read as it is written over, or never end. A file
    /// that is replaced when it is whole may be the input.
    pub fn refuse_as_input(&self, input: &Input) -> Result<(), Error> {
        let Place::Open(file) = &self.place else { return Ok(()) };
        let identity = |file: &File| file.metadata().ok().filter(|m| m.is_file()).map(|m| (m.dev(), m.ino()));
        match identity(file).is_some_and(|output| identity(input.file()) == Some(output)) {
            true => Err(Error::usage(
                format!("{} is also the output", input.name()),
                "to replace a file by its result: -o FILE FILE",
            )),
            false => Ok(()),
        }
    }

    /// Whether it is a terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(&self.place, Place::Open(file) if file.is_terminal())
    }
}

impl Sink for Output {
    fn write(&mut self, parts: &mut [IoSlice]) -> Result<(), Error> {
        let file = match &mut self.place {
            Place::Open(file) => file,
            Place::Pending { file, .. } => file.as_file_mut(),
        };
        write_all(file, parts).map_err(|source| match source.kind() {
            io::ErrorKind::BrokenPipe => Error::ReaderGone,
            _ => Error::Io { verb: "write", what: self.name.clone(), source },
        })
    }

    fn handle(&self) -> Option<(&File, &str)> {
        match &self.place {
            Place::Open(file) => Some((file, &self.name)),
            Place::Pending { file, .. } => Some((file.as_file(), &self.name)),
        }
    }

    fn commit(self: Box<Self>) -> Result<(), Error> {
        let Self { place, name } = *self;
        let fault = |source| Error::Io { verb: "write", what: name.clone(), source };
        match place {
            // Some file systems (NFS, quotas) tell of a failed write only here.
            Place::Open(file) => nix::unistd::close(file).map_err(|errno| fault(errno.into())),
            Place::Pending { file, path, existing, removal: _removal } => {
                file.as_file().sync_all().map_err(fault)?;
                let (file, temporary) = file.into_parts();
                nix::unistd::close(file).map_err(|errno| fault(errno.into()))?;
                let named = match existing {
                    Existing::Replace => temporary.persist(&path),
                    Existing::Keep { .. } => temporary.persist_noclobber(&path),
                };
                named.map_err(|failed| existing.fault("write", name.clone(), failed.error))?;
                // The name too must survive a power cut; a folder that cannot be synced is no reason to fail.
                let _ = File::open(folder(&path)).and_then(|folder| folder.sync_all());
                Ok(())
            }
        }
    }
}

/// The folder that a file is in.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// Writes all of the parts, however few bytes a write takes.
fn write_all(to: &mut impl Write, mut parts: &mut [IoSlice]) -> io::Result<()> {
    // Without empty parts at the front: a write of nothing but those would look like a full device.
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match to.write_vectored(parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut parts, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Armors what is written to a sink.
pub struct Armored {
    sink: Box<dyn Sink>,
    encoder: armor::Encoder,
    text: Vec<u8>,
}

impl Armored {
    /// Armor on the way to `sink`.
    pub fn new(sink: Box<dyn Sink>) -> Self {
        Self { sink, encoder: armor::Encoder::default(), text: Vec::new() }
    }
}

impl Sink for Armored {
    fn write(&mut self, parts: &mut [IoSlice]) -> Result<(), Error> {
        for part in parts {
            self.encoder.push(part, &mut self.text);
        }
        self.sink.write(&mut [IoSlice::new(&self.text)])?;
        self.text.clear();
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<(), Error> {
        self.encoder.finish(&mut self.text);
        self.sink.write(&mut [IoSlice::new(&self.text)])?;
        self.sink.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a few bytes at a time, is interrupted in between, and is full in the end.
    struct Few {
        taken: Vec<u8>,
        calls: usize,
        room: usize,
    }

    impl Write for Few {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.calls += 1;
            if self.calls.is_multiple_of(3) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let len = bytes.len().min(self.calls % 5 + 1).min(self.room - self.taken.len());
            self.taken.extend_from_slice(&bytes[..len]);
            Ok(len)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn short_and_interrupted_writes_lose_nothing() {
        let texts = ["", "one", "", "a longer one", "x", ""];
        for room in [0, 1, 10, 16, 100] {
            let mut few = Few { taken: Vec::new(), calls: 0, room };
            let mut parts = texts.map(|text| IoSlice::new(text.as_bytes()));
            let result = write_all(&mut few, &mut parts);
            let whole = texts.concat();
            assert_eq!(few.taken, &whole.as_bytes()[..room.min(whole.len())]);
            assert_eq!(result.is_ok(), room >= whole.len(), "room for {room}");
        }
    }
}
