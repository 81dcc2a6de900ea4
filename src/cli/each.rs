//! `--each` on the command line: many files, each to a file of its own.

use std::path::PathBuf;

use super::option::{FILE, OUTPUT, Opt};
use super::words::Words;
use crate::error::Error;

/// The files of `--each`.
#[derive(PartialEq, Eq, Debug)]
pub struct Each {
    /// Those that are operands.
    pub files: Vec<PathBuf>,
    /// A file that names more, each name ended by NUL; `-` is standard input.
    pub files0_from: Option<PathBuf>,
    /// Whether to go on where one fails.
    pub keep_going: bool,
    /// Whether to replace files that are there.
    pub force: bool,
}

pub(super) const EACH: Opt = Opt::switch("each", None, "");

pub(super) const FILES0_FROM: Opt = Opt::value(
    "files0-from",
    None,
    FILE,
    "with --each: also the files whose names are in FILE, each\nended by NUL, as find -print0 writes them",
);

pub(super) const KEEP_GOING: Opt =
    Opt::switch("keep-going", None, "with --each: go on with the others where one fails");

pub(super) const FORCE: Opt = Opt::switch("force", None, "with --each: replace files that are there");

/// What the options say, if `--each` is among them.
pub(super) fn each(words: &Words) -> Result<Option<Each>, Error> {
    if !words.has(&EACH) {
        return match [FILES0_FROM, KEEP_GOING, FORCE].iter().find(|option| words.has(option)) {
            None => Ok(None),
            Some(option) => Err(Error::usage(
                format!("--{} is given without --each", option.long),
                "it is about many files, each to a file of its own: --each FILE...",
            )),
        };
    }
    let refuse = |what: &str| {
        let message = format!("--each is given together with {what}");
        Err(Error::usage(message, "each file goes to one beside it: FILE to FILE.age, and back"))
    };
    if words.has(&OUTPUT) {
        return refuse("-o");
    }
    if words.command().is_some() {
        return refuse("a command");
    }
    let files = words.files();
    if files.iter().any(|file| file.as_os_str() == "-") {
        return refuse("'-'");
    }
    let files0_from = words.path(&FILES0_FROM);
    if files.is_empty() && files0_from.is_none() {
        return Err(Error::usage(
            "no file is named for --each",
            "name them: --each FILE..., or --files0-from FILE",
        ));
    }
    Ok(Some(Each { files, files0_from, keep_going: words.has(&KEEP_GOING), force: words.has(&FORCE) }))
}
