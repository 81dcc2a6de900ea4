//! Files, pipes and terminals: what is written where, and what survives a failure.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{ENVPIPE, Run, bytes, envpipe, folder, identity};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn an_output_file_is_replaced_only_by_a_whole_one() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let within = |args: &[&str]| envpipe(args).within(folder.path());
    let sealed = within(&["seal", "-i", &identity]).input(bytes(200_000)).ok();
    fs::write(folder.path().join("out"), "old").unwrap();
    let cut = &sealed[..100_000];
    let finished = within(&["open", "-i", &identity, "-o", "out"]).input(cut).run();
    finished.fails(4, "truncated or altered", "fetch it again");
    assert_eq!(fs::read(folder.path().join("out")).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["identity", "out"], "a temporary file was left");
    within(&["open", "-i", &identity, "-o", "out"]).input(sealed).ok();
    assert!(fs::read(folder.path().join("out")).unwrap() == bytes(200_000));
    assert_eq!(names(folder.path()), ["identity", "out"]);
}

#[test]
fn no_output_file_appears_where_opening_fails() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let finished = envpipe(["open", "-i", &identity, "-o", "out"]).within(folder.path()).input("no").run();
    assert_eq!(finished.0.status.code(), Some(4));
    assert_eq!(names(folder.path()), ["identity"]);
}

#[test]
fn a_new_file_of_plaintext_or_keys_is_private_and_a_sealed_one_follows_the_umask() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    assert_eq!(mode(Path::new(&identity)), 0o600);
    let shell = format!(
        "umask 027; {ENVPIPE} seal -i {identity} -o sealed; {ENVPIPE} open -i {identity} -o open sealed"
    );
    Run::new("sh", ["-c", &shell]).within(folder.path()).ok();
    assert_eq!(mode(&folder.path().join("sealed")), 0o640);
    assert_eq!(mode(&folder.path().join("open")), 0o600);
}

#[test]
fn a_file_that_is_replaced_keeps_its_mode_and_a_link_to_it_stays() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let out = folder.path().join("out");
    fs::write(&out, "old").unwrap();
    fs::set_permissions(&out, fs::Permissions::from_mode(0o644)).unwrap();
    symlink("out", folder.path().join("link")).unwrap();
    let sealed = envpipe(["seal", "-i", &identity]).input("plain").ok();
    envpipe(["open", "-i", &identity, "-o", "link"]).within(folder.path()).input(sealed).ok();
    assert_eq!(fs::read(&out).unwrap(), b"plain");
    assert_eq!(mode(&out), 0o644);
    assert!(fs::symlink_metadata(folder.path().join("link")).unwrap().is_symlink());
}

#[test]
fn keygen_never_overwrites() {
    let folder = folder();
    let (path, _) = identity(&folder);
    let before = fs::read(&path).unwrap();
    let finished = envpipe(["keygen", "-o", &path]).run();
    finished.fails(1, "exists already", "never overwritten").writes_nothing();
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_device_is_written_to_and_not_replaced() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let pipe = folder.path().join("pipe");
    Run::new("mkfifo", [&pipe]).ok();
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs::read(pipe).unwrap())
    };
    let sealed = envpipe(["seal", "-i", &identity]).input("plain").ok();
    envpipe(["open", "-i", &identity, "-o", pipe.to_str().unwrap()]).input(sealed.clone()).ok();
    assert_eq!(reader.join().unwrap(), b"plain");
    envpipe(["open", "-i", &identity, "-o", "/dev/null"]).input(sealed).ok();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn a_full_device_is_an_error() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let shell = format!("echo plain | {ENVPIPE} seal -i {identity} > /dev/full");
    let finished = Run::new("sh", ["-c", &shell]).run();
    finished.fails(1, "cannot write standard output: no space left on device", "");
}

#[test]
fn an_output_that_cannot_be_made_is_an_error_before_anything_is_read() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    for (output, reason) in [("none/out", "no such file or directory"), (".", "is a directory")] {
        let finished = envpipe(["seal", "-i", &identity, "-o", output]).within(folder.path()).run();
        finished.fails(1, &format!("cannot create {output}: {reason}"), "").writes_nothing();
    }
}

