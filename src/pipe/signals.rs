//! Ending by a signal: silently where a reader has left, and without leaving a temporary file or a command behind.

use std::io;
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use tempfile::NamedTempFile;

/// What has to be done before a signal ends the process. A command is pending one at a time.
struct Pending {
    /// The temporary files to remove.
    files: Vec<PathBuf>,
    /// The command to pass the signal on to.
    child: Option<Pid>,
}

static PENDING: Mutex<Pending> = Mutex::new(Pending { files: Vec::new(), child: None });

/// As long as it lives, signals remove a file.
pub struct Removal(PathBuf);

impl Drop for Removal {
    fn drop(&mut self) {
        pending().files.retain(|path| *path != self.0);
    }
}

/// Creates a temporary file that SIGINT, SIGTERM and SIGHUP remove before they end the process.
pub fn removed_by_signals(
    create: impl FnOnce() -> io::Result<NamedTempFile>,
) -> io::Result<(NamedTempFile, Removal)> {
    before_signals(|pending| {
        let file = create()?;
        pending.files.push(file.path().to_owned());
        let removal = Removal(file.path().to_owned());
        Ok((file, removal))
    })
}

/// Starts a command that SIGINT, SIGTERM and SIGHUP are passed on to before they end the process.
pub fn passed_on_by_signals(start: impl FnOnce() -> io::Result<Child>) -> io::Result<Child> {
    before_signals(|pending| {
        let child = start()?;
        pending.child = i32::try_from(child.id()).ok().map(Pid::from_raw);
        Ok(child)
    })
}

/// The command has ended; its process id may soon be another's.
pub fn command_ended() {
    pending().child = None;
}

/// Ends the command, where it is still running: nobody reads what it writes any more.
pub fn end_command() {
    if let Some(child) = pending().child.take() {
        let _ = kill(child, Signal::SIGTERM);
    }
}

/// Makes something that has to be ended with the process. A signal that comes while it is made waits for that.
fn before_signals<T>(make: impl FnOnce(&mut Pending) -> io::Result<T>) -> io::Result<T> {
    static WATCH: Once = Once::new();
    let mut watching = Ok(());
    WATCH.call_once(|| watching = watch());
    watching?;
    make(&mut pending())
}

fn pending() -> MutexGuard<'static, Pending> {
    PENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch() -> io::Result<()> {
    let ignored = ignored();
    let caught = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
    let mut signals = Signals::new(caught)?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            let mut pending = pending();
            // All may be gone already: an output given its name, the command ended.
            for path in pending.files.drain(..) {
                let _ = std::fs::remove_file(path);
            }
            if let (Some(child), Ok(signal)) = (pending.child.take(), Signal::try_from(signal)) {
                let _ = kill(child, signal);
            }
            let _ = emulate_default_handler(signal);
        }
    })?;
    Ok(())
}

/// The signals that are ignored, bit n - 1 for signal n: nohup and background jobs ask for it, and to catch such a signal
/// would end its being ignored. Only Linux tells; elsewhere none.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Ends the process as a closed pipe ends `cat`: by SIGPIPE, which Rust's runtime ignores otherwise.
pub fn die_by_sigpipe() {
    let _ = emulate_default_handler(SIGPIPE);
}
