//! Keys in KMS: who opens what, what is asked of KMS, and what is said when it does not answer well.

use std::io::Read;
use std::net::TcpListener;
use std::process::Command;
use std::time::Instant;

use crate::support::emulator::{REGION, emulator, with_kms, with_kms_at};
use crate::support::{altered, bytes, envpipe, folder, identity, python};

fn sealed<const N: usize>(more: [&str; N]) -> Vec<u8> {
    let args = ["seal"].into_iter().chain(more);
    envpipe(args).envs(&emulator().environment("")).input("plain").ok()
}

#[test]
fn a_key_is_named_by_alias_id_or_arn_of_either() {
    let arn = emulator().arn("backup");
    let id = arn.rsplit('/').next().unwrap();
    let alias_arn = arn.replace(&format!("key/{id}"), "alias/backup");
    let names = ["alias/backup", id, arn, &alias_arn];
    for name in names {
        let sealed = sealed(["-k", name]);
        let header = String::from_utf8_lossy(&sealed);
        assert!(header.contains(&format!("\n-> envpipe/aws-kms {arn} ")), "sealed under {name}: {header}");
        for name in names.into_iter().chain(["any"]) {
            assert_eq!(
                with_kms(["open", "-k", name]).input(sealed.clone()).ok(),
                b"plain",
                "opened with {name}"
            );
        }
    }
}

#[test]
fn envpipe_key_stands_in_for_k() {
    let sealed = with_kms(["seal"]).env("ENVPIPE_KEY", "alias/backup alias/other").input("plain").ok();
    assert_eq!(with_kms(["open"]).env("ENVPIPE_KEY", "alias/other").input(sealed.clone()).ok(), b"plain");
    assert_eq!(with_kms(["open"]).env("ENVPIPE_KEY", "any").input(sealed).ok(), b"plain");
}

#[test]
fn the_region_of_an_arn_wins_over_the_configured_one() {
    let far = emulator().arn("far");
    let sealed = sealed(["-k", far]);
    assert_eq!(with_kms(["open", "-k", far]).input(sealed.clone()).ok(), b"plain");
    assert_eq!(with_kms(["open", "-k", "any"]).without("AWS_REGION").input(sealed.clone()).ok(), b"plain");
    // In the configured region, the alias means another key or none, so KMS is not asked.
    let other = with_kms_at("count-far", ["open", "-k", "alias/far"]).input(sealed).run();
    other.fails(3, "which alias/far does not name", far).writes_nothing();
    assert!(emulator().calls("count-far").is_empty());
}

#[test]
fn the_configured_region_may_come_from_a_profile() {
    let folder = folder();
    let config = folder.path().join("config");
    std::fs::write(&config, "[profile far]\nregion = us-east-1\n").unwrap();
    let sealed = with_kms(["seal", "-k", "alias/far"])
        .without("AWS_REGION")
        .env("AWS_PROFILE", "far")
        .env("AWS_CONFIG_FILE", &config)
        .input("plain")
        .ok();
    assert_eq!(with_kms(["open", "-k", emulator().arn("far")]).input(sealed).ok(), b"plain");
}

#[test]
fn a_replica_opens_what_was_sealed_under_the_primary() {
    let sealed = sealed(["-k", "alias/multi"]);
    let replica = emulator().arn("replica");
    assert_eq!(with_kms(["open", "-k", replica]).input(sealed.clone()).ok(), b"plain");
    assert_eq!(with_kms(["open", "-k", "alias/multi"]).input(sealed).ok(), b"plain");
}

#[test]
fn sealing_asks_for_one_data_key_a_key_and_opening_for_one_decryption() {
    let args = ["seal", "-k", "alias/backup", "-k", "alias/other"];
    let sealed = with_kms_at("count-sealing", args).input("plain").ok();
    assert_eq!(emulator().calls("count-sealing"), ["GenerateDataKey", "GenerateDataKey"]);
    with_kms_at("count-opening", ["open", "-k", "alias/other"]).input(sealed.clone()).run();
    // The alias is looked up by KMS alone, so the stanzas of its region are tried in order.
    assert_eq!(emulator().calls("count-opening"), ["Decrypt", "Decrypt"]);
    with_kms_at("count-by-arn", ["open", "-k", emulator().arn("other")]).input(sealed).ok();
    assert_eq!(emulator().calls("count-by-arn"), ["Decrypt"]);
}

