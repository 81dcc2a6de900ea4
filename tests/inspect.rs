//! `inspect`: what it says of a stream, from where, and that it needs no key for it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::emulator::{REGION, emulator, with_kms};
use crate::support::{ENVPIPE, Finished, Run, bytes, envpipe, folder, identity};

/// The length of the header that a stream begins with.
fn header_len(sealed: &[u8]) -> usize {
    sealed.windows(5).position(|w| w == b"\n--- ").unwrap() + 1 + 4 + 43 + 1
}

fn inspect(path: &Path) -> Finished {
    envpipe(["inspect", "--json", path.to_str().unwrap()]).run()
}

/// The one object, in one line.
fn object(finished: &Finished) -> Value {
    let text = std::str::from_utf8(&finished.0.stdout).unwrap();
    assert_eq!(text.matches('\n').count(), 1, "{text}\n{}", finished.stderr());
    serde_json::from_str(text).unwrap()
}

#[test]
fn json_has_every_field_of_every_stanza() {
    let folder = folder();
    let (_, recipient) = identity(&folder);
    let seal =
        ["seal", "-k", "alias/backup", "-k", "alias/multi", "-r", &recipient, "-c", "b=ü x", "-c", "a="];
    let sealed = with_kms(seal).input(bytes(100_000)).ok();
    let path = folder.path().join("sealed");
    fs::write(&path, &sealed).unwrap();
    let finished = inspect(&path);
    assert_eq!(finished.0.status.code(), Some(0), "{}", finished.stderr());
    let report = object(&finished);
    let blob = &report["stanzas"][0]["blob_length"];
    assert!((1..=6144).contains(&blob.as_u64().unwrap()), "{blob}");
    let share = report["stanzas"][2]["arguments"][0].as_str().unwrap();
    assert!(String::from_utf8_lossy(&sealed).contains(&format!("\n-> X25519 {share}\n")));
    let kms = |name: &str, multi_region: bool| {
        json!({
            "type": "envpipe/aws-kms", "key": emulator().arn(name), "account": "123456789012", "region": REGION,
            "multi_region": multi_region, "context": {"a": "", "b": "ü x"}, "blob_length": blob,
        })
    };
    let expected = json!({
        "version": "age-encryption.org/v1",
        "armor": false,
        "header_length": header_len(&sealed),
        "plaintext_length": 100_000,
        "truncated": false,
        "stanzas": [
            kms("backup", false),
            kms("multi", true),
            {"type": "X25519", "arguments": [share], "body_length": 32},
        ],
        "errors": [],
    });
    assert_eq!(report, expected);
}

#[test]
fn the_table_is_for_people() {
    let folder = folder();
    let (_, recipient) = identity(&folder);
    let seal = ["seal", "-k", "alias/multi", "-r", &recipient, "-c", "db=main", "-c", "team=db ops"];
    let sealed = with_kms(seal).input("plain").ok();
    let path = folder.path().join("sealed");
    fs::write(&path, &sealed).unwrap();
    let table = String::from_utf8(envpipe(["inspect", path.to_str().unwrap()]).ok()).unwrap();
    let (arn, blob) = (emulator().arn("multi"), &object(&inspect(&path))["stanzas"][0]["blob_length"]);
    let expected = format!(
        "\
version     age-encryption.org/v1
armor       no
header      {} bytes
plaintext   5 bytes
stanza 1    envpipe/aws-kms
  key       {arn}
  account   123456789012
  region    {REGION}, multi-Region
  context   db=main
            team=db ops
  blob      {blob} bytes
stanza 2    X25519
",
        header_len(&sealed)
    );
    assert_eq!(table, expected);
}

#[test]
fn the_plaintext_length_of_a_regular_file_is_known() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let path = folder.path().join("sealed");
    for len in [0, 1, 65_535, 65_536, 65_537, 131_072, 1_000_000] {
        for armor in [None, Some("-a")] {
            let seal = ["seal", "-i", &identity].into_iter().chain(armor);
            let sealed = envpipe(seal).input(bytes(len)).ok();
            fs::write(&path, &sealed).unwrap();
            let report = object(&inspect(&path));
            assert_eq!(report["plaintext_length"], len, "{armor:?}");
            assert_eq!((&report["armor"], &report["truncated"]), (&json!(armor.is_some()), &json!(false)));
            // Redirected; and from a pipe, which has no length.
            let shell = format!("{ENVPIPE} inspect --json < sealed");
            let redirected = Run::new("sh", ["-c", &shell]).within(folder.path()).run();
            assert_eq!(object(&redirected), report);
            let piped = envpipe(["inspect", "--json"]).input(sealed).run();
            assert_eq!(piped.0.status.code(), Some(0), "{}", piped.stderr());
            let piped = object(&piped);
            assert_eq!((&piped["plaintext_length"], &piped["truncated"]), (&Value::Null, &Value::Null));
            assert_eq!(
                (&piped["header_length"], &piped["stanzas"]),
                (&report["header_length"], &report["stanzas"])
            );
        }
    }
}

