//! The recipes of README and the examples of the manual, run as a user would paste them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::emulator::{REGION, emulator};
use crate::support::{ENVPIPE, Run, bytes, folder, has, python};

const README: &str = include_str!("../README.md");
const MANUAL: &str = include_str!("../man/envpipe.1");

/// Programs that recipes use and the tests have not: what each of them does here.
const STAND_INS: [(&str, &str); 3] =
    [("pg_dump", "echo dump of $1"), ("psql", "cat > psql.$1"), ("ssh", "shift; eval \"$*\"")];

/// A host on which the recipes run: a folder that has what they read, and envpipe, the AWS CLI and stand-ins on its path.
struct Host {
    folder: TempDir,
    name: &'static str,
    region: &'static str,
}

impl Host {
    fn new(name: &'static str, region: &'static str) -> Self {
        let folder = folder();
        let path = |name: &str| folder.path().join(name);
        for name in ["bin", "srv", "etc", "backup", "photos"] {
            fs::create_dir(path(name)).unwrap();
        }
        for name in ["srv/data", "etc/hosts", "photos/1.jpg", "photos/2.jpg"] {
            fs::write(path(name), bytes(100_000)).unwrap();
        }
        fs::write(path("db.dump"), "dump").unwrap();
        fs::write(path("secrets.env"), "TOKEN=secret\n").unwrap();
        for (name, script) in STAND_INS {
            let program = path("bin").join(name);
            fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        symlink(ENVPIPE, path("bin/age-plugin-envpipe")).unwrap();
        Self { folder, name, region }
    }

    /// Runs a recipe, with folders and a bucket of its own in place of those that it names.
    #[track_caller]
    fn run(&self, recipe: &str) {
        let local = recipe
            .replace("s3://bucket", &format!("s3://bucket-{}", self.name))
            .replace("age1…", "$(age-keygen -y break-glass.key)");
        let local = ["srv", "etc", "backup"]
            .iter()
            .fold(local, |text, folder| text.replace(&format!(" /{folder}"), &format!(" {folder}")));
        let aws = python::program("aws");
        let path =
            [&self.folder.path().join("bin"), Path::new(ENVPIPE).parent().unwrap(), aws.parent().unwrap()];
        let path = path.map(|folder| folder.display().to_string()).join(":");
        let path = format!("{path}:{}", std::env::var("PATH").unwrap());
        let finished = Run::new("bash", ["-e", "-o", "pipefail", "-c", &local])
            .within(self.folder.path())
            .envs(&emulator().environment(""))
            .env("PATH", path)
            .env("AWS_REGION", self.region)
            .env("AWS_DEFAULT_REGION", self.region)
            .env("SECOND_KEY", emulator().arn("far"))
            .run();
        assert!(finished.0.status.success(), "{recipe}\n{}", finished.stderr());
    }
}

/// The fenced blocks of README of a kind, in order.
fn fenced(kind: &str) -> Vec<&'static str> {
    let begin = format!("\n```{kind}\n");
    let blocks = README.split(begin.as_str()).skip(1);
    blocks.map(|text| text.split("\n```").next().unwrap()).collect()
}

#[test]
fn the_recipes_of_readme_run() {
    if !(has("age") && has("zstd")) {
        return;
    }
    let host = Host::new("readme", "eu-central-1");
    let recipes = fenced("sh");
    assert!(recipes.len() > 10, "{recipes:?}");
    // The first shows in short what comes below, when there is a bucket.
    recipes[1..].iter().for_each(|recipe| host.run(recipe));
    host.run(recipes[0]);
    host.run("diff -r srv restore/srv; diff psql.restored <(pg_dump main)");
}

#[test]
fn what_chezmoi_has_age_do_works_with_the_configuration_of_readme() {
    if !has("age") {
        return;
    }
    let host = Host::new("chezmoi", REGION);
    let [configuration] = fenced("toml")[..] else { panic!() };
    let value = |name: &str| {
        let line = configuration.lines().find(|line| line.trim().starts_with(&format!("{name} = ")));
        line.unwrap().split('"').nth(1).unwrap()
    };
    let identity = value("identity").replace("~/", "");
    assert_eq!(value("recipient"), "age1envpipe1…");
    host.run(&format!(
        "envpipe identity -k alias/backup > {identity}; recipient=$(envpipe recipient -k alias/backup | tail -n 1)
         {0} --armor --recipient $recipient --output encrypted secrets.env
         {0} --decrypt --identity {identity} encrypted | cmp - secrets.env",
        value("command")
    ));
}

#[test]
fn the_crontab_of_readme_runs() {
    let host = Host::new("cron", REGION);
    let [table] = fenced("crontab")[..] else { panic!() };
    let (variables, job) = table.rsplit_once('\n').unwrap();
    let command = job.splitn(6, ' ').last().unwrap().replace("\\%", "%");
    host.run(&format!("aws s3 mb s3://bucket; set -a; {variables}\nset +a\n{command}"));
    host.run("aws s3 ls s3://bucket/etc/ | grep -q '[.]age$'");
}

#[test]
fn the_examples_of_the_manual_run() {
    if !has("age") {
        return;
    }
    let host = Host::new("manual", REGION);
    host.run("aws s3 mb s3://bucket");
    let section = MANUAL.split(".Sh EXAMPLES").nth(1).unwrap().split("\n.Sh ").next().unwrap();
    let examples: Vec<_> = section.split(".Bd -literal -offset indent\n").skip(1).collect();
    assert!(examples.len() > 2, "{section}");
    for example in examples {
        // The key for key agreement that there is.
        let example = example.split("\n.Ed").next().unwrap().replace("alias/drop", "alias/p256");
        host.run(&example.replace("\\e", "\\"));
    }
}

#[test]
fn the_policies_of_readme_are_json_and_ask_for_the_fixed_pair() {
    let policies = fenced("json");
    assert!(policies.len() > 2, "{policies:?}");
    for policy in policies {
        let policy: Value = serde_json::from_str(policy).unwrap();
        let statement = policy.pointer("/Statement/0").unwrap_or(&policy);
        assert_eq!(statement["Condition"]["StringEquals"]["kms:EncryptionContext:envpipe"], "v1");
        assert!(statement["Action"].as_str().is_some_and(|action| MANUAL.contains(action)), "{statement}");
    }
}
