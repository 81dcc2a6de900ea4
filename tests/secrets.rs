//! What is secret stays in envpipe: nobody looks into it, nothing is left in its memory, and nothing but its output is
//! written.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use bech32::Hrp;
use envpipe::format::{bech32 as text, file_key::FileKey, kms_stanza::DataKey};
use envpipe::keys::aws_kms::KmsRecipient;
use envpipe::keys::x25519::Identity;
use zeroize::ZeroizeOnDrop;

use crate::support::emulator::{emulator, with_kms_at};
use crate::support::{ENVPIPE, Run, bytes, envpipe, folder, identity, is_root, strace};

/// A program that waits for more input, ended with the test.
struct Waiting(Child);

impl Waiting {
    /// Starts it, gives it some input, and waits for its first byte.
    fn start(command: &mut Command, input: &[u8]) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(input).unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        Self(child)
    }

    fn proc(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.0.id())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The words before a command that runs it as a user without rights of any kind: the user of the tests, or nobody.
fn as_plain_user() -> &'static str {
    if is_root() { "setpriv --reuid=65534 --regid=65534 --clear-groups" } else { "" }
}

#[test]
fn no_other_process_of_the_user_looks_into_envpipe_and_it_dumps_no_core() {
    let folder = folder();
    let (_, recipient) = identity(&folder);
    // Nobody too must find it, and be able to read it: else the system itself hides it.
    fs::copy(ENVPIPE, folder.path().join("envpipe")).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let start = |program: &str| {
        let script = format!("ulimit -c $(ulimit -H -c); exec {} {program}", as_plain_user());
        Waiting::start(Command::new("bash").args(["-c", &script]).current_dir(folder.path()), b"x")
    };
    let can = |waiting: &Waiting, look: &str| {
        let script = format!("exec {} bash -c '{look}'", as_plain_user());
        let run = Run::new("bash", ["-c", &script]).env("pid", waiting.0.id().to_string()).run();
        (run.0.status.success(), run.stderr())
    };
    let mut envpipe = start(&format!("./envpipe seal -r {recipient}"));
    for (look, refused) in [
        (": < /proc/$pid/environ", "Permission denied"),
        (": < /proc/$pid/maps", "Permission denied"),
        (": < /proc/$pid/mem", "Permission denied"),
        ("ls /proc/$pid/fd", "Permission denied"),
        ("strace -qqq -p $pid", "Operation not permitted"),
    ] {
        let (seen, stderr) = can(&envpipe, look);
        assert!(!seen && stderr.contains(refused), "{look}: {stderr}");
    }
    let owner = |waiting: &Waiting| fs::metadata(waiting.proc("environ")).unwrap().uid();
    assert_eq!(owner(&envpipe), 0);
    let limits = fs::read_to_string(envpipe.proc("limits")).unwrap();
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().take(2).collect::<Vec<_>>(), ["0", "0"]);
    Run::new("kill", ["-s", "ABRT", &envpipe.0.id().to_string()]).ok();
    let status = envpipe.0.wait().unwrap();
    assert_eq!((status.signal(), status.core_dumped()), (Some(6), false));

    // Of another program, the same user may.
    let cat = start("cat");
    for look in [": < /proc/$pid/environ", ": < /proc/$pid/maps", "ls /proc/$pid/fd"] {
        assert_eq!(can(&cat, look), (true, String::new()), "{look}");
    }
    assert_ne!(owner(&cat), 0);
}

#[test]
fn every_type_of_key_is_wiped_when_it_is_dropped() {
    fn is_wiped<T: ZeroizeOnDrop>() {}
    is_wiped::<FileKey>();
    is_wiped::<DataKey>();
    is_wiped::<Identity>();
    is_wiped::<KmsRecipient>();
    // What wraps a file key, and every derived key, is a secret of 32 bytes too.
    is_wiped::<envpipe::format::secret::Secret<32>>();
}

