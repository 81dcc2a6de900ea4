//! The age test vectors (C2SP/CCTV), as the published `age` crate carries them: every one that has an X25519 identity, or
//! none. Those with a passphrase are left out, because envpipe has no passphrases.

use std::io::Read;
use std::path::PathBuf;
use std::process::Command;

use aws_lc_rs::digest::{SHA256, digest};
use envpipe::command::open::open;
use envpipe::error::Error;
use envpipe::format::header::Header;
use envpipe::keys::x25519::Identity;
use serde_json::Value;

use crate::support::memory::{Steps, Written};
use crate::support::{envpipe, folder};

/// Those that are run, and those with a passphrase: if a vector is added, this says so.
const COUNTS: (usize, usize) = (98, 25);

/// A test vector.
struct Vector {
    name: String,
    expect: String,
    payload: Option<String>,
    identities: Vec<Identity>,
    armored: bool,
    file: Vec<u8>,
}

#[test]
fn every_vector_gives_the_verdict_and_the_payload_that_it_expects() {
    let (mut run, mut passphrase) = (0, Vec::new());
    let mut wrong = Vec::new();
    let folder = vectors();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let Some(vector) = parse(&path) else {
            passphrase.push(path.file_name().unwrap().to_str().unwrap().to_owned());
            continue;
        };
        run += 1;
        for workers in [1, 2, 8] {
            // Whole, and in pieces that fit nothing.
            for step in [usize::MAX, 1000] {
                if let Err(why) = check(&vector, step, workers) {
                    wrong.push(format!("{}, {workers} workers: {why}", vector.name));
                }
            }
        }
    }
    passphrase.sort();
    eprintln!("{run} vectors; left out for their passphrase: {}", passphrase.join(" "));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(passphrase.iter().all(|name| name.starts_with("scrypt")), "{passphrase:?}");
    assert_eq!((run, passphrase.len()), COUNTS);
}

#[test]
fn inspect_has_the_plaintext_length_of_every_vector_that_opens() {
    let folder = folder();
    let path = folder.path().join("vector");
    let mut run = 0;
    for entry in std::fs::read_dir(vectors()).unwrap() {
        let Some(vector) = parse(&entry.unwrap().path()) else { continue };
        if vector.expect != "success" {
            continue;
        }
        run += 1;
        let released = Written::default();
        let unwrap = |header: &Header| Ok(vector.identities[0].unwrap(&header.stanzas).unwrap().unwrap());
        let source = Box::new(Steps::new(vector.file.clone(), usize::MAX));
        open(source, Box::new(released.clone()), unwrap, 1).map(|_| ()).unwrap();
        std::fs::write(&path, &vector.file).unwrap();
        let stdout = envpipe(["inspect", "--json", path.to_str().unwrap()]).ok();
        let report: Value = serde_json::from_slice(&stdout).unwrap();
        assert_eq!(report["plaintext_length"], released.take().len(), "{}", vector.name);
        assert_eq!(report["armor"], vector.armored, "{}", vector.name);
    }
    assert!(run > 10, "only {run} vectors open");
}

fn vectors() -> PathBuf {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let age = packages.iter().find(|package| package["name"] == "age").unwrap();
    PathBuf::from(age["manifest_path"].as_str().unwrap()).with_file_name("tests/testdata/testkit")
}

/// None for a vector with a passphrase.
fn parse(path: &std::path::Path) -> Option<Vector> {
    let bytes = std::fs::read(path).unwrap();
    let end = bytes.windows(2).position(|w| w == b"\n\n").unwrap();
    let mut vector = Vector {
        name: path.file_name().unwrap().to_str().unwrap().to_owned(),
        expect: String::new(),
        payload: None,
        identities: Vec::new(),
        armored: false,
        file: bytes[end + 2..].to_vec(),
    };
    for line in std::str::from_utf8(&bytes[..end]).unwrap().lines() {
        let (name, value) = line.split_once(": ").unwrap();
        match name {
            "expect" => vector.expect = value.into(),
            "payload" => vector.payload = Some(value.into()),
            "identity" => vector.identities.push(Identity::parse(value).unwrap()),
            "armored" => vector.armored = value == "yes",
            "compressed" => {
                assert_eq!(value, "zlib");
                let mut file = Vec::new();
                flate2::read::ZlibDecoder::new(&vector.file[..]).read_to_end(&mut file).unwrap();
                vector.file = file;
            }
            "passphrase" => return None,
            "file key" | "comment" => {}
            _ => panic!("{}: unknown field {name}", vector.name),
        }
    }
    Some(vector)
}

fn check(vector: &Vector, step: usize, workers: usize) -> Result<(), String> {
    let source = Steps::new(vector.file.clone(), step);
    let released = Written::default();
    let unwrap = |header: &Header| {
        for identity in &vector.identities {
            if let Some(file_key) = identity.unwrap(&header.stanzas)? {
                return Ok(file_key);
            }
        }
        Err(Error::NoIdentity { kinds: Vec::new(), keys: Vec::new() })
    };
    let result = open(Box::new(source), Box::new(released.clone()), unwrap, workers).map(|_| ());
    let verdict = match &result {
        Ok(()) => "success",
        Err(Error::NoIdentity { .. }) => "no match",
        Err(Error::HeaderNotAuthentic) => "HMAC failure",
        Err(Error::Armor { .. }) => "armor failure",
        Err(
            Error::Truncated { .. }
            | Error::CutOrAltered { .. }
            | Error::NotAuthentic { .. }
            | Error::Trailing { .. }
            | Error::EmptyLastChunk { .. },
        ) => "payload failure",
        Err(Error::NotAge { .. }) if vector.armored => "armor failure",
        Err(
            Error::Header { .. }
            | Error::Stanza { .. }
            | Error::HeaderCut
            | Error::HeaderCrLf
            | Error::NotAge { .. }
            | Error::Empty,
        ) => "header failure",
        Err(other) => return Err(format!("{other:?}")),
    };
    if verdict != vector.expect {
        return Err(format!("{verdict} ({result:?}) instead of {}", vector.expect));
    }
    let released = released.take();
    match &vector.payload {
        Some(expected) => {
            let actual = hex::encode(digest(&SHA256, &released));
            (actual == *expected).then_some(()).ok_or(format!("{} other bytes were released", released.len()))
        }
        // Armor is one layer further out: the vectors do not say what was released before it failed.
        None if vector.armored => Ok(()),
        None => released.is_empty().then_some(()).ok_or(format!("{} bytes were released", released.len())),
    }
}
