//! One chunk of 64 KiB, sealed and opened: what the payload uses, and chunk after chunk the ceiling of one core.
//! `cargo bench` compares the library that runs it with the one that wraps keys.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Tag};
use divan::Bencher;
use divan::counter::BytesCount;
use envpipe::format::file_key::FileKey;
use envpipe::format::payload::{Behind, CHUNK_LEN, Last, PAYLOAD_NONCE_LEN, PayloadKey};

fn main() {
    divan::main();
}

fn key() -> PayloadKey {
    let Some(file_key) = FileKey::from_slice(&[1; 16]) else { unreachable!("16 bytes are a file key") };
    PayloadKey::derive(&file_key, &[2; PAYLOAD_NONCE_LEN])
}

#[divan::bench]
fn seal_in_place(bencher: Bencher) {
    let key = key();
    let mut chunk = vec![3; CHUNK_LEN];
    bencher.counter(BytesCount::new(CHUNK_LEN)).bench_local(|| key.seal_chunk(1, Last::No, &mut chunk));
}

#[divan::bench]
fn open_into_a_buffer(bencher: Bencher) {
    let key = key();
    let mut sealed = vec![3; CHUNK_LEN];
    let tag = key.seal_chunk(1, Last::No, &mut sealed);
    sealed.extend(tag);
    let mut plain = vec![0; CHUNK_LEN];
    bencher.counter(BytesCount::new(CHUNK_LEN)).bench_local(|| {
        let opened = key.open_chunk(1, Behind::More, &sealed, &mut plain);
        assert!(opened.fault.is_none());
    });
}

#[divan::bench]
fn chacha20poly1305_seal_in_place(bencher: Bencher) {
    let cipher = ChaCha20Poly1305::new(&[1; 32].into());
    let mut chunk = vec![3; CHUNK_LEN];
    bencher.counter(BytesCount::new(CHUNK_LEN)).bench_local(|| -> Result<Tag, _> {
        cipher.encrypt_inout_detached(&[0; 12].into(), &[], chunk.as_mut_slice().into())
    });
}
