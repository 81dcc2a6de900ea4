//! `--each`: many files, each sealed or opened to a file beside it, several at a time.
//!
//! It owns which files, what each becomes, and what is done where some fail; not how a stream is sealed or opened.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Notice, Tell};
use crate::cli;
use crate::error::{Error, KmsFault};
use crate::pipe::input::{Input, Source};
use crate::pipe::output::{Existing, Mode, Output};
use crate::pipe::progress::Bar;

/// What sealed files end in.
const SUFFIX: &[u8] = b".age";

/// A file, and what becomes of it.
pub struct Pair {
    /// What is read: a regular file.
    pub input: Input,
    /// What is written.
    pub output: Output,
}

/// How files are worked on.
#[derive(Clone, Copy)]
pub struct Engine {
    /// How many at a time, and how many workers for each that has much to do.
    pub workers: usize,
    /// Whether to show how far all of them are.
    pub progress: bool,
}

/// The way that files go.
#[derive(Clone, Copy)]
pub enum Way {
    /// From FILE to FILE.age.
    Seal,
    /// From FILE.age to FILE.
    Open,
}

/// All the files that are named.
pub struct Files(Vec<PathBuf>);

impl Files {
    /// Reads the list of names, where there is one; they come last.
    pub fn read(each: &cli::Each) -> Result<Self, Error> {
        let mut files = each.files.clone();
        if let Some(path) = &each.files0_from {
            let mut list = Vec::new();
            let mut source = Input::open(Some(path))?;
            let mut buf = vec![0; 64 * 1024];
            loop {
                match source.read(&mut buf)? {
                    0 => break,
                    len => list.extend_from_slice(&buf[..len]),
                }
            }
            let refuse = |why: &str| {
                let message = format!("{}: {why}", source.name());
                Err(Error::usage(
                    message,
                    "each name is ended by NUL: find DIR -type f -print0 | envpipe … --files0-from -",
                ))
            };
            if list.contains(&b'\n') && !list.contains(&0) {
                return refuse("its names are lines, and not ended by NUL");
            }
            let names = list.strip_suffix(&[0]).unwrap_or(&list);
            for name in names.split(|b| *b == 0).filter(|_| !list.is_empty()) {
                if name.is_empty() {
                    return refuse("a name is empty");
                }
                files.push(OsStr::from_bytes(name).into());
            }
        }
        Ok(Self(files))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes in all of them, as far as they can be looked at.
    fn total_len(&self) -> u64 {
        self.0.iter().filter_map(|path| Some(std::fs::metadata(path).ok()?.len())).sum()
    }

    /// Does `work` with each, `workers` at a time. What fails is told as it does; if it is not to be gone on, no file is
    /// begun after that. What is begun is brought to its end, and nothing is left half-written.
    pub fn run(
        self,
        way: Way,
        each: &cli::Each,
        Engine { workers, progress }: Engine,
        tell: Tell,
        work: impl Fn(Pair, Option<&Bar>) -> Result<(), Error> + Sync,
    ) -> Result<(), Error> {
        let bar = progress.then(|| Bar::new(Some(self.total_len())));
        let one = |path: &Path| {
            let done = pair(path, way, each.force).and_then(|pair| work(pair, bar.as_ref()));
            done.map_err(|error| error.of_file(path))
        };
        if let [path] = &self.0[..] {
            one(path)?;
            bar.inspect(Bar::finish);
            return Ok(());
        }
        let all = self.0.len();
        let state = Mutex::new(State {
            waiting: self.0.into_iter().enumerate().collect(),
            left: 0,
            failed: Vec::new(),
            tell,
        });
        std::thread::scope(|scope| {
            for _ in 0..workers.min(all) {
                scope.spawn(|| {
                    loop {
                        let Some((number, path)) = lock(&state).waiting.pop_front() else { break };
                        if let Err(error) = one(&path) {
                            let mut state = lock(&state);
                            if !each.keep_going || is_of_every_file(&error) {
                                state.left += state.waiting.len();
                                state.waiting.clear();
                            }
                            state.failed.push((number, error.status()));
                            let mut tell = || (state.tell)(Notice::Failed(&error));
                            match &bar {
                                Some(bar) => bar.aside(tell),
                                None => tell(),
                            }
                        }
                    }
                });
            }
        });
        let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let failed = state.failed.len();
        match state.failed.iter().min() {
            None => {
                bar.inspect(Bar::finish);
                Ok(())
            }
            Some((_, status)) => Err(Error::Each {
                failed,
                done: all - failed - state.left,
                left: state.left,
                status: *status,
            }),
        }
    }
}

/// What the threads share.
struct State<'a> {
    /// The files that are not begun, with their places in the list.
    waiting: VecDeque<(usize, PathBuf)>,
    /// Those that will not be.
    left: usize,
    /// The places and exit statuses of those that failed.
    failed: Vec<(usize, u8)>,
    tell: Tell<'a>,
}

fn lock<'a, 'b>(state: &'a Mutex<State<'b>>) -> MutexGuard<'a, State<'b>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether no other file would fare better.
fn is_of_every_file(error: &Error) -> bool {
    match error {
        Error::OfFile { cause, .. } => is_of_every_file(cause),
        Error::NoKeyNamed { .. } => true,
        Error::Kms(failure) => matches!(failure.fault, KmsFault::NoRegion | KmsFault::NoCredentials(_)),
        _ => false,
    }
}

fn pair(path: &Path, way: Way, force: bool) -> Result<Pair, Error> {
    let target = target(path, way)?;
    let input = Input::open_regular(path)?;
    let existing = if force { Existing::Replace } else { Existing::Keep { mend: "--force replaces it" } };
    let mode = match way {
        Way::Seal => Mode::Umask,
        Way::Open => Mode::Private,
    };
    Ok(Pair { input, output: Output::create(Some(&target), mode, existing)? })
}

fn target(path: &Path, way: Way) -> Result<PathBuf, Error> {
    let fault = |why, mend| Err(Error::Suffix { path: path.display().to_string(), why: (why, mend) });
    let bytes = path.as_os_str().as_bytes();
    let name = path.file_name().unwrap_or_default().as_bytes();
    match (way, name.strip_suffix(SUFFIX)) {
        (Way::Seal, None) => Ok(OsString::from_vec([bytes, SUFFIX].concat()).into()),
        (Way::Seal, Some(_)) => fault("ends in .age already", "leave it out; to seal it once more: -o FILE"),
        (Way::Open, Some([_, ..])) => Ok(OsStr::from_bytes(&bytes[..bytes.len() - SUFFIX.len()]).into()),
        (Way::Open, _) => {
            fault("does not end in .age", "leave it out; to open it under another name: -o FILE")
        }
    }
}
