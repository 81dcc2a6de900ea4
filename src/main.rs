//! The program: parse, run, and report. The one place that prints errors and chooses the exit status.

use std::io::Write;
use std::process::ExitCode;

use envpipe::command::Notice;
use envpipe::error::Error;
use envpipe::{cli, command, pipe};

fn main() -> ExitCode {
    keep_memory_private();
    let environment = std::env::var_os("ENVPIPE_KEY");
    let result = cli::parse(std::env::args_os(), environment).and_then(|command| {
        if command.is_verbose() && log::set_logger(&Verbose).is_ok() {
            log::set_max_level(log::LevelFilter::Info);
        }
        command::run(command, &mut tell)
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::from(error.status())
        }
    }
}

fn report(error: &Error) {
    if matches!(error, Error::ReaderGone) {
        pipe::signals::die_by_sigpipe();
    }
    print(error);
}

fn print(error: &Error) {
    let mut text = String::new();
    for error in error.all() {
        text.push_str(&format!("envpipe: {}\n", error.message()));
        if let Some(hint) = error.hint() {
            text.push_str(&format!("envpipe: hint: {hint}\n"));
        }
    }
    // Where standard error is gone too, the exit status has to do.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// What goes wrong while the rest goes on.
fn tell(notice: Notice) {
    match notice {
        Notice::LeftOut(error) => {
            let text = format!("envpipe: warning: left out: {}\n", error.message());
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
        Notice::Failed(error) => print(error),
    }
}

/// What `-v` tells: envpipe's own notes, and nothing of the libraries around it.
struct Verbose;

impl log::Log for Verbose {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        metadata.target().starts_with("envpipe::")
    }

    fn log(&self, record: &log::Record) {
        if self.enabled(record.metadata()) {
            let _ = std::io::stderr().write_all(format!("envpipe: {}\n", record.args()).as_bytes());
        }
    }

    fn flush(&self) {}
}

/// Keys are in memory: no core dump, and on Linux no other process of the user may read it. Best effort: a system that
/// refuses is no reason not to make a backup.
fn keep_memory_private() {
    use nix::sys::resource::{Resource, setrlimit};
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}
