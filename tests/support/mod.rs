//! What the tests share: running envpipe, and the parts it is tested against.

pub mod emulator;
pub mod memory;
pub mod python;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The program under test.
pub const ENVPIPE: &str = env!("CARGO_BIN_EXE_envpipe");

/// Whether the tests run as root, who may do everything, and whom nothing is refused.
pub fn is_root() -> bool {
    String::from_utf8(Run::new("id", ["-u"]).ok()).unwrap().trim() == "0"
}

/// strace with its output in the file `trace`. envpipe hides from other processes of its user; but not from the root of a
/// user namespace that it was begun in.
pub fn strace() -> String {
    let namespace = if is_root() { "" } else { "unshare -r " };
    format!("{namespace}strace -f -qqq -o trace")
}

/// A folder that goes away with the test.
pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Bytes without a pattern, the same for the same length.
pub fn bytes(len: usize) -> Vec<u8> {
    let mut state = len as u64 | 1;
    std::iter::repeat_with(|| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(len)
    .collect()
}

/// With another byte at `at`; in base64, it is another digit.
pub fn altered(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut altered = bytes.to_vec();
    altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
    altered
}

/// envpipe with `args`, in an environment that has nothing of the one that the tests run in.
pub fn envpipe<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    Run::new(ENVPIPE, args)
}

/// A program to be run.
pub struct Run {
    command: Command,
    stdin: Vec<u8>,
}

impl Run {
    pub fn new<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, args: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new(program);
        command.args(args).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        // Without these, the configuration of whoever runs the tests would be found.
        command.env("HOME", "/nonexistent").env("AWS_EC2_METADATA_DISABLED", "true");
        Self { command, stdin: Vec::new() }
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn envs(mut self, variables: &BTreeMap<String, String>) -> Self {
        self.command.envs(variables);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Finished {
        let command = self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let mut stdin = child.stdin.take().unwrap();
        let bytes = self.stdin;
        // A program that ends early leaves the pipe; that is its right.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&bytes)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Finished(output)
    }

    /// Runs it to its end, and fails the test unless all went well; what it wrote.
    pub fn ok(self) -> Vec<u8> {
        let finished = self.run();
        assert_eq!(finished.0.status.code(), Some(0), "{}", finished.stderr());
        finished.0.stdout
    }
}

/// What a program left.
pub struct Finished(pub Output);

impl Finished {
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// The exit status and the lines on standard error.
    #[track_caller]
    pub fn fails(&self, status: i32, message: &str, hint: &str) -> &Self {
        let stderr = self.stderr();
        assert_eq!(self.0.status.code(), Some(status), "{stderr}");
        let mut lines = stderr.lines();
        let first = lines.next().unwrap_or_default();
        assert!(first.starts_with("envpipe: ") && first.contains(message), "no «{message}» in:\n{stderr}");
        assert!(!first.ends_with('.'), "{first}");
        match hint {
            "" => assert_eq!(lines.next(), None, "{stderr}"),
            hint => {
                let line = lines.next().unwrap_or_default();
                assert!(
                    line.starts_with("envpipe: hint: ") && line.contains(hint),
                    "no hint «{hint}» in:\n{stderr}"
                );
                assert_eq!(lines.next(), None, "{stderr}");
            }
        }
        self
    }

    #[track_caller]
    pub fn writes_nothing(&self) {
        assert!(self.0.stdout.is_empty(), "{} bytes were written", self.0.stdout.len());
    }
}

/// An identity in a file of `folder`, and its recipient.
pub fn identity(folder: &TempDir) -> (String, String) {
    let path = folder.path().join("identity").to_str().unwrap().to_owned();
    let stderr = envpipe(["keygen", "-o", &path]).run().stderr();
    (path, stderr.trim().strip_prefix("Public key: ").unwrap().to_owned())
}

/// Whether a program that a test needs is there; where it is not, the test says so, and in CI it fails.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).exists());
    assert!(found || std::env::var_os("CI").is_none(), "CI has no {program}");
    if !found {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        // Past the capture of a test's output.
        let _ = writeln!(std::io::stderr(), "{test}: left out: there is no {program}");
    }
    found
}

/// The subcommands that help lists.
pub fn subcommands() -> Vec<String> {
    let text = String::from_utf8(Run::new(ENVPIPE, ["--help"]).ok()).unwrap();
    let list = text.split("\ncommands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = list.lines().map(|line| line.split_whitespace().next().unwrap());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The long options in the help of a subcommand.
pub fn help(subcommand: &str) -> BTreeSet<String> {
    let text = String::from_utf8(Run::new(ENVPIPE, ["help", subcommand]).ok()).unwrap();
    let lines = text.lines().filter(|line| line.trim_start().starts_with('-'));
    lines.map(|line| line.split("--").nth(1).unwrap().split([' ', '\n']).next().unwrap().to_owned()).collect()
}
