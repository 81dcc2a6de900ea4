//! `seal -- COMMAND`: a producer that fails is never taken for one that has written everything.

use std::process::{Command, Stdio};

use crate::support::emulator::{emulator, with_kms, with_kms_at};
use crate::support::{ENVPIPE, Run, bytes, envpipe, folder, identity};

#[test]
fn what_a_command_writes_is_sealed_and_its_streams_are_passed_through() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let command = "cat; echo from the command >&2; exit 0";
    let run = envpipe(["seal", "-i", &identity, "--", "sh", "-c", command]).input(bytes(300_000)).run();
    assert_eq!(run.0.status.code(), Some(0));
    assert_eq!(run.stderr(), "from the command\n");
    assert!(envpipe(["open", "-i", &identity]).input(run.0.stdout).ok() == bytes(300_000));
}

#[test]
fn a_stream_whose_command_failed_never_opens_as_whole() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    for (len, released) in [(0, 0), (1, 0), (65_536, 0), (65_537, 65_536), (300_000, 262_144)] {
        std::fs::write(folder.path().join("plain"), bytes(len)).unwrap();
        for (end, status) in [("exit 3", "exit status 3"), ("kill -9 $$", "SIGKILL")] {
            let command = format!("cat plain; {end}");
            let seal =
                envpipe(["seal", "-i", &identity, "--", "sh", "-c", &command]).within(folder.path()).run();
            let message = format!("sh failed ({status}), so the stream is left without its end");
            seal.fails(1, &message, "seal again");
            let open = envpipe(["open", "-i", &identity]).input(seal.0.stdout).run();
            open.fails(4, "truncated", "only the beginning");
            assert!(open.0.stdout == bytes(len)[..released], "{len} bytes, {status}");
        }
    }
}

#[test]
fn an_output_file_survives_a_command_that_fails() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    std::fs::write(folder.path().join("out"), "old").unwrap();
    let run = envpipe(["seal", "-i", &identity, "-o", "out", "--", "false"]).within(folder.path()).run();
    run.fails(1, "false failed (exit status 1)", "seal again");
    assert_eq!(std::fs::read(folder.path().join("out")).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_command_that_is_not_found_costs_no_call_to_kms() {
    let args = ["seal", "-k", "alias/backup", "--", "/nonexistent/command"];
    let run = with_kms_at("count-no-command", args).run();
    run.fails(1, "cannot run /nonexistent/command: no such file or directory", "").writes_nothing();
    assert!(emulator().calls("count-no-command").is_empty());
}

#[test]
fn a_command_is_ended_where_the_key_is_refused() {
    let folder = folder();
    let command = "echo $$ > pid; exec sleep 1000";
    let run =
        with_kms(["seal", "-k", "alias/nonesuch", "--", "sh", "-c", command]).within(folder.path()).run();
    run.fails(3, "NotFoundException", "alias/NAME").writes_nothing();
    assert!(!is_running(&folder), "the command was left behind");
}

/// Whether the process that writes its id to the file `pid` goes on running.
fn is_running(folder: &tempfile::TempDir) -> bool {
    // It may have been ended before it came to that.
    let pid = || std::fs::read_to_string(folder.path().join("pid")).unwrap_or_default();
    let runs = || Run::new("sh", ["-c", &format!("kill -0 {}", pid().trim())]).run().0.status.success();
    (0..100).all(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        runs()
    })
}

#[test]
fn a_signal_reaches_the_command() {
    use std::os::unix::process::ExitStatusExt;
    let folder = folder();
    let (identity, _) = identity(&folder);
    for (name, number) in [("INT", 2), ("TERM", 15)] {
        let _ = std::fs::remove_file(folder.path().join("pid"));
        // A group of its own, as from a shell; the signal goes to envpipe alone.
        let mut child = Command::new(ENVPIPE)
            .args(["seal", "-i", &identity, "-o", "out", "--", "python3", "-c"])
            .arg("import os, signal, time; signal.signal(2, signal.SIG_DFL); open('new', 'w').write(str(os.getpid())); os.rename('new', 'pid'); time.sleep(1000)")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        while !folder.path().join("pid").exists() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Run::new("kill", ["-s", name, &child.id().to_string()]).ok();
        assert_eq!(child.wait().unwrap().signal(), Some(number), "SIG{name}");
        assert!(!is_running(&folder), "SIG{name} did not reach the command");
        assert!(!folder.path().join("out").exists());
    }
}