#[test]
fn an_encryption_context_is_bound_and_can_be_demanded() {
    let sealed = sealed(["-k", "alias/backup", "-c", "app=db ops", "-c", "é=1"]);
    assert!(String::from_utf8_lossy(&sealed).contains(" app=db%20ops %C3%A9=1\n"));
    for wanted in ["app", "app=db ops", "é=1"] {
        let args = ["open", "-k", "alias/backup", "-c", wanted];
        assert_eq!(with_kms(args).input(sealed.clone()).ok(), b"plain", "{wanted}");
    }
    for wanted in ["app=other", "team", "envpipe=v1"] {
        let args = ["open", "-k", "alias/backup", "-c", wanted];
        let finished = with_kms_at("count-context", args).input(sealed.clone()).run();
        let message = format!("the header has no KMS stanza with the encryption context {wanted}");
        finished.fails(3, &message, "without that -c").writes_nothing();
    }
    assert!(emulator().calls("count-context").is_empty(), "KMS was asked all the same");
}

#[test]
fn what_kms_is_given_has_the_fixed_pair() {
    // Without it, the emulator's KMS, which binds the context, would not decrypt.
    let sealed = sealed(["-k", "alias/backup", "-c", "app=x"]);
    let reference = reference(&sealed);
    assert_eq!(reference, b"plain");
}

