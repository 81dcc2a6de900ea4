//! `check`: what works under each key, what does not, and what to allow.

use crate::support::emulator::{REGION, emulator, with_kms, with_kms_at};
use crate::support::{Finished, envpipe};

/// The words of each row, without the head, and without the lines beneath the rows.
fn rows(finished: &Finished) -> Vec<Vec<String>> {
    let text = String::from_utf8_lossy(&finished.0.stdout).into_owned();
    let mut rows: Vec<Vec<String>> = text
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect();
    assert_eq!(rows.remove(0), ["KEY", "SEAL", "OPEN", "ARN"], "{text}{}", finished.stderr());
    rows
}

/// What stands beneath the rows.
fn reasons(finished: &Finished) -> Vec<String> {
    let text = String::from_utf8_lossy(&finished.0.stdout).into_owned();
    text.lines().filter_map(|line| line.strip_prefix("    ")).map(str::to_owned).collect()
}

#[track_caller]
fn succeeds(finished: &Finished) {
    assert_eq!(finished.0.status.code(), Some(0), "{}", finished.stderr());
    assert_eq!(finished.stderr(), "");
}

#[test]
fn each_key_that_seals_and_opens_has_a_row_and_costs_two_calls() {
    let far = emulator().arn("far");
    let args = ["check", "-k", "alias/backup", "-k", far, "-k", "alias/backup"];
    let finished = with_kms_at("count-check", args).run();
    succeeds(&finished);
    let backup = emulator().arn("backup");
    assert_eq!(rows(&finished), [["alias/backup", "yes", "yes", backup], [far, "yes", "yes", far]]);
    assert!(reasons(&finished).is_empty());
    assert_eq!(emulator().calls("count-check"), ["GenerateDataKey", "GenerateDataKey", "Decrypt", "Decrypt"]);
}

#[test]
fn the_table_is_aligned() {
    let finished = with_kms(["check", "-k", "alias/backup", "-k", "alias/multi"]).run();
    let expected = format!(
        "\
KEY           SEAL    OPEN    ARN
alias/backup  yes     yes     {}
alias/multi   yes     yes     {}
",
        emulator().arn("backup"),
        emulator().arn("multi")
    );
    assert_eq!(String::from_utf8_lossy(&finished.0.stdout), expected);
}

#[test]
fn opening_that_is_denied_is_reported_and_is_no_failure() {
    let finished = with_kms_at("Decrypt-AccessDeniedException", ["check", "-k", "alias/backup"]).run();
    succeeds(&finished);
    assert_eq!(rows(&finished), [["alias/backup", "yes", "denied", emulator().arn("backup")]]);
    let reasons = reasons(&finished);
    let failed = format!("kms:Decrypt with alias/backup in {REGION} failed: AccessDeniedException");
    assert!(reasons[0].starts_with(&failed) && reasons[0].contains("request id"), "{reasons:?}");
    assert!(reasons[1].starts_with("allow kms:Decrypt on this key"), "{reasons:?}");
    assert_eq!(reasons.len(), 2);
}

#[test]
fn sealing_that_is_denied_ends_with_3_and_opening_is_not_tried() {
    let path = "count-check-denied/GenerateDataKey-AccessDeniedException";
    let finished = with_kms_at(path, ["check", "-k", "alias/backup"]).run();
    finished.fails(3, "sealing would fail under alias/backup", "");
    assert_eq!(rows(&finished), [["alias/backup", "denied", "-", "-"]]);
    let reasons = reasons(&finished);
    assert!(reasons[0].starts_with("kms:GenerateDataKey with alias/backup"), "{reasons:?}");
    assert!(reasons[1].starts_with("allow kms:GenerateDataKey on this key"), "{reasons:?}");
    assert_eq!(emulator().calls("count-check-denied"), ["GenerateDataKey"]);
}

