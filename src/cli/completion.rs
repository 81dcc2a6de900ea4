//! `envpipe completion`: what a shell needs to complete envpipe's words, made from the same table as the parser and the help.

use std::fmt::Write;

use super::option::{FILE, Opt};
use super::words::Words;
use super::{Command, Operands, SUBCOMMANDS, Subcommand};
use crate::error::Error;

pub(super) const SUBCOMMAND: Subcommand = Subcommand {
    name: "completion",
    summary: "print shell completions for bash, zsh or fish",
    about: "`make install` and the packages put it where the shells look.",
    options: &[],
    operands: Operands::Shell,
    example: "source <(envpipe completion bash)",
    build,
};

fn build(words: &Words) -> Result<Command, Error> {
    let shell = words.operand().unwrap_or_default();
    match shell.to_str() {
        Some("bash") => Ok(Command::Print(bash())),
        Some("zsh") => Ok(Command::Print(zsh())),
        Some("fish") => Ok(Command::Print(fish())),
        Some("") => Err(Error::usage("no shell is named", "the shells are bash, zsh and fish")),
        _ => {
            let message = format!("there are no completions for '{}'", shell.to_string_lossy());
            Err(Error::usage(message, "the shells are bash, zsh and fish"))
        }
    }
}

/// The subcommands, and the options in their place.
fn first_words() -> impl Iterator<Item = (&'static str, &'static str)> {
    let subcommands = SUBCOMMANDS.iter().map(|subcommand| (subcommand.name, subcommand.summary));
    let rest = [("help", "help for a command"), ("--help", "print help"), ("--version", "print the version")];
    subcommands.chain(rest)
}

fn names(options: impl Iterator<Item = &'static Opt>) -> String {
    let names = options.flat_map(|option| {
        [option.short.map(|short| format!("-{short}")), Some(format!("--{}", option.long))]
    });
    names.flatten().collect::<Vec<_>>().join(" ")
}

/// What an option does, in one line without what a shell would take for its own.
fn line(option: &Opt) -> String {
    let help = option.help.split('\n').collect::<Vec<_>>().join(" ");
    let end = help.find(['(', ':', ';']).unwrap_or(help.len());
    help[..end].trim_end().replace(['[', ']', '\''], "")
}

fn bash() -> String {
    let mut cases = String::new();
    for subcommand in SUBCOMMANDS {
        let (files, texts): (Vec<_>, Vec<_>) = subcommand
            .options()
            .filter(|option| option.value.is_some())
            .partition(|option| option.value == Some(FILE));
        let _ = writeln!(
            cases,
            "        {})\n            options='{}'\n            files=' {} '\n            texts=' {} '\n            ;;",
            subcommand.name,
            names(subcommand.options()),
            names(files.into_iter()),
            names(texts.into_iter()),
        );
    }
    let first = first_words().map(|(word, _)| word).collect::<Vec<_>>().join(" ");
    let subcommands = SUBCOMMANDS.iter().map(|subcommand| subcommand.name).collect::<Vec<_>>().join(" ");
    format!(
        r#"# bash completion of envpipe

_envpipe() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} options='' files='' texts=''
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W '{first}' -- "$current")
        return
    fi
    case ${{COMP_WORDS[1]}} in
{cases}        help)
            mapfile -t COMPREPLY < <(compgen -W '{subcommands}' -- "$current")
            return
            ;;
    esac
    if [[ $texts == *" $previous "* ]]; then
        return
    fi
    if [[ $current == -* && $files != *" $previous "* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    elif [ "${{COMP_WORDS[1]}}" = completion ]; then
        mapfile -t COMPREPLY < <(compgen -W 'bash zsh fish' -- "$current")
    else
        compopt -o default
    fi
}}

complete -F _envpipe envpipe
"#
    )
}

fn zsh() -> String {
    let mut cases = String::new();
    for subcommand in SUBCOMMANDS {
        let mut specs = String::new();
        for option in subcommand.options() {
            let long = format!("--{}", option.long);
            let value = match option.value {
                None => String::new(),
                Some(FILE) => ":file:_files".to_owned(),
                Some(_) => ": :".to_owned(),
            };
            let both = option.short.map(|short| format!("-{short} {long}"));
            let excluded = match (&both, option.repeats) {
                (_, true) => "*".to_owned(),
                (Some(both), false) => format!("({both})"),
                (None, false) => String::new(),
            };
            let names = match option.short {
                Some(short) => format!("'{{-{short},{long}}}'"),
                None => long,
            };
            let _ = write!(specs, " \\\n                '{excluded}{names}[{}]{value}'", line(option));
        }
        let operands = match subcommand.operands {
            Operands::None | Operands::Length => "",
            Operands::Shell => " \\\n                '1:shell:(bash zsh fish)'",
            _ => " \\\n                '*:file:_files'",
        };
        let _ = writeln!(
            cases,
            "        {})\n            _arguments -s{specs}{operands}\n            ;;",
            subcommand.name
        );
    }
    let mut words = String::new();
    for (word, summary) in first_words() {
        let _ = writeln!(words, "            '{word}:{}'", summary.replace(':', "\\:").replace('\'', ""));
    }
    format!(
        r#"#compdef envpipe

_envpipe() {{
    if (( CURRENT == 2 )); then
        local -a words_of_envpipe=(
{words}        )
        _describe command words_of_envpipe
        return
    fi
    local subcommand=$words[2]
    shift words
    (( CURRENT-- ))
    case $subcommand in
{cases}    esac
}}

if [ "$funcstack[1]" = _envpipe ]; then
    _envpipe "$@"
else
    compdef _envpipe envpipe
fi
"#
    )
}

fn fish() -> String {
    let mut text = "# fish completion of envpipe\n\n".to_owned();
    for (word, summary) in first_words() {
        let (what, word) = match word.strip_prefix("--") {
            Some(option) => ("-l", option),
            None => ("-a", word),
        };
        let summary = summary.replace('\'', "");
        let _ =
            writeln!(text, "complete -c envpipe -n __fish_use_subcommand -f {what} {word} -d '{summary}'");
    }
    for subcommand in SUBCOMMANDS {
        let begin = format!("complete -c envpipe -n '__fish_seen_subcommand_from {}'", subcommand.name);
        match subcommand.operands {
            Operands::None | Operands::Length => text.push_str(&format!("{begin} -f\n")),
            Operands::Shell => text.push_str(&format!("{begin} -f -a 'bash zsh fish'\n")),
            _ => {}
        }
        for option in subcommand.options() {
            let short = option.short.map(|short| format!(" -s {short}")).unwrap_or_default();
            let value = match option.value {
                None => "",
                Some(FILE) => " -r -F",
                Some(_) => " -x",
            };
            let _ = writeln!(text, "{begin}{short} -l {}{value} -d '{}'", option.long, line(option));
        }
    }
    text
}
