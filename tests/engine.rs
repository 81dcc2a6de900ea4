//! The engine keeps its order and its promises whatever the schedule: short reads, slow workers, slow output.

use std::io::{IoSlice, Write};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};

use envpipe::error::Error;
use envpipe::format::file_key::FileKey;
use envpipe::format::payload::{CHUNK_LEN, PayloadKey, SEALED_CHUNK_LEN};
use envpipe::pipe::input::Source;
use envpipe::pipe::output::Sink;
use envpipe::pipe::stream::{Open, Seal, Work};
use envpipe::pipe::turnstile;

use crate::support::emulator::emulator;
use crate::support::memory::{Steps, Written};
use crate::support::{ENVPIPE, Run, bytes, envpipe, folder, identity};

/// A number below `below`, by chance.
fn chance(below: u64) -> u64 {
    static STATE: AtomicU64 = AtomicU64::new(0x9e37_79b9_7f4a_7c15);
    // splitmix64
    let mut z = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % below
}

/// Mostly at once, sometimes late.
fn dawdle() {
    if chance(3) == 0 {
        std::thread::sleep(Duration::from_micros(chance(500)));
    }
}

/// Gives its bytes in reads of any length, sometimes late.
struct Fitful(Vec<u8>);

impl Source for Fitful {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        dawdle();
        let most = [1, 100, CHUNK_LEN as u64, 1 << 20][chance(4) as usize];
        let len = (1 + chance(most) as usize).min(buf.len()).min(self.0.len());
        buf[..len].copy_from_slice(&self.0[..len]);
        self.0.drain(..len);
        Ok(len)
    }
}

/// Takes what is written, sometimes late.
struct Reluctant(Written);

impl Sink for Reluctant {
    fn write(&mut self, parts: &mut [IoSlice]) -> Result<(), Error> {
        dawdle();
        self.0.write(parts)
    }

    fn commit(self: Box<Self>) -> Result<(), Error> {
        Ok(())
    }
}

/// Workers that are sometimes late.
struct Slow<W>(W);

impl<W: Work> Work for Slow<W> {
    const CHUNK_LEN: usize = W::CHUNK_LEN;
    type Result = W::Result;

    fn crypt(&self, index: u64, end: bool, input: &mut [u8], result: &mut W::Result) -> Option<Error> {
        dawdle();
        let fault = self.0.crypt(index, end, input, result);
        dawdle();
        fault
    }

    fn write(input: &[u8], result: &W::Result, sink: &mut dyn Sink) -> Result<(), Error> {
        W::write(input, result, sink)
    }
}

fn key() -> PayloadKey {
    PayloadKey::derive(&FileKey::from_slice(b"YELLOW SUBMARINE").unwrap(), &[7; 16])
}

/// What the engine writes, and how it ends.
fn run<W: Work>(work: W, source: Box<dyn Source>, workers: usize) -> (Vec<u8>, String) {
    let written = Written::default();
    let sink = Box::new(Reluctant(written.clone()));
    let result = turnstile::start(work, source, workers).unwrap().write_to(sink);
    (written.take(), result.map_or_else(|error| format!("{error:?}"), |_| "whole".into()))
}

fn steps(bytes: &[u8]) -> Box<dyn Source> {
    Box::new(Steps::new(bytes.to_vec(), usize::MAX))
}

#[test]
fn order_holds_under_any_schedule() {
    for round in 0..60 {
        let plain = bytes(chance(40 * CHUNK_LEN as u64) as usize);
        let (expected, _) = run(Seal(key()), steps(&plain), 1);
        for workers in [1, 2, 3, 8] {
            let (sealed, end) = run(Slow(Seal(key())), Box::new(Fitful(plain.clone())), workers);
            assert!(sealed == expected, "round {round}: {} bytes, {workers} workers", plain.len());
            assert_eq!(end, "whole");
            let (opened, end) = run(Slow(Open(key())), Box::new(Fitful(sealed)), workers);
            assert!(opened == plain, "round {round}: {} bytes, {workers} workers", plain.len());
            assert_eq!(end, "whole");
        }
    }
}

