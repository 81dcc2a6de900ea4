//! The main job, as the first page of README has it: a tree of files to S3 and back.

use std::fs;
use std::path::Path;

use crate::support::emulator::{REGION, emulator};
use crate::support::{ENVPIPE, Run, bytes, folder, python};

/// A tree with what trees have: folders, an empty file, a large one, a link, modes, odd names.
fn make_tree(root: &Path) {
    fs::create_dir_all(root.join("folder/empty")).unwrap();
    fs::write(root.join("nothing"), "").unwrap();
    fs::write(root.join("folder/large"), bytes(5_000_000)).unwrap();
    fs::write(root.join("folder/a name with spaces"), "text\n").unwrap();
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock"), root.join("Cargo.lock")).unwrap();
    std::os::unix::fs::symlink("Cargo.lock", root.join("link")).unwrap();
    for i in 0..200 {
        fs::write(root.join(format!("folder/{i}")), bytes(i * 97)).unwrap();
    }
}

/// A script that any failing command ends, with envpipe and the AWS CLI as clients of the emulator.
fn bash(folder: &Path, script: &str) -> Run {
    let script = format!(
        "set -eo pipefail
        PATH={}:{}:$PATH
        {script}",
        Path::new(ENVPIPE).parent().unwrap().display(),
        python::program("aws").parent().unwrap().display(),
    );
    let run = Run::new("bash", ["-c", &script]).within(folder);
    run.envs(&emulator().environment("")).env("AWS_DEFAULT_REGION", REGION)
}

#[test]
fn a_tree_goes_through_tar_seal_and_s3_and_comes_back_identical() {
    let folder = folder();
    make_tree(&folder.path().join("src"));
    fs::create_dir(folder.path().join("back")).unwrap();
    let script = "aws s3 mb s3://bucket
        tar c src | envpipe seal -k alias/backup | aws s3 cp - s3://bucket/src.tar.age
        aws s3 cp s3://bucket/src.tar.age - | envpipe open -k alias/backup | tar t > list
        aws s3 cp s3://bucket/src.tar.age - | envpipe open -k alias/backup | tar x -C back
        diff -r --no-dereference src back/src
        grep -q 'src/folder/large' list";
    bash(folder.path(), script).ok();
}

#[test]
fn size_is_the_expected_size_of_an_upload_to_s3() {
    let folder = folder();
    fs::write(folder.path().join("db.dump"), bytes(300_000)).unwrap();
    let script = "aws s3 mb s3://expected
        expected=$(envpipe size -k alias/backup \"$(wc -c < db.dump)\")
        envpipe seal -k alias/backup db.dump | aws s3 cp --expected-size \"$expected\" - s3://expected/db.age
        aws s3 cp s3://expected/db.age - | envpipe open -k alias/backup | cmp - db.dump";
    bash(folder.path(), script).ok();
}

#[test]
fn the_commands_of_shell_one_liners_print_what_the_manual_says() {
    let version = Run::new(ENVPIPE, ["--version"]).ok();
    assert_eq!(String::from_utf8(version).unwrap(), format!("envpipe {}\n", env!("CARGO_PKG_VERSION")));
    for args in [&["-h"][..], &["--help"], &["help"], &["help", "seal"], &["seal", "--help"], &["open", "-h"]]
    {
        let text = String::from_utf8(Run::new(ENVPIPE, args).ok()).unwrap();
        assert!(text.contains("usage: envpipe "), "{args:?}");
    }
}
