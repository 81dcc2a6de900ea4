//! The system around envpipe at its worst: no room, no permission, closed and broken files, calls that fail or are
//! interrupted, and an end at any moment.
//!
//! Faults of the system are made by strace; a small file system is a tmpfs in a mount namespace.

#![cfg(target_os = "linux")]

use std::fs::{self, File, read, read_dir};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::support::emulator::emulator;
use crate::support::{ENVPIPE, Finished, Run, bytes, folder, identity, is_root, strace};

/// Of the plaintext: some batches, and a part of one.
const LEN: usize = 2_000_000;

const NO_SPACE: &str = "no space left on device";

/// A folder with the files `identity`, `plain`, and `sealed`, and a folder `to` with an old file `out` in it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let folder = folder();
        identity(&folder);
        let place = Self(folder);
        fs::write(place.path("plain"), bytes(LEN)).unwrap();
        place.bash("envpipe seal -i identity -o sealed plain; mkdir to; echo old > to/out").ok();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        read(self.path(name)).unwrap()
    }

    /// A script in this folder that finds envpipe.
    fn bash(&self, script: &str) -> Run {
        let script = format!("PATH={}:$PATH\n{script}", PathBuf::from(ENVPIPE).parent().unwrap().display());
        Run::new("bash", ["-c", &script]).within(self.0.path())
    }

    /// A script with a tmpfs of this size, that nobody else sees, at `small`.
    fn with_small(&self, size: &str, script: &str) -> Run {
        let unshare = if is_root() { "unshare -m" } else { "unshare -rm" };
        self.bash(&format!(
            "mkdir -p small
            {unshare} true || {{ echo 'the tests mount a tmpfs: as root, or in a user namespace' >&2; exit 90; }}
            {unshare} bash -c '
                mount -t tmpfs -o {size} tmpfs small || exit 90
                {script}
            '"
        ))
    }

    /// A command under strace, which has calls fail; it fails the test where it had none fail.
    fn with_faults(&self, faults: &str, command: &str) -> Finished {
        let finished = self.bash(&format!("{} {faults} {command}", strace())).run();
        let trace = fs::read_to_string(self.path("trace"))
            .unwrap_or_else(|e| panic!("the tests need strace: {e}: {}", finished.stderr()));
        assert!(
            trace.contains("(INJECTED)"),
            "{faults} had nothing fail in {command}:\n{}",
            finished.stderr()
        );
        finished
    }

    /// How many calls of close(2) a command makes before it has an output; the dynamic loader's, which must not fail,
    /// are among them.
    fn closes_before_output(&self, command: &str) -> usize {
        self.bash(&format!("{} -e trace=close,openat {command}", strace())).ok();
        fs::write(self.path("to/out"), "old\n").unwrap();
        let trace = fs::read_to_string(self.path("trace")).unwrap();
        let before = trace.split("to/.out").next().unwrap();
        assert!(before.len() < trace.len(), "{trace}");
        before.matches(" close(").count()
    }

    /// The old file is as it was, and nothing is beside it.
    #[track_caller]
    fn old_is_kept(&self) {
        assert_eq!(self.read("to/out"), b"old\n");
        assert_eq!(read_dir(self.path("to")).unwrap().count(), 1, "a temporary file was left");
    }

    /// A file holds the whole plaintext, sealed.
    #[track_caller]
    fn opens(&self, name: &str) {
        let open = self.bash(&format!("envpipe open -i identity {name}")).run();
        assert!(open.0.status.success(), "{name}: {}", open.stderr());
        assert!(open.0.stdout == bytes(LEN), "{name}");
    }

    /// What was written of a stream is never taken for whole, and a true beginning.
    #[track_caller]
    fn is_truncated(&self, sealed: Vec<u8>) {
        let open = self.bash("envpipe open -i identity").input(sealed).run();
        open.fails(4, "truncated", "fetch it again");
        assert!(bytes(LEN).starts_with(&open.0.stdout));
    }
}