#[test]
fn a_file_that_was_read_from_is_inspected_from_there() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let sealed = envpipe(["seal", "-i", &identity]).input(bytes(70_000)).ok();
    fs::write(folder.path().join("both"), [&b"a line\n"[..], &sealed].concat()).unwrap();
    let shell = format!("{{ read -r line; {ENVPIPE} inspect --json; }} < both");
    let finished = Run::new("sh", ["-c", &shell]).within(folder.path()).run();
    assert_eq!(object(&finished)["plaintext_length"], 70_000);
}

#[test]
fn nothing_of_a_pipe_is_read_but_the_header() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let shell = format!("{ENVPIPE} inspect > /dev/null || exit; cat");
    for len in [0, 200_000] {
        let sealed = envpipe(["seal", "-i", &identity]).input(bytes(len)).ok();
        let header = header_len(&sealed);
        let rest = Run::new("sh", ["-c", &shell]).input(sealed.clone()).ok();
        assert!(rest == sealed[header..], "{} bytes were left of {}", rest.len(), sealed.len() - header);
    }
    // Of armor, up to the end of the line that the header's last byte is in.
    let armored = envpipe(["seal", "-a", "-i", &identity]).input(bytes(200_000)).ok();
    let binary_header = object(&envpipe(["inspect", "--json"]).input(armored.clone()).run());
    let lines = binary_header["header_length"].as_u64().unwrap().div_ceil(48);
    let text = String::from_utf8(armored).unwrap();
    let left: String = text.split_inclusive('\n').skip(1 + lines as usize).collect();
    assert!(Run::new("sh", ["-c", &shell]).input(text).ok() == left.into_bytes());
}

#[test]
fn it_does_not_wait_for_the_end_of_a_pipe() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    // The stream never ends while inspect runs: the writer's end is open until it has.
    let shell = format!(
        "mkfifo in
        {ENVPIPE} inspect in > out & inspect=$!
        exec 4> in
        echo plain | {ENVPIPE} seal -i {identity} >&4
        wait $inspect"
    );
    Run::new("bash", ["-c", &shell]).within(folder.path()).ok();
    assert!(fs::read_to_string(folder.path().join("out")).unwrap().contains("X25519"));
}

#[test]
fn a_length_that_no_whole_stream_has_is_said_to_be_truncated() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let sealed = envpipe(["seal", "-i", &identity]).input(bytes(200_000)).ok();
    let (header, chunk) = (header_len(&sealed), 65_552);
    let path = folder.path().join("cut");
    // Behind the header, in the nonce, in a tag, and with a last chunk that is there but empty.
    for behind in [0, 15, 16, 31, 16 + chunk + 1, 16 + chunk + 15, 16 + chunk + 16, 16 + 2 * chunk + 16] {
        fs::write(&path, &sealed[..header + behind]).unwrap();
        let finished = inspect(&path);
        let message = format!("truncated: no whole stream has {behind} bytes behind its header");
        finished.fails(4, &message, "compare its size");
        let report = object(&finished);
        assert_eq!(report["truncated"], true, "{behind} bytes behind the header");
        assert_eq!(report["plaintext_length"], Value::Null);
        assert_eq!(report["errors"], json!([message]));
        let table = envpipe(["inspect", path.to_str().unwrap()]).run();
        table.fails(4, &message, "compare its size");
        let table = String::from_utf8_lossy(&table.0.stdout).into_owned();
        assert!(table.contains("\nplaintext   truncated: ") && table.contains("X25519"), "{table}");
    }
    // Where a stream could end, its length does not tell that it was cut; open does.
    for behind in [16 + 16, 16 + 17, 16 + chunk, 16 + chunk + 17] {
        fs::write(&path, &sealed[..header + behind]).unwrap();
        let finished = inspect(&path);
        assert_eq!(finished.0.status.code(), Some(0), "{}", finished.stderr());
        assert_eq!(object(&finished)["truncated"], false);
    }
}

#[test]
fn armor_that_is_cut_or_broken_behind_the_header_is_an_error_after_the_report() {
    let folder = folder();
    let (identity, _) = identity(&folder);
    let armored = envpipe(["seal", "-a", "-i", &identity]).input(bytes(100_000)).ok();
    let path = folder.path().join("armored");
    fs::write(&path, &armored[..armored.len() / 2]).unwrap();
    let finished = inspect(&path);
    assert_eq!(finished.0.status.code(), Some(4), "{}", finished.stderr());
    assert!(finished.stderr().starts_with("envpipe: malformed armor, line "), "{}", finished.stderr());
    let report = object(&finished);
    assert_eq!((&report["plaintext_length"], &report["truncated"]), (&Value::Null, &Value::Null));
    assert!(report["errors"][0].as_str().unwrap().starts_with("malformed armor, line "), "{report}");
    assert_eq!(report["stanzas"][0]["type"], "X25519");
}

