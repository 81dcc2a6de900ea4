//! The Python environment with moto, the AWS CLI and `cryptography`: made under target/ at first use.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The path of a program in the environment.
pub fn program(name: &str) -> PathBuf {
    static ENVIRONMENT: OnceLock<PathBuf> = OnceLock::new();
    ENVIRONMENT.get_or_init(make).join("bin").join(name)
}

fn make() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let environment = target.join("python");
    let made = environment.join("requirements.txt");
    // Another test process may be making it.
    let lock = File::create(target.join("python.lock")).unwrap();
    lock.lock().unwrap();
    if fs::read_to_string(&made).is_ok_and(|text| text == REQUIREMENTS) {
        return environment;
    }
    eprintln!("making the Python environment for the tests in {}", environment.display());
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment));
    let wanted = environment.join("wanted.txt");
    fs::write(&wanted, REQUIREMENTS).unwrap();
    run(Command::new(environment.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(&wanted));
    // Last, so that an environment that was not finished is made anew.
    fs::rename(wanted, made).unwrap();
    environment
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|e| panic!("{command:?}: {e}; the tests need Python 3"));
    assert!(status.success(), "{command:?}: {status}; the tests need Python 3 with venv, and PyPI");
}