#[test]
fn the_input_is_not_written_over_while_it_is_read_but_may_be_replaced() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let file = folder.path().join("file");
    for command in ["seal", "open"] {
        fs::write(&file, "plain").unwrap();
        let shell = format!("{ENVPIPE} {command} -i {identity} file >> file");
        let finished = Run::new("sh", ["-c", &shell]).within(folder.path()).run();
        finished.fails(2, "file is also the output", "-o FILE FILE");
        assert_eq!(fs::read(&file).unwrap(), b"plain");
    }
    for command in ["seal", "open"] {
        envpipe([command, "-i", &identity, "-o", "file", "file"]).within(folder.path()).ok();
    }
    assert_eq!(fs::read(&file).unwrap(), b"plain");
}

#[test]
fn a_folder_is_no_input() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let finished = envpipe(["seal", "-i", &identity, "."]).within(folder.path()).run();
    finished.fails(1, "cannot read .: is a directory", "").writes_nothing();
}

#[test]
fn dashes_are_standard_input_and_output() {
    let folder = folder();
    let (identity, recipient) = identity(&folder);
    let sealed = envpipe(["seal", "-i", &identity, "-o", "-", "-"]).input("plain").ok();
    assert_eq!(envpipe(["open", "-i", &identity, "-"]).input(sealed.clone()).ok(), b"plain");
    // Keys may come in by standard input too.
    fs::write(folder.path().join("sealed"), sealed).unwrap();
    fs::write(folder.path().join("plain"), "plain").unwrap();
    let key = fs::read(&identity).unwrap();
    let open = envpipe(["open", "-i", "-", "sealed"]).within(folder.path()).input(key).ok();
    assert_eq!(open, b"plain");
    let recipients = format!("# ours\n\n{recipient}\n");
    let sealed = envpipe(["seal", "-R", "-", "plain"]).within(folder.path()).input(recipients).ok();
    assert_eq!(envpipe(["open", "-i", &identity]).input(sealed).ok(), b"plain");
}

#[test]
fn a_reader_that_leaves_ends_envpipe_by_sigpipe_and_silently() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let mut child = Command::new(ENVPIPE)
        .args(["seal", "-i", &identity, "/dev/zero"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(13));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_signal_ends_envpipe_and_takes_the_temporary_file_along() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    for (name, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
        let mut child = Command::new(ENVPIPE)
            .args(["seal", "-i", &identity, "-o", "out"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        while names(folder.path()).len() < 2 {
            std::thread::yield_now();
        }
        Run::new("kill", ["-s", name, &child.id().to_string()]).ok();
        assert_eq!(child.wait().unwrap().signal(), Some(number), "SIG{name}");
        assert_eq!(names(folder.path()), ["identity"], "SIG{name}");
    }
}

#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    // As nohup does. The signal comes while seal waits for its input, its temporary file made.
    let shell = format!(
        "trap '' HUP
        mkfifo in
        {ENVPIPE} seal -i {identity} -o out < in & seal=$!
        exec 4> in
        until ls -A | grep -q '^[.]out'; do :; done
        kill -s HUP $seal || exit
        echo plain >&4
        exec 4>&-
        rm in
        wait $seal"
    );
    Run::new("bash", ["-c", &shell]).within(folder.path()).ok();
    assert_eq!(names(folder.path()), ["identity", "out"]);
}

/// Runs envpipe on a terminal of its own; what it printed there.
fn on_a_terminal(args: &[&str]) -> (i32, String) {
    on_a_terminal_run(&[&[ENVPIPE], args].concat())
}

/// The same of any program.
fn on_a_terminal_run(command: &[&str]) -> (i32, String) {
    let script = "import os, pty, sys\nsys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let args = [&["-c", script], command].concat();
    let finished = Run::new("python3", args).env("TERM", "xterm").run();
    (finished.0.status.code().unwrap(), String::from_utf8_lossy(&finished.0.stdout).into_owned())
}

#[test]
fn a_sealed_stream_is_not_written_to_a_terminal_unasked() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let (status, printed) = on_a_terminal(&["seal", "-i", &identity, "/dev/null"]);
    assert_eq!(status, 2, "{printed}");
    assert!(printed.contains("standard output is a terminal") && printed.contains("-o -"), "{printed}");
    assert!(!printed.contains("age-encryption.org"), "{printed}");
    for more in [["-o", "-"], ["-a", "-a"]] {
        let (status, printed) = on_a_terminal(&["seal", "-i", &identity, "/dev/null", more[0], more[1]]);
        assert_eq!(status, 0, "{printed}");
        assert!(printed.contains("age-encryption.org") || printed.contains("BEGIN AGE"), "{printed}");
    }
}

