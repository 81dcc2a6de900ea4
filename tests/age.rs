//! A sealed stream is an age file: other implementations of age open it, and envpipe opens theirs.

use std::io::{Read, Write};
use std::str::FromStr;

use age::armor::{ArmoredReader, ArmoredWriter, Format};

use crate::support::emulator::{emulator, with_kms};
use crate::support::{Run, bytes, envpipe, folder, has, identity};

#[test]
fn the_age_crate_opens_what_envpipe_seals() {
    let folder = folder();
    let (path, recipient) = identity(&folder);
    let text = std::fs::read_to_string(&path).unwrap();
    let identity = age::x25519::Identity::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(identity.to_public().to_string(), recipient);
    for len in [0, 65_536, 200_000] {
        for armor in [None, Some("-a")] {
            let args = ["seal", "-r", &recipient].into_iter().chain(armor);
            let sealed = envpipe(args).input(bytes(len)).ok();
            let decryptor = age::Decryptor::new(ArmoredReader::new(&sealed[..])).unwrap();
            let mut opened = Vec::new();
            let identities = std::iter::once(&identity as &dyn age::Identity);
            decryptor.decrypt(identities).unwrap().read_to_end(&mut opened).unwrap();
            assert!(opened == bytes(len), "{len} bytes, {armor:?}");
        }
    }
}

#[test]
fn envpipe_opens_what_the_age_crate_seals() {
    let folder = folder();
    let (path, recipient) = identity(&folder);
    let other = age::x25519::Identity::generate().to_public();
    let recipient = age::x25519::Recipient::from_str(&recipient).unwrap();
    for len in [0, 65_536, 200_000] {
        for (name, format) in [("binary", Format::Binary), ("armor", Format::AsciiArmor)] {
            let recipients = [&other as &dyn age::Recipient, &recipient];
            let encryptor = age::Encryptor::with_recipients(recipients.into_iter()).unwrap();
            let mut sealed = Vec::new();
            let armored = ArmoredWriter::wrap_output(&mut sealed, format).unwrap();
            let mut writer = encryptor.wrap_output(armored).unwrap();
            writer.write_all(&bytes(len)).unwrap();
            writer.finish().and_then(|armored| armored.finish()).unwrap();
            assert!(envpipe(["open", "-i", &path]).input(sealed).ok() == bytes(len), "{len} bytes, {name}");
        }
    }
}

#[test]
fn stock_age_breaks_the_glass_of_a_stream_under_kms() {
    if !has("age") {
        return;
    }
    let folder = folder();
    let (path, recipient) = identity(&folder);
    for armor in [None, Some("-a")] {
        let args = ["seal", "-k", "alias/backup", "-r", &recipient].into_iter().chain(armor);
        let sealed = envpipe(args).envs(&emulator().environment("")).input(bytes(200_000)).ok();
        assert!(Run::new("age", ["-d", "-i", &path]).input(sealed).ok() == bytes(200_000), "{armor:?}");
    }
}

#[test]
fn envpipe_opens_what_stock_age_seals() {
    if !has("age") {
        return;
    }
    let folder = folder();
    let (path, recipient) = identity(&folder);
    for armor in [None, Some("-a")] {
        let args = ["-r", &recipient].into_iter().chain(armor);
        let sealed = Run::new("age", args).input(bytes(200_000)).ok();
        assert!(envpipe(["open", "-i", &path]).input(sealed).ok() == bytes(200_000), "{armor:?}");
    }
}

#[test]
fn age_keygen_reads_the_identities_of_keygen() {
    if !has("age") {
        return;
    }
    let folder = folder();
    let (path, recipient) = identity(&folder);
    let public = Run::new("age-keygen", ["-y", &path]).ok();
    assert_eq!(String::from_utf8(public).unwrap().trim(), recipient);
}

#[test]
fn a_stream_under_two_keys_and_a_recipient_opens_with_each_alone() {
    let folder = folder();
    let (path, recipient) = identity(&folder);
    let seal = ["seal", "-k", "alias/backup", "-k", "alias/other", "-r", &recipient];
    let sealed = with_kms(seal).input(bytes(100_000)).ok();
    for key in [["-k", "alias/backup"], ["-k", "alias/other"], ["-i", &path]] {
        let opened = with_kms(["open", key[0], key[1]]).input(sealed.clone()).ok();
        assert!(opened == bytes(100_000), "{key:?}");
    }
    // An identity is tried first, and costs no call to KMS: it would fail here.
    let opened = envpipe(["open", "-k", "alias/backup", "-i", &path]).input(sealed).ok();
    assert!(opened == bytes(100_000));
}
