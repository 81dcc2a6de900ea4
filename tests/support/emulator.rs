//! The emulator of KMS and S3 (emulator.py): started once, ended with the tests.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::OnceLock;

use envpipe::format::p256::Point;
use envpipe::keys::p256::Recipient;

use super::python::{self, Server};
use super::{Run, envpipe};

/// The region of the keys, but for the key `far` and the replica.
pub const REGION: &str = "eu-west-1";

/// A running emulator.
pub struct Emulator {
    pub s3: String,
    pub kms: String,
    /// An endpoint that takes no connection and refuses none.
    pub black_hole: String,
    server: Server,
}

/// The emulator of this test process. If it does not start, that is tried once, and every test says so.
pub fn emulator() -> &'static Emulator {
    static EMULATOR: OnceLock<Option<Emulator>> = OnceLock::new();
    EMULATOR.get_or_init(Emulator::start).as_ref().expect("the emulator of KMS and S3 did not start")
}

impl Emulator {
    /// One more, for a test that counts what it holds.
    pub fn start() -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/emulator.py");
        let server = Server::start(Command::new(python::program("python")).arg(script))?;
        let address = |of: &str| server.ready[of].as_str().unwrap().to_owned();
        Some(Self { s3: address("s3"), kms: address("kms"), black_hole: address("black_hole"), server })
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// The ARN of a key by the name that emulator.py gives it.
    pub fn arn(&self, name: &str) -> &str {
        self.server.ready["keys"][name].as_str().unwrap()
    }

    /// The recipient of a P-256 key.
    pub fn recipient(&self, name: &str) -> String {
        let point = hex::decode(self.server.ready["points"][name].as_str().unwrap()).unwrap();
        Recipient::from(Point::from_compressed(&point).unwrap()).to_string()
    }

    /// The environment of an AWS client that is allowed everything; `path` says what KMS does (emulator.py).
    pub fn environment(&self, path: &str) -> BTreeMap<String, String> {
        [
            ("AWS_ENDPOINT_URL", self.s3.clone()),
            ("AWS_ENDPOINT_URL_KMS", format!("{}/{path}", self.kms)),
            ("AWS_ACCESS_KEY_ID", "test".into()),
            ("AWS_SECRET_ACCESS_KEY", "test".into()),
            ("AWS_REGION", REGION.into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// The operations that were asked for at `path`, `count-` and a name of the test's own.
    pub fn calls(&self, path: &str) -> Vec<String> {
        serde_json::from_str(&self.get(path)).unwrap()
    }

    /// Asks the emulator itself (emulator.py).
    pub fn get(&self, path: &str) -> String {
        let address = self.kms.strip_prefix("http://").unwrap();
        let mut connection = TcpStream::connect(address).unwrap();
        write!(connection, "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 200 "), "{answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

/// envpipe as a client of the emulator.
pub fn with_kms<const N: usize>(args: [&str; N]) -> Run {
    with_kms_at("", args)
}

/// envpipe as a client of the emulator at a path.
pub fn with_kms_at<const N: usize>(path: &str, args: [&str; N]) -> Run {
    envpipe(args).envs(&emulator().environment(path))
}
