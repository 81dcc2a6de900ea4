//! P-256 keys in KMS: sealed to offline by anyone, opened by KMS alone.

use std::io::Write;
use std::process::Command;
use std::str::FromStr;
use std::time::Instant;

use crate::support::emulator::{REGION, emulator, with_kms, with_kms_at};
use crate::support::{Run, bytes, envpipe, folder, identity, python};

/// Sealed to the P-256 keys of these names, with neither AWS nor a network.
fn sealed_to(names: &[&str]) -> Vec<u8> {
    let recipients: Vec<String> = names.iter().map(|name| emulator().recipient(name)).collect();
    let args = recipients.iter().flat_map(|recipient| ["-r", recipient]);
    envpipe(["seal"].into_iter().chain(args)).input("plain").ok()
}

/// Sealed by another implementation of age, which rage is built on.
fn sealed_by_age(recipient: &str, plain: &[u8]) -> Vec<u8> {
    let recipient = age::tag::Recipient::from_str(recipient).unwrap();
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).unwrap();
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut sealed).unwrap();
    writer.write_all(plain).unwrap();
    writer.finish().unwrap();
    sealed
}

/// With the second argument of the first p256tag stanza, its ephemeral key, altered.
fn with_share(sealed: &[u8], alter: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    use envpipe::format::base64;
    let end = sealed.windows(4).position(|w| w == b"\n---").unwrap();
    let header = std::str::from_utf8(&sealed[..end]).unwrap();
    let stanza = header.lines().find(|line| line.starts_with("-> p256tag ")).unwrap();
    let share = stanza.split(' ').nth(3).unwrap();
    let mut bytes = base64::decode(share.as_bytes()).unwrap();
    alter(&mut bytes);
    let header = header.replace(share, &base64::encode(&bytes));
    [header.as_bytes(), &sealed[end..]].concat()
}

#[test]
fn what_another_implementation_seals_opens_under_every_name_of_the_key() {
    let arn = emulator().arn("p256");
    let id = arn.rsplit('/').next().unwrap();
    let alias_arn = arn.replace(&format!("key/{id}"), "alias/p256");
    for len in [0, 200_000] {
        let sealed = sealed_by_age(&emulator().recipient("p256"), &bytes(len));
        for name in ["alias/p256", id, arn, &alias_arn] {
            let opened = with_kms(["open", "-k", name]).input(sealed.clone()).ok();
            assert!(opened == bytes(len), "{len} bytes, opened with {name}");
        }
    }
}

#[test]
fn what_envpipe_seals_offline_opens_and_an_independent_decoder_agrees() {
    let folder = folder();
    let path = folder.path().join("sealed");
    let list =
        format!("# offline\n{}\n{}\n", emulator().recipient("p256-other"), emulator().recipient("p256"));
    for len in [0, 65_536, 200_000] {
        std::fs::write(folder.path().join("recipients"), &list).unwrap();
        let sealed = envpipe(["seal", "-R", "recipients"]).within(folder.path()).input(bytes(len)).ok();
        assert!(
            with_kms(["open", "-k", "alias/p256"]).input(sealed.clone()).ok() == bytes(len),
            "{len} bytes"
        );
        std::fs::write(&path, sealed).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference.py");
        let output = Command::new(python::program("python"))
            .args([script, path.to_str().unwrap(), emulator().arn("p256")])
            .envs(emulator().environment(""))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout == bytes(len), "{len} bytes");
    }
}

