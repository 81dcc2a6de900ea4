//! The output of a command as a source: `seal -- COMMAND`.
//!
//! It owns the rule that a stream ends only where its command succeeded: if it fails, reading fails, the last chunk is never
//! written, and what was written can never be opened as if it were whole.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use super::input::Source;
use super::{pipe_size, signals};
use crate::error::Error;

/// A running command, whose standard input and error are envpipe's own.
pub struct Producer {
    child: Child,
    stdout: ChildStdout,
    name: String,
}

impl Producer {
    /// Starts a command: the program, and its arguments. SIGINT, SIGTERM and SIGHUP are passed on to it.
    pub fn start(program: &OsString, args: &[OsString]) -> Result<Self, Error> {
        let name = program.to_string_lossy().into_owned();
        let fault = |source| Error::Io { verb: "run", what: name.clone(), source };
        let mut command = Command::new(program);
        command.args(args).stdout(Stdio::piped());
        let mut child = signals::passed_on_by_signals(|| command.spawn()).map_err(fault)?;
        let stdout = child.stdout.take().ok_or_else(|| fault(io::ErrorKind::BrokenPipe.into()))?;
        pipe_size::enlarge(&stdout);
        Ok(Self { child, stdout, name })
    }

    fn ended(&mut self, status: ExitStatus) -> Result<usize, Error> {
        signals::command_ended();
        match status.success() {
            true => Ok(0),
            false => Err(Error::Producer {
                name: self.name.clone(),
                status: match (status.code(), status.signal()) {
                    (Some(code), _) => format!("exit status {code}"),
                    (None, signal) => signal
                        .and_then(signal_hook::low_level::signal_name)
                        .map_or_else(|| "a signal".into(), str::to_owned),
                },
            }),
        }
    }
}

impl Source for Producer {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        let read = loop {
            match self.stdout.read(buf) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) => break self.child.wait().map(Err),
                result => break result.map(Ok),
            }
        };
        match read {
            Ok(Ok(len)) => Ok(len),
            Ok(Err(status)) => self.ended(status),
            Err(source) => {
                Err(Error::Io { verb: "read", what: format!("the output of {}", self.name), source })
            }
        }
    }
}
