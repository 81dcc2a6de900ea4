//! envpipe: AWS KMS envelope encryption as a Unix filter.
//!
//! The library exists for the program, its tests and benchmarks; it promises no API. Four rooms over one floor:
//! [`command`] wires a subcommand together, [`pipe`] moves bytes, [`keys`] decides who can open, and [`format`] is the
//! age container, all in terms of [`error`].

pub mod cli;
pub mod command;
pub mod error;
pub mod format;
pub mod keys;
pub mod pipe;
