//! Armor: age's strict PEM (RFC 7468, figure 3), for streams that must pass as text.
//!
//! It owns the text form and nothing of what is inside. Strict: one encoding of the same bytes, but for line endings (LF or
//! CRLF, as age has it) and white space before and after.

use base64_simd::STANDARD;

use crate::error::Error;

/// The first line, without its line ending; what armor is recognized by.
pub const BEGIN: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const END: &[u8] = b"-----END AGE ENCRYPTED FILE-----";

/// Characters in every line but the last.
const COLUMNS: usize = 64;
/// Bytes in every line but the last.
const LINE_LEN: usize = COLUMNS / 4 * 3;

/// Bytes of the armor of `len` bytes; None where that is more than 2^64.
pub fn armored_len(len: u64) -> Option<u64> {
    let around = (BEGIN.len() + "\n".len() + END.len() + "\n".len()) as u64;
    let text = len.div_ceil(3).checked_mul(4)?;
    text.checked_add(len.div_ceil(LINE_LEN as u64))?.checked_add(around)
}

/// Bytes to armor. Dropped without [`Encoder::finish`], it leaves armor without an end, which nothing decodes.
#[derive(Default)]
pub struct Encoder {
    begun: bool,
    /// Bytes that do not fill a line yet.
    pending: Vec<u8>,
}

impl Encoder {
    /// Encodes `bytes`, appending whole lines to `text`.
    pub fn push(&mut self, mut bytes: &[u8], text: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) {
            text.extend(BEGIN);
            text.push(b'\n');
        }
        if !self.pending.is_empty() {
            let missing = (LINE_LEN - self.pending.len()).min(bytes.len());
            self.pending.extend(&bytes[..missing]);
            bytes = &bytes[missing..];
            if self.pending.len() < LINE_LEN {
                return;
            }
            push_line(&self.pending, text);
            self.pending.clear();
        }
        let lines = bytes.chunks_exact(LINE_LEN);
        self.pending.extend(lines.remainder());
        lines.for_each(|line| push_line(line, text));
    }

    /// Ends the armor.
    pub fn finish(mut self, text: &mut Vec<u8>) {
        self.push(&[], text);
        if !self.pending.is_empty() {
            push_line(&self.pending, text);
        }
        text.extend(END);
        text.push(b'\n');
    }
}

fn push_line(bytes: &[u8], text: &mut Vec<u8>) {
    STANDARD.encode_append(bytes, text);
    text.push(b'\n');
}

/// Armor to bytes.
#[derive(Default)]
pub struct Decoder {
    place: Place,
    /// Characters whose line has not ended yet.
    pending: Vec<u8>,
    /// The number of that line, from 0.
    line: usize,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Place {
    #[default]
    Before,
    Body,
    /// Behind a line that was not full, so the last.
    BodyEnd,
    After,
}

impl Decoder {
    /// Decodes `text`, appending to `bytes`.
    pub fn push(&mut self, text: &[u8], bytes: &mut Vec<u8>) -> Result<(), Error> {
        for piece in text.split_inclusive(|b| *b == b'\n') {
            // White space around the armor is not kept, for there may be any amount of it.
            let around = match self.place {
                Place::Before => self.pending.is_empty(),
                Place::Body | Place::BodyEnd => false,
                Place::After => true,
            };
            self.pending.extend(if around { piece.trim_ascii_start() } else { piece });
            if matches!(self.place, Place::Body | Place::BodyEnd) && self.pending.starts_with(END) {
                self.place = Place::After;
                self.pending = self.pending[END.len()..].trim_ascii_start().to_vec();
            }
            if piece.ends_with(b"\n") {
                self.take_line(bytes)?;
            } else if self.pending.len() > COLUMNS + 1 {
                // It is not waited for.
                return Err(self.fault("the line is longer than 64 characters"));
            }
        }
        Ok(())
    }

    /// The text ends here.
    pub fn finish(mut self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        if !self.pending.is_empty() {
            self.take_line(bytes)?;
        }
        match self.place {
            Place::After => Ok(()),
            _ => Err(self.fault("the armor has no END line: it is cut off")),
        }
    }

    fn take_line(&mut self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let pending = std::mem::take(&mut self.pending);
        let line = pending.strip_suffix(b"\n").map_or(&pending[..], |l| l.strip_suffix(b"\r").unwrap_or(l));
        self.place = match self.place {
            Place::Before if line.is_empty() => Place::Before,
            Place::Before if line == BEGIN => Place::Body,
            Place::Before => return Err(self.fault("the armor does not begin with its BEGIN line")),
            Place::BodyEnd => return Err(self.fault("a line that is not full is not the last")),
            Place::Body if line.is_empty() || line.len() > COLUMNS => {
                return Err(self.fault("the line has not 1 to 64 characters"));
            }
            Place::Body => {
                STANDARD
                    .decode_append(line, bytes)
                    .map_err(|_| self.fault("the line is not canonical base64"))?;
                match line.len() == COLUMNS && !line.ends_with(b"=") {
                    true => Place::Body,
                    false => Place::BodyEnd,
                }
            }
            Place::After if line.is_empty() => Place::After,
            Place::After => return Err(self.fault("something follows the armor's END line")),
        };
        self.pending = pending;
        self.pending.clear();
        self.line += 1;
        Ok(())
    }