#[test]
fn recipient_prints_a_recipients_file_for_the_key_of_any_name() {
    let arn = emulator().arn("p256");
    let id = arn.rsplit('/').next().unwrap();
    let alias_arn = arn.replace(&format!("key/{id}"), "alias/p256");
    let entry = |name| {
        format!("# P-256 key in KMS: {}\n{}\n", emulator().arn(name), emulator().recipient(name)).into_bytes()
    };
    for name in ["alias/p256", id, arn, &alias_arn] {
        assert_eq!(with_kms_at("count-recipient", ["recipient", "-k", name]).ok(), entry("p256"), "{name}");
    }
    assert_eq!(emulator().calls("count-recipient"), ["DescribeKey", "GetPublicKey"].repeat(4));
    let far = emulator().arn("p256-far");
    assert_eq!(with_kms(["recipient", "-k", far]).without("AWS_REGION").ok(), entry("p256-far"));
    let both = with_kms(["recipient"]).env("ENVPIPE_KEY", "alias/p256-other alias/p256").ok();
    assert_eq!(both, [entry("p256-other"), entry("p256")].concat());
    let folder = folder();
    std::fs::write(folder.path().join("plain"), "plain").unwrap();
    let sealed = envpipe(["seal", "-R", "-", "plain"]).within(folder.path()).input(both).ok();
    for key in ["alias/p256", "alias/p256-other"] {
        assert_eq!(with_kms(["open", "-k", key]).input(sealed.clone()).ok(), b"plain", "{key}");
    }
}

#[test]
fn a_recipient_that_cannot_be_had_leaves_standard_output_empty() {
    // One that can be had is no reason to print half.
    let keys = ["recipient", "-k", "alias/p256", "-k", "alias/none"];
    let missing = with_kms(keys).run();
    missing.fails(3, "kms:DescribeKey with alias/none in", "an alias is written alias/NAME").writes_nothing();
    let arn = emulator().arn("p256");
    let recipient = |path: &str| with_kms_at(path, ["recipient", "-k", arn]).run();
    for operation in ["DescribeKey", "GetPublicKey"] {
        let denied = recipient(&format!("{operation}-AccessDeniedException"));
        let (begin, hint) = (format!("kms:{operation} with {arn}"), format!("allow kms:{operation}"));
        denied.fails(3, &begin, &hint).writes_nothing();
    }
    let other = recipient("other-key");
    other.fails(3, "it is of another key than the one named", "is it really KMS").writes_nothing();
    let off_the_curve = recipient("off-curve");
    off_the_curve.fails(3, "is not a point of the curve P-256", "is it really KMS").writes_nothing();
    let nowhere = with_kms_at("count-recipient-nowhere", ["recipient", "-k", "alias/p256"]);
    let nowhere = nowhere.without("AWS_REGION").without("AWS_ACCESS_KEY_ID").run();
    nowhere.fails(3, "no AWS region is configured", "set AWS_REGION").writes_nothing();
    assert!(emulator().calls("count-recipient-nowhere").is_empty());
}

#[test]
fn the_region_of_an_arn_wins_over_the_configured_one() {
    let sealed = sealed_to(&["p256-far"]);
    let arn = emulator().arn("p256-far");
    assert_eq!(with_kms(["open", "-k", arn]).without("AWS_REGION").input(sealed.clone()).ok(), b"plain");
    let finished = with_kms(["open", "-k", "alias/p256-far"]).without("AWS_REGION").input(sealed).run();
    finished
        .fails(3, "kms:GetPublicKey with alias/p256-far failed: no AWS region", "set AWS_REGION")
        .writes_nothing();
}

#[test]
fn kms_is_asked_for_a_public_key_only_for_a_stanza_that_may_be_its_and_for_a_secret_only_if_the_tag_fits() {
    let opening = |path, sealed: &[u8]| {
        with_kms_at(path, ["open", "-k", "alias/p256"]).input(sealed).run();
        emulator().calls(path)
    };
    assert_eq!(opening("count-p256-fits", &sealed_to(&["p256"])), ["GetPublicKey", "DeriveSharedSecret"]);
    let both = sealed_to(&["p256-other", "p256"]);
    assert_eq!(opening("count-p256-second", &both), ["GetPublicKey", "DeriveSharedSecret"]);
    assert_eq!(opening("count-p256-other", &sealed_to(&["p256-other"])), ["GetPublicKey"]);
    let folder = folder();
    let (path, recipient) = identity(&folder);
    let x25519 = envpipe(["seal", "-r", &recipient]).input("plain").ok();
    assert!(opening("count-p256-none", &x25519).is_empty());
    // An identity that fits costs no call.
    let args = ["seal", "-r", &recipient, "-r", &emulator().recipient("p256")];
    let sealed = envpipe(args).input("plain").ok();
    assert_eq!(
        with_kms_at("count-p256-i", ["open", "-k", "alias/p256", "-i", &path]).input(sealed).ok(),
        b"plain"
    );
    assert!(emulator().calls("count-p256-i").is_empty());
}