/// Opens a stream with the independent decoder.
fn reference(sealed: &[u8]) -> Vec<u8> {
    let folder = folder();
    let path = folder.path().join("sealed");
    std::fs::write(&path, sealed).unwrap();
    let output = Command::new(python::program("python"))
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference.py"))
        .arg(&path)
        .envs(emulator().environment(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn an_independent_decoder_written_from_the_manual_opens_every_stream() {
    let folder = folder();
    let (_, recipient) = identity(&folder);
    for len in [0, 1, 65_536, 65_537, 300_000] {
        let args = ["seal", "-r", &recipient, "-k", "alias/backup", "-c", "b=2", "-c", "a/=%:é"];
        let sealed = with_kms(args).input(bytes(len)).ok();
        assert!(reference(&sealed) == bytes(len), "{len} bytes");
    }
}

#[test]
fn without_a_key_open_names_that_of_the_header_and_the_command() {
    let sealed = sealed(["-k", "alias/backup"]);
    let arn = emulator().arn("backup");
    let command = format!("envpipe open -k {arn}");
    let finished = with_kms_at("count-unnamed", ["open"]).input(sealed).run();
    finished.fails(2, &format!("its header says it is sealed under {arn}"), &command).writes_nothing();
    assert!(emulator().calls("count-unnamed").is_empty());
}

#[test]
fn a_stream_under_a_key_that_was_not_named_is_refused_though_kms_would_decrypt_it() {
    let sealed = sealed(["-k", "alias/backup"]);
    // By ARN, envpipe sees it itself.
    let other = emulator().arn("other");
    let finished = with_kms_at("count-unwanted", ["open", "-k", other]).input(sealed.clone()).run();
    finished.fails(3, &format!("which {other} does not name"), "if you trust that key").writes_nothing();
    assert!(emulator().calls("count-unwanted").is_empty());
    // By alias, KMS is told which key it must be.
    let finished = with_kms(["open", "-k", "alias/other"]).input(sealed.clone()).run();
    finished.fails(3, "IncorrectKeyException", "under another key than the one named").writes_nothing();
    // And if it does not heed that, its answer gives it away.
    let finished = with_kms_at("other-key", ["open", "-k", "alias/backup"]).input(sealed).run();
    finished.fails(3, "under another key than the one named", "AWS_ENDPOINT_URL_KMS").writes_nothing();
}

#[test]
fn with_only_identities_that_do_not_fit_the_hint_is_the_key() {
    let folder = folder();
    let (path, _) = identity(&folder);
    let finished = envpipe(["open", "-i", &path]).input(sealed(["-k", "alias/backup"])).run();
    finished.fails(3, "no identity opens this stream", "envpipe open -k arn:aws:kms:").writes_nothing();
}

/// Faults of KMS: where the emulator has them, part of the message, and of the hint.
const FAULTS: &[(&str, &str, &str)] = &[
    ("AccessDeniedException", "AccessDeniedException: because the test asked for it", "allow kms:"),
    ("AccessDeniedException", "(request id 11112222-3333-4444-5555-666677778888)", "allow kms:"),
    ("NotFoundException", "NotFoundException", "an alias is written alias/NAME"),
    ("DisabledException", "DisabledException", "aws kms enable-key"),
    ("KMSInvalidStateException", "KMSInvalidStateException", "can be cancelled"),
    ("InvalidKeyUsageException", "InvalidKeyUsageException", "must be symmetric"),
    ("InvalidGrantTokenException", "InvalidGrantTokenException", ""),
    ("KeyUnavailableException", "KeyUnavailableException", "the fault is with KMS"),
    ("DependencyTimeoutException", "DependencyTimeoutException", "the fault is with KMS"),
    ("ExpiredTokenException", "ExpiredTokenException", "the credentials are not valid"),
    ("UnrecognizedClientException", "UnrecognizedClientException", "the credentials are not valid"),
    ("InvalidSignatureException", "InvalidSignatureException", "the credentials are not valid"),
    ("expired", "InvalidSignatureException: Signature expired: ", "set this host's clock"),
    ("RequestExpired", "RequestExpired", "set this host's clock"),
    ("RequestTimeTooSkewed", "RequestTimeTooSkewed", "set this host's clock"),
    ("ThrottlingException", "ThrottlingException", "AWS_MAX_ATTEMPTS"),
    ("LimitExceededException", "LimitExceededException", "AWS_MAX_ATTEMPTS"),
    ("KMSInternalException", "KMSInternalException", "the fault is with KMS"),
    ("status-500", "HTTP status 500", "the fault is with KMS"),
    ("status-503", "HTTP status 503", "the fault is with KMS"),
    ("reset", "KMS ", ""),
    ("hang", "KMS did not answer in time", "check the network"),
    ("not-json", "it is not in the form of KMS", "is it really KMS that answers?"),
    ("short-key", "the data key has not 32 bytes", "is it really KMS that answers?"),
];

/// Those that only Decrypt has.
const FAULTS_OF_DECRYPT: &[(&str, &str, &str)] = &[
    ("IncorrectKeyException", "IncorrectKeyException", "under another key than the one named"),
    ("InvalidCiphertextException", "InvalidCiphertextException", "the stanza was altered"),
];

const SEAL: (&str, [&str; 3]) = ("GenerateDataKey", ["seal", "-k", "alias/backup"]);
const OPEN: (&str, [&str; 3]) = ("Decrypt", ["open", "-k", "alias/backup"]);

#[test]
fn every_fault_of_kms_has_its_status_message_and_hint_and_leaves_standard_output_empty() {
    let sealed = sealed(["-k", "alias/backup"]);
    let of_decrypt = FAULTS_OF_DECRYPT.iter().map(|fault| (fault, OPEN));
    let of_both = FAULTS.iter().flat_map(|fault| [(fault, SEAL), (fault, OPEN)]);
    std::thread::scope(|scope| {
        for ((path, message, hint), (operation, args)) in of_both.chain(of_decrypt) {
            let sealed = &sealed;
            scope.spawn(move || {
                let start = Instant::now();
                let finished = with_kms_at(path, args).input(sealed.clone()).run();
                assert!(start.elapsed().as_secs() < 30, "{path}: {operation}");
                let stderr = finished.stderr();
                let begin = format!("envpipe: kms:{operation} with alias/backup in {REGION} failed: ");
                assert!(stderr.starts_with(&begin) && stderr.contains(message), "{path}: {stderr}");
                assert!(stderr.contains(hint), "{path}: {stderr}");
                assert_eq!(
                    stderr.contains("\nenvpipe: hint: "),
                    !hint.is_empty() || *path == "reset",
                    "{path}: {stderr}"
                );
                assert_eq!(finished.0.status.code(), Some(3), "{path}: {stderr}");
                finished.writes_nothing();
            });
        }
    });
}

#[test]
fn a_clock_that_is_wrong_is_corrected_by_the_answer() {
    for (path, calls) in [("count-slow/clock-3600", "count-slow"), ("count-fast/clock--3600", "count-fast")] {
        let sealed = with_kms_at(path, SEAL.1).input("plain").ok();
        assert_eq!(with_kms_at(path, OPEN.1).input(sealed).ok(), b"plain", "{path}");
        // Each is refused once, and then signed with the time of the answer.
        let expected = ["GenerateDataKey", "GenerateDataKey", "Decrypt", "Decrypt"];
        assert_eq!(emulator().calls(calls), expected);
    }
}

#[test]
fn a_throttled_call_is_made_again() {
    let sealed = with_kms_at("count-throttled-seal/once", ["seal", "-k", "alias/backup"]).input("plain").ok();
    assert_eq!(emulator().calls("count-throttled-seal").len(), 2);
    let open = with_kms_at("count-throttled-open/once", ["open", "-k", "alias/backup"]).input(sealed);
    assert_eq!(open.ok(), b"plain");
    assert_eq!(emulator().calls("count-throttled-open").len(), 2);
}

#[test]
fn a_region_that_is_down_is_passed_over() {
    let (far, near) = (emulator().arn("far"), emulator().arn("backup"));
    let sealed = sealed(["-k", far, "-k", near]);
    let start = Instant::now();
    for args in [&["open", "-k", "any"][..], &["open", "-k", far, "-k", near]] {
        let open = envpipe(args).envs(&emulator().environment("dead-us-east-1")).input(sealed.clone());
        assert_eq!(open.ok(), b"plain", "{args:?}");
    }
    assert!(start.elapsed().as_secs() < 40, "each within 20 s");
}

#[test]
fn a_key_that_does_not_exist_says_so() {
    let finished = with_kms(["seal", "-k", "alias/nonesuch"]).input("plain").run();
    finished.fails(3, "NotFoundException: Alias", "an alias is written alias/NAME").writes_nothing();
    let finished = with_kms(["seal", "-k", "backup"]).input("plain").run();
    finished.fails(3, "NotFoundException", "an alias is written alias/NAME").writes_nothing();
    let finished = with_kms(["open", "-k", "alias/nonesuch"]).input(sealed(["-k", "alias/backup"])).run();
    finished.fails(3, "NotFoundException: Alias", &format!("the region ({REGION})")).writes_nothing();
}

#[test]
fn a_disabled_key_says_how_to_enable_it() {
    let sealed = sealed(["-k", "alias/disabled"]);
    emulator().get("disable/disabled");
    let hint = "aws kms enable-key --key-id alias/disabled";
    let finished = with_kms(["seal", "-k", "alias/disabled"]).input("plain").run();
    finished.fails(3, "DisabledException", hint).writes_nothing();
    let finished = with_kms(["open", "-k", "alias/disabled"]).input(sealed).run();
    finished.fails(3, "DisabledException", hint).writes_nothing();
}

#[test]
fn a_key_that_is_being_deleted_says_that_it_can_be_kept() {
    let sealed = sealed(["-k", "alias/deleted"]);
    emulator().get("delete/deleted");
    let finished = with_kms(["open", "-k", emulator().arn("deleted")]).input(sealed).run();
    finished.fails(3, "KMSInvalidStateException", "can be cancelled").writes_nothing();
}

#[test]
fn a_context_that_was_altered_is_an_invalid_ciphertext() {
    let mut sealed = sealed(["-k", "alias/backup", "-c", "app=x"]);
    let at = sealed.windows(5).position(|w| w == b"app=x").unwrap();
    sealed[at + 4] = b'y';
    let finished = with_kms(["open", "-k", "alias/backup"]).input(sealed).run();
    finished.fails(3, "InvalidCiphertextException", "the stanza was altered").writes_nothing();
}

#[test]
fn a_wrapped_file_key_that_was_altered_is_told_from_a_wrong_key() {
    let sealed = sealed(["-k", "alias/backup"]);
    // The first character of the body.
    let arguments = sealed.windows(2).position(|w| w == b"->").unwrap();
    let body = arguments + sealed[arguments..].iter().position(|b| *b == b'\n').unwrap() + 1;
    let finished = with_kms(["open", "-k", "alias/backup"]).input(altered(&sealed, body)).run();
    finished
        .fails(4, "is not authentic: KMS gave its data key, but that does not open it", "")
        .writes_nothing();
}

#[test]
fn without_a_region_an_alias_is_refused_and_an_arn_is_not() {
    let finished = with_kms(["seal", "-k", "alias/backup"]).without("AWS_REGION").input("plain").run();
    finished.fails(3, "no AWS region is configured", "set AWS_REGION").writes_nothing();
    let finished = with_kms(["open", "-k", "alias/backup"])
        .without("AWS_REGION")
        .input(sealed(["-k", "alias/backup"]))
        .run();
    finished.fails(3, "no AWS region is configured", "set AWS_REGION").writes_nothing();
    let arn = emulator().arn("backup");
    let sealed = with_kms(["seal", "-k", arn]).without("AWS_REGION").input("plain").ok();
    assert_eq!(with_kms(["open", "-k", arn]).without("AWS_REGION").input(sealed).ok(), b"plain");
}

#[test]
fn without_credentials_seal_and_open_end_soon_and_say_how_to_log_in() {
    let without = |args: [&str; 3]| with_kms(args).without("AWS_ACCESS_KEY_ID");
    let seal = without(["seal", "-k", "alias/backup"]).input("plain").run();
    seal.fails(3, "no AWS credentials: none in environment, profile", "aws sso login").writes_nothing();
    let open = without(["open", "-k", "alias/backup"]).input(sealed(["-k", "alias/backup"])).run();
    open.fails(3, "no AWS credentials: none in environment, profile", "aws sso login").writes_nothing();
}

#[test]
fn a_metadata_service_that_never_answers_is_given_up_within_30_seconds() {
    // It accepts connections, as its backlog does, and is silent.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let start = Instant::now();
    let finished = with_kms(["seal", "-k", "alias/backup"])
        .without("AWS_ACCESS_KEY_ID")
        .without("AWS_REGION")
        .without("AWS_EC2_METADATA_DISABLED")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{}", silent.local_addr().unwrap()))
        .input("plain")
        .run();
    finished.fails(3, "no AWS region is configured", "set AWS_REGION").writes_nothing();
    assert!(start.elapsed().as_secs() < 30);
}

#[test]
fn a_kms_that_cannot_be_reached_is_given_up_within_30_seconds() {
    // Bound, and given up again: nobody listens there.
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refusing = format!("http://{refusing}");
    let sealed = sealed(["-k", "alias/backup"]);
    std::thread::scope(|scope| {
        for (endpoint, message) in [
            (refusing.as_str(), "KMS cannot be reached: tcp connect error: Connection refused"),
            (&emulator().black_hole, "KMS cannot be reached: HTTP connect timeout occurred after 3s"),
            ("http://kms.invalid", "KMS cannot be reached: dns error: "),
        ] {
            for (operation, args) in [SEAL, OPEN] {
                let sealed = sealed.clone();
                scope.spawn(move || {
                    let start = Instant::now();
                    let finished = with_kms(args).env("AWS_ENDPOINT_URL_KMS", endpoint).input(sealed).run();
                    let begin = format!("envpipe: kms:{operation} with alias/backup");
                    assert!(finished.stderr().starts_with(&begin), "{}", finished.stderr());
                    finished.fails(3, message, "check the network").writes_nothing();
                    assert!(start.elapsed().as_secs() < 30, "{endpoint}: {operation}");
                });
            }
        }
    });
}

#[test]
fn if_several_keys_fail_each_cause_is_printed() {
    let finished = with_kms(["seal", "-k", "alias/none", "-k", "alias/backup", "-k", "alias/nil"]).run();
    let stderr = finished.stderr();
    let starts: Vec<&str> = stderr.lines().map(|line| &line[..line.len().min(50)]).collect();
    assert_eq!(
        starts,
        [
            "envpipe: not every key that is needed can be seale",
            "envpipe: kms:GenerateDataKey with alias/none in eu",
            "envpipe: hint: check the name (an alias is written",
            "envpipe: kms:GenerateDataKey with alias/nil in eu-",
            "envpipe: hint: check the name (an alias is written",
        ]
    );
    assert_eq!(finished.0.status.code(), Some(3));
    finished.writes_nothing();
}

#[test]
fn sealing_goes_on_with_as_many_keys_as_are_asked_for_and_names_the_rest() {
    let keys = ["-k", "alias/none", "-k", "alias/backup", "-k", "alias/nil"];
    let seal = |min_keys: &str| {
        let args = ["seal", "--min-keys", min_keys].into_iter().chain(keys);
        envpipe(args).envs(&emulator().environment("")).input("plain").run()
    };
    let finished = seal("1");
    assert_eq!(finished.0.status.code(), Some(0), "{}", finished.stderr());
    let stderr = finished.stderr();
    let begin = "envpipe: warning: left out: kms:GenerateDataKey with alias/n";
    assert_eq!(stderr.lines().filter(|line| line.starts_with(begin)).count(), 2, "{stderr}");
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
    assert_eq!(with_kms(["open", "-k", "alias/backup"]).input(finished.0.stdout).ok(), b"plain");
    let finished = seal("2");
    assert_eq!(finished.0.status.code(), Some(3), "{}", finished.stderr());
    finished.writes_nothing();
}

#[test]
fn kms_is_not_asked_for_keys_that_make_no_sense_together() {
    let seventeen = [&["seal"][..], &["-k", "alias/backup"].repeat(17)].concat();
    let run =
        |args: &[&str]| envpipe(args).envs(&emulator().environment("count-no-sense")).input("plain").run();
    let finished = run(&seventeen);
    finished.fails(2, "17 KMS keys are named, and a stream has at most 16", "name fewer").writes_nothing();
    let finished = run(&["seal", "-k", "alias/backup", "--min-keys", "2"]);
    let message = "--min-keys asks for 2 KMS keys, and 1 are named";
    finished.fails(2, message, "name more with -k").writes_nothing();
    assert!(emulator().calls("count-no-sense").is_empty());
}

#[test]
fn kms_is_not_asked_when_an_input_cannot_be_read() {
    let args = ["seal", "-k", "alias/backup", "/nonexistent/file"];
    let finished = with_kms_at("count-no-input", args).run();
    finished.fails(1, "cannot read /nonexistent/file: no such file or directory", "").writes_nothing();
    assert!(emulator().calls("count-no-input").is_empty());
}

#[test]
fn a_long_stream_is_not_read_while_the_key_is_refused() {
    let mut run = Command::new(crate::support::ENVPIPE);
    let mut child = run
        .args(["seal", "-k", "alias/backup"])
        .env_clear()
        .envs(emulator().environment("AccessDeniedException"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Standard input stays open: the failure must not wait for its end.
    let _stdin = child.stdin.take();
    let mut stdout = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert!(stdout.is_empty());
}

#[test]
fn verbosely_it_says_what_kms_was_asked_and_what_it_answered_and_nothing_else() {
    let arn = emulator().arn("backup");
    let args = ["seal", "-v", "-k", "alias/backup", "-k", "alias/nonesuch", "--min-keys", "1"];
    let finished = with_kms(args).env("RUST_LOG", "trace").input("plain").run();
    let stderr = finished.stderr();
    let mut lines: Vec<_> = stderr.lines().collect();
    lines.sort();
    let [made, failed, left_out] = lines[..] else { panic!("{stderr}") };
    let begin = format!("envpipe: kms:GenerateDataKey with alias/backup in {REGION} took ");
    assert!(made.starts_with(&begin) && made.ends_with(&format!(" ms, answered for {arn}")), "{stderr}");
    assert!(failed.contains("alias/nonesuch") && failed.contains("NotFoundException"), "{stderr}");
    assert!(failed.contains(", after ") && failed.ends_with(" ms"), "{stderr}");
    assert!(left_out.starts_with("envpipe: warning: left out: "), "{stderr}");
    let finished = with_kms(["open", "--verbose", "-k", arn]).input(finished.0.stdout).run();
    assert_eq!(finished.0.stdout, b"plain");
    let begin = format!("envpipe: kms:Decrypt with {arn} in {REGION} took ");
    assert!(finished.stderr().starts_with(&begin), "{}", finished.stderr());
    assert_eq!(finished.stderr().lines().count(), 1);
}
