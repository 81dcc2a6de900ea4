//! Armor is decoded alike whole and in pieces, and what is encoded decodes to what it was.

#![no_main]

use envpipe::error::Error;
use envpipe::format::armor::{Decoder, Encoder};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (step, text) = (usize::from(input.0) + 1, input.1);
    let (bytes, fault) = decode(text, usize::MAX);
    assert_eq!((&bytes, fault), (&decode(text, step).0, decode(text, step).1), "by {step}");
    if fault.is_none() {
        // The one text of these bytes, but for line endings and the white space around it.
        let plain = String::from_utf8(text.trim_ascii().to_vec()).unwrap().replace("\r\n", "\n") + "\n";
        assert_eq!(plain.as_bytes(), encode(&bytes, step));
    }
    assert_eq!(decode(&encode(text, step), usize::MAX), (text.to_vec(), None));
});

/// The bytes, and the line at fault.
fn decode(text: &[u8], step: usize) -> (Vec<u8>, Option<usize>) {
    let mut decoder = Decoder::default();
    let mut bytes = Vec::new();
    let mut pieces = text.chunks(step);
    let pushed = pieces.try_for_each(|piece| decoder.push(piece, &mut bytes));
    match pushed.and_then(|()| decoder.finish(&mut bytes)) {
        Ok(()) => (bytes, None),
        Err(Error::Armor { line, .. }) => (bytes, Some(line)),
        Err(other) => panic!("{other:?}"),
    }
}

fn encode(bytes: &[u8], step: usize) -> Vec<u8> {
    let mut encoder = Encoder::default();
    let mut text = Vec::new();
    bytes.chunks(step).for_each(|piece| encoder.push(piece, &mut text));
    encoder.finish(&mut text);
    text
}
