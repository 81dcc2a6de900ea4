//! Streams under KMS that were cut, altered, or put together by somebody else, exhaustively: the program's own code, with
//! a KMS in memory that counts its calls; and of every kind one, through the whole program.
//!
//! Whatever is wrong, it is found, nothing but a beginning of the plaintext is released, and KMS is not asked for what can
//! be refused without it.

use std::sync::OnceLock;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use envpipe::cli::{self, Command};
use envpipe::command::{open, opener};
use envpipe::error::{Error, KmsFailure, KmsFault};
use envpipe::format::context::Context;
use envpipe::format::file_key::FileKey;
use envpipe::format::header::Header;
use envpipe::format::kms_stanza::{DataKey, KmsStanza};
use envpipe::format::secret::hkdf_sha256;
use envpipe::format::stanza::Stanza;

use crate::support::emulator::{emulator, with_kms, with_kms_at};
use crate::support::memory::{Steps, Written};
use crate::support::{altered, bytes, envpipe, folder, identity};

const CHUNK: usize = 65_536;
const SEALED_CHUNK: usize = CHUNK + 16;
const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const NONCE: [u8; 16] = [9; 16];

fn file_key() -> FileKey {
    FileKey::from_slice(b"YELLOW SUBMARINE").unwrap()
}

fn data_key() -> DataKey {
    DataKey::from_slice(&[5; 32]).unwrap()
}

fn stanza() -> KmsStanza {
    let mut context = Context::default();
    context.insert("app", "db ops").unwrap();
    context.insert("team", "x").unwrap();
    let blob = bytes(184);
    KmsStanza::wrap(&file_key(), &data_key(), [7; 16], ARN.parse().unwrap(), context, blob)
}

fn header() -> Vec<u8> {
    Header::encode(&[stanza().encode()], &file_key()).into_bytes()
}

/// Whether a chunk says that it is the last; what the sealer of `format::payload` would not make is made here.
#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Last,
    NotLast,
}
use Mark::{Last, NotLast};

/// A stream with this nonce whose chunks have these plaintexts and marks.
fn stream(nonce: [u8; 16], chunks: &[(&[u8], Mark)]) -> Vec<u8> {
    let key = hkdf_sha256(file_key().expose(), &nonce, b"payload");
    let cipher = chacha20poly1305::ChaCha20Poly1305::new(key.expose().into());
    let mut stream = [&header()[..], &nonce].concat();
    for (i, (plain, mark)) in chunks.iter().enumerate() {
        let mut nonce = [0; 12];
        nonce[10] = i as u8;
        nonce[11] = (*mark == Last).into();
        let mut chunk = plain.to_vec();
        let tag = cipher.encrypt_inout_detached(&nonce.into(), &[], chunk.as_mut_slice().into()).unwrap();
        stream.extend(chunk);
        stream.extend(tag);
    }
    stream
}

/// The plaintext: four chunks, the last of them short.
fn plain() -> &'static [u8] {
    static PLAIN: OnceLock<Vec<u8>> = OnceLock::new();
    PLAIN.get_or_init(|| bytes(3 * CHUNK + 1000))
}

/// The plaintext's chunks, all but the last marked as not the last.
fn chunks(plain: &[u8]) -> Vec<(&[u8], Mark)> {
    let count = plain.len().div_ceil(CHUNK);
    plain
        .chunks(CHUNK)
        .enumerate()
        .map(|(i, chunk)| (chunk, if i + 1 == count { Last } else { NotLast }))
        .collect()
}

/// Where a chunk begins.
fn chunk_at(index: usize) -> usize {
    header().len() + NONCE.len() + index * SEALED_CHUNK
}

/// What came of opening a stream.
struct Opening {
    fault: Option<Error>,
    released: Vec<u8>,
    calls: usize,
}

