//! `--progress`: how far a stream has come, drawn on standard error while that is a terminal.

use std::fs::File;
use std::io::IoSlice;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

use super::output::Sink;
use crate::error::Error;

const LENGTH_KNOWN: &str =
    "{binary_bytes} of {binary_total_bytes} ({percent} %), {binary_bytes_per_sec}, {elapsed}, {eta} left";
const LENGTH_UNKNOWN: &str = "{binary_bytes}, {binary_bytes_per_sec}, {elapsed}";

/// Shows how much was written to the sinks that it watches. Dropped without [`Bar::finish`], it leaves standing how far that
/// came.
#[derive(Clone)]
pub struct Bar(ProgressBar);

impl Bar {
    /// Of a stream, or several, whose `length` in bytes is known or not. Sealed and plain lengths are taken for the same here:
    /// they differ by a quarter of a thousandth.
    pub fn new(length: Option<u64>) -> Self {
        let (bar, template) = match length {
            Some(length) => (ProgressBar::new(length), LENGTH_KNOWN),
            None => (ProgressBar::no_length(), LENGTH_UNKNOWN),
        };
        #[expect(clippy::expect_used, reason = "the templates are constants, and a test draws them")]
        let style = ProgressStyle::with_template(template).expect("a template");
        let bar = bar.with_style(style).with_finish(ProgressFinish::Abandon);
        // Time goes on while KMS or a pipe is waited for.
        bar.enable_steady_tick(Duration::from_millis(500));
        Self(bar)
    }

    /// Counts what is written to `sink`.
    pub fn watch(&self, sink: Box<dyn Sink>) -> Box<dyn Sink> {
        Box::new(Watched { sink, bar: self.0.clone() })
    }

    /// Prints something else on the same terminal.
    pub fn aside(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }

    /// All is written.
    pub fn finish(&self) {
        if self.0.length().is_some() {
            self.0.set_length(self.0.position());
        }
        self.0.abandon();
    }
}

struct Watched {
    sink: Box<dyn Sink>,
    bar: ProgressBar,
}

impl Sink for Watched {
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
        self.sink.commit()
    }
}