#[test]
fn a_stream_for_another_key_says_so() {
    let message = "the stream is sealed under a P-256 key, which alias/p256 does not name";
    let finished = with_kms(["open", "-k", "alias/p256"]).input(sealed_to(&["p256-other"])).run();
    finished.fails(3, message, "name others with -k").writes_nothing();
    let sealed = sealed_to(&["p256-other"]);
    let opened = with_kms(["open", "-k", "alias/p256", "-k", "alias/p256-other"]).input(sealed).ok();
    assert_eq!(opened, b"plain");
}

#[test]
fn a_key_has_to_be_named_and_any_names_none() {
    let sealed = sealed_to(&["p256"]);
    let at = "count-p256-unnamed";
    let finished = with_kms_at(at, ["open"]).input(sealed.clone()).run();
    finished.fails(2, "no key is named to open this stream with", "envpipe open -k KEY").writes_nothing();
    let finished = with_kms_at(at, ["open", "-k", "any"]).input(sealed.clone()).run();
    finished.fails(2, "a p256tag stanza has only a tag of its key", "envpipe open -k KEY").writes_nothing();
    let folder = folder();
    let finished = with_kms_at(at, ["open", "-i", &identity(&folder).0]).input(sealed).run();
    finished.fails(3, "its header has stanzas of kind p256tag", "envpipe open -k KEY").writes_nothing();
    assert!(emulator().calls(at).is_empty());
    // Beside a stanza that does name its key, 'any' is that key.
    let recipient = emulator().recipient("p256");
    let sealed = with_kms(["seal", "-k", "alias/backup", "-r", &recipient]).input("plain").ok();
    assert_eq!(with_kms(["open", "-k", "any"]).input(sealed.clone()).ok(), b"plain");
    let finished = with_kms_at("AccessDeniedException", ["open", "-k", "any"]).input(sealed).run();
    let stderr = finished.stderr();
    assert!(stderr.contains("kms:Decrypt with arn:") && stderr.contains("only a tag of its key"), "{stderr}");
    assert_eq!(finished.0.status.code(), Some(3), "{stderr}");
}

#[test]
fn no_p256tag_stanza_meets_a_demand_for_a_context() {
    let recipient = emulator().recipient("p256");
    let seal = envpipe(["seal", "-r", &recipient, "-c", "app=x"]).input("plain").run();
    seal.fails(2, "-c is given without a KMS key", "belongs to -k").writes_nothing();
    let args = ["open", "-k", "alias/p256", "-c", "app=x"];
    let finished = with_kms_at("count-p256-context", args).input(sealed_to(&["p256"])).run();
    let message = "the header has no KMS stanza with the encryption context app=x";
    finished.fails(3, message, "without that -c").writes_nothing();
    // Nor where another stanza meets it, under a key that is not named.
    let args = ["seal", "-k", "alias/backup", "-c", "app=x", "-r", &recipient];
    let sealed = with_kms(args).input("plain").ok();
    let key = emulator().arn("p256");
    let finished =
        with_kms_at("count-p256-context", ["open", "-k", key, "-c", "app"]).input(sealed.clone()).run();
    finished.fails(3, "which arn:aws:kms:", "if you trust that key").writes_nothing();
    assert!(emulator().calls("count-p256-context").is_empty());
    assert_eq!(with_kms(["open", "-k", key]).input(sealed).ok(), b"plain");
}

