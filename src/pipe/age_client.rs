//! The conversation with an age client that started envpipe as its plugin: stanzas on standard input and output (C2SP
//! `age-plugin.md`, «IPC protocol»).
//!
//! It owns how a stanza is sent and received; what is said is `command::plugin`.

use std::io::{self, IoSlice};

use zeroize::Zeroizing;

use super::input::{Input, Source};
use super::output::{Existing, Mode, Output, Sink};
use crate::error::Error;
use crate::format::stanza::Stanza;

/// A longer stanza is refused; age has no bound, but nobody's is nearly so long.
const MAX_STANZA_LEN: usize = 1024 * 1024;

/// The age client.
pub struct AgeClient {
    input: Input,
    output: Output,
    /// What was read; file keys are among it.
    buf: Zeroizing<[u8; 4096]>,
    unread: std::ops::Range<usize>,
}

impl AgeClient {
    /// On standard input and output.
    pub fn new() -> Result<Self, Error> {
        let output = Output::create(None, Mode::Umask, Existing::Replace)?;
        Ok(Self { input: Input::open(None)?, output, buf: Zeroizing::new([0; 4096]), unread: 0..0 })
    }

    /// The next stanza; it is an error where there is none. The body may hold a file key.
    pub fn receive(&mut self) -> Result<(Stanza, Zeroizing<Vec<u8>>), Error> {
        let mut lines = Zeroizing::new(Vec::with_capacity(4096));
        // The first line, and a body to its last line, which is the first that is short.
        let mut first = true;
        while std::mem::take(&mut first) || !Stanza::has_ended(&lines) {
            self.receive_line(&mut lines)?;
        }
        let mut all = lines.split(|b| *b == b'\n');
        let mut stanza = Stanza::parse(all.next().unwrap_or_default(), &mut all)
            .map_err(|why| fault(format!("what it sends is no stanza: {why}")))?;
        let body = Zeroizing::new(std::mem::take(&mut stanza.body));
        Ok((stanza, body))
    }

    /// Sends a stanza, and gives the kind of that which the client answers with.
    pub fn ask(&mut self, args: Vec<String>, body: &[u8]) -> Result<String, Error> {
        let mut stanza = Stanza { args, body: body.to_vec() };
        let result = self.send(&stanza).and_then(|()| self.receive());
        zeroize::Zeroize::zeroize(&mut stanza.body);
        Ok(result?.0.args.swap_remove(0))
    }

    /// Sends a stanza that has to be answered with `ok`.
    pub fn tell(&mut self, args: Vec<String>, body: &[u8]) -> Result<(), Error> {
        let kind = args[0].clone();
        match self.ask(args, body)?.as_str() {
            "ok" => Ok(()),
            other => Err(fault(format!("it answers '{kind}' with '{other}'"))),
        }
    }

    /// Ends the conversation.
    pub fn done(mut self) -> Result<(), Error> {
        self.send(&Stanza { args: vec!["done".into()], body: Vec::new() })?;
        Box::new(self.output).commit()
    }

    fn send(&mut self, stanza: &Stanza) -> Result<(), Error> {
        // Never grown, so that no copy of a file key stays behind.
        let mut text = Zeroizing::new(String::with_capacity(stanza.encoded_len()));
        stanza.encode(&mut text);
        self.output.write(&mut [IoSlice::new(text.as_bytes())])
    }

    /// Appends a line, with its line feed.
    fn receive_line(&mut self, lines: &mut Vec<u8>) -> Result<(), Error> {
        loop {
            let unread = &self.buf[self.unread.clone()];
            let end = unread.iter().position(|b| *b == b'\n').map(|at| at + 1);
            let taken = end.unwrap_or(unread.len());
            if lines.len() + taken > MAX_STANZA_LEN {
                return Err(fault("what it sends is longer than 1 MiB"));
            }
            lines.extend_from_slice(&unread[..taken]);
            self.unread.start += taken;
            if end.is_some() {
                return Ok(());
            }
            let len = self.input.read(&mut self.buf[..])?;
            self.unread = 0..len;
            if len == 0 {
                return Err(fault("it has left before it was done"));
            }
        }
    }
}

/// What the client does is not as the protocol has it.
pub fn fault(why: impl Into<String>) -> Error {
    Error::Io { verb: "go on with", what: "the age client".into(), source: io::Error::other(why.into()) }
}