/// Opens a stream as `envpipe open -k ARN` does, with a KMS that knows one data key, and for what it was made.
fn opening(sealed: Vec<u8>) -> Opening {
    let words = ["envpipe", "open", "-j", "2", "-k", ARN].map(Into::into);
    let Ok(Command::Open(args)) = cli::parse(words, None) else { panic!() };
    let mut calls = 0;
    let kms = |_: &_, stanzas: &[KmsStanza], _: &[_]| {
        for asked in stanzas.iter().filter(|asked| asked.key.to_string() == ARN) {
            calls += 1;
            let made = stanza();
            if asked.blob == made.blob && asked.context == made.context {
                let fault = || Error::FileKeyNotAuthentic { key: ARN.into(), given: "data key" };
                return asked.unwrap(&data_key()).ok_or_else(fault);
            }
        }
        let code = "InvalidCiphertextException".to_owned();
        let fault = KmsFault::Refused { code, message: None, request_id: None };
        Err(Error::Kms(Box::new(KmsFailure { operation: "Decrypt", key: ARN.into(), region: None, fault })))
    };
    let written = Written::default();
    let unwrap = |header: &Header| opener::file_key(header, &[], &args.keys, kms);
    let result = open::open(Box::new(Steps::new(sealed, usize::MAX)), Box::new(written.clone()), unwrap, 2);
    Opening { fault: result.err(), released: written.take(), calls }
}

/// Opening fails, with a message that begins so, and releases just as much of the truth.
#[track_caller]
fn refused(sealed: Vec<u8>, truth: &[u8], message: &str, released: usize) {
    let opening = opening(sealed);
    let fault = opening.fault.expect("it was opened");
    assert!(fault.message().starts_with(message), "{}", fault.message());
    assert_eq!(fault.status(), 4, "{fault:?}");
    assert!(opening.released == truth[..released], "{} bytes were released", opening.released.len());
}

#[test]
fn the_stream_that_the_others_are_made_from_opens() {
    let opening = opening(stream(NONCE, &chunks(plain())));
    assert!(opening.fault.is_none() && opening.released == plain());
    assert_eq!(opening.calls, 1);
}

#[test]
fn a_header_with_any_bit_flipped_releases_nothing() {
    let sealed = stream(NONCE, &chunks(&plain()[..1000]));
    let (mut by_status, mut asked) = ([0; 5], 0);
    for bit in 0..header().len() * 8 {
        let mut altered = sealed.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let Opening { fault, released, calls } = opening(altered);
        let fault = fault.unwrap_or_else(|| panic!("opened with bit {bit} flipped"));
        assert!(released.is_empty(), "bit {bit}: {fault:?}");
        // Only what KMS, its data key or the file key shows to be wrong costs a call.
        let took_the_key = matches!(fault, Error::FileKeyNotAuthentic { .. } | Error::HeaderNotAuthentic);
        let refused_by_kms = matches!(fault, Error::Kms(_));
        match fault.status() {
            3 | 4 => by_status[usize::from(fault.status())] += 1,
            _ => panic!("bit {bit}: {fault:?}"),
        }
        assert!(calls <= 1);
        if !took_the_key && !refused_by_kms {
            assert_eq!(calls, 0, "bit {bit}: {fault:?}");
        }
        asked += calls;
    }
    // All of these happen, or this would hold for a KMS that is never asked.
    assert!(by_status[3] > 1000 && by_status[4] > 1000 && asked > 1000, "{by_status:?}, {asked} calls");
}

#[test]
fn a_header_cut_anywhere_is_refused_without_a_call() {
    let sealed = stream(NONCE, &chunks(plain()));
    for len in 0..chunk_at(0) {
        let Opening { fault, released, calls } = opening(sealed[..len].to_vec());
        match fault {
            Some(Error::Empty) if len == 0 => {}
            Some(Error::HeaderCut) if len > 0 => {}
            fault => panic!("{len} bytes: {fault:?}"),
        }
        assert!(released.is_empty() && calls == 0, "{len} bytes");
    }
}

#[test]
fn a_stream_cut_at_or_around_any_chunk_releases_the_chunks_before() {
    // With a short last chunk, and with a full one.
    for plain in [plain(), &bytes(4 * CHUNK)] {
        let sealed = stream(NONCE, &chunks(plain));
        for boundary in (0..4).map(chunk_at).chain([sealed.len()]) {
            for len in boundary - 17..=(boundary + 17).min(sealed.len() - 1) {
                if len < chunk_at(0) {
                    continue;
                }
                let whole = (len - chunk_at(0)) / SEALED_CHUNK;
                let rest = (len - chunk_at(0)) % SEALED_CHUNK;
                let message = match rest < 16 {
                    true => format!("truncated: the input ends where chunk {whole} should be"),
                    false => format!("truncated or altered: the input ends in chunk {whole}"),
                };
                refused(sealed[..len].to_vec(), plain, &message, whole * CHUNK);
            }
        }
    }
}

