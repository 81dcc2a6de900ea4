//! Input that is not a whole sealed stream: status, message, hint, and what was written all the same.

use crate::support::{Run, altered, bytes, envpipe, folder, identity};

/// A stream of four chunks, its header's length, and its identity.
struct Stream {
    folder: tempfile::TempDir,
    sealed: Vec<u8>,
    plain: Vec<u8>,
    header_len: usize,
}

const CHUNK: usize = 65_536;
const SEALED_CHUNK: usize = CHUNK + 16;

impl Stream {
    fn new() -> Self {
        let folder = folder();
        let (path, _) = identity(&folder);
        let plain = bytes(3 * CHUNK + 1000);
        let sealed = envpipe(["seal", "-i", &path]).input(plain.clone()).ok();
        let mac = sealed.windows(5).position(|w| w == b"\n--- ").unwrap();
        Self { header_len: mac + 1 + 4 + 43 + 1, folder, sealed, plain }
    }

    fn open(&self, sealed: impl Into<Vec<u8>>) -> Run {
        envpipe(["open", "-i", self.folder.path().join("identity").to_str().unwrap()]).input(sealed)
    }

    /// Where chunk `index` begins.
    fn chunk(&self, index: usize) -> usize {
        self.header_len + 16 + index * SEALED_CHUNK
    }

    /// Opening fails with status 4, and writes just `released` bytes of the plaintext.
    #[track_caller]
    fn fails(&self, sealed: impl Into<Vec<u8>>, message: &str, hint: &str, released: usize) {
        let finished = self.open(sealed).run();
        finished.fails(4, message, hint);
        let written = &finished.0.stdout;
        assert!(*written == self.plain[..released], "{} bytes were written", written.len());
    }

    fn altered(&self, at: usize) -> Vec<u8> {
        altered(&self.sealed, at)
    }
}

#[test]
fn open_rejects_truncation_wherever_it_is() {
    let stream = Stream::new();
    let cut = |len: usize| stream.sealed[..len].to_vec();
    stream.fails(cut(10), "truncated: the input ends before its first chunk", "fetch it again", 0);
    stream.fails(
        cut(stream.header_len - 1),
        "truncated: the input ends before its first chunk",
        "fetch it again",
        0,
    );
    let message = "truncated: the input ends before its first chunk";
    stream.fails(cut(stream.header_len), message, "fetch it again", 0);
    stream.fails(cut(stream.header_len + 15), message, "fetch it again", 0);
    stream.fails(cut(stream.chunk(0)), "truncated: the input ends where chunk 0", "fetch it again", 0);
    stream.fails(
        cut(stream.chunk(0) + 500),
        "truncated or altered: the input ends in chunk 0",
        "fetch it again",
        0,
    );
    for chunks in [1, 2, 3] {
        let at = stream.chunk(chunks);
        let message = format!("truncated: the input ends where chunk {chunks} should be");
        stream.fails(cut(at), &message, "only the beginning", chunks * CHUNK);
        stream.fails(cut(at + 15), &message, "only the beginning", chunks * CHUNK);
        let message = format!("truncated or altered: the input ends in chunk {chunks}");
        stream.fails(cut(at + 16), &message, "only the beginning", chunks * CHUNK);
    }
    let message = "truncated or altered: the input ends in chunk 3";
    stream.fails(cut(stream.sealed.len() - 1), message, "only the beginning", 3 * CHUNK);
}

#[test]
fn open_names_the_chunk_that_was_altered() {
    let stream = Stream::new();
    for chunk in [0, 1, 2] {
        let message = format!("chunk {chunk} is not authentic");
        for at in [0, 12_345, SEALED_CHUNK - 1] {
            stream.fails(stream.altered(stream.chunk(chunk) + at), &message, "fetch it again", chunk * CHUNK);
        }
    }
    let message = "truncated or altered: the input ends in chunk 3";
    stream.fails(stream.altered(stream.chunk(3) + 5), message, "fetch it again", 3 * CHUNK);
}

#[test]
fn open_rejects_what_follows_the_last_chunk() {
    let stream = Stream::new();
    // The last chunk is short, so what follows makes it another one.
    let message = "truncated or altered: the input ends in chunk 3";
    stream.fails([&stream.sealed[..], b"x"].concat(), message, "fetch it again", 3 * CHUNK);
    let message = "chunk 3 is not authentic";
    stream.fails([&stream.sealed[..], &stream.sealed].concat(), message, "fetch it again", 3 * CHUNK);
    let folder = folder();
    let (path, _) = identity(&folder);
    let full = envpipe(["seal", "-i", &path]).input(bytes(CHUNK)).ok();
    for more in [&b"x"[..], &bytes(100_000)] {
        let finished = envpipe(["open", "-i", &path]).input([&full[..], more].concat()).run();
        finished.fails(4, "trailing data: the stream is whole and ends with chunk 0", "a second stream");
        assert!(finished.0.stdout == bytes(CHUNK));
    }
}