#[test]
fn every_command_reports_a_full_device() {
    let place = Place::new();
    fs::write(place.path("short"), place.bash("echo plain | envpipe seal -i identity").ok()).unwrap();
    for command in [
        "seal -i identity plain",
        "seal -i identity -a plain",
        "seal -i identity -o - plain",
        "seal -i identity -o /dev/full plain",
        "seal -i identity -- cat plain",
        "open -i identity sealed",
        "open -i identity short",
        "keygen",
        "--help",
        "help open",
        "--version",
    ] {
        let output = if command.contains("/dev/full") { "/dev/full" } else { "standard output" };
        let finished = place.bash(&format!("envpipe {command} > /dev/full")).run();
        finished.fails(1, &format!("cannot write {output}: {NO_SPACE}"), "").writes_nothing();
    }
}

#[test]
fn a_full_file_system_is_reported_and_the_old_file_kept() {
    let place = Place::new();
    for (size, command, message) in [
        ("size=400k", "seal -i identity -o small/out plain", "cannot write small/out"),
        ("size=400k", "seal -i identity -a -o small/out plain", "cannot write small/out"),
        ("size=400k", "open -i identity -o small/out sealed", "cannot write small/out"),
        ("size=400k", "seal -i identity -o small/out -- cat plain", "cannot write small/out"),
        ("size=4k", "keygen -o small/key", "cannot write small/key"),
        ("nr_inodes=2", "seal -i identity -o small/out plain", "cannot create small/out"),
        ("nr_inodes=2", "keygen -o small/key", "cannot create small/key"),
    ] {
        let script = format!(
            "echo old > small/out
            envpipe {command}
            status=$?
            [ \"$(ls -A small)\" = out ] && [ \"$(cat small/out)\" = old ] || exit 98
            exit $status"
        );
        let finished = place.with_small(size, &script).run();
        finished.fails(1, &format!("{message}: {NO_SPACE}"), "").writes_nothing();
    }
    for (command, released) in
        [("seal -i identity plain", None), ("open -i identity sealed", Some(bytes(LEN)))]
    {
        let script = format!("envpipe {command} > small/out; status=$?; cat small/out; exit $status");
        let finished = place.with_small("size=400k", &script).run();
        finished.fails(1, &format!("cannot write standard output: {NO_SPACE}"), "");
        let written = finished.0.stdout;
        assert_eq!(written.len(), 400 * 1024, "{command}");
        match released {
            Some(plain) => assert!(plain.starts_with(&written)),
            None => place.is_truncated(written),
        }
    }
}

#[test]
fn an_error_that_comes_late_is_reported_and_the_old_file_kept() {
    let place = Place::new();
    for command in ["envpipe seal -i identity -o to/out plain", "envpipe open -i identity -o to/out sealed"] {
        let close = place.closes_before_output(command) + 1;
        for (fault, reason) in [
            ("writev:error=EIO:when=2", "input/output error"),
            ("writev:error=EDQUOT:when=2", "disk quota exceeded"),
            ("fsync:error=EIO", "input/output error"),
            ("fsync:error=ENOSPC", NO_SPACE),
            (&format!("close:error=EIO:when={close}+"), "input/output error"),
            (&format!("close:error=EDQUOT:when={close}+"), "disk quota exceeded"),
            ("/^rename:error=EACCES", "permission denied"),
            ("/^rename:error=EXDEV", "invalid cross-device link"),
        ] {
            let finished = place.with_faults(&format!("-e inject={fault}"), command);
            finished.fails(1, &format!("cannot write to/out: {reason}"), "").writes_nothing();
            place.old_is_kept();
        }
    }
    for command in ["seal -i identity plain", "open -i identity sealed", "keygen", "--help"] {
        for (fault, reason) in [
            ("close:error=EIO", "input/output error"),
            ("close:error=ENOSPC", NO_SPACE),
            ("writev:error=EDQUOT", "disk quota exceeded"),
        ] {
            let faults = format!("-P $PWD/new -e inject={fault}");
            let finished = place.with_faults(&faults, &format!("envpipe {command} > new"));
            finished.fails(1, &format!("cannot write standard output: {reason}"), "");
        }
    }
}

#[test]
fn an_output_folder_that_cannot_be_synced_is_no_failure() {
    let place = Place::new();
    let finished =
        place.with_faults("-e inject=fsync:error=EINVAL:when=2", "envpipe seal -i identity -o to/out plain");
    assert_eq!((finished.0.status.code(), finished.stderr()), (Some(0), String::new()));
    place.opens("to/out");
}

#[test]
fn interrupted_calls_lose_nothing() {
    let place = Place::new();
    // Only on these paths, for the dynamic loader gives up where it is interrupted.
    let input = "-P $PWD/plain -P $PWD/sealed -P $PWD/identity -P $PWD/in -e inject=read,pread64,readv,openat:error=EINTR:when=1+2";
    let output = "-e inject=writev,fsync:error=EINTR:when=1+2";
    let command = "-e inject=wait4,waitid:error=EINTR:when=1";
    for (faults, seal) in [
        (input, "envpipe seal -i identity -o new plain"),
        (input, "envpipe seal -i identity plain > new"),
        (input, "envpipe seal -i identity < in > new & cat plain > in; wait $!"),
        (input, "envpipe seal -i identity -a < in > new & cat plain > in; wait $!"),
        (output, "envpipe seal -i identity plain -o new"),
        (output, "envpipe seal -i identity -j 1 plain | cat > new"),
        (command, "envpipe seal -i identity -o new -- cat plain"),
    ] {
        place.bash("rm -f in new; mkfifo in").ok();
        let finished = place.with_faults(faults, seal);
        assert_eq!(
            (finished.0.status.code(), finished.stderr()),
            (Some(0), String::new()),
            "{faults} {seal}"
        );
        place.opens("new");
    }
    for (faults, open) in [
        (input, "envpipe open -i identity sealed"),
        (input, "envpipe open -i identity < in & cat sealed > in; wait $!"),
        (output, "envpipe open -i identity sealed"),
    ] {
        let finished = place.with_faults(faults, open);
        assert_eq!(
            (finished.0.status.code(), finished.stderr()),
            (Some(0), String::new()),
            "{faults} {open}"
        );
        assert!(finished.0.stdout == bytes(LEN), "{faults} {open}");
    }
}

#[test]
fn interrupted_calls_to_kms_are_made_again() {
    let place = Place::new();
    let environment = emulator().environment("");
    for (command, file) in [("seal", "plain"), ("open", "of-kms")] {
        let script = format!(
            "{} -e inject=epoll_wait,epoll_pwait:error=EINTR:when=1+2 envpipe {command} -k alias/backup {file}",
            strace()
        );
        let written = place.bash(&script).envs(&environment).ok();
        assert!(fs::read_to_string(place.path("trace")).unwrap().contains("(INJECTED)"));
        match command {
            "seal" => fs::write(place.path("of-kms"), written).unwrap(),
            _ => assert!(written == bytes(LEN)),
        }
    }
}

#[test]
fn input_that_comes_byte_by_byte_is_read_whole() {
    let place = Place::new();
    fs::write(place.path("short"), bytes(3000)).unwrap();
    place.bash("envpipe seal -i identity -o small short; envpipe seal -a -i identity -o armored short; mkfifo key").ok();
    let dribble = |name: &str| format!("python3 -c \"{DRIBBLE}\" {name}");
    let seal = place.bash(&format!("{} | envpipe seal -i identity", dribble("short"))).ok();
    fs::write(place.path("small"), seal).unwrap();
    for name in ["small", "armored"] {
        let keys = dribble("identity");
        let script = format!("set -o pipefail; {keys} > key & {} | envpipe open -i key", dribble(name));
        assert!(place.bash(&script).ok() == bytes(3000), "{name}");
    }
}

/// Writes a file to a pipe that it waits to see empty before each byte.
const DRIBBLE: &str = "
import fcntl, struct, sys, termios
for byte in open(sys.argv[1], 'rb').read():
    sys.stdout.buffer.raw.write(bytes([byte]))
    while struct.unpack('i', fcntl.ioctl(1, termios.FIONREAD, bytes(4)))[0]:
        pass
";

#[test]
fn a_reader_that_leaves_shows_as_141_in_a_shell_with_pipefail() {
    let place = Place::new();
    fs::write(place.path("large"), bytes(10_000_000)).unwrap();
    place.bash("envpipe seal -i identity -o large.age large").ok();
    for command in ["seal -i identity large", "seal -i identity -a large", "open -i identity large.age"] {
        let script = format!("set -o pipefail; envpipe {command} | head -c 1000 > /dev/null");
        let finished = place.bash(&script).run();
        assert_eq!((finished.0.status.code(), finished.stderr()), (Some(141), String::new()), "{command}");
    }
}

#[test]
fn a_closed_standard_stream_is_dev_null_and_never_another_file() {
    let place = Place::new();
    // What a file that is opened later would get as its number, and messages or the stream with it.
    place.bash("envpipe seal -i identity -o new plain <&- >&- 2>&-").ok();
    place.opens("new");
    place.bash("envpipe open -i identity sealed -o new <&- >&- 2>&-").ok();
    assert!(place.read("new") == bytes(LEN));
    for command in ["seal -i identity plain", "open -i identity sealed"] {
        let finished = place.bash(&format!("envpipe {command} >&-")).run();
        assert_eq!((finished.0.status.code(), finished.stderr()), (Some(0), String::new()), "{command}");
        finished.writes_nothing();
    }
    let sealed = place.bash("envpipe seal -i identity <&-").ok();
    assert_eq!(place.bash("envpipe open -i identity").input(sealed).ok(), b"");
    place
        .bash("envpipe open -i identity <&-")
        .run()
        .fails(4, "the input is empty", "wrote nothing")
        .writes_nothing();
}

#[test]
fn without_standard_error_the_exit_status_tells() {
    let place = Place::new();
    let cut = &place.read("sealed")[..1_000_000];
    for stderr in ["2>&-", "2> /dev/full"] {
        let finished = place.bash(&format!("envpipe open -i identity -o to/out {stderr}")).input(cut).run();
        assert_eq!((finished.0.status.code(), finished.stderr()), (Some(4), String::new()), "{stderr}");
        finished.writes_nothing();
        place.old_is_kept();
        let finished = place.bash(&format!("envpipe open -i identity {stderr}")).input(cut).run();
        assert_eq!(finished.0.status.code(), Some(4), "{stderr}");
        assert!(bytes(LEN).starts_with(&finished.0.stdout), "{stderr}");
        place.bash(&format!("envpipe keygen -o key {stderr} && rm key")).ok();
    }
}

/// For a user who owns the files and has no more rights than that, whoever runs the tests.
fn plain_owner() -> &'static str {
    if is_root() { "setpriv --bounding-set=-all --inh-caps=-all" } else { "" }
}