    fn fault(&self, why: &'static str) -> Error {
        Error::Armor { line: self.line + 1, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(bytes: &[u8], step: usize) -> Vec<u8> {
        let mut encoder = Encoder::default();
        let mut text = Vec::new();
        bytes.chunks(step).for_each(|chunk| encoder.push(chunk, &mut text));
        encoder.finish(&mut text);
        text
    }

    fn decode(text: &[u8], step: usize) -> Result<Vec<u8>, Error> {
        let mut decoder = Decoder::default();
        let mut bytes = Vec::new();
        for chunk in text.chunks(step) {
            decoder.push(chunk, &mut bytes)?;
        }
        decoder.finish(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn armor_is_one_text_however_its_bytes_arrive() {
        assert_eq!(armored_len(u64::MAX), None);
        for len in [0, 1, 47, 48, 49, 95, 96, 1000] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let whole = encode(&bytes, 10_000);
            for step in [1, 7, 48, 50] {
                assert_eq!(encode(&bytes, step), whole, "{len} bytes by {step}");
                assert_eq!(decode(&whole, step).unwrap(), bytes, "{len} bytes by {step}");
            }
            assert_eq!(armored_len(len), Some(whole.len() as u64));
            assert!(whole.split(|b| *b == b'\n').all(|line| line.len() <= COLUMNS));
        }
    }

    #[test]
    fn white_space_around_the_armor_and_either_line_ending_are_taken() {
        let text = String::from_utf8(encode(&[5; 100], 100)).unwrap();
        for taken in [text.replace('\n', "\r\n"), format!(" \n\t\r\n{text}\n \n"), text.trim_end().to_owned()]
        {
            assert_eq!(decode(taken.as_bytes(), 9).unwrap(), [5; 100], "{taken:?}");
        }
    }

    #[test]
    fn every_truncation_and_anything_behind_the_end_are_refused() {
        let text = encode(&[5; 100], 100);
        for len in 0..text.len() - 1 {
            assert!(decode(&text[..len], 8).is_err(), "{len} of {}", text.len());
        }
        assert!(decode(&[&text[..], b"x"].concat(), 8).is_err());
        assert!(decode(&[&text[..], &text].concat(), 8).is_err());
    }

    #[test]
    fn a_verdict_does_not_depend_on_how_the_text_arrives() {
        let text = String::from_utf8(encode(&[5; 100], 100)).unwrap();
        let (space, lines) = (" ".repeat(70), "\n".repeat(70));
        let begin = |between: &str| text.replacen("AGE", &format!("{between}AGE"), 1);
        let body = |between: &str| text.replacen("\nBQUF", &format!("\n{between}BQUF"), 1);
        let end = |between: &str| text.replacen("END AGE", &format!("END{between} AGE"), 1);
        for refused in
            [begin(&space), body(&space), end(&space), body(&lines), end(&lines), text.clone() + &space + "x"]
        {
            let line = |step| match decode(refused.as_bytes(), step) {
                Err(Error::Armor { line, .. }) => line,
                other => panic!("{refused:?} by {step}: {other:?}"),
            };
            assert!((1..100).all(|step| line(step) == line(10_000)), "{refused:?}");
        }
        for taken in
            [format!("{space}{lines}{space}{text}"), text.trim_end().to_owned() + &space + &lines + &space]
        {
            for step in 1..100 {
                assert_eq!(decode(taken.as_bytes(), step).unwrap(), [5; 100], "{taken:?} by {step}");
            }
        }
    }

    #[test]
    fn white_space_around_the_armor_takes_no_memory() {
        let mut decoder = Decoder::default();
        let text = encode(&[5; 100], 100);
        for part in [&b" ".repeat(10_000)[..], &text, &b" ".repeat(10_000)] {
            for piece in part.chunks(100) {
                decoder.push(piece, &mut Vec::new()).unwrap();
                assert!(decoder.pending.len() < 200);
            }
        }
    }

    #[test]
    fn a_line_without_end_is_not_waited_for() {
        let mut decoder = Decoder::default();
        assert!(decoder.push(&[BEGIN, b"\n", &[b'A'; 100]].concat(), &mut Vec::new()).is_err());
    }
}
