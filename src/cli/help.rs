//! The help texts, made from the table of subcommands and options.

use std::fmt::Write;

use super::option::Opt;
use super::{SUBCOMMANDS, Subcommand};

/// `envpipe --version`
pub const VERSION: &str = concat!("envpipe ", env!("CARGO_PKG_VERSION"), "\n");

/// The widest line of a usage.
const WIDTH: usize = 88;

/// `envpipe -h`: how each subcommand is used.
pub fn short() -> String {
    let usages = SUBCOMMANDS
        .iter()
        .enumerate()
        .map(|(i, subcommand)| usage(if i == 0 { "usage: envpipe" } else { "       envpipe" }, subcommand));
    usages.collect()
}

/// `envpipe --help`, `envpipe help`
pub fn long() -> String {
    let mut commands = String::new();
    for subcommand in SUBCOMMANDS {
        let _ = writeln!(commands, "  {:<10}  {}", subcommand.name, subcommand.summary);
    }
    format!(
        "\
AWS KMS envelope encryption as a Unix filter

usage: envpipe COMMAND [OPTION]... [FILE]

    tar c /srv | envpipe seal -k alias/backup | aws s3 cp - s3://bucket/srv.tar.age
    aws s3 cp s3://bucket/srv.tar.age - | envpipe open -k alias/backup | tar x

commands:
{commands}  help        help for a command: envpipe help seal

  -h, --help       print help (-h: short)
  -V, --version    print the version

environment:
  ENVPIPE_KEY      KMS keys, separated by spaces, that stand in where there is no -k
  AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL_KMS …  as everywhere in AWS

exit status: 0 all went well; 1 reading or writing failed; 2 wrong command line;
3 no key; 4 bad data: truncated, altered, or not a sealed stream

The manual has the rest: man envpipe
"
    )
}

/// `envpipe help SUBCOMMAND`
pub fn of(subcommand: &Subcommand) -> String {
    let Subcommand { summary, about, example, .. } = subcommand;
    let mut text = format!("{summary}\n\n{}", usage("usage: envpipe", subcommand));
    if !about.is_empty() {
        let _ = write!(text, "\n{about}\n");
    }
    text.push('\n');
    let labels: Vec<_> = subcommand.options().map(|option| (label(option), option.help)).collect();
    let width = labels.iter().map(|(label, _)| label.len()).max().unwrap_or_default() + 2;
    for (mut label, help) in labels {
        for line in help.lines() {
            let _ = writeln!(text, "  {:<width$}{line}", std::mem::take(&mut label));
        }
    }
    let _ = write!(text, "\n    {example}\n");
    text
}

/// `-o, --output FILE`
fn label(option: &Opt) -> String {
    let short = option.short.map_or("    ".to_owned(), |short| format!("-{short}, "));
    let value = option.value.map(|value| format!(" {value}")).unwrap_or_default();
    format!("{short}--{}{value}", option.long)
}

/// How a subcommand is used, in lines that begin with `program` or as far in.
fn usage(program: &str, subcommand: &Subcommand) -> String {
    let mut line = format!("{program} {}", subcommand.name);
    let indent = line.len();
    let mut text = String::new();
    let options = subcommand.options.iter().map(|option| {
        let name = option.short.map_or(format!("--{}", option.long), |short| format!("-{short}"));
        let value = option.value.map(|value| format!(" {value}")).unwrap_or_default();
        format!("[{name}{value}]{}", if option.repeats { "..." } else { "" })
    });
    for word in options.chain([subcommand.operands.usage().to_owned()]).filter(|word| !word.is_empty()) {
        if line.len() + 1 + word.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = " ".repeat(indent);
        }
        line.push(' ');
        line.push_str(&word);
    }
    text + &line + "\n"
}
