//! Moving bytes: from a file or pipe, through the payload's chunks, to a file or pipe.
//!
//! It owns reading, writing, and what becomes of an output file when something fails; not what the bytes mean.

pub mod age_client;
pub mod copy;
pub mod header;
pub mod input;
pub mod intake;
pub mod output;
pub mod pipe_size;
pub mod producer;
pub mod progress;
pub mod signals;
pub mod small_file;
pub mod stream;
pub mod turnstile;