#[test]
fn a_malformed_stanza_of_ours_is_shown_as_such() {
    let folder = folder();
    let (_, recipient) = identity(&folder);
    let seal = ["seal", "-r", &recipient, "-k", "alias/backup", "-k", "alias/other"];
    let mut sealed = with_kms(seal).input("plain").ok();
    let at = sealed.windows(4).position(|w| w == b"arn:").unwrap();
    sealed[at] = b'A';
    let path = folder.path().join("sealed");
    fs::write(&path, &sealed).unwrap();
    let finished = inspect(&path);
    // KMS keys come first.
    let message =
        "malformed header, stanza 1 (envpipe/aws-kms): its second argument is not the ARN of a KMS key";
    finished.fails(4, message, "");
    let report = object(&finished);
    let why = "its second argument is not the ARN of a KMS key";
    assert_eq!(report["stanzas"][0], json!({"type": "envpipe/aws-kms", "error": why}));
    assert_eq!(report["stanzas"][1]["key"], emulator().arn("other"));
    assert_eq!((&report["errors"], &report["plaintext_length"]), (&json!([message]), &json!(5)));
    let table = envpipe(["inspect", path.to_str().unwrap()]).run();
    assert!(String::from_utf8_lossy(&table.0.stdout).contains(&format!("\n  malformed {why}\n")));
}

#[test]
fn nothing_that_a_header_quotes_can_control_a_terminal() {
    let folder = folder();
    let hostile = "\u{1b}[2J\u{9b}31m\r\n\t\u{7f}\u{202e}x\u{200b}";
    let pair = format!("{hostile}={hostile}");
    let sealed = with_kms(["seal", "-k", "alias/backup", "-c", &pair]).input("plain").ok();
    let path = folder.path().join("sealed");
    fs::write(&path, &sealed).unwrap();
    let finished = inspect(&path);
    let table = envpipe(["inspect", path.to_str().unwrap()]).ok();
    for text in [&finished.0.stdout, &table] {
        let text = std::str::from_utf8(text).unwrap();
        let shown = |c: char| c == '\n' || c == ' ' || c.is_ascii_graphic();
        assert!(text.chars().all(shown), "{text:?}");
    }
    assert_eq!(object(&finished)["stanzas"][0]["context"][hostile], hostile);
    assert!(String::from_utf8(table).unwrap().contains("  context   \\u{1b}[2J\\u{9b}31m\\r\\n"));
}

#[test]
fn what_is_no_stream_is_refused_and_nothing_is_printed() {
    for (input, message, hint) in [
        (&b""[..], "the input is empty", "wrote nothing"),
        (b"\x1f\x8b\x08", "it looks like gzip", "gzip -d"),
        (b"age-encryption.org/v2\n-> x\n\n--- \n", "malformed header, line 1: another version", ""),
        (b"age-encryption.org/v1\n-> X25519", "truncated: the input ends before its first chunk", "fetch"),
    ] {
        for more in [None, Some("--json")] {
            let finished = envpipe(["inspect"].into_iter().chain(more)).input(input).run();
            finished.fails(4, message, hint).writes_nothing();
        }
    }
    envpipe(["inspect", "none"]).run().fails(1, "cannot read none: no such file", "").writes_nothing();
}

#[test]
fn streams_of_any_age_sealer_are_inspected() {
    let passphrase = "age-encryption.org/v1\n-> scrypt rF0/NwblUHHTpgQgRpe5CQ 10\n\
        gUjEymFKMVXQEKdMMHL24oYexjE3TIC0O0zGSqJ2aUY\n-> x-grease\n\n\
        --- IOj2PcUSpAHJ0ocJoVbEGO9bIoMjSsIk9fQhFxkzHRM\n";
    let stream = [passphrase.as_bytes(), &[7; 16 + 16 + 3]].concat();
    let folder = folder();
    let path = folder.path().join("sealed");
    fs::write(&path, stream).unwrap();
    let finished = inspect(&path);
    assert_eq!(finished.0.status.code(), Some(0), "{}", finished.stderr());
    let report = object(&finished);
    let expected = json!([
        {"type": "scrypt", "arguments": ["rF0/NwblUHHTpgQgRpe5CQ", "10"], "body_length": 32},
        {"type": "x-grease", "arguments": [], "body_length": 0},
    ]);
    assert_eq!((&report["stanzas"], &report["plaintext_length"]), (&expected, &json!(3)));
}
