//! P-256 keys in a KMS that another program plays, LocalStack's, and rage to seal: `make test-localstack`.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::support::emulator::REGION;
use crate::support::python::{self, Environment, Server};
use crate::support::{Run, bytes, envpipe, folder, identity};

static ENVIRONMENT: Environment = Environment::new("localstack", include_str!("support/localstack.txt"));

/// The Makefile installs it.
const RAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/bin/rage");

/// A program, as a client of LocalStack.
fn client(run: Run) -> Run {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let start = || {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/localstack_kms.py");
        let files = Path::new(env!("CARGO_TARGET_TMPDIR")).join("localstack");
        std::fs::create_dir_all(&files).unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let mut command = Command::new(ENVIRONMENT.program("python"));
        Server::start(command.arg(script).arg(files).env_clear().env("PATH", path))
    };
    let server = SERVER.get_or_init(start).as_ref().expect("LocalStack did not start");
    run.env("AWS_ENDPOINT_URL_KMS", server.ready["kms"].as_str().unwrap())
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", REGION)
}

fn with_kms<const N: usize>(args: [&str; N]) -> Run {
    client(envpipe(args))
}

/// What `aws kms` prints.
fn aws<const N: usize>(args: [&str; N]) -> String {
    let args = ["kms"].into_iter().chain(args).chain(["--region", REGION, "--output", "text"]);
    let text = client(Run::new(python::program("aws"), args)).ok();
    String::from_utf8(text).unwrap().trim().to_owned()
}

/// The ARN of a new key.
fn key(spec: &str, usage: &str) -> String {
    aws(["create-key", "--key-spec", spec, "--key-usage", usage, "--query", "KeyMetadata.Arn"])
}

/// A new key to seal to, and what envpipe prints of it.
fn p256_key() -> (String, String) {
    let arn = key("ECC_NIST_P256", "KEY_AGREEMENT");
    let recipients = String::from_utf8(with_kms(["recipient", "-k", &arn]).ok()).unwrap();
    assert!(recipients.starts_with(&format!("# P-256 key in KMS: {arn}\nage1tag1")), "{recipients}");
    (arn, recipients)
}

#[test]
#[ignore = "make test-localstack"]
fn what_rage_seals_opens_through_a_kms_that_derives() {
    let (arn, recipients) = p256_key();
    aws(["create-alias", "--alias-name", "alias/rage", "--target-key-id", &arn]);
    let folder = folder();
    std::fs::write(folder.path().join("recipients"), recipients).unwrap();
    let (identity, x25519) = identity(&folder);
    let args = ["-e", "-R", "recipients", "-r", &x25519];
    for (len, args) in [(0, &args[..3]), (200_000, &args[..3]), (200_000, &args[..])] {
        for armor in [&[][..], &["-a"]] {
            let rage = Run::new(RAGE, [args, armor].concat()).within(folder.path());
            let sealed = rage.input(bytes(len)).ok();
            for key in ["alias/rage", &arn, arn.rsplit('/').next().unwrap()] {
                let opened = with_kms(["open", "-k", key]).input(sealed.clone()).ok();
                assert!(opened == bytes(len), "{len} bytes, {args:?} {armor:?}, opened with {key}");
            }
            if args.contains(&"-r") {
                assert!(envpipe(["open", "-i", &identity]).input(sealed).ok() == bytes(len));
            }
        }
    }
}

#[test]
#[ignore = "make test-localstack"]
fn what_envpipe_seals_offline_opens_there_and_an_independent_decoder_agrees() {
    let (arn, recipients) = p256_key();
    let folder = folder();
    std::fs::write(folder.path().join("recipients"), recipients).unwrap();
    let sealed = envpipe(["seal", "-R", "recipients"]).within(folder.path()).input(bytes(200_000)).ok();
    assert!(with_kms(["open", "-k", &arn]).input(sealed.clone()).ok() == bytes(200_000));
    std::fs::write(folder.path().join("sealed"), sealed).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference.py");
    let reference = Run::new(python::program("python"), [script, "sealed", &arn]).within(folder.path());
    assert!(client(reference).ok() == bytes(200_000));
}

#[test]
#[ignore = "make test-localstack"]
fn a_key_whose_deletion_is_pending_is_refused() {
    let (arn, recipients) = p256_key();
    let recipient = recipients.lines().last().unwrap();
    let sealed = envpipe(["seal", "-r", recipient]).input("plain").ok();
    assert_eq!(with_kms(["open", "-k", &arn]).input(sealed.clone()).ok(), b"plain");
    aws(["schedule-key-deletion", "--key-id", &arn]);
    let message = format!("kms:GetPublicKey with {arn} in {REGION} failed: KMSInvalidStateException");
    let finished = with_kms(["open", "-k", &arn]).input(sealed).run();
    finished.fails(3, &message, "a deletion that is pending can be cancelled").writes_nothing();
    with_kms(["recipient", "-k", &arn]).run().fails(3, &message, "can be cancelled").writes_nothing();
}

#[test]
#[ignore = "make test-localstack"]
fn a_key_of_another_spec_or_usage_has_no_recipient() {
    for (spec, usage) in [("ECC_NIST_P384", "KEY_AGREEMENT"), ("ECC_NIST_P256", "SIGN_VERIFY")] {
        let finished = with_kms(["recipient", "-k", &key(spec, usage)]).run();
        let hint = "a key of spec ECC_NIST_P256 for KEY_AGREEMENT";
        finished.fails(3, &format!("the key is of spec {spec} for {usage}"), hint).writes_nothing();
    }
}
