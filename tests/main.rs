//! The tests of the whole program, in one process, so that one emulator of KMS and S3 serves them all.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod age;
mod bad_streams;
mod check;
mod completion;
mod each;
mod engine;
mod examples;
mod failures;
mod files;
mod inspect;
mod kms;
mod lengths;
mod localstack;
mod manual;
mod outside;
mod p256;
mod pipeline;
mod plugin;
mod producer;
mod properties;
mod rewrap;
mod runs;
mod secrets;
mod size;
mod support;
mod vectors;
