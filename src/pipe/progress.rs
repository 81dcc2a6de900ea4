//! `--progress`: how far a stream has come, drawn on standard error while that is a terminal.

use std::fs::File;
use std::io::IoSlice;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

use super::input::Source;
use super::output::Sink;
use crate::error::Error;

const LENGTH_KNOWN: &str =
    "{binary_bytes} of {binary_total_bytes} ({percent} %), {binary_bytes_per_sec}, {elapsed}, {eta} left";
const LENGTH_UNKNOWN: &str = "{binary_bytes}, {binary_bytes_per_sec}, {elapsed}";

/// A sink that shows how much was written to it. Dropped without [`Sink::commit`], it leaves standing how far it came.
pub struct Progress {
    sink: Box<dyn Sink>,
    bar: ProgressBar,
}

impl Progress {
    /// Shows what is written to `sink` of what is read from `source`, whose length is known where it is a regular file. Sealed
    /// and plain lengths are taken for the same here: they differ by a quarter of a thousandth.
    pub fn new(sink: Box<dyn Sink>, source: &dyn Source) -> Self {
        let length = source
            .as_file()
            .and_then(|(file, offset, _)| Some(file.metadata().ok()?.len().saturating_sub(offset)));
        let (bar, template) = match length {
            Some(length) => (ProgressBar::new(length), LENGTH_KNOWN),
            None => (ProgressBar::no_length(), LENGTH_UNKNOWN),
        };
        #[expect(clippy::expect_used, reason = "the templates are constants, and a test draws them")]
        let style = ProgressStyle::with_template(template).expect("a template");
        let bar = bar.with_style(style).with_finish(ProgressFinish::Abandon);
        // Time goes on while KMS or a pipe is waited for.
        bar.enable_steady_tick(Duration::from_millis(500));
        Self { sink, bar }
    }
}

impl Sink for Progress {
    fn write(&mut self, parts: &mut [IoSlice]) -> Result<(), Error> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        self.sink.write(parts)?;
        self.bar.inc(len as u64);
        Ok(())
    }

    fn handle(&self) -> Option<(&File, &str)> {
        self.sink.handle()
    }

    fn was_written_to(&mut self, len: u64) {
        self.bar.inc(len);
    }

    fn commit(self: Box<Self>) -> Result<(), Error> {
        self.sink.commit()?;
        if self.bar.length().is_some() {
            self.bar.set_length(self.bar.position());
        }
        self.bar.abandon();
        Ok(())
    }
}