#[test]
fn every_key_is_checked_though_others_fail() {
    let args = ["check", "-k", "alias/none", "-k", "alias/backup", "-k", "alias/nil", "-k", "alias/other"];
    let finished = with_kms(args).run();
    finished.fails(3, "sealing would fail under alias/none, alias/nil", "");
    let (backup, other) = (emulator().arn("backup"), emulator().arn("other"));
    assert_eq!(
        rows(&finished),
        [
            ["alias/none", "fails", "-", "-"],
            ["alias/backup", "yes", "yes", backup],
            ["alias/nil", "fails", "-", "-"],
            ["alias/other", "yes", "yes", other],
        ]
    );
    let reasons = reasons(&finished);
    assert!(reasons[0].contains("NotFoundException") && reasons[1].contains("alias/NAME"), "{reasons:?}");
    let all = with_kms(["check", "-k", "alias/none", "-k", "alias/nil"]).run();
    all.fails(3, "sealing would fail under alias/none, alias/nil", "");
    assert_eq!(rows(&all), [["alias/none", "fails", "-", "-"], ["alias/nil", "fails", "-", "-"]]);
}

#[test]
fn a_fault_that_is_no_denial_is_told_from_one() {
    for (path, message, hint) in [
        ("Decrypt-DisabledException", "DisabledException", "aws kms enable-key"),
        ("Decrypt-KMSInternalException", "KMSInternalException", "the fault is with KMS"),
    ] {
        let finished = with_kms_at(path, ["check", "-k", "alias/backup"]).run();
        succeeds(&finished);
        assert_eq!(rows(&finished)[0][1..3], ["yes", "fails"]);
        let reasons = reasons(&finished);
        assert!(reasons[0].contains(message) && reasons[1].contains(hint), "{reasons:?}");
    }
}

#[test]
fn kms_is_given_the_encryption_context_that_seal_would_give_it() {
    let path = "needs-db=main/needs-envpipe=v1";
    let check = |more: &[&str]| {
        let args = [&["check", "-k", "alias/backup"], more].concat();
        envpipe(args).envs(&emulator().environment(path)).run()
    };
    succeeds(&check(&["-c", "db=main"]));
    let finished = check(&["-c", "db=other"]);
    finished.fails(3, "sealing would fail under alias/backup", "");
    assert_eq!(rows(&finished), [["alias/backup", "denied", "-", "-"]]);
    assert!(reasons(&finished)[1].contains("an encryption context (-c)"));
}

#[test]
fn without_k_the_keys_of_the_environment_are_checked() {
    let finished = with_kms(["check"]).env("ENVPIPE_KEY", "alias/other alias/backup").run();
    succeeds(&finished);
    let names: Vec<_> = rows(&finished).into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(names, ["alias/other", "alias/backup"]);
}

#[test]
fn what_is_no_matter_of_a_key_is_said_once() {
    let two = ["check", "-k", "alias/backup", "-k", "alias/other"];
    let finished = with_kms(two).without("AWS_ACCESS_KEY_ID").run();
    finished.fails(3, "no AWS credentials", "aws sso login").writes_nothing();
    let finished = with_kms(two).without("AWS_REGION").run();
    finished.fails(3, "no AWS region is configured", "set AWS_REGION").writes_nothing();
}

#[test]
fn a_p256_key_is_sealed_to_by_everybody_and_opened_by_those_who_may_derive() {
    let arn = emulator().arn("p256");
    let finished = with_kms(["check", "-k", "alias/p256", "-k", "alias/backup"]).run();
    succeeds(&finished);
    let backup = emulator().arn("backup");
    assert_eq!(rows(&finished), [["alias/p256", "yes", "yes", arn], ["alias/backup", "yes", "yes", backup]]);
    let finished =
        with_kms_at("DeriveSharedSecret-AccessDeniedException", ["check", "-k", "alias/p256"]).run();
    succeeds(&finished);
    assert_eq!(rows(&finished), [["alias/p256", "yes", "denied", arn]]);
    assert!(reasons(&finished)[1].contains("allow kms:DeriveSharedSecret"), "{:?}", reasons(&finished));
    let finished = with_kms(["check", "-k", "alias/p256-signing"]).run();
    assert_eq!(rows(&finished), [["alias/p256-signing", "fails", "-", "-"]]);
    assert_eq!(finished.0.status.code(), Some(3), "{}", finished.stderr());
}