#[test]
fn what_is_released_before_an_error_does_not_depend_on_the_schedule() {
    for round in 0..60 {
        let plain = bytes((1 + chance(30 * CHUNK_LEN as u64)) as usize);
        let (mut sealed, _) = run(Seal(key()), steps(&plain), 1);
        // Cut off, altered, or with something behind it.
        let at = chance(sealed.len() as u64) as usize;
        match round % 3 {
            0 => sealed.truncate(at),
            1 => sealed[at] ^= 1,
            _ => sealed.extend(bytes(1 + at)),
        }
        let (released, fault) = run(Open(key()), steps(&sealed), 1);
        assert!(plain.starts_with(&released) && fault != "whole", "round {round}: {fault}");
        if round % 3 < 2 {
            assert!(released.len() <= at / SEALED_CHUNK_LEN * CHUNK_LEN, "round {round}");
        }
        for workers in [2, 3, 8] {
            let (again, fault_again) = run(Slow(Open(key())), Box::new(Fitful(sealed.clone())), workers);
            assert!(again == released, "round {round}: {workers} workers");
            assert_eq!(fault_again, fault, "round {round}: {workers} workers");
        }
    }
}

#[test]
fn a_failed_read_or_write_ends_the_stream_in_its_turn() {
    struct Broken(Fitful);
    impl Source for Broken {
        fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
            match self.0.read(buf)? {
                0 => Err(Error::Exists { path: "stands for any error".into(), mend: "" }),
                len => Ok(len),
            }
        }
    }
    struct Full(usize);
    impl Sink for Full {
        fn write(&mut self, _: &mut [IoSlice]) -> Result<(), Error> {
            self.0 = self.0.checked_sub(1).ok_or(Error::ReaderGone)?;
            Ok(())
        }
        fn commit(self: Box<Self>) -> Result<(), Error> {
            Ok(())
        }
    }
    let plain = bytes(20 * CHUNK_LEN);
    let (whole, _) = run(Seal(key()), steps(&plain), 1);
    for workers in [1, 2, 8] {
        let (written, end) = run(Slow(Seal(key())), Box::new(Broken(Fitful(plain.clone()))), workers);
        assert!(end.starts_with("Exists"), "{end}");
        // Everything but the last chunk, which is not known to be the last.
        assert!(written == whole[..19 * SEALED_CHUNK_LEN], "{workers} workers");
        let started = turnstile::start(Slow(Seal(key())), steps(&plain), workers).unwrap();
        let error = started.write_to(Box::new(Full(1))).err();
        assert!(matches!(error, Some(Error::ReaderGone)), "{error:?}, {workers} workers");
    }
}

#[test]
fn a_file_is_read_from_its_offset_and_left_at_its_end() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    for (len, jobs) in [(1001, 1), (65_536 + 1000, 2), (3_000_000, 2), (3_000_000, 8)] {
        let plain = bytes(len);
        std::fs::write(folder.path().join("plain"), &plain).unwrap();
        let shell = format!(
            "set -e
            exec 3< plain
            dd bs=1000 count=1 status=none <&3 > start
            {ENVPIPE} seal -j {jobs} -i {identity} <&3 > sealed
            cat <&3 > rest
            cat start sealed > both
            exec 3< both
            dd bs=1000 count=1 status=none <&3 > /dev/null
            {ENVPIPE} open -j {jobs} -i {identity} <&3
            cat <&3 >> rest"
        );
        let opened = Run::new("sh", ["-c", &shell]).within(folder.path()).ok();
        assert!(opened == plain[1000..], "{len} bytes, {jobs} workers");
        assert_eq!(std::fs::read(folder.path().join("rest")).unwrap(), b"", "{len} bytes, {jobs} workers");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_without_a_length_is_read_all_the_same() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let sealed = envpipe(["seal", "-i", &identity, "/proc/version"]).ok();
    let opened = envpipe(["open", "-i", &identity]).input(sealed).ok();
    assert_eq!(opened, std::fs::read("/proc/version").unwrap());
}

#[cfg(target_os = "linux")]
#[test]
fn the_stream_is_read_while_kms_answers() {
    let mut child = Command::new(ENVPIPE)
        .args(["seal", "-j", "2", "-k", "alias/backup"])
        .env_clear()
        .envs(emulator().environment("hang"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // More is written than the pipe holds, so it is read; and KMS does not answer.
    let mut stdin = child.stdin.take().unwrap();
    let pipe = stdin.as_fd().try_clone_to_owned().unwrap();
    let written = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&written);
    std::thread::spawn(move || {
        while stdin.write_all(&[0; 4096]).is_ok() {
            count.fetch_add(4096, Ordering::Relaxed);
        }
    });
    let start = Instant::now();
    let holds = || fcntl(&pipe, FcntlArg::F_GETPIPE_SZ).unwrap() as u64;
    while written.load(Ordering::Relaxed) <= holds() {
        assert!(start.elapsed() < Duration::from_secs(5), "nothing was read while KMS had not answered");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