#[test]
fn a_header_of_both_kinds_opens_with_each_key_and_asks_no_more_than_it_must() {
    let args = ["seal", "-k", "alias/backup", "-r", &emulator().recipient("p256")];
    let sealed = with_kms(args).input("plain").ok();
    let opening = |path, keys: &[&str]| {
        let args = ["open"].into_iter().chain(keys.iter().flat_map(|key| ["-k", key]));
        let open = envpipe(args).envs(&emulator().environment(path)).input(sealed.clone());
        assert_eq!(open.ok(), b"plain", "{keys:?}");
        emulator().calls(path)
    };
    let (symmetric, p256) = (emulator().arn("backup"), emulator().arn("p256"));
    assert_eq!(opening("count-both-symmetric", &[symmetric]), ["Decrypt"]);
    assert_eq!(opening("count-both-p256", &[p256]), ["GetPublicKey", "DeriveSharedSecret"]);
    // In the order in which they are named.
    assert_eq!(opening("count-both-1", &[symmetric, p256]), ["Decrypt"]);
    assert_eq!(opening("count-both-2", &[p256, symmetric]), ["GetPublicKey", "DeriveSharedSecret"]);
    // What an alias means, only KMS knows.
    assert_eq!(opening("count-both-alias", &["alias/backup"]), ["Decrypt"]);
    let calls = ["Decrypt", "GetPublicKey", "DeriveSharedSecret"];
    assert_eq!(opening("count-both-alias-p256", &["alias/p256"]), calls);
}

#[test]
fn that_an_alias_is_of_one_kind_is_no_cause_of_the_other_kinds_failure() {
    let args = ["seal", "-k", "alias/backup", "-r", &emulator().recipient("p256")];
    let sealed = with_kms(args).input("plain").ok();
    let open = |path: &str, key: &str| with_kms_at(path, ["open", "-k", key]).input(sealed.clone()).run();
    let finished = open("only-DeriveSharedSecret/AccessDeniedException", "alias/p256");
    finished
        .fails(3, "kms:DeriveSharedSecret with alias/p256", "allow kms:DeriveSharedSecret")
        .writes_nothing();
    let finished = open("only-Decrypt/AccessDeniedException", "alias/backup");
    finished.fails(3, "kms:Decrypt with alias/backup", "allow kms:Decrypt").writes_nothing();
    let finished = open("", "alias/p256-other");
    let arn = emulator().arn("backup");
    let message = format!("sealed under {arn}, a P-256 key, which alias/p256-other does not name");
    finished.fails(3, &message, "if you trust that key").writes_nothing();
    // A key of neither kind says so for both.
    let finished = open("", "alias/rsa");
    let stderr = finished.stderr();
    assert!(
        stderr.contains("InvalidKeyUsageException") && stderr.contains("RSA_2048 for ENCRYPT_DECRYPT"),
        "{stderr}"
    );
}

#[test]
fn a_key_of_another_kind_is_refused_with_what_would_work() {
    let sealed = sealed_to(&["p256"]);
    let hint = "a key of spec ECC_NIST_P256 for KEY_AGREEMENT";
    for (name, message) in [
        ("p256-signing", "the key is of spec ECC_NIST_P256 for SIGN_VERIFY"),
        ("p384", "the key is of spec ECC_NIST_P384 for KEY_AGREEMENT"),
        ("rsa", "the key is of spec RSA_2048 for ENCRYPT_DECRYPT"),
        ("backup", "UnsupportedOperationException"),
    ] {
        let key = format!("alias/{name}");
        let finished = with_kms_at("count-p256-kinds", ["open", "-k", &key]).input(sealed.clone()).run();
        let begin = format!("kms:GetPublicKey with {key} in {REGION} failed: {message}");
        finished.fails(3, &begin, hint).writes_nothing();
        if name != "backup" {
            let begin = begin.replace("GetPublicKey", "DescribeKey");
            with_kms(["recipient", "-k", &key]).run().fails(3, &begin, hint).writes_nothing();
        }
    }
    assert!(emulator().calls("count-p256-kinds").iter().all(|call| call == "GetPublicKey"));
    let finished = with_kms(["seal", "-k", "alias/p256"]).input("plain").run();
    finished.fails(3, "InvalidKeyUsageException", "envpipe recipient -k alias/p256").writes_nothing();
}