#[test]
fn open_rejects_chunks_out_of_place() {
    let stream = Stream::new();
    let (first, second, third) = (stream.chunk(0), stream.chunk(1), stream.chunk(2));
    let s = &stream.sealed;
    let swapped = [&s[..first], &s[second..third], &s[first..second], &s[third..]].concat();
    stream.fails(swapped, "chunk 0 is not authentic", "fetch it again", 0);
    let dropped = [&s[..second], &s[third..]].concat();
    stream.fails(dropped, "chunk 1 is not authentic", "fetch it again", CHUNK);
    let doubled = [&s[..second], &s[first..]].concat();
    stream.fails(doubled, "chunk 1 is not authentic", "fetch it again", CHUNK);
}

#[test]
fn open_rejects_an_altered_header() {
    let stream = Stream::new();
    // The MAC itself, and the nonce, which the payload's key depends on.
    stream.fails(stream.altered(stream.header_len - 10), "the header is not authentic", "", 0);
    stream.fails(stream.altered(stream.header_len), "chunk 0 is not authentic", "fetch it again", 0);
    let text = String::from_utf8_lossy(&stream.sealed[..stream.header_len]).into_owned();
    let with = |header: String| [header.as_bytes(), &stream.sealed[stream.header_len..]].concat();
    stream.fails(with(text.replace("--- ", "-> joint x\n\n--- ")), "the header is not authentic", "", 0);
    stream.fails(with(text.replace("/v1", "/v2")), "line 1: another version of the age format", "", 0);
    stream.fails(with(text.replace("-> X25519", "-> X25519 x")), "stanza 1 (X25519): it has not two", "", 0);
    stream.fails(with(text.replace('\n', "\r\n")), "line 1: its line feed became CR LF", "copied as text", 0);
}

#[test]
fn what_is_no_sealed_stream_is_told_apart() {
    let stream = Stream::new();
    let not = |input: &[u8], message: &str, hint: &str| stream.fails(input, message, hint, 0);
    not(b"", "the input is empty", "wrote nothing");
    not(b"hello\n", "the input is not a sealed stream", "begins with 'age-encryption.org/v1'");
    not(b"\x1f\x8b\x08\x00", "it looks like gzip", "gzip -d | envpipe open");
    not(b"\x28\xb5\x2f\xfd\x00", "it looks like zstd", "zstd -d | envpipe open");
    not(b"Salted__12345678", "it looks like the output of openssl enc", "openssl enc -d");
    not(b"-----BEGIN PGP MESSAGE-----\n", "it looks like OpenPGP", "gpg -d");
    not(b"YWdlLWVuY3J5cHRpb24ub3JnL3Yx", "in base64", "base64 -d | envpipe open");
}

#[test]
fn open_rejects_mangled_armor() {
    let stream = Stream::new();
    let path = stream.folder.path().join("identity");
    let text = envpipe(["seal", "-a", "-i", path.to_str().unwrap()]).input(bytes(1000)).ok();
    let text = String::from_utf8(text).unwrap();
    let cut = text.rsplit_once("-----END").unwrap().0;
    stream.fails(cut, "the armor has no END line: it is cut off", "base64 -d | envpipe open", 0);
    stream.fails(format!("{text}x"), "something follows the armor's END line", "base64 -d | envpipe open", 0);
    stream.fails(text.replacen('\n', "\n\n", 2), "malformed armor, line 2", "base64 -d | envpipe open", 0);
    let finished = stream.open(text.replace('\n', "\r\n")).run();
    assert!(finished.0.stdout == bytes(1000), "age takes CRLF, and so do we: {}", finished.stderr());
}

#[test]
fn a_stream_with_a_passphrase_is_sent_to_age() {
    let stream = Stream::new();
    let scrypt = "age-encryption.org/v1\n-> scrypt ajMFur+EJLGaohv/dLRGnw 18\n\
                  8SHBz/ldWnjyGFQqfjat6uNBarWqqEMDS7W8X7+Xq5Q\n\
                  --- NvotEQ7rIgbtloXFPe/Isydgor1t/VMo8J4+oz/l9/0\n\
                  the nonce, and a first chunk";
    let finished = stream.open(scrypt).run();
    finished.fails(3, "stanzas of kind scrypt", "age -d").writes_nothing();
}