/// Where `wanted` is in the memory of a process.
fn found_in(waiting: &Waiting, wanted: &[u8]) -> Vec<String> {
    let mut memory = File::open(waiting.proc("mem")).unwrap();
    let maps = fs::read_to_string(waiting.proc("maps")).unwrap();
    let mut found = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
        let mut part = vec![0; (end - start) as usize];
        memory.seek(SeekFrom::Start(start)).unwrap();
        memory.read_exact(&mut part).unwrap();
        if part.windows(wanted.len()).any(|window| window == wanted) {
            found.push(line.to_owned());
        }
    }
    found
}

#[test]
fn an_identity_is_gone_from_memory_while_the_stream_goes_on_and_never_in_ps() {
    let folder = folder();
    let (path, _) = identity(&folder);
    let sealed = envpipe(["seal", "-i", &path]).input(bytes(300_000)).ok();
    let file = fs::read_to_string(&path).unwrap();
    let secret = file.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).unwrap();
    let raw = text::decode(Hrp::parse_unchecked("AGE-SECRET-KEY-"), secret).unwrap();
    let digits = &secret.as_bytes()["AGE-SECRET-KEY-1".len()..];
    for (command, input) in [("seal", &b"plain"[..]), ("open", &sealed[..200_000])] {
        // In a user namespace of their own, plain users may look into what is theirs.
        let words = match is_root() {
            true => vec![ENVPIPE, command, "-i", &path],
            false => vec!["unshare", "-r", ENVPIPE, command, "-i", &path],
        };
        let waiting = Waiting::start(Command::new(words[0]).args(&words[1..]), input);
        assert_eq!(found_in(&waiting, digits), [""; 0], "{command}");
        assert_eq!(found_in(&waiting, &raw), [""; 0], "{command}");
        // What is there is found.
        assert_ne!(found_in(&waiting, path.as_bytes()), [""; 0], "{command}");
        let line = fs::read_to_string(waiting.proc("cmdline")).unwrap();
        assert_eq!(line.split_terminator('\0').collect::<Vec<_>>(), [ENVPIPE, command, "-i", &path]);
        let environment = fs::read_to_string(waiting.proc("environ")).unwrap();
        assert!(environment.contains("PATH=") && !environment.contains("SECRET-KEY"), "{command}");
    }
}

#[test]
fn a_command_gets_no_open_file_and_no_variable_of_envpipes_own() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let command = "ls /proc/self/fd; env | grep -vE '^(PWD|SHLVL|_|OLDPWD)=' | sort";
    let seal =
        envpipe(["seal", "-i", &identity, "-k", "alias/backup", "-o", "out", "--", "sh", "-c", command]);
    seal.within(folder.path()).envs(&emulator().environment("")).ok();
    let open = envpipe(["open", "-i", &identity, "out"]).within(folder.path()).ok();
    let alone = Run::new("sh", ["-c", command]).envs(&emulator().environment("")).ok();
    let [open, alone] = [open, alone].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(open.starts_with("0\n1\n") && open.contains("\nPATH="), "{open}");
    assert_eq!(open, alone);
}

/// Calls that write, send or change a file.
const CALLS: &str = "%file,connect,/^(p?writev?|pwrite64|pwritev2|send(to|m?msg|file|file64)|splice|tee|vmsplice|\
                     copy_file_range|f?truncate(64)?|fallocate|memfd_create|msgsnd|process_vm_writev)$";

