//! `size` against what `seal` then writes.

use crate::support::emulator::{emulator, with_kms_at};
use crate::support::{Finished, bytes, envpipe, folder, identity};

fn size(finished: &Finished) -> u64 {
    assert_eq!(finished.0.status.code(), Some(0), "{}", finished.stderr());
    std::str::from_utf8(&finished.0.stdout).unwrap().strip_suffix('\n').unwrap().parse().unwrap()
}

#[test]
fn with_age_recipients_it_is_exact() {
    let folder = folder();
    let (path, recipient) = identity(&folder);
    let list = folder.path().join("recipients").to_str().unwrap().to_owned();
    std::fs::write(&list, format!("{recipient}\n{recipient}\n")).unwrap();
    for to in [&["-r", &recipient][..], &["-i", &path, "-R", &list], &["-a", "-R", &list]] {
        for len in [0, 1, 2, 3, 47, 48, 49, 65_535, 65_536, 65_537, 131_072, 1_000_000] {
            let finished = envpipe([&["size", &len.to_string()], to].concat()).run();
            let sealed = envpipe([&["seal"], to].concat()).input(bytes(len)).ok();
            assert_eq!(size(&finished), sealed.len() as u64, "{len} bytes, {to:?}");
            assert_eq!(finished.stderr(), "", "it is no bound");
        }
    }
}

#[test]
fn with_kms_keys_it_is_a_close_upper_bound_and_kms_is_not_asked() {
    let folder = folder();
    let (_, recipient) = identity(&folder);
    let arn = emulator().arn("backup");
    let alias_arn = format!("{}alias/backup", arn.split("key/").next().unwrap());
    let id = arn.rsplit('/').next().unwrap();
    let sixteen = ["-k", "alias/backup"].repeat(16);
    for (keys, to) in [
        (1, &["-k", "alias/backup"][..]),
        (1, &["-k", id]),
        (1, &["-k", arn, "-r", &recipient]),
        (1, &["-k", &alias_arn, "-a"]),
        (2, &["-k", emulator().arn("replica"), "-k", "alias/multi", "-c", "db=main", "-c", "é=ü x"]),
        (16, &sixteen),
    ] {
        for len in [0, 100_000] {
            let environment = emulator().environment("count-size");
            let finished = envpipe([&["size"], to, &[&len.to_string()]].concat()).envs(&environment).run();
            assert!(
                finished.stderr().starts_with("envpipe: this is an upper bound"),
                "{}",
                finished.stderr()
            );
            let seal = envpipe([&["seal"], to].concat()).envs(&emulator().environment(""));
            let sealed = seal.input(bytes(len)).ok().len() as u64;
            let over = size(&finished).checked_sub(sealed).expect("an upper bound");
            // Base64, and of that armor, make a third more of it each.
            assert!(over / keys < 1000, "{over} bytes over {sealed}, {to:?}");
        }
    }
    assert!(emulator().calls("count-size").is_empty());
}

#[test]
fn suffixes_are_powers_of_1024() {
    let folder = folder();
    let (path, _) = identity(&folder);
    let of = |n: &str| size(&envpipe(["size", "-i", &path, n]).run());
    for (short, power) in [("3K", 1), ("3M", 2), ("3G", 3), ("3T", 4), ("3g", 3)] {
        assert_eq!(of(short), of(&(3 * 1024u64.pow(power)).to_string()), "{short}");
    }
    // As wc writes it on some systems.
    assert_eq!(of("  3072\n"), of("3K"));
    // 16 bytes for every 64 KiB, and what comes before.
    assert_eq!(of("200G") - of("0"), (200 << 30) + (200 << 14) * 16 - 16);
}

#[test]
fn envpipe_key_counts_as_a_key_and_the_encryption_context_as_its_length() {
    let of = |more: &[&str]| {
        let args = [&["size", "1"], more].concat();
        size(&envpipe(args).env("ENVPIPE_KEY", "alias/backup").run())
    };
    assert_eq!(of(&["-c", "a=1"]), of(&[]) + " a=1".len() as u64);
    assert_eq!(of(&["-k", "alias/backup"]), of(&[]));
}

#[test]
fn what_is_too_long_is_refused() {
    let folder = folder();
    let (path, recipient) = identity(&folder);
    for n in ["16777216T", "16777215T", "18446744073709551615", "99999999999999999999"] {
        let finished = envpipe(["size", "-i", &path, n]).run();
        finished.fails(2, "bytes are more than a stream can have", "less than 16 EiB").writes_nothing();
    }
    let many = format!("{recipient}\n").repeat(2700);
    let finished = envpipe(["size", "-R", "-", "1"]).input(many).run();
    finished.fails(2, "the header would have", "seal to fewer recipients").writes_nothing();
}

#[test]
fn a_recipient_that_seal_would_refuse_is_refused() {
    let finished = with_kms_at("count-refused", ["size", "-k", "alias/backup", "-r", "age1x", "1"]).run();
    finished.fails(2, "not a recipient: age1x", "one may be missing").writes_nothing();
}
