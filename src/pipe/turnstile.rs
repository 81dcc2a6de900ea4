//! The engine: workers that read, crypt and write a stream in batches, at the same time but in order.
//!
//! A worker takes the input's turn, reads a batch into its own buffer, and passes the turn on; it crypts while others read;
//! it waits for its turn at the output, writes the batch, and passes that turn on. There is no queue, and no memory but a
//! buffer a worker. An error takes its turn like a batch, so what is written before it does not depend on the workers.
//!
//! It owns threads and order; not what is read (`intake`) nor what is done with it (`stream`).

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::input::Source;
use super::intake::Intake;
use super::output::Sink;
use super::stream::Work;
use crate::error::Error;

/// Most workers that are started unasked.
const MOST: usize = 8;

/// Workers that have begun to read, and wait to write. Dropped, they write nothing.
pub struct Started<W: Work> {
    shared: Arc<Shared<W>>,
    finished: Receiver<Finished>,
}

struct Shared<W> {
    work: W,
    intake: Intake,
    output: Mutex<Turns>,
    changed: Condvar,
}

/// The sink when nothing more is written to it, and how the stream ended.
type Finished = (Box<dyn Sink>, Result<(), Error>);

/// The output's turns.
struct Turns {
    /// The batch that is to be written next.
    turn: u64,
    gate: Gate,
    finished: Sender<Finished>,
}

enum Gate {
    /// The header is not written yet.
    Closed,
    Open(Box<dyn Sink>),
    /// The stream ended, well or not.
    Ended,
}

/// Starts `workers` on what `source` has yet to give, or fewer where it has not so many batches. They read and crypt a batch
/// each, and write nothing until [`Started::write_to`].
pub fn start<W: Work>(work: W, source: Box<dyn Source>, workers: usize) -> Result<Started<W>, Error> {
    let (sender, finished) = channel();
    let intake = Intake::new(source, W::CHUNK_LEN);
    let workers = workers.min(intake.most_batches());
    let shared = Arc::new(Shared {
        work,
        intake,
        output: Mutex::new(Turns { turn: 0, gate: Gate::Closed, finished: sender }),
        changed: Condvar::new(),
    });
    let started = Started { shared, finished };
    for _ in 0..workers {
        let shared = Arc::clone(&started.shared);
        std::thread::Builder::new()
            .name("worker".into())
            .spawn(move || shared.work())
            .map_err(|source| Error::Io { verb: "start", what: "a worker".into(), source })?;
    }
    Ok(started)
}

/// As many workers as are asked for; else one a core, but no more than pay where pipes are the limit.
pub fn workers(wanted: Option<usize>) -> usize {
    wanted.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST)))
}

impl<W: Work> Started<W> {
    /// Lets the workers write to `sink`, waits for the end of the stream, and gives the sink back. What was written before
    /// an error is what a single worker would have written.
    pub fn write_to(self, sink: Box<dyn Sink>) -> Result<Box<dyn Sink>, Error> {
        self.shared.lock().gate = Gate::Open(sink);
        self.shared.changed.notify_all();
        #[expect(clippy::expect_used, reason = "the sender lives in what `self` shares with the workers")]
        let (sink, result) = self.finished.recv().expect("a worker has the end");
        result.map(|()| sink)
    }
}

impl<W: Work> Drop for Started<W> {
    fn drop(&mut self) {
        self.shared.lock().gate = Gate::Ended;
        self.shared.changed.notify_all();
    }
}

impl<W: Work> Shared<W> {
    fn lock(&self) -> std::sync::MutexGuard<'_, Turns> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut buffer = vec![0; self.intake.buffer_len()];
        let mut result = W::Result::default();
        while let Some((batch, error)) = self.intake.take(&mut buffer) {
            let input = &mut buffer[..batch.len];
            let (written, error) = match error {
                Some(error) => (false, Some(error)),
                None => (true, self.work.crypt(batch.index, batch.end, input, &mut result)),
            };
            let mut turns = self.lock();
            while turns.turn != batch.turn && !matches!(turns.gate, Gate::Ended)
                || matches!(turns.gate, Gate::Closed)
            {
                turns = self.changed.wait(turns).unwrap_or_else(PoisonError::into_inner);
            }
            let Gate::Open(sink) = &mut turns.gate else { return };
            let wrote = if written { W::write(input, &result, sink.as_mut()) } else { Ok(()) };
            let outcome = match (wrote, error) {
                (Err(error), _) | (Ok(()), Some(error)) => Some(Err(error)),
                (Ok(()), None) => batch.end.then_some(Ok(())),
            };
            turns.turn += 1;
            if let Some(outcome) = outcome
                && let Gate::Open(sink) = std::mem::replace(&mut turns.gate, Gate::Ended)
            {
                // Nobody waits where the stream was given up.
                let _ = turns.finished.send((sink, outcome));
            }
            drop(turns);
            self.changed.notify_all();
        }
    }
}
