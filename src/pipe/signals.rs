//! Ending by a signal: silently where a reader has left, and without leaving a temporary file behind.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, Once, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use tempfile::NamedTempFile;

/// The temporary file to remove; an output is pending one at a time.
static PENDING: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Creates a temporary file that SIGINT, SIGTERM and SIGHUP remove before they end the process.
pub fn removed_by_signals(create: impl FnOnce() -> io::Result<NamedTempFile>) -> io::Result<NamedTempFile> {
    static WATCH: Once = Once::new();
    let mut watching = Ok(());
    WATCH.call_once(|| watching = watch());
    watching?;
    // A signal that comes while the file is made waits for its path.
    let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
    let file = create()?;
    *pending = Some(file.path().to_owned());
    Ok(file)
}

fn watch() -> io::Result<()> {
    let ignored = ignored();
    let caught = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
    let mut signals = Signals::new(caught)?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if let Some(path) = PENDING.lock().unwrap_or_else(PoisonError::into_inner).take() {
                // It is gone already where the output was given its name in this moment.
                let _ = std::fs::remove_file(path);
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