/// Faults of KMS: the one call that has them, what the emulator does, part of the message, and of the hint.
const FAULTS: &[(&str, &str, &str, &str)] = &[
    (
        "GetPublicKey",
        "AccessDeniedException",
        "AccessDeniedException",
        "kms:GetPublicKey and kms:DeriveSharedSecret",
    ),
    (
        "DeriveSharedSecret",
        "AccessDeniedException",
        "AccessDeniedException",
        "kms:GetPublicKey and kms:DeriveSharedSecret",
    ),
    ("DeriveSharedSecret", "other-key", "it is of another key than the one named", "is it really KMS"),
    ("GetPublicKey", "off-curve", "the public key is not a point of the curve P-256", "is it really KMS"),
    ("DeriveSharedSecret", "short-key", "the shared secret has not 32 bytes", "is it really KMS"),
    ("DeriveSharedSecret", "KMSInvalidStateException", "KMSInvalidStateException", "can be cancelled"),
    ("DeriveSharedSecret", "InvalidKeyUsageException", "InvalidKeyUsageException", "ECC_NIST_P256"),
    ("GetPublicKey", "NotFoundException", "NotFoundException", "an alias is written alias/NAME"),
    ("DeriveSharedSecret", "ThrottlingException", "ThrottlingException", "AWS_MAX_ATTEMPTS"),
    ("GetPublicKey", "not-json", "it is not in the form of KMS", "is it really KMS"),
    ("DeriveSharedSecret", "not-json", "it is not in the form of KMS", "is it really KMS"),
    ("DeriveSharedSecret", "hang", "KMS did not answer in time", "check the network"),
];

#[test]
fn every_fault_of_kms_has_its_message_and_hint_and_leaves_standard_output_empty() {
    let sealed = sealed_to(&["p256"]);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for (operation, path, message, hint) in FAULTS.iter().copied() {
            let sealed = &sealed;
            scope.spawn(move || {
                let path = format!("only-{operation}/{path}");
                let finished = with_kms_at(&path, ["open", "-k", "alias/p256"]).input(sealed.clone()).run();
                let begin = format!("kms:{operation} with alias/p256 in {REGION} failed: ");
                assert!(finished.stderr().contains(message), "{path}: {}", finished.stderr());
                finished.fails(3, &begin, hint).writes_nothing();
            });
        }
    });
    assert!(start.elapsed().as_secs() < 60, "not within 30 s each");
}

#[test]
fn an_answer_for_another_key_than_the_one_named_is_not_believed() {
    let sealed = sealed_to(&["p256"]);
    let open = |operation: &str, key: &str| {
        let path = format!("only-{operation}/other-key");
        with_kms_at(&path, ["open", "-k", key]).input(sealed.clone()).run()
    };
    let (arn, message) = (emulator().arn("p256"), "it is of another key than the one named");
    let finished = open("GetPublicKey", arn);
    finished.fails(3, &format!("kms:GetPublicKey with {arn}"), "is it really KMS").writes_nothing();
    assert!(finished.stderr().contains(message), "{}", finished.stderr());
    // What an alias means, the first answer says, and the second has to be of the same.
    let finished = open("GetPublicKey", "alias/p256");
    finished.fails(3, "kms:DeriveSharedSecret with alias/p256", "is it really KMS").writes_nothing();
    assert!(finished.stderr().contains(message), "{}", finished.stderr());
}

#[test]
fn a_public_key_that_is_anothers_opens_nothing() {
    // KMS would answer for a key that is not the one whose secret it derives: the tag fits, the file key does not open.
    let path = "only-GetPublicKey/other-public";
    let finished = with_kms_at(path, ["open", "-k", "alias/p256"]).input(sealed_to(&["p256-other"])).run();
    finished.fails(4, "KMS gave its shared secret, but that does not open it", "").writes_nothing();
}

#[test]
fn a_secret_that_is_not_the_raw_one_opens_nothing() {
    let path = "only-DeriveSharedSecret/hashed-secret";
    let finished = with_kms_at(path, ["open", "-k", "alias/p256"]).input(sealed_to(&["p256"])).run();
    finished.fails(4, "KMS gave its shared secret, but that does not open it", "").writes_nothing();
}

