//! Many runs against one KMS: none fails, and nothing is left of them.

#![cfg(target_os = "linux")]

use std::fs::read_dir;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::emulator::Emulator;
use crate::support::{bytes, envpipe, folder};

/// Seals and opens once each.
const PAIRS: usize = 500;
const THREADS: usize = 4;

#[test]
fn a_thousand_runs_against_one_kms_leave_no_file_no_process_and_no_connection() {
    let kms = Emulator::start().expect("the emulator of KMS did not start");
    let folder = folder();
    let name = |i: usize| folder.path().join(i.to_string()).to_str().unwrap().to_owned();
    let environment = kms.environment("");
    let pair = &|i: usize| {
        let sealed = name(i);
        let run = |args: &[&str]| envpipe(args).envs(&environment).env("TMPDIR", folder.path());
        run(&["seal", "-k", "alias/backup", "-o", &sealed]).input(bytes(i)).ok();
        assert!(run(&["open", "-k", "alias/backup", &sealed]).ok() == bytes(i), "{i} bytes");
        std::fs::remove_file(sealed).unwrap();
    };
    // What the emulator opens once and keeps, it has open now.
    pair(PAIRS);
    let before = files_open(kms.pid());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || (thread..PAIRS).step_by(THREADS).for_each(pair));
        }
    });
    // It may take a while to notice that a connection was closed.
    let start = Instant::now();
    while files_open(kms.pid()) > before {
        let after = files_open(kms.pid());
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "the emulator has {after} files open, {before} before"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(processes_with(folder.path()), Vec::<String>::new());
}

fn files_open(pid: u32) -> usize {
    read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// The command lines that name a path.
fn processes_with(path: &Path) -> Vec<String> {
    let processes = read_dir("/proc").unwrap();
    let lines = processes.filter_map(|entry| std::fs::read(entry.unwrap().path().join("cmdline")).ok());
    let texts = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
    texts.filter(|line| line.contains(path.to_str().unwrap())).collect()
}