#[test]
fn chunks_swapped_dropped_doubled_or_from_another_stream_are_refused_where_they_stand() {
    let sealed = stream(NONCE, &chunks(plain()));
    let other = stream([8; 16], &chunks(plain()));
    let of = |stream: &[u8], i: usize| stream[chunk_at(i)..chunk_at(i + 1).min(stream.len())].to_vec();
    let with = |chunks: &[Vec<u8>]| [&sealed[..chunk_at(0)], &chunks.concat()].concat();
    let ours: Vec<_> = (0..4).map(|i| of(&sealed, i)).collect();
    for i in 0..4 {
        // A last chunk that is wrong cannot be told from one that is cut.
        let message = |last: bool, i: usize| match last {
            true => format!("truncated or altered: the input ends in chunk {i}"),
            false => format!("chunk {i} is not authentic"),
        };
        let mut foreign = ours.clone();
        foreign[i] = of(&other, i);
        refused(with(&foreign), plain(), &message(i == 3, i), i * CHUNK);
        for j in i + 1..4 {
            let mut swapped = ours.clone();
            swapped.swap(i, j);
            // The short one in front draws the others up, so that what stands there is a full chunk.
            refused(with(&swapped), plain(), &message(false, i), i * CHUNK);
        }
        let mut doubled = ours.clone();
        doubled.insert(i, ours[i].clone());
        match i {
            // What is behind the last chunk makes it longer.
            3 => refused(with(&doubled), plain(), &message(true, 3), 3 * CHUNK),
            _ => refused(with(&doubled), plain(), &message(false, i + 1), (i + 1) * CHUNK),
        }
        let mut dropped = ours.clone();
        dropped.remove(i);
        match i {
            3 => refused(with(&dropped), plain(), "truncated: the input ends where chunk 3", 3 * CHUNK),
            2 => refused(with(&dropped), plain(), &message(true, 2), 2 * CHUNK),
            _ => refused(with(&dropped), plain(), &message(false, i), i * CHUNK),
        }
    }
    // All of another stream's payload under this header, but for the nonce.
    let grafted = [&sealed[..chunk_at(0)], &other[chunk_at(0)..]].concat();
    refused(grafted, plain(), "chunk 0 is not authentic", 0);
}

#[test]
fn a_chunk_marked_as_what_it_is_not_ends_the_stream() {
    let full = bytes(4 * CHUNK);
    let marked = |plain: &'static [u8], marks: [Mark; 4]| {
        let chunks: Vec<_> = plain.chunks(CHUNK).zip(marks).collect();
        stream(NONCE, &chunks)
    };
    let full: &'static [u8] = full.leak();
    let never_last = [NotLast; 4];
    let message = "truncated or altered: the input ends in chunk 3";
    refused(marked(plain(), never_last), plain(), message, 3 * CHUNK);
    let message = "truncated: the input ends where chunk 4 should be";
    refused(marked(full, never_last), full, message, 4 * CHUNK);
    for early in 0..3 {
        let mut marks = [NotLast, NotLast, NotLast, Last];
        marks[early] = Last;
        let message = format!("trailing data: the stream is whole and ends with chunk {early},");
        refused(marked(plain(), marks), plain(), &message, (early + 1) * CHUNK);
    }
}

#[test]
fn an_empty_last_chunk_behind_others_is_refused() {
    let plain = bytes(2 * CHUNK);
    let (first, second) = plain.split_at(CHUNK);
    let sealed = stream(NONCE, &[(first, NotLast), (second, NotLast), (b"", Last)]);
    refused(sealed, &plain, "chunk 2 is the last but empty", 2 * CHUNK);
    let sealed = stream(NONCE, &[(first, NotLast), (second, NotLast), (b"", NotLast)]);
    refused(sealed, &plain, "truncated or altered: the input ends in chunk 2", 2 * CHUNK);
    let empty = opening(stream(NONCE, &[(b"", Last)]));
    assert!(empty.fault.is_none() && empty.released.is_empty());
    refused(stream(NONCE, &[(b"", NotLast)]), b"", "truncated or altered: the input ends in chunk 0", 0);
}