#[test]
fn keygen_prints_the_recipient_once_where_the_identity_can_be_seen() {
    let (status, printed) = on_a_terminal(&["keygen"]);
    assert_eq!((status, printed.matches("age1").count()), (0, 1), "{printed}");
    let finished = envpipe(["keygen"]).run();
    assert!(finished.stderr().starts_with("Public key: age1"));
}

#[test]
fn a_header_that_could_not_be_read_is_not_written() {
    let folder = folder();
    let (identity, recipient) = identity(&folder);
    let recipients = |count: usize| format!("{recipient}\n").repeat(count);
    let seal = |count| envpipe(["seal", "-R", "-", "/dev/null"]).input(recipients(count)).run();
    let most = seal(2600).0.stdout;
    assert_eq!(envpipe(["open", "-i", &identity]).input(most).ok(), b"");
    seal(2700).fails(2, "the header would have", "seal to fewer recipients").writes_nothing();
}

#[test]
fn a_file_of_keys_that_is_none_is_refused_without_being_shown() {
    let folder = folder();
    let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
    write("broken", b"# mine\nAGE-SECRET-KEY-1BROKEN\n");
    write("empty", b"# nothing\n");
    write("sealed", b"age-encryption.org/v1\n");
    write("binary", &[0xff; 100]);
    write("large", &vec![b'\n'; (1 << 20) + 1]);
    for (name, message) in [
        ("broken", "broken, line 2: not an identity that envpipe knows"),
        ("empty", "empty has no identity in it"),
        ("sealed", "sealed is itself encrypted"),
        ("binary", "binary: is not text"),
        ("large", "large: is too large for a file of keys"),
    ] {
        let finished = envpipe(["open", "-i", name]).within(folder.path()).run();
        let stderr = finished.stderr();
        assert!(
            stderr.contains(message) && stderr.contains("hint:") && !stderr.contains("BROKEN"),
            "{stderr}"
        );
        assert_eq!(finished.0.status.code(), Some(2));
    }
    let finished = envpipe(["open", "-i", "none"]).within(folder.path()).run();
    finished.fails(1, "cannot read none: no such file or directory", "");
}

#[test]
fn progress_is_shown_on_a_terminal_and_nowhere_else() {
    let folder = folder();
    let (identity, recipient) = identity(&folder);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("plain"), bytes(3 << 20)).unwrap();
    let seal = ["seal", "-i", &identity];
    let rewrap = ["rewrap", "-i", &identity, "--to-recipient", &recipient];
    let open = ["open", "-i", &identity];
    for (command, from, to) in
        [(&seal[..], "plain", "sealed"), (&rewrap, "sealed", "rewrapped"), (&open, "rewrapped", "opened")]
    {
        let (from, to) = (path(from), path(to));
        let args = [command, &["--progress", "-o", &to, &from]].concat();
        let (status, printed) = on_a_terminal(&args);
        assert_eq!(status, 0, "{printed}");
        assert!(
            printed.contains("3.00 MiB of 3.00 MiB (100 %), ") && printed.contains("iB/s, "),
            "{printed}"
        );
        let finished = envpipe(args).run();
        assert_eq!((finished.0.status.code(), finished.stderr()), (Some(0), String::new()));
    }
    assert!(fs::read(path("opened")).unwrap() == bytes(3 << 20));
    // Of what comes by a pipe, the length is not known; and a terminal that gets the plaintext is not drawn on.
    let script = format!("cat {} | {ENVPIPE} open --progress -i {identity} > /dev/null", path("sealed"));
    let (_, printed) = on_a_terminal_run(&["sh", "-c", &script]);
    assert!(printed.contains("3.00 MiB, ") && !printed.contains('%'), "{printed}");
    // Of many files, all are counted together, and what fails is said in lines of its own.
    ["a", "b"].iter().for_each(|name| fs::write(path(name), bytes(1 << 20)).unwrap());
    let files = ["a", "nonesuch", "b"].map(path);
    let each = ["--progress", "--keep-going", "--each", &files[0], &files[1], &files[2]];
    let (status, printed) = on_a_terminal(&[&seal[..], &each].concat());
    assert_eq!(status, 1, "{printed}");
    let said = format!("envpipe: cannot read {}: no such file or directory\r\n", files[1]);
    assert!(printed.contains("2.00 MiB of 2.00 MiB") && printed.contains(&said), "{printed}");
    fs::write(path("short"), "plain").unwrap();
    envpipe(["seal", "-i", &identity, "-o", &path("sealed"), &path("short")]).ok();
    let (_, printed) = on_a_terminal(&["open", "--progress", "-i", &identity, &path("sealed")]);
    assert_eq!(printed, "plain");
}
