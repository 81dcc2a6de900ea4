//! What holds for a stream of any shape: proptest makes them, and where one fails, finds the smallest that does.

use proptest::collection::vec;
use proptest::prelude::*;

use envpipe::command::{open, seal};
use envpipe::error::Error;
use envpipe::format::header::Header;
use envpipe::format::payload::{CHUNK_LEN, SEALED_CHUNK_LEN};
use envpipe::keys::Recipient;
use envpipe::keys::x25519::Identity;
use envpipe::pipe::input::{Source, dearmored};
use envpipe::pipe::intake::BATCH;
use envpipe::pipe::output::{Armored, Sink};

use crate::support::bytes;
use crate::support::memory::{Steps, Written};

/// Any length, but mostly those around the ends of chunks and of batches.
fn length() -> impl Strategy<Value = usize> {
    let around =
        |len: usize| (0..3 * BATCH / 2, 0..5usize).prop_map(move |(n, i)| (n * len + i).saturating_sub(2));
    prop_oneof![1 => 0..100usize, 2 => 0..20 * CHUNK_LEN, 6 => around(CHUNK_LEN)]
}

/// How many bytes come at a time, in turn: as they are written to the other end of a pipe.
fn pieces() -> impl Strategy<Value = Vec<usize>> {
    let piece = prop_oneof![
        1..100usize,
        1..2 * CHUNK_LEN,
        CHUNK_LEN - 1..CHUNK_LEN + 2,
        SEALED_CHUNK_LEN - 1..SEALED_CHUNK_LEN + 2,
        Just(usize::MAX),
    ];
    // Nothing but small ones would take minutes.
    (vec(piece, 0..4), CHUNK_LEN / 4..usize::MAX).prop_map(|(some, large)| [some, vec![large]].concat())
}

fn sealed(plain: Vec<u8>, pieces: Vec<usize>, to: &Identity, workers: usize, armor: bool) -> Vec<u8> {
    let written = Written::default();
    let mut sink: Box<dyn Sink> = Box::new(written.clone());
    if armor {
        sink = Box::new(Armored::new(sink));
    }
    let recipients = || Ok(vec![Box::new(to.recipient()) as Box<dyn Recipient>]);
    seal::seal(Box::new(Steps::of(plain, pieces)), sink, recipients, workers).unwrap().commit().unwrap();
    written.take()
}

fn opened(
    sealed: Vec<u8>,
    pieces: Vec<usize>,
    with: &Identity,
    workers: usize,
) -> (Vec<u8>, Result<(), Error>) {
    let written = Written::default();
    let unwrap = |header: &Header| Ok(with.unwrap(&header.stanzas)?.unwrap());
    let source = Box::new(Steps::of(sealed, pieces));
    let result = open::open(source, Box::new(written.clone()), unwrap, workers).map(|_| ());
    (written.take(), result)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sealed_opens_to_what_it_was(
        len in length(),
        workers in (1..9usize, 1..9usize),
        pieces in (pieces(), pieces()),
        armor: bool,
    ) {
        let identity = Identity::generate().unwrap();
        let sealed = sealed(bytes(len), pieces.0, &identity, workers.0, armor);
        let (plain, result) = opened(sealed, pieces.1, &identity, workers.1);
        prop_assert!(result.is_ok(), "{result:?}");
        prop_assert!(plain == bytes(len), "{} bytes came back", plain.len());
    }

    #[test]
    fn what_is_cut_off_releases_all_whole_chunks_before_the_cut_and_fails(
        len in length(),
        cut in any::<prop::sample::Index>(),
        workers in 1..9usize,
        pieces in pieces(),
    ) {
        let identity = Identity::generate().unwrap();
        let mut sealed = sealed(bytes(len), vec![usize::MAX], &identity, 1, false);
        let payload = sealed.len() - len - 16 * len.div_ceil(CHUNK_LEN).max(1);
        let cut = cut.index(sealed.len());
        sealed.truncate(cut);
        let (plain, result) = opened(sealed, pieces, &identity, workers);
        prop_assert_eq!(result.err().map(|error| error.status()), Some(4));
        let whole = cut.saturating_sub(payload) / SEALED_CHUNK_LEN * CHUNK_LEN;
        prop_assert!(plain == bytes(len)[..whole], "{} bytes came back", plain.len());
    }

    #[test]
    fn armor_is_found_behind_1_kib_of_white_space_however_it_arrives(space in 0..2200usize, step in 1..3000usize) {
        let armor = b"-----BEGIN AGE ENCRYPTED FILE-----\nBQ==\n-----END AGE ENCRYPTED FILE-----\n";
        let text = [&b"\n".repeat(space)[..], armor].concat();
        let mut source = dearmored(Steps::new(text, step)).unwrap();
        let mut bytes = [0; 10];
        let len = source.read(&mut bytes).unwrap();
        prop_assert_eq!(bytes[..len] == [5], space <= 1024);
    }
}