#[test]
fn whatever_follows_the_stream_is_refused() {
    let short = stream(NONCE, &chunks(plain()));
    let plain_full = bytes(4 * CHUNK);
    let full = stream(NONCE, &chunks(&plain_full));
    for more in [&b"\n"[..], &[0; 15], &[0; 16], &[0; 17], &bytes(SEALED_CHUNK), &short, &full] {
        let sealed = [&full[..], more].concat();
        let message = "trailing data: the stream is whole and ends with chunk 3";
        refused(sealed, &plain_full, message, 4 * CHUNK);
        // A short last chunk is no longer what it was.
        let message = match 1016 + more.len() > SEALED_CHUNK {
            true => "chunk 3 is not authentic",
            false => "truncated or altered: the input ends in chunk 3",
        };
        refused([&short[..], more].concat(), plain(), message, 3 * CHUNK);
    }
}

/// A header and a nonce with these stanzas, authentic as far as that goes.
fn with_stanzas(stanzas: &[Stanza]) -> Vec<u8> {
    [Header::encode(stanzas, &file_key()).as_bytes(), &NONCE, &[0; 16]].concat()
}

fn with_stanza(alter: impl FnOnce(&mut Stanza)) -> Vec<u8> {
    let mut stanza = stanza().encode();
    alter(&mut stanza);
    with_stanzas(&[stanza])
}

fn with_context(pairs: &[&str]) -> Vec<u8> {
    with_stanza(|stanza| {
        stanza.args.truncate(3);
        stanza.args.extend(pairs.iter().map(|pair| (*pair).to_owned()));
    })
}

fn with_text(from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(header()).unwrap();
    assert!(text.contains(from), "no {from} in {text}");
    [text.replacen(from, to, 1).as_bytes(), &NONCE, &[0; 16]].concat()
}

#[test]
fn a_malformed_header_has_a_message_of_its_own_and_costs_no_call() {
    let mac_end = header().len() - 2;
    let mac_end = String::from_utf8(header()[mac_end - 5..].to_vec()).unwrap();
    let loose_mac = format!("{}{}\n", &mac_end[..5], char::from(mac_end.as_bytes()[5] + 1));
    let encoding = "a pair of the encryption context is not in its one percent-encoding";
    for (sealed, message) in [
        (
            with_stanzas(&vec![stanza().encode(); 17]),
            "stanza 17 (envpipe/aws-kms): it is the seventeenth of its kind",
        ),
        (
            with_stanza(|s| s.body.resize(32 + 6145, 0)),
            "its data key wrapped by KMS is longer than 6144 bytes",
        ),
        (with_stanza(|s| s.body.truncate(32)), "its body has no data key wrapped by KMS"),
        (with_stanza(|s| s.body.truncate(31)), "its body is too short for a wrapped file key"),
        (with_stanza(|s| s.args.truncate(2)), "it has fewer than three arguments"),
        (
            with_stanza(|s| s.args[1] = "alias/backup".into()),
            "its second argument is not the ARN of a KMS key",
        ),
        (
            with_stanza(|s| s.args[2] = "BwcHBwcHBwcHBwcHBwcHBx".into()),
            "its salt is not 16 bytes of canonical base64",
        ),
        (with_stanza(|s| s.args[2] += "=="), "its salt is not 16 bytes of canonical base64"),
        (with_context(&["a=1", "a=2"]), "a name of the encryption context is there twice"),
        (with_context(&["b=1", "a=2"]), "the encryption context is not sorted by name"),
        (with_context(&["=1"]), "a name of the encryption context is empty"),
        (with_context(&["envpipe=v1"]), "the name 'envpipe' of the encryption context is envpipe's own"),
        (with_context(&["a"]), "a pair of the encryption context has no '='"),
        (with_context(&["a=%2D"]), encoding),
        (with_context(&["a=%c3%a9"]), encoding),
        (with_context(&["a=+"]), encoding),
        (with_context(&["%61=1"]), encoding),
        (with_context(&["a=%"]), encoding),
        (with_context(&["a=%C3"]), "the encryption context is not UTF-8"),
        (
            with_text(&mac_end, &loose_mac),
            "line 8: the MAC is not 32 bytes of canonical base64 behind a space",
        ),
        (with_text("---", "-> x\nA\n---"), "line 9: a stanza's body is not canonical base64"),
        (with_text("---", "-> x\nAB\n---"), "line 9: a stanza's body is not canonical base64"),
        (
            with_text("---", &format!("-> x\n{}\n---", "A".repeat(65))),
            "line 9: a line of a stanza's body is longer than 64",
        ),
        (
            with_text("---", "->  x\n\n---"),
            "line 8: a stanza's arguments are not visible characters, one space apart",
        ),
        (with_text("---", "what\n---"), "line 8: neither a stanza nor the header's end"),
        (with_text("/v1\n", "/v2\n"), "line 1: another version of the age format"),
        (with_text("---", &"-> x\n\n".repeat(10_000_000 / 6)), "the header is longer than 256 KiB"),
        (with_text("app=", &format!("app={}", "A".repeat(10_000_000))), "the header is longer than 256 KiB"),
    ] {
        let finished = with_kms_at("count-malformed", ["open", "-k", "any"]).input(sealed).run();
        finished.fails(4, message, "").writes_nothing();
    }
    assert!(emulator().calls("count-malformed").is_empty());
}

