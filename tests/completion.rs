//! Completions in real shells, against the help.

use std::collections::BTreeSet;

use crate::support::{ENVPIPE, Run, folder, has, help, python, subcommands};

const SHELLS: [&str; 3] = ["bash", "fish", "zsh"];

/// What a shell offers when its script has been read and `line` is completed.
fn offered(shell: &str, line: &str) -> String {
    let read = format!("source <({ENVPIPE} completion {shell})");
    let output = match shell {
        "bash" => {
            let script = format!(
                "{read}; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _envpipe; \
                 printf '%s\n' \"${{COMPREPLY[@]}}\""
            );
            Run::new("bash", ["--norc", "-c", &script]).ok()
        }
        "fish" => {
            let home = folder();
            let script = format!("{ENVPIPE} completion fish | source; complete -C '{line}'");
            Run::new("fish", ["--no-config", "-c", &script]).env("HOME", home.path()).ok()
        }
        _ => {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/zsh.py");
            let begin = format!("autoload -U compinit && compinit -u -D; {read}");
            Run::new(python::program("python"), [script, &begin, line]).ok()
        }
    };
    String::from_utf8_lossy(&output).into_owned()
}

#[test]
fn every_shell_offers_the_options_that_help_has() {
    for shell in SHELLS.into_iter().filter(|shell| has(shell)) {
        for subcommand in subcommands() {
            let offered = offered(shell, &format!("envpipe {subcommand} --"));
            let words = offered.split_whitespace().filter_map(|word| word.strip_prefix("--"));
            let options: BTreeSet<_> = words.filter(|word| !word.is_empty()).map(str::to_owned).collect();
            assert_eq!(options, help(&subcommand), "{shell}, {subcommand}: {offered}");
        }
    }
}

#[test]
fn every_shell_offers_the_subcommands() {
    for shell in SHELLS.into_iter().filter(|shell| has(shell)) {
        let offered = offered(shell, "envpipe ");
        for subcommand in subcommands() {
            let offers = offered.split_whitespace().any(|word| word == subcommand);
            // Bash is given the line as words, and completes the last of them.
            assert!(offers || shell == "bash", "{shell}: {offered}");
        }
    }
    assert_eq!(offered("bash", "envpipe k").trim(), "keygen");
}

#[test]
fn a_shell_without_completions_is_refused() {
    for (shell, message) in [("tcsh", "there are no completions for 'tcsh'"), ("", "no shell is named")] {
        let args = ["completion", shell].into_iter().filter(|word| !word.is_empty());
        Run::new(ENVPIPE, args).run().fails(2, message, "bash, zsh and fish").writes_nothing();
    }
}
