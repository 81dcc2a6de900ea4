//! Streams with a new header: who opens them, what is asked of KMS, and that nothing else has changed.

use std::fs::{read, read_dir, write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use envpipe::format::context::Context;
use envpipe::format::file_key::FileKey;
use envpipe::format::header::Header;
use envpipe::format::kms_stanza::{DataKey, KmsStanza};
use envpipe::keys::Recipient;
use envpipe::keys::x25519::Identity;

use crate::support::emulator::{emulator, with_kms, with_kms_at};
use crate::support::{ENVPIPE, Run, altered, bytes, envpipe, folder, has, identity};

/// More than a pipe holds.
const LEN: usize = 3_000_000;

/// A folder with two identities, and a stream that is sealed to the first.
struct Place {
    folder: tempfile::TempDir,
    sealed: Vec<u8>,
    old: String,
    new: String,
    /// The recipient of `new`.
    recipient: String,
}

impl Place {
    fn new() -> Self {
        let folder = folder();
        let (old, _) = identity(&folder);
        let new = old.replace("identity", "new");
        let stderr = envpipe(["keygen", "-o", &new]).run().stderr();
        let recipient = stderr.trim().strip_prefix("Public key: ").unwrap().to_owned();
        let sealed = envpipe(["seal", "-i", &old]).input(bytes(LEN)).ok();
        write(folder.path().join("sealed"), &sealed).unwrap();
        Self { folder, sealed, old, new, recipient }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn names(&self) -> usize {
        read_dir(self.path()).unwrap().count()
    }

    /// From the one identity to the other.
    fn rewrap(&self, more: &[&str]) -> Run {
        let args = [&["rewrap", "-i", &self.old, "--to-recipient", &self.recipient], more].concat();
        envpipe(args).within(self.path())
    }
}

fn header_len(sealed: &[u8]) -> usize {
    Header::end(sealed, 0).unwrap()
}

/// What is behind the header: the nonce and the chunks.
fn payload(sealed: &[u8]) -> &[u8] {
    &sealed[header_len(sealed)..]
}

#[test]
fn a_rewrapped_stream_has_a_new_header_and_the_same_payload_from_and_to_files_and_pipes() {
    let place = Place::new();
    let (old, recipient) = (&place.old, &place.recipient);
    let rewrap = format!("{ENVPIPE} rewrap -i {old} --to-recipient {recipient}");
    for script in [
        "cat sealed | REWRAP | cat > out",
        "cat sealed | REWRAP > out",
        "REWRAP sealed | cat > out",
        "REWRAP sealed > out",
        "REWRAP < sealed >> out",
        "cat sealed | REWRAP -o out",
        "REWRAP -o out sealed",
        "REWRAP -o - sealed > out",
        "cp sealed out; REWRAP -o out out",
    ] {
        let script = script.replace("REWRAP", &rewrap);
        Run::new("bash", ["-ec", &format!("set -o pipefail; rm -f out; {script}")]).within(place.path()).ok();
        let rewrapped = read(place.path().join("out")).unwrap();
        assert!(payload(&rewrapped) == payload(&place.sealed), "{script}");
        let opened = envpipe(["open", "-i", &place.new]).input(rewrapped.clone()).ok();
        assert!(opened == bytes(LEN), "{script}");
        let finished = envpipe(["open", "-i", &place.old]).input(rewrapped).run();
        finished.fails(3, "no identity opens this stream", "another one").writes_nothing();
    }
}

#[test]
fn rewrapping_to_a_key_asks_for_one_decryption_and_one_data_key() {
    let sealed = with_kms(["seal", "-k", "alias/backup"]).input(bytes(LEN)).ok();
    let args = ["rewrap", "-v", "-k", "alias/backup", "--to-key", "alias/other"];
    let finished = with_kms_at("count-rewrap", args).input(sealed.clone()).run();
    let told: Vec<_> = finished.stderr().lines().map(|line| line[..40].to_owned()).collect();
    assert_eq!(
        told,
        ["envpipe: kms:Decrypt with alias/backup i", "envpipe: kms:GenerateDataKey with alias/"]
    );
    let rewrapped = finished.0.stdout;
    assert_eq!(emulator().calls("count-rewrap"), ["Decrypt", "GenerateDataKey"]);
    assert!(payload(&rewrapped) == payload(&sealed));
    assert!(with_kms(["open", "-k", "alias/other"]).input(rewrapped.clone()).ok() == bytes(LEN));
    let finished = with_kms(["open", "-k", emulator().arn("backup")]).input(rewrapped).run();
    finished.fails(3, "does not name", "if you trust that key").writes_nothing();
}

#[test]
fn a_stream_goes_to_another_region_and_to_everybody_named() {
    let place = Place::new();
    let (far, near) = (emulator().arn("far"), emulator().arn("backup"));
    write(place.path().join("recipients"), format!("# offline\n{}\n", place.recipient)).unwrap();
    let args = ["-i", &place.old, "--to-key", far, "--to-key", near, "--to-recipients-file", "recipients"];
    let args = ["rewrap"].into_iter().chain(args).chain(["sealed"]);
    let rewrapped = envpipe(args).within(place.path()).envs(&emulator().environment("")).ok();
    for key in [far, near] {
        assert!(with_kms(["open", "-k", key]).input(rewrapped.clone()).ok() == bytes(LEN), "{key}");
    }
    assert!(envpipe(["open", "-i", &place.new]).input(rewrapped.clone()).ok() == bytes(LEN));
    if has("age") {
        assert!(Run::new("age", ["-d", "-i", &place.new]).input(rewrapped).ok() == bytes(LEN));
    }
}

#[test]
fn the_environments_keys_open_and_are_not_rewrapped_to() {
    let sealed = with_kms(["seal", "-k", "alias/backup"]).input("plain").ok();
    let rewrap = |args: [&str; 3]| with_kms(args).env("ENVPIPE_KEY", "any").input(sealed.clone());
    let rewrapped = rewrap(["rewrap", "--to-key", "alias/other"]).ok();
    assert_eq!(with_kms(["open", "-k", "alias/other"]).input(rewrapped).ok(), b"plain");
    let finished = rewrap(["rewrap", "-k", "alias/backup"]).run();
    finished.fails(2, "nobody is named to rewrap the stream to", "--to-key").writes_nothing();
}

#[test]
fn the_encryption_context_stays_unless_another_is_given() {
    let args = ["seal", "-k", "alias/backup", "-c", "app=db ops", "-c", "b=2"];
    let sealed = with_kms(args).input("plain").ok();
    let context = |sealed: &[u8]| {
        let header = Header::parse(&sealed[..header_len(sealed)]).unwrap();
        KmsStanza::parse_all(&header.stanzas).unwrap().remove(0).context.encode().collect::<Vec<_>>()
    };
    let rewrap = |more: &[&str]| {
        let args = [&["rewrap", "-k", "alias/backup", "--to-key", "alias/other"], more].concat();
        let rewrapped = envpipe(args).envs(&emulator().environment("")).input(sealed.clone()).ok();
        // KMS would not decrypt with another than it was given.
        assert_eq!(with_kms(["open", "-k", "alias/other"]).input(rewrapped.clone()).ok(), b"plain");
        context(&rewrapped)
    };
    assert_eq!(rewrap(&[]), ["app=db%20ops", "b=2"]);
    assert_eq!(rewrap(&["-c", "b=3"]), ["b=3"]);
}

#[test]
fn an_encryption_context_that_is_not_one_has_to_be_given() {
    let folder = folder();
    let text = Identity::generate().unwrap();
    let identity = folder.path().join("identity");
    write(&identity, text.to_text().as_bytes()).unwrap();
    let file_key = FileKey::from_slice(b"YELLOW SUBMARINE").unwrap();
    let stanza = |value| {
        let mut context = Context::default();
        context.insert("app", value).unwrap();
        let data_key = DataKey::from_slice(&[1; 32]).unwrap();
        let key = emulator().arn("backup").parse().unwrap();
        KmsStanza::wrap(&file_key, &data_key, [2; 16], key, context, vec![3; 100]).encode()
    };
    let stanzas = [stanza("x"), stanza("y"), text.recipient().wrap(&file_key).unwrap()];
    let sealed = [Header::encode(&stanzas, &file_key).as_bytes(), &[0; 32]].concat();
    let identity = identity.to_str().unwrap();
    let args = ["rewrap", "-i", identity, "--to-key", "alias/other"];
    let finished = with_kms_at("count-two-contexts", args).input(sealed.clone()).run();
    finished.fails(2, "differ in their encryption contexts", "-c NAME=VALUE").writes_nothing();
    assert!(emulator().calls("count-two-contexts").is_empty());
    let args = ["rewrap", "-i", identity, "--to-key", "alias/other", "-c", "app=z"];
    assert!(payload(&with_kms(args).input(sealed).ok()) == [0; 32]);
}

#[test]
fn a_stream_that_is_not_whole_is_copied_and_does_not_become_whole() {
    let place = Place::new();
    let len = place.sealed.len();
    let nonce_end = header_len(&place.sealed) + 16;
    for (bad, message) in [
        (place.sealed[..len - 1].to_vec(), "truncated or altered"),
        (place.sealed[..nonce_end + 2 * 65_552].to_vec(), "truncated: the input ends where chunk 2"),
        (place.sealed[..nonce_end].to_vec(), "truncated: the input ends where chunk 0"),
        (altered(&place.sealed, nonce_end + 100), "chunk 0 is not authentic"),
        ([&place.sealed[..], b"more"].concat(), "truncated or altered"),
    ] {
        let before = envpipe(["open", "-i", &place.old]).input(bad.clone()).run();
        let rewrapped = place.rewrap(&[]).input(bad.clone()).ok();
        assert!(payload(&rewrapped) == payload(&bad), "{message}");
        let after = envpipe(["open", "-i", &place.new]).input(rewrapped).run();
        assert!(after.stderr().contains(message), "{}", after.stderr());
        assert_eq!((after.0.status.code(), after.stderr()), (Some(4), before.stderr()));
        assert!(after.0.stdout == before.0.stdout, "{message}");
    }
}

#[test]
fn what_open_refuses_before_the_payload_rewrap_refuses_and_writes_nothing() {
    let place = Place::new();
    let header_len = header_len(&place.sealed);
    let refused = |input: &[u8], status, message, hint| {
        place.rewrap(&[]).input(input).run().fails(status, message, hint).writes_nothing();
    };
    refused(b"", 4, "the input is empty", "wrote nothing");
    refused(b"\x1f\x8b\x08\x00", 4, "it looks like gzip", "gzip -d");
    refused(&place.sealed[..header_len + 15], 4, "truncated: the input ends before", "fetch it again");
    refused(&altered(&place.sealed, header_len - 10), 4, "the header is not authentic", "");
    let args = ["rewrap", "-i", &place.new, "--to-recipient", &place.recipient];
    let finished = envpipe(args).input(place.sealed.clone()).run();
    finished.fails(3, "no identity opens this stream", "another one").writes_nothing();
    let sealed = with_kms(["seal", "-k", "alias/backup"]).input("plain").ok();
    let finished = with_kms(["rewrap", "--to-key", "alias/other"]).input(sealed).run();
    finished.fails(2, "no key is named to open this stream with", "if you trust that key").writes_nothing();
}

#[test]
fn a_stream_that_cannot_be_rewrapped_stays_in_its_file() {
    let place = Place::new();
    let before = place.names();
    let args = ["rewrap", "-i", &place.old, "--to-key", "alias/backup", "-o", "sealed", "sealed"];
    let finished = with_kms_at("AccessDeniedException", args).within(place.path()).run();
    finished.fails(3, "kms:GenerateDataKey with alias/backup", "allow kms:GenerateDataKey");
    assert!(read(place.path().join("sealed")).unwrap() == place.sealed);
    assert_eq!(place.names(), before, "a temporary file was left");
    let script =
        format!("{ENVPIPE} rewrap -i {} --to-recipient {} sealed >> sealed", place.old, place.recipient);
    let finished = Run::new("sh", ["-c", &script]).within(place.path()).run();
    finished.fails(2, "sealed is also the output", "-o FILE FILE");
    assert!(read(place.path().join("sealed")).unwrap() == place.sealed);
}

#[test]
fn armor_comes_off_and_on() {
    let place = Place::new();
    let text = place.rewrap(&["-a", "sealed"]).ok();
    assert!(text.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----\n"));
    assert!(envpipe(["open", "-i", &place.new]).input(text.clone()).ok() == bytes(LEN));
    let args = ["rewrap", "-i", &place.new, "--to-recipient", &place.recipient];
    assert!(payload(&envpipe(args).input(text.clone()).ok()) == payload(&place.sealed));
    // Armor is held against its own rules as it comes off.
    let cut = text[..text.len() - 100].to_vec();
    envpipe(args).input(cut).run().fails(4, "malformed armor", "fetch it again");
}

#[test]
fn a_full_disk_and_a_reader_that_leaves_are_seen() {
    let place = Place::new();
    let rewrap = format!("{ENVPIPE} rewrap -i {} --to-recipient {}", place.old, place.recipient);
    let finished = Run::new("sh", ["-c", &format!("{rewrap} sealed > /dev/full")]).within(place.path()).run();
    finished.fails(1, "cannot write standard output: no space left on device", "");
    // Of the files that it may write, one is this long: enough for the header.
    let script = format!("ulimit -f 1; trap '' XFSZ; {rewrap} sealed > out");
    let finished = Run::new("bash", ["-c", &script]).within(place.path()).run();
    finished.fails(1, "cannot copy sealed to standard output: file too large", "");
    let script =
        format!("set -o pipefail; cat sealed | {rewrap} | head -c 1000 > start; exit ${{PIPESTATUS[1]}}");
    let finished = Run::new("bash", ["-c", &script]).within(place.path()).run();
    assert_eq!((finished.0.status.code(), finished.0.status.signal()), (Some(128 + 13), None));
    assert_eq!(finished.stderr(), "");
}
