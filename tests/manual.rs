//! What is written about envpipe, held against the program and its tests.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::{help, subcommands};

const MANUAL: &str = include_str!("../man/envpipe.1");

#[test]
fn the_manual_has_the_subcommands_that_help_has_in_their_order() {
    let sections = MANUAL.split("\n.Ss envpipe ").skip(1).map(|text| text.lines().next().unwrap());
    assert_eq!(sections.collect::<Vec<_>>(), subcommands());
    let synopsis = MANUAL.split(".Sh SYNOPSIS").nth(1).unwrap().split(".Sh ").next().unwrap();
    let uses = synopsis.split(".Nm envpipe\n.Cm ").skip(1).map(|text| text.lines().next().unwrap());
    assert_eq!(uses.filter(|name| *name != "help").collect::<Vec<_>>(), subcommands());
}

/// The long options in the section of a subcommand.
fn manual(subcommand: &str) -> BTreeSet<String> {
    let section = MANUAL.split(&format!(".Ss envpipe {subcommand}\n")).nth(1).unwrap();
    let section = section.split("\n.S").next().unwrap();
    let items = section.lines().filter(|line| line.starts_with(".It Fl "));
    items.map(|line| line.split("Fl -").last().unwrap().split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn the_manual_has_the_options_that_help_has() {
    for subcommand in subcommands() {
        let mut help = help(&subcommand);
        // Said once, in front of the subcommands.
        assert!(help.remove("help"));
        assert_eq!(manual(&subcommand), help, "{subcommand}");
    }
}

#[test]
fn the_manual_has_the_sections_that_are_looked_for() {
    for section in [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "ENVIRONMENT",
        "FILES",
        "EXIT STATUS",
        "EXAMPLES",
        "DIAGNOSTICS",
        "COMPATIBILITY",
        "SEE ALSO",
        "CAVEATS",
        "SECURITY CONSIDERATIONS",
    ] {
        assert!(MANUAL.contains(&format!("\n.Sh {section}\n")), "there is no {section}");
    }
}

#[test]
fn the_manual_shows_the_known_answer_of_the_format() {
    let format = include_str!("../man/envpipe.5");
    for value in [
        "ed040551964dd4e4d7c9a55897ae2107f9e005f2159c1eaedb044583d18b074d",
        "2432323a9e6babd3aedec0523f07d06633d46512e798cf82b10eb839c2a87057",
        "NvotEQ7rIgbtloXFPe/Isydgor1t/VMo8J4+oz/l9/0",
        "age1tag1qwe0kafsjrar4txm6heqnhpfuggzr0gvznz7fvygxrlq90u5mq2pysxtw6h",
        "-> p256tag J0YzSw BHeMzLJQiSUX5FsGOQESNdVwvqPsZy2R/LHHH/SJZxWlJep1/oCC8I7\\e\nXX3AMThg66GjG9r+1UD/DUGsSxNoW/bg\n",
        "5N05uPcAraPD82WVP9OYI0b3TzulfSY8gwFLXb4U+po",
        "age1envpipe1q9shym36v9mhxwntd4en5et494mk2um595cn5vf3xycnyv3jxgenxven8f4k27f0xyerxdrpvf3kgtf3xfskytfnx33kgtf4xejkvtf3xgengdfkxuurjvrpvgsxzurs843xzcmtw4czqar9v9kn6erzy5erqmmswvvmz80m",
        "AGE-PLUGIN-ENVPIPE-1Q9SHYM36V9MHXWNTD4EN5ET494MK2UM595CN5VF3XYCNYV3JXGENXVEN8F4K27F0XYERXDRPVF3KGTF3XFSKYTFNX33KGTF4XEJKVTF3XGENGDFKXUURJVRPVGP80AGS",
    ] {
        let unbroken = format.replace("\\e\n", "");
        assert!(unbroken.contains(&value.replace("\\e\n", "")), "{value}");
    }
}

#[test]
fn every_promise_of_the_security_policy_names_tests_and_they_exist() {
    let section = include_str!("../SECURITY.md").split("\n## ").nth(1).unwrap();
    let mut promises: Vec<String> = Vec::new();
    for line in section.lines() {
        match promises.last_mut() {
            _ if line.starts_with(|c: char| c.is_ascii_digit()) => promises.push(line.to_owned()),
            Some(promise) if line.starts_with("   ") => promise.push_str(line),
            _ => {}
        }
    }
    assert!(promises.len() > 10, "{promises:?}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let code = sources(&root.join("src")) + &sources(&root.join("tests"));
    for promise in promises {
        let words = promise.split('`').skip(1).step_by(2);
        let tests: Vec<_> = words.filter(|word| word.matches('_').count() > 1).collect();
        assert!(!tests.is_empty(), "no test holds: {promise}");
        for test in tests {
            assert!(code.contains(&format!("fn {test}(")), "there is no test {test}");
        }
    }
}

/// All the Rust below a folder.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.extension() {
            _ if path.is_dir() => text += &sources(&path),
            Some(extension) if extension == "rs" => text += &std::fs::read_to_string(path).unwrap(),
            _ => {}
        }
    }
    text
}
