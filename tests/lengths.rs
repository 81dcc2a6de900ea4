//! Plaintexts of every awkward length come back as they were, however they arrive, and in constant memory.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{ChildStdout, Command, Stdio};

use nix::poll::{PollFd, PollFlags, poll};

use envpipe::command::{open, seal};
use envpipe::format::header::Header;
use envpipe::keys::Recipient;
use envpipe::keys::x25519::Identity;

use crate::support::memory::{Steps, Written};
use crate::support::{ENVPIPE, bytes, envpipe, folder, identity};

const LENGTHS: [usize; 7] = [0, 1, 65_535, 65_536, 65_537, 131_072, 100_000_000];

fn comes_back(step: usize, workers: usize) {
    let identity = Identity::generate().unwrap();
    for len in LENGTHS {
        let recipients = || Ok(vec![Box::new(identity.recipient()) as Box<dyn Recipient>]);
        let written = Written::default();
        let source = Box::new(Steps::new(bytes(len), step));
        seal::seal(source, Box::new(written.clone()), recipients, workers).unwrap();
        let sealed = written.take();
        let chunks = len.div_ceil(65_536).max(1);
        let header = sealed.windows(5).position(|w| w == b"\n--- ").unwrap() + 1 + 4 + 43 + 1;
        assert_eq!(sealed.len(), header + 16 + len + 16 * chunks);
        let source = Box::new(Steps::new(sealed, step));
        let unwrap = |header: &Header| Ok(identity.unwrap(&header.stanzas).unwrap().unwrap());
        open::open(source, Box::new(written.clone()), unwrap, workers).unwrap();
        assert!(
            written.take() == bytes(len),
            "{len} bytes by {step}, {workers} workers, came back otherwise"
        );
    }
}

#[test]
fn every_length_comes_back_whole() {
    [1, 2, 8].into_iter().for_each(|workers| comes_back(usize::MAX, workers));
}

#[test]
fn every_length_comes_back_dribbled_a_byte_at_a_time() {
    comes_back(1, 2);
}

#[test]
fn every_length_comes_back_through_real_pipes() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    for len in LENGTHS {
        let plain = bytes(len);
        for armor in [&["seal", "-i", &identity][..], &["seal", "-a", "-i", &identity]] {
            let sealed = envpipe(armor).input(plain.clone()).ok();
            assert!(envpipe(["open", "-i", &identity]).input(sealed).ok() == plain, "{len} bytes, {armor:?}");
        }
    }
}

#[test]
fn every_length_comes_back_through_files() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for len in LENGTHS {
        let plain = bytes(len);
        std::fs::write(path("plain"), &plain).unwrap();
        envpipe(["seal", "-i", &identity, "-o", &path("sealed"), &path("plain")]).ok();
        envpipe(["open", "-i", &identity, "-o", &path("opened"), &path("sealed")]).ok();
        assert!(std::fs::read(path("opened")).unwrap() == plain, "{len} bytes");
    }
}

/// Reads until `is_all`; fails the test if nothing more comes before that.
fn read_while_it_comes(pipe: &mut ChildStdout, is_all: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut received = Vec::new();
    let mut buf = [0; 65_536];
    while !is_all(&received) {
        let mut fds = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut fds, 20_000u16), Ok(1), "only {} bytes came", received.len());
        let len = pipe.read(&mut buf).unwrap();
        assert_ne!(len, 0, "the end came after {} bytes", received.len());
        received.extend_from_slice(&buf[..len]);
    }
    received
}

#[test]
fn a_full_chunk_is_written_as_soon_as_the_byte_behind_it_has_come() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let start = |args: &[&str]| {
        Command::new(ENVPIPE).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    };
    let mut seal = start(&["seal", "-i", &identity]);
    let mut open = start(&["open", "-i", &identity]);
    let plain = bytes(65_537);
    let (mut to_seal, mut sealed) = (seal.stdin.take().unwrap(), seal.stdout.take().unwrap());
    let (mut to_open, mut opened) = (open.stdin.take().unwrap(), open.stdout.take().unwrap());
    to_seal.write_all(&plain).unwrap();
    // The header, the nonce and the whole first chunk, while the pipe to seal is still open.
    let mut received = read_while_it_comes(&mut sealed, |received| {
        let header = received.windows(5).position(|w| w == b"\n--- ").map(|at| at + 1 + 4 + 43 + 1);
        header.is_some_and(|header| received.len() == header + 16 + 65_552)
    });
    drop(to_seal);
    sealed.read_to_end(&mut received).unwrap();
    // The same for open: all but the last byte of the last chunk.
    to_open.write_all(&received[..received.len() - 1]).unwrap();
    let first = read_while_it_comes(&mut opened, |received| received.len() == 65_536);
    assert!(first == plain[..65_536]);
    to_open.write_all(&received[received.len() - 1..]).unwrap();
    drop(to_open);
    let mut rest = Vec::new();
    opened.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, plain[65_536..]);
    assert!(seal.wait().unwrap().success() && open.wait().unwrap().success());
}

/// Most memory that a process has had, in KiB.
#[cfg(target_os = "linux")]
fn peak(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn memory_stays_flat_and_under_16_mib() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let mebibyte = bytes(1 << 20);
    let mut peaks = Vec::new();
    for mebibytes in [16, 512] {
        let mut seal = Command::new(ENVPIPE)
            .args(["seal", "-i", &identity])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut open = Command::new(ENVPIPE)
            .args(["open", "-i", &identity])
            .stdin(seal.stdout.take().unwrap())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut opened = open.stdout.take().unwrap();
        let reader = std::thread::spawn(move || std::io::copy(&mut opened, &mut std::io::sink()).unwrap());
        let mut stdin = seal.stdin.take().unwrap();
        for _ in 0..mebibytes {
            stdin.write_all(&mebibyte).unwrap();
        }
        let now = [peak(seal.id()), peak(open.id())];
        drop(stdin);
        assert_eq!(reader.join().unwrap(), mebibytes << 20);
        assert!(seal.wait().unwrap().success() && open.wait().unwrap().success());
        assert!(now.iter().all(|kib| *kib < 16 * 1024), "{now:?} KiB for {mebibytes} MiB");
        peaks.push(now);
    }
    for (small, large) in peaks[0].iter().zip(peaks[1]) {
        assert!(large.abs_diff(*small) < 1024, "{peaks:?} KiB");
    }
}
