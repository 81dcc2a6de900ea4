//! Many files: what each becomes, what KMS is asked, and what is left where some fail.

use std::ffi::OsStr;
use std::fs::{create_dir, read, read_dir, remove_file, write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::emulator::{emulator, with_kms_at};
use crate::support::{ENVPIPE, Run, altered, bytes, envpipe, folder, identity};

/// A folder with an identity beside it, and these files in it.
struct Place {
    folder: TempDir,
    identity: String,
}

impl Place {
    fn new(files: &[&str]) -> Self {
        let folder = folder();
        let (identity, _) = identity(&folder);
        let place = Self { folder, identity };
        create_dir(place.path("")).unwrap();
        for (i, name) in files.iter().enumerate() {
            write(place.path(name), content(i)).unwrap();
        }
        place
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join("files").join(name)
    }

    /// With the identity, in the folder.
    fn run(&self, command: &str, more: &[&str]) -> Run {
        envpipe([&[command, "-i", &self.identity, "--each"], more].concat()).within(&self.path(""))
    }

    /// Under a key in the emulator's KMS at this path, in the folder.
    fn with_kms(&self, at: &str, args: &str) -> Run {
        envpipe(args.split(' ')).envs(&emulator().environment(at)).within(&self.path(""))
    }

    fn names(&self) -> Vec<String> {
        let entries = read_dir(self.path("")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn read(&self, name: &str) -> Vec<u8> {
        read(self.path(name)).unwrap()
    }

    fn remove(&self, names: &[&str]) {
        names.iter().for_each(|name| remove_file(self.path(name)).unwrap());
    }
}

/// Of the file in this place: nothing, a byte, a chunk, more than a batch.
fn content(i: usize) -> Vec<u8> {
    bytes([0, 1, 65_536, 1_300_000][i % 4])
}

#[test]
fn each_file_goes_to_one_beside_it_and_back() {
    let odd: Vec<&OsStr> = ["empty", " ", "new\nline", "./-i", "é"]
        .into_iter()
        .map(OsStr::new)
        .chain([OsStr::from_bytes(b"not-\xffUTF-8")])
        .collect();
    let place = Place::new(&[]);
    for (i, name) in odd.iter().enumerate() {
        write(place.path(name), content(i)).unwrap();
    }
    let list = |suffix: &[u8]| {
        odd.iter().flat_map(|name| [name.as_bytes(), suffix, &[0]].concat()).collect::<Vec<u8>>()
    };
    for armor in [&[][..], &["-a"]] {
        place.run("seal", &[&["--files0-from", "-"], armor].concat()).input(list(b"")).ok();
        for (i, name) in odd.iter().enumerate() {
            let sealed = read(place.path(OsStr::from_bytes(&[name.as_bytes(), b".age"].concat()))).unwrap();
            assert!(envpipe(["open", "-i", &place.identity]).input(sealed).ok() == content(i), "{name:?}");
            assert!(read(place.path(name)).unwrap() == content(i), "the file itself stays");
            remove_file(place.path(name)).unwrap();
        }
        // The last name of a list need not be ended.
        let mut names = list(b".age");
        names.pop();
        place.run("open", &["--files0-from", "-"]).input(names).ok();
        for (i, name) in odd.iter().enumerate() {
            assert!(read(place.path(name)).unwrap() == content(i), "{name:?}");
            remove_file(place.path(OsStr::from_bytes(&[name.as_bytes(), b".age"].concat()))).unwrap();
        }
    }
    assert_eq!(place.names().len(), odd.len(), "{:?}", place.names());
}

#[test]
fn ten_thousand_files_cost_one_data_key_and_one_decryption() {
    const COUNT: usize = 10_000;
    let place = Place::new(&[]);
    let plain = bytes(4096 + COUNT);
    let names: Vec<_> = (0..COUNT).map(|i| i.to_string()).collect();
    for (i, name) in names.iter().enumerate() {
        write(place.path(name), &plain[i..i + 4096]).unwrap();
    }
    let list = |suffix: &str| names.iter().map(|name| format!("{name}{suffix}\0")).collect::<String>();
    let seal = place.with_kms("count-seal-each", "seal -k alias/backup --each --files0-from -");
    seal.input(list("")).ok();
    assert_eq!(emulator().calls("count-seal-each"), ["GenerateDataKey"]);
    names.iter().for_each(|name| remove_file(place.path(name)).unwrap());
    let open = place.with_kms("count-open-each", "open -k alias/backup --each --files0-from -");
    open.input(list(".age")).ok();
    assert_eq!(emulator().calls("count-open-each"), ["Decrypt"]);
    for (i, name) in names.iter().enumerate() {
        assert!(place.read(name) == plain[i..i + 4096], "{name}");
    }
    // Each has a file key and a salt of its own: no two headers have a line in common but the first.
    let (one, two) = (place.read("1.age"), place.read("2.age"));
    let lines = |sealed: &[u8]| {
        let header = String::from_utf8_lossy(sealed).lines().take(6).map(str::to_owned).collect::<Vec<_>>();
        let salt = header[1].split(' ').nth(3).unwrap().to_owned();
        (salt, header[2].clone(), header[5].clone())
    };
    let (one, two) = (lines(&one), lines(&two));
    assert!(one.0 != two.0 && one.1 != two.1 && one.2 != two.2);
}

#[test]
fn each_wrapped_data_key_is_unwrapped_once_under_each_key_that_is_tried() {
    let place = Place::new(&["a", "b", "c", "d"]);
    place.with_kms("", "seal -k alias/backup --each a b").ok();
    place.with_kms("", "seal -k alias/other --each c d").ok();
    place.remove(&["a", "b", "c", "d"]);
    // By an alias, the stanzas of the region are tried: that of c and d is refused once for both.
    let open = "open -j 1 -k alias/backup -k alias/other --each a.age b.age c.age d.age";
    place.with_kms("count-two-data-keys", open).ok();
    assert_eq!(emulator().calls("count-two-data-keys"), ["Decrypt", "Decrypt", "Decrypt"]);
    for (i, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        assert!(place.read(name) == content(i), "{name}");
    }
}

#[test]
fn a_p256_keys_public_half_is_asked_for_once() {
    let place = Place::new(&["a", "b"]);
    let recipient = emulator().recipient("p256");
    place.with_kms("count-p256-seal-each", &format!("seal -r {recipient} --each a b")).ok();
    assert!(emulator().calls("count-p256-seal-each").is_empty());
    place.remove(&["a", "b"]);
    place.with_kms("count-p256-each", "open -k alias/p256 --each a.age b.age").ok();
    let calls = ["GetPublicKey", "DeriveSharedSecret", "DeriveSharedSecret"];
    assert_eq!(emulator().calls("count-p256-each"), calls);
}

#[test]
fn nothing_is_overwritten_without_force() {
    let place = Place::new(&["a", "b", "b.age"]);
    let (old_a, old) = (place.read("a"), place.read("b.age"));
    let finished = place.run("seal", &["b"]).run();
    finished.fails(1, "b.age exists already", "--force replaces it").writes_nothing();
    assert!(place.read("b.age") == old);
    place.run("seal", &["--force", "a", "b"]).ok();
    assert!(place.read("b.age") != old);
    let finished = place.run("open", &["a.age"]).run();
    finished.fails(1, "a exists already", "--force replaces it");
    place.run("open", &["--force", "a.age", "b.age"]).ok();
    // What cannot be replaced by something whole is kept, with force too.
    let sealed = place.read("b.age");
    write(place.path("a.age"), altered(&sealed, sealed.len() - 1)).unwrap();
    assert_eq!(place.run("open", &["--force", "a.age"]).run().0.status.code(), Some(4));
    assert!(place.read("a") == old_a);
    assert_eq!(place.names(), ["a", "a.age", "b", "b.age"]);
}

#[test]
fn the_first_that_fails_ends_it_unless_it_is_to_go_on() {
    let place = Place::new(&["a", "b", "c"]);
    place.run("seal", &["a", "b", "c"]).ok();
    place.remove(&["a", "b", "c"]);
    let sealed = place.read("b.age");
    write(place.path("b.age"), &sealed[..sealed.len() - 1]).unwrap();

    let finished = place.run("open", &["-j", "1", "a.age", "b.age", "c.age"]).run();
    let said = [
        "envpipe: b.age: truncated or altered: the input ends in chunk 0, which is not authentic",
        "envpipe: hint: fetch it again and compare its size; what was written is only the beginning of the plaintext",
        "envpipe: 1 of 3 files failed; 1 are done, and 1 were not begun",
        "envpipe: hint: --keep-going goes on with the others where one fails",
    ];
    assert_eq!(finished.stderr().lines().collect::<Vec<_>>(), said);
    assert_eq!(finished.0.status.code(), Some(4));
    assert_eq!(place.names(), ["a", "a.age", "b.age", "c.age"]);

    // The exit status is that of the first in the list, however they are worked on.
    let finished = place.run("open", &["--keep-going", "nonesuch.age", "b.age", "a.age", "c.age"]).run();
    assert_eq!(finished.0.status.code(), Some(1));
    let stderr = finished.stderr();
    for said in [
        "envpipe: cannot read nonesuch.age: no such file or directory\n",
        "envpipe: b.age: truncated or altered",
        "envpipe: a exists already\nenvpipe: hint: --force replaces it\n",
        "envpipe: 3 of 4 files failed; 1 are done, and 0 were not begun\n",
    ] {
        assert!(stderr.contains(said), "no «{said}» in:\n{stderr}");
    }
    assert!(place.read("c") == content(2));
    assert_eq!(place.names(), ["a", "a.age", "b.age", "c", "c.age"], "a temporary file was left");
}

#[test]
fn a_name_without_a_file_a_folder_or_another_suffix_is_refused() {
    let place = Place::new(&["a", "b.age"]);
    create_dir(place.path("folder")).unwrap();
    Run::new("mkfifo", ["pipe"]).within(&place.path("")).ok();
    place.run("seal", &["b.age"]).run().fails(2, "b.age ends in .age already", "leave it out");
    place.run("open", &["a"]).run().fails(2, "a does not end in .age", "leave it out");
    place.run("open", &["folder/.age"]).run().fails(2, "folder/.age does not end in .age", "leave it out");
    place.run("seal", &["folder"]).run().fails(1, "cannot read folder: is a directory", "");
    place.run("seal", &["pipe"]).run().fails(1, "cannot read pipe: not a regular file", "");
    place.run("seal", &["nonesuch"]).run().fails(1, "cannot read nonesuch: no such file", "");
    assert_eq!(place.names(), ["a", "b.age", "folder", "pipe"]);
}

#[test]
fn a_list_of_names_is_ended_by_nul_and_may_be_empty() {
    let place = Place::new(&["a"]);
    let run = |list: &str| {
        let seal = "seal -k alias/backup --each --files0-from -";
        place.with_kms("count-no-files", seal).input(list).run()
    };
    run("a\nb\n").fails(2, "standard input: its names are lines, and not ended by NUL", "find DIR");
    run("a\0\0b\0").fails(2, "standard input: a name is empty", "find DIR");
    assert_eq!((run("").0.status.code(), run("").stderr()), (Some(0), String::new()));
    assert!(emulator().calls("count-no-files").is_empty(), "KMS was asked all the same");
    assert_eq!(place.names(), ["a"]);
}

#[test]
fn what_kms_refuses_for_good_it_is_asked_once_and_the_rest_goes_on() {
    let place = Place::new(&["a", "b", "c"]);
    place.with_kms("", "seal -k alias/backup --each a b").ok();
    place.run("seal", &["c"]).ok();
    place.remove(&["a", "b", "c"]);
    let args =
        format!("open -j 1 -k alias/backup -i {} --keep-going --each a.age b.age c.age", place.identity);
    let finished = place.with_kms("count-refused-each/AccessDeniedException", &args).run();
    assert_eq!(emulator().calls("count-refused-each"), ["Decrypt"]);
    let stderr = finished.stderr();
    let lines: Vec<_> = stderr.lines().collect();
    assert!(lines[0].starts_with("envpipe: a.age: kms:Decrypt with alias/backup in "), "{stderr}");
    assert!(lines[0].contains("AccessDeniedException"), "{stderr}");
    assert!(lines[1].starts_with("envpipe: hint: allow kms:Decrypt"), "{stderr}");
    assert!(lines[2].starts_with("envpipe: b.age: kms:Decrypt with alias/backup"), "{stderr}");
    assert!(lines[2].ends_with("failed: KMS has refused the same already"), "{stderr}");
    assert_eq!(lines[3..], ["envpipe: 2 of 3 files failed; 1 are done, and 0 were not begun"]);
    assert_eq!(finished.0.status.code(), Some(3));
    assert!(place.read("c") == content(2));
}

#[test]
fn a_failure_that_may_pass_is_no_verdict_on_the_files_behind_it() {
    let place = Place::new(&["a", "b", "c"]);
    place.with_kms("", "seal -k alias/backup --each a b c").ok();
    place.remove(&["a", "b", "c"]);
    let open = "open -j 1 -k alias/backup --keep-going --each a.age b.age c.age";
    let run = place.with_kms("count-throttled-each/once", open).env("AWS_MAX_ATTEMPTS", "1");
    let finished = run.run();
    assert!(finished.stderr().contains("a.age: kms:Decrypt"), "{}", finished.stderr());
    assert!(finished.stderr().contains("1 of 3 files failed; 2 are done"), "{}", finished.stderr());
    assert_eq!(emulator().calls("count-throttled-each"), ["Decrypt", "Decrypt"]);
}

#[test]
fn what_would_fail_for_every_file_ends_it_at_once() {
    let place = Place::new(&["a", "b", "c"]);
    place.with_kms("", "seal -k alias/backup --each a b c").ok();
    place.remove(&["a", "b", "c"]);
    let files = "--keep-going --each a.age b.age c.age";
    let open = place.with_kms("", &format!("open -j 1 {files}")).run();
    assert!(
        open.stderr().contains("1 of 3 files failed; 0 are done, and 2 were not begun"),
        "{}",
        open.stderr()
    );
    assert_eq!(open.0.status.code(), Some(2));
    let open =
        place.with_kms("", &format!("open -j 1 -k alias/backup {files}")).without("AWS_ACCESS_KEY_ID").run();
    assert!(open.stderr().contains("a.age: kms:Decrypt with alias/backup"), "{}", open.stderr());
    assert!(open.stderr().contains("2 were not begun"), "{}", open.stderr());
    assert_eq!(open.0.status.code(), Some(3));
    // Before anything is sealed, there has to be a key.
    let seal =
        with_kms_at("AccessDeniedException", ["seal", "-k", "alias/backup", "--each", "a.age", "b.age"]);
    let finished = seal.within(&place.path("")).run();
    finished.fails(3, "kms:GenerateDataKey with alias/backup", "allow kms:GenerateDataKey");
    assert_eq!(place.names(), ["a.age", "b.age", "c.age"]);
}

#[test]
fn a_signal_takes_all_temporary_files_along() {
    let place = Place::new(&[]);
    let names = ["a", "b", "c"];
    for name in names {
        // Without blocks of its own, and seconds of work.
        std::fs::File::create(place.path(name)).unwrap().set_len(4 << 30).unwrap();
    }
    let mut child = Command::new(ENVPIPE)
        .args(["seal", "-j", "3", "-i", &place.identity, "--each"])
        .args(names)
        .current_dir(place.path(""))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while place.names().len() < 6 && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(place.names().len(), 6, "three temporary files");
    Run::new("kill", [child.id().to_string()]).ok();
    let status = child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15));
    assert_eq!(place.names(), names);
}