#[test]
fn a_share_that_is_no_point_is_refused_before_kms_is_asked() {
    let sealed = sealed_to(&["p256"]);
    let open = |sealed| with_kms_at("count-p256-share", ["open", "-k", "alias/p256"]).input(sealed).run();
    let off_the_curve = open(with_share(&sealed, |share| share[64] ^= 1));
    let message = "malformed header, stanza 1 (p256tag): its share is not a point of the curve P-256";
    off_the_curve.fails(4, message, "").writes_nothing();
    open(with_share(&sealed, |share| share.fill(0))).fails(4, message, "").writes_nothing();
    let compressed = open(with_share(&sealed, |share| share.truncate(33)));
    compressed.fails(4, "its share is not 65 bytes of canonical base64", "").writes_nothing();
    assert!(emulator().calls("count-p256-share").is_empty());
    // Another point that is on the curve has another tag.
    let negative = open(with_share(&sealed, |share| {
        let point = envpipe::format::p256::Point::from_uncompressed(share).unwrap();
        let mut compressed = point.compressed();
        compressed[0] ^= 1;
        let negative = envpipe::format::p256::Point::from_compressed(&compressed).unwrap();
        share.copy_from_slice(negative.uncompressed());
    }));
    negative.fails(3, "which alias/p256 does not name", "name others").writes_nothing();
    assert_eq!(emulator().calls("count-p256-share"), ["GetPublicKey"]);
}

#[test]
fn seventeen_stanzas_for_one_key_are_refused_before_a_secret_is_asked_for() {
    let sealed = sealed_to(&["p256"; 17]);
    let finished = with_kms_at("count-p256-many", ["open", "-k", "alias/p256"]).input(sealed).run();
    finished.fails(4, "stanza 17 (p256tag): it is the seventeenth for one key", "").writes_nothing();
    assert_eq!(emulator().calls("count-p256-many"), ["GetPublicKey"]);
    // Those for others do not count.
    let mut names = vec!["p256-other"; 40];
    names.push("p256");
    assert_eq!(with_kms(["open", "-k", "alias/p256"]).input(sealed_to(&names)).ok(), b"plain");
}

#[test]
fn a_disabled_key_says_how_to_enable_it() {
    let sealed = sealed_to(&["p256-disabled"]);
    emulator().get("disable/p256-disabled");
    let finished = with_kms(["open", "-k", "alias/p256-disabled"]).input(sealed).run();
    let hint = "aws kms enable-key --key-id alias/p256-disabled";
    finished.fails(3, "kms:DeriveSharedSecret with alias/p256-disabled", hint).writes_nothing();
}

#[test]
fn a_region_that_is_down_is_passed_over_for_either_kind() {
    let (far, far_p256) = (emulator().arn("far"), emulator().arn("p256-far"));
    let recipients = ["p256", "p256-far"].map(|name| emulator().recipient(name));
    let args = ["seal", "-k", far, "-k", "alias/backup", "-r", &recipients[0], "-r", &recipients[1]];
    let sealed = with_kms(args).input("plain").ok();
    std::thread::scope(|scope| {
        for keys in [[far, "alias/p256"], [far_p256, "alias/p256"], [far_p256, "alias/backup"]] {
            let sealed = &sealed;
            scope.spawn(move || {
                let start = Instant::now();
                let args = ["open", "-k", keys[0], "-k", keys[1]];
                let open = with_kms_at("dead-us-east-1", args).input(sealed.clone());
                assert_eq!(open.ok(), b"plain", "{keys:?}");
                assert!(start.elapsed().as_secs() < 25, "{keys:?}");
            });
        }
    });
}

#[test]
fn sealing_asks_nothing_of_aws() {
    let recipient = emulator().recipient("p256");
    let args = ["seal", "-r", &recipient];
    let sealed = with_kms_at("count-p256-seal", args).without("AWS_ACCESS_KEY_ID").input("plain").ok();
    assert!(emulator().calls("count-p256-seal").is_empty());
    assert_eq!(with_kms(["open", "-k", "alias/p256"]).input(sealed).ok(), b"plain");
    let finished = envpipe(["seal", "-r", &recipient[..60]]).run();
    finished.fails(2, "not a recipient", "age1tag1… and 59 more characters").writes_nothing();
    let post_quantum = Run::new(crate::support::ENVPIPE, ["seal", "-r", "age1tagpq1x"]).run();
    post_quantum.fails(2, "not a recipient: age1tagpq1x", "P-256 recipients (age1tag1…)").writes_nothing();
}