#[test]
fn input_that_may_not_be_read_is_an_error_before_kms_is_asked() {
    let place = Place::new();
    for (name, args) in [
        ("plain", "seal -k alias/backup plain"),
        ("plain", "seal -k alias/backup -o to/out plain"),
        ("sealed", "open -k alias/backup sealed"),
        ("identity", "open -i identity sealed"),
        ("recipients", "seal -R recipients plain"),
    ] {
        fs::write(place.path("recipients"), "").unwrap();
        let path = place.path(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        let finished = place
            .bash(&format!("{} envpipe {args}", plain_owner()))
            .envs(&emulator().environment("count-unreadable"))
            .run();
        finished.fails(1, &format!("cannot read {name}: permission denied"), "").writes_nothing();
        place.old_is_kept();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert!(emulator().calls("count-unreadable").is_empty());
}

#[test]
fn a_read_that_fails_is_reported_and_the_stream_left_without_its_end() {
    let place = Place::new();
    place.bash("mkfifo in").ok();
    let fault = |path: &str, call: &str, batch: usize| {
        format!("-P $PWD/{path} -e inject={call}:error=EIO:when={batch}")
    };
    for (path, call, command, name) in [
        ("plain", "pread64", "envpipe seal -j 1 -i identity plain", "plain"),
        ("plain", "pread64", "envpipe seal -j 1 -i identity < plain", "standard input"),
        ("in", "read", "envpipe seal -j 1 -i identity < in & cat plain > in; wait $!", "standard input"),
    ] {
        for batch in [1, 3] {
            let finished = place.with_faults(&fault(path, call, batch), command);
            finished.fails(1, &format!("cannot read {name}: input/output error"), "");
            place.is_truncated(finished.0.stdout);
        }
    }
    let finished = place.with_faults(&fault("sealed", "pread64", 3), "envpipe open -j 1 -i identity sealed");
    finished.fails(1, "cannot read sealed: input/output error", "");
    assert!(!finished.0.stdout.is_empty() && bytes(LEN).starts_with(&finished.0.stdout));
    let fault = "-P $PWD/identity -e inject=read:error=EIO";
    let finished = place.with_faults(fault, "envpipe open -i identity sealed");
    finished.fails(1, "cannot read identity: input/output error", "").writes_nothing();
}

#[test]
fn a_file_that_is_cut_while_it_is_read_is_never_sealed_as_if_it_were_whole() {
    const BATCH: u64 = 8 * 65_536;
    let place = Place::new();
    let plain = bytes(8_000_000);
    // At a batch's end and within one; and all of it. Removing a file takes nothing from whoever has it open.
    for len in [Some(6 * BATCH), Some(6 * BATCH + 1000), Some(0), None] {
        let path = place.path("shrinking");
        fs::write(&path, &plain).unwrap();
        let mut seal = Command::new(ENVPIPE)
            .args(["seal", "-j", "1", "-i", "identity", "shrinking"])
            .current_dir(place.0.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A pipe holds 1 MiB, so it cannot have come as far as that yet.
        let mut sealed = vec![0];
        seal.stdout.as_mut().unwrap().read_exact(&mut sealed).unwrap();
        match len {
            Some(len) => File::options().write(true).open(&path).unwrap().set_len(len).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let mut finished = Finished(seal.wait_with_output().unwrap());
        sealed.append(&mut finished.0.stdout);
        let open = place.bash("envpipe open -i identity").input(sealed).run();
        match len {
            Some(_) => {
                finished.fails(1, "cannot read shrinking: it was cut off while it was read", "");
                open.fails(4, "truncated", "fetch it again");
                assert!(plain.starts_with(&open.0.stdout), "{len:?}");
            }
            None => {
                assert_eq!((finished.0.status.code(), finished.stderr()), (Some(0), String::new()));
                assert!(open.0.stdout == plain);
            }
        }
    }
}

#[test]
fn a_file_without_the_length_that_it_says_it_has_is_sealed() {
    let place = Place::new();
    // It says 4096 bytes.
    let file = "/sys/kernel/fscaps";
    let sealed = place.bash(&format!("envpipe seal -i identity {file}")).ok();
    assert_eq!(place.bash("envpipe open -i identity").input(sealed).ok(), read(file).unwrap());
}

#[test]
fn an_output_file_that_may_not_be_written_is_not_replaced() {
    let place = Place::new();
    let refused = |command: &str| {
        let script = format!("{} envpipe {command}", plain_owner());
        let finished = place.bash(&script).envs(&emulator().environment("count-read-only")).run();
        finished.fails(1, "cannot create to/out: permission denied", "").writes_nothing();
        place.old_is_kept();
    };
    let commands = ["seal -k alias/backup -o to/out plain", "open -k alias/backup -o to/out sealed"];
    for (protected, mode, usual) in [("to/out", 0o444, 0o644), ("to", 0o555, 0o755)] {
        let set =
            |mode| fs::set_permissions(place.path(protected), fs::Permissions::from_mode(mode)).unwrap();
        set(mode);
        commands.into_iter().for_each(refused);
        set(usual);
    }
    assert!(emulator().calls("count-read-only").is_empty());
    place.bash(&format!("{} envpipe seal -i identity -o to/out plain", plain_owner())).ok();
    place.opens("to/out");
}

#[test]
fn a_link_leads_to_a_file_on_another_file_system() {
    let place = Place::new();
    symlink("small/out", place.path("link")).unwrap();
    symlink("link", place.path("link-to-link")).unwrap();
    for before in ["echo old > small/out", "echo nothing is there yet"] {
        for link in ["link", "link-to-link", "$PWD/link"] {
            let script = format!(
                "{before} >&2
                envpipe seal -i identity -o {link} plain || exit
                [ -L link ] && [ -L link-to-link ] && [ \"$(ls -A small)\" = out ] || exit 98
                cat small/out"
            );
            fs::write(place.path("new"), place.with_small("size=10m", &script).ok()).unwrap();
            place.opens("new");
        }
    }
    // Nor does keygen follow a link to what is not there yet: whoever made it would choose where the key goes.
    let finished = place.bash("envpipe keygen -o link").run();
    finished.fails(1, "link exists already", "never overwritten").writes_nothing();
    symlink("loop", place.path("loop")).unwrap();
    let finished = place.bash("envpipe seal -i identity -o loop plain").run();
    finished.fails(1, "cannot create loop: too many levels of symbolic links", "").writes_nothing();
}

#[test]
fn kill_9_at_any_moment_leaves_the_old_file_or_a_whole_one() {
    let place = Place::new();
    let seal = || {
        Command::new(ENVPIPE)
            .args(["seal", "-i", "identity", "-o", "to/out", "plain"])
            .current_dir(place.0.path())
            .spawn()
            .unwrap()
    };
    let start = Instant::now();
    assert!(seal().wait().unwrap().success());
    let usual = start.elapsed();
    let mut killed = 0;
    for moment in 0..40 {
        fs::write(place.path("to/out"), "old\n").unwrap();
        let mut child = seal();
        std::thread::sleep(usual * moment / 30);
        child.kill().unwrap();
        killed += usize::from(child.wait().unwrap().signal() == Some(9));
        is_old_or_whole(&place);
    }
    assert!(killed > 0, "none was killed before it was done");
}

#[track_caller]
fn is_old_or_whole(place: &Place) {
    if place.read("to/out") != b"old\n" {
        place.opens("to/out");
    }
}

#[test]
fn kill_9_at_each_step_to_the_name_leaves_the_old_file_or_a_whole_one() {
    let place = Place::new();
    let steps = [
        ("writev", 1, false),
        ("writev", 3, false),
        ("fsync", 1, false),
        ("/^rename", 1, false),
        ("fsync", 2, true),
    ];
    for (call, when, named) in steps {
        fs::write(place.path("to/out"), "old\n").unwrap();
        let faults = format!("-e inject={call}:signal=KILL:when={when}");
        let script = format!("{} {faults} envpipe seal -j 1 -i identity -o to/out plain", strace());
        let finished = place.bash(&script).run();
        let signal = finished.0.status.signal().or(finished.0.status.code().map(|code| code - 128));
        assert_eq!(signal, Some(9), "{call} {when}: {}", finished.stderr());
        is_old_or_whole(&place);
        let is_new = place.read("to/out") != b"old\n";
        assert!(is_new == named || call == "/^rename", "{call} {when}");
    }
}
