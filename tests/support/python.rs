//! What of the tests runs in Python: environments, made under target/ at first use, and servers in them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The one with moto, the AWS CLI and `cryptography`.
static ENVIRONMENT: Environment = Environment::new("python", include_str!("requirements.txt"));

/// The path of a program in that.
pub fn program(name: &str) -> PathBuf {
    ENVIRONMENT.program(name)
}

/// A Python environment.
pub struct Environment {
    name: &'static str,
    requirements: &'static str,
    folder: OnceLock<PathBuf>,
}

impl Environment {
    pub const fn new(name: &'static str, requirements: &'static str) -> Self {
        Self { name, requirements, folder: OnceLock::new() }
    }

    /// The path of a program in it.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.get_or_init(|| self.make()).join("bin").join(name)
    }

    fn make(&self) -> PathBuf {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let folder = target.join(self.name);
        let made = folder.join("requirements.txt");
        // Another test process may be making it.
        let lock = File::create(target.join(self.name).with_extension("lock")).unwrap();
        lock.lock().unwrap();
        if fs::read_to_string(&made).is_ok_and(|text| text == self.requirements) {
            return folder;
        }
        eprintln!("making a Python environment for the tests in {}", folder.display());
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
        let wanted = folder.join("wanted.txt");
        fs::write(&wanted, self.requirements).unwrap();
        run(Command::new(folder.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&wanted));
        // Last, so that an environment that was not finished is made anew.
        fs::rename(wanted, made).unwrap();
        folder
    }
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|e| panic!("{command:?}: {e}; the tests need Python 3"));
    assert!(status.success(), "{command:?}: {status}; the tests need Python 3 with venv, and PyPI");
}

/// A running server: a script that prints one line of JSON when it is ready, and ends when its standard input does.
pub struct Server {
    /// That line.
    pub ready: Value,
    /// Its standard input is held open; it ends when that does, with this process, however that ends.
    process: Child,
}

impl Server {
    /// None if it ends before it is ready.
    pub fn start(command: &mut Command) -> Option<Self> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        match serde_json::from_str(&line) {
            Ok(ready) => Some(Self { ready, process }),
            Err(_) => {
                process.wait().unwrap();
                None
            }
        }
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}