#[test]
fn a_stream_under_kms_is_refused_by_the_program_as_by_its_parts() {
    let sealed = with_kms(["seal", "-k", "alias/backup", "-c", "app=x"]).input(plain()).ok();
    let header_len = sealed.windows(4).position(|w| w == b"\n---").unwrap() + 5 + 44;
    let first = header_len + 16;
    let altered = |at: usize| altered(&sealed, at);
    let cut = "truncated: the input ends before its first chunk";
    let fetch = "fetch it again";
    for (path, sealed, message, hint, released, calls) in [
        ("count-e2e-empty", Vec::new(), "the input is empty", "wrote nothing", 0, 0),
        ("count-e2e-cut", sealed[..header_len - 1].to_vec(), cut, fetch, 0, 0),
        ("count-e2e-nonce", sealed[..first - 1].to_vec(), cut, fetch, 0, 0),
        ("count-e2e-mac", altered(header_len - 10), "the header is not authentic", "", 0, 1),
        ("count-e2e-first", altered(first), "chunk 0 is not authentic", fetch, 0, 1),
        ("count-e2e-second", altered(first + SEALED_CHUNK), "chunk 1 is not authentic", fetch, CHUNK, 1),
        (
            "count-e2e-end",
            sealed[..sealed.len() - 1].to_vec(),
            "the input ends in chunk 3",
            fetch,
            3 * CHUNK,
            1,
        ),
        ("count-e2e-more", [&sealed[..], b"x"].concat(), "the input ends in chunk 3", fetch, 3 * CHUNK, 1),
        ("count-e2e-twice", [&sealed[..], &sealed].concat(), "chunk 3 is not authentic", fetch, 3 * CHUNK, 1),
    ] {
        let finished = with_kms_at(path, ["open", "-k", "alias/backup"]).input(sealed).run();
        finished.fails(4, message, hint);
        assert!(finished.0.stdout == plain()[..released], "{path}");
        assert_eq!(emulator().calls(path).len(), calls, "{path}");
    }
}

/// The same in UTF-16, as PowerShell writes it.
fn utf_16(text: &[u8]) -> Vec<u8> {
    let units = text.iter().flat_map(|byte| u16::from(*byte).to_le_bytes());
    [0xff, 0xfe].into_iter().chain(units).collect()
}