/// Whether a call does none of that, or to the output or KMS.
fn is_harmless(call: &str, output: &str, kms: &str) -> bool {
    let name = call.split('(').next().unwrap();
    match name {
        "execve" | "access" | "faccessat" | "faccessat2" | "readlink" | "readlinkat" | "stat" | "lstat"
        | "statx" | "newfstatat" | "statfs" | "getcwd" | "chdir" => true,
        "open" | "openat" => {
            let reads = !["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| call.contains(flag));
            reads || call.contains(output)
        }
        "rename" | "renameat" | "renameat2" => call.contains(output),
        "connect" => call.contains("htons(") && kms.split(':').all(|part| call.contains(part)),
        "write" | "writev" | "sendto" | "sendmsg" => {
            let to = call.split(">, ").next().unwrap();
            to.contains(output) || to.ends_with(&format!("->{kms}]")) || to.contains("<anon_inode:[eventfd")
        }
        _ => false,
    }
}

#[test]
fn nothing_is_written_but_the_output_and_nobody_is_told_but_kms() {
    let folder = folder();
    identity(&folder);
    fs::write(folder.path().join("plain"), bytes(200_000)).unwrap();
    let kms = emulator().kms.strip_prefix("http://").unwrap();
    let bash = |script: &str| {
        Run::new("bash", ["-c", script]).within(folder.path()).envs(&emulator().environment("")).run()
    };
    let strace = format!("{} -yy -e 'trace={CALLS}' {ENVPIPE}", strace());
    for key in ["-i identity", "-k alias/backup"] {
        for (command, output) in [
            ("seal KEY -o out plain", ".out"),
            ("open KEY -o new out", ".new"),
            ("seal KEY < plain > out", "out"),
            ("open KEY < out > new", "new"),
            ("seal KEY -a plain > armored", "armored"),
        ] {
            let command = command.replace("KEY", key);
            let output = folder.path().join(output).to_str().unwrap().to_owned();
            let finished = bash(&format!("{strace} {command}"));
            assert_eq!((finished.0.status.code(), finished.stderr()), (Some(0), String::new()), "{command}");
            let trace = fs::read_to_string(folder.path().join("trace")).unwrap().replace("/./", "/");
            let calls = trace.lines().filter_map(|line| line.split_once(' ')).map(|(_, call)| call.trim());
            // The process ended while strace was taking up a thread: it has seen no call of that.
            let calls = calls.filter(|call| *call != "???( <detached ...>");
            let calls: Vec<_> = calls.filter(|call| !call.starts_with(['<', '+', '-'])).collect();
            let written = calls.iter().filter(|call| call.starts_with("writev(") && call.contains(&output));
            assert!(written.count() > 0, "{command}:\n{trace}");
            let harmful: Vec<_> = calls.iter().filter(|call| !is_harmless(call, &output, kms)).collect();
            assert!(harmful.is_empty(), "{command}: {harmful:#?}");
        }
    }
}

#[test]
fn the_sdk_logs_nothing_however_it_is_asked_and_no_error_shows_a_secret() {
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const TOKEN: &str = "IQoJb3JpZ2luX2VjEXAMPLETOKEN";
    let loud = |run: Run| {
        let names = ["RUST_LOG", "AWS_LOG_LEVEL", "AWS_SDK_LOG", "AWS_LC_LOG", "TOKIO_LOG", "HYPER_LOG"];
        let run = names.into_iter().fold(run, |run, name| run.env(name, "trace"));
        let run = run.env("RUST_BACKTRACE", "full").env("AWS_DEBUG", "1").env("RUST_LIB_BACKTRACE", "1");
        run.env("AWS_SECRET_ACCESS_KEY", SECRET).env("AWS_SESSION_TOKEN", TOKEN).run()
    };
    let seal = loud(with_kms_at("", ["seal", "-k", "alias/backup"]).input("plain"));
    assert_eq!((seal.0.status.code(), seal.stderr()), (Some(0), String::new()));
    let open = loud(with_kms_at("", ["open", "-k", "alias/backup"]).input(seal.0.stdout.clone()));
    assert_eq!((&open.0.stdout[..], open.stderr()), (&b"plain"[..], String::new()));
    for fault in ["AccessDeniedException", "ExpiredTokenException", "not-json", "status-500", "short-key"] {
        let seal_fails = loud(with_kms_at(fault, ["seal", "-k", "alias/backup"]));
        let open_fails =
            loud(with_kms_at(fault, ["open", "-k", "alias/backup"]).input(seal.0.stdout.clone()));
        for failed in [seal_fails, open_fails] {
            let stderr = failed.stderr();
            assert_eq!(failed.0.status.code(), Some(3), "{fault}: {stderr}");
            assert!(stderr.lines().all(|line| line.starts_with("envpipe: ")), "{fault}: {stderr}");
            assert!(!stderr.contains(SECRET) && !stderr.contains(TOKEN), "{fault}: {stderr}");
        }
    }
}
