//! A whole `open` against the naive decoder: the same verdict and the same bytes, however the input arrives.

#![no_main]

#[path = "../../tests/support/memory.rs"]
mod memory;
mod naive;
mod recipe;

use std::io::Write;

use envpipe::command::open::open;
use envpipe::error::Error;
use envpipe::format::file_key::FileKey;
use envpipe::pipe::input::{Input, Source};
use libfuzzer_sys::fuzz_target;
use memory::{Steps, Written};
use naive::Verdict;
use tempfile::NamedTempFile;

// The first byte says how the stream arrives, and whether the rest is the stream or a recipe for one.
fuzz_target!(|input: &[u8]| {
    let Some((how, rest)) = input.split_first() else { return };
    let step = [usize::MAX, 65_552, 1021, 7][usize::from(how >> 1 & 3)];
    let workers = [1, 3][usize::from(how >> 3 & 1)];
    let stream = match how & 1 {
        0 => rest.to_vec(),
        _ => recipe::stream(rest),
    };
    let expected = naive::open(&stream);
    let written = Written::default();
    let unwrap = |_: &_| Ok(FileKey::from_slice(naive::FILE_KEY).unwrap());
    let source: Box<dyn Source> = match how >> 4 & 1 {
        0 => Box::new(Steps::new(stream, step)),
        _ => {
            // It can be read though its name is gone.
            let mut file = NamedTempFile::new().unwrap();
            file.write_all(&stream).unwrap();
            Box::new(Input::open(Some(file.path())).unwrap())
        }
    };
    let result = open(source, Box::new(written.clone()), unwrap, workers).map(|_| ());
    let released = written.take();
    if expected.verdict == Verdict::Armor {
        // At which layer it fails, and how much is released until then, depends on how far is read ahead.
        assert!(result.is_err_and(|error| error.status() == 4));
        assert!(expected.released.starts_with(&released));
    } else {
        assert_eq!(verdict(&result), expected.verdict, "{result:?}");
        assert!(released == expected.released, "{} bytes for {}", released.len(), expected.released.len());
    }
});

fn verdict(result: &Result<(), Error>) -> Verdict {
    match result {
        Ok(()) => Verdict::Whole,
        Err(Error::Armor { .. }) => Verdict::Armor,
        Err(Error::HeaderNotAuthentic) => Verdict::Mac,
        Err(Error::Truncated { chunk } | Error::CutOrAltered { chunk }) => Verdict::Cut(*chunk),
        Err(Error::NotAuthentic { chunk }) => Verdict::Altered(*chunk),
        Err(Error::Trailing { chunk }) => Verdict::Trailing(*chunk),
        Err(Error::EmptyLastChunk { chunk }) => Verdict::EmptyLast(*chunk),
        Err(error) if error.status() == 4 => Verdict::Header,
        Err(other) => panic!("{other:?}"),
    }
}