#[test]
fn a_common_mistake_has_a_hint_of_its_own_and_costs_no_call() {
    let folder = folder();
    let (_, recipient) = identity(&folder);
    let seal = |more: &[&str]| {
        let args = [&["seal", "-k", "alias/backup", "-r", &recipient], more].concat();
        envpipe(args).envs(&emulator().environment("")).input("plain").ok()
    };
    let (binary, text) = (seal(&[]), String::from_utf8(seal(&["-a"])).unwrap());
    let crlf = binary.iter().flat_map(|b| if *b == b'\n' { vec![b'\r', b'\n'] } else { vec![*b] }).collect();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let wrapped = |columns: usize| {
        let lines: Vec<_> = body.as_bytes().chunks(columns).map(String::from_utf8_lossy).collect();
        let (begin, end) = (text.lines().next().unwrap(), text.lines().last().unwrap());
        format!("{begin}\n{}\n{end}\n", lines.join("\n")).into_bytes()
    };
    let sdk = "a message of the AWS Encryption SDK";
    let kms = "a ciphertext of KMS itself";
    for (input, message, hint) in [
        (crlf, "line 1: its line feed became CR LF", "copied as text"),
        (utf_16(&binary), "UTF-16", "seal with -o FILE"),
        (utf_16(text.as_bytes()), "UTF-16", "iconv -f UTF-16 -t UTF-8 | envpipe open"),
        (utf_16(text.as_bytes())[2..].to_vec(), "UTF-16", "iconv -f UTF-16"),
        ([b"\xef\xbb\xbf", text.as_bytes()].concat(), "a byte order mark", "tail -c +4 | envpipe open"),
        (
            b"LS0tLS1CRUdJTiBBR0UgRU5DUllQVEVEIEZJTEUtLS0tLQo".to_vec(),
            "in base64",
            "base64 -d | envpipe open",
        ),
        (b"YWdlLWVuY3J5cHRpb24ub3JnL3Yx".to_vec(), "in base64", "base64 -d | envpipe open"),
        (wrapped(76), "malformed armor, line 2", "base64 -d | envpipe open"),
        (wrapped(60), "malformed armor, line 3", "base64 -d | envpipe open"),
        (body.into_bytes(), "in base64", "base64 -d | envpipe open"),
        (b"\x01\x80\x03\x78".to_vec(), sdk, "aws-encryption-cli --decrypt"),
        (b"\x02\x05\x78\x00".to_vec(), sdk, "aws-encryption-cli --decrypt"),
        (b"AYADeA".to_vec(), sdk, "aws-encryption-cli --decrypt"),
        (b"AgV4abc".to_vec(), sdk, "aws-encryption-cli --decrypt"),
        (b"\x01\x02\x02\x00\x78\xab".to_vec(), kms, "aws kms decrypt --ciphertext-blob"),
        (
            b"AQICAHhabc".to_vec(),
            "a ciphertext of KMS itself, in base64",
            "aws kms decrypt --ciphertext-blob",
        ),
    ] {
        let finished = with_kms_at("count-mistakes", ["open", "-k", "any"]).input(input).run();
        finished.fails(4, message, hint).writes_nothing();
    }
    assert!(emulator().calls("count-mistakes").is_empty());
    let mended = with_kms(["open", "-k", "any"]).input(text.replace('\n', "\r\n")).ok();
    assert_eq!(mended, b"plain", "age takes armor with CR LF, and so do we");
}

#[test]
fn the_hint_on_mangled_armor_mends_it() {
    let folder = folder();
    let (path, _) = identity(&folder);
    let text = String::from_utf8(envpipe(["seal", "-a", "-i", &path]).input(bytes(1000)).ok()).unwrap();
    let mangled = format!("From: us\n\n{}\n-- \nus\n", text.replacen("\n", "\n\n", 3));
    std::fs::write(folder.path().join("mangled"), mangled).unwrap();
    let finished = envpipe(["open", "-i", &path]).input(text.replacen("\n", "\n\n", 3)).run();
    let stderr = finished.stderr();
    let command = stderr.split_once("around them: ").unwrap().1.split_once(" | envpipe").unwrap().0;
    let shell =
        format!("{} | {} open -i {path}", command.replace("$d' |", "$d' mangled |"), crate::support::ENVPIPE);
    assert!(crate::support::Run::new("sh", ["-c", &shell]).within(folder.path()).ok() == bytes(1000));
}

#[test]
fn a_stream_without_a_kms_stanza_says_what_opens_it() {
    let folder = folder();
    let (path, _) = identity(&folder);
    let sealed = envpipe(["seal", "-i", &path]).input("plain").ok();
    let open = |sealed: Vec<u8>| with_kms_at("count-no-stanza", ["open", "-k", "any"]).input(sealed).run();
    let message = "the stream is sealed under no KMS key; its header has stanzas of kind";
    open(sealed).fails(3, &format!("{message} X25519"), "envpipe open -i FILE").writes_nothing();
    for (kind, hint) in [("scrypt", "sealed with a passphrase"), ("ssh-ed25519", "age -d -i FILE")] {
        let stanza = Stanza { args: vec![kind.into(), "x".into()], body: vec![1; 32] };
        let sealed = with_stanzas(&[stanza.clone(), stanza]);
        open(sealed).fails(3, &format!("{message} {kind}"), hint).writes_nothing();
    }
    assert!(emulator().calls("count-no-stanza").is_empty());
}
