//! A recipient stanza: arguments and a body (age.md, «Recipient stanza»), as text and back.
//!
//! It knows no kind of stanza; those are in `kms_stanza` and in `keys`.

use zeroize::Zeroizing;

use super::base64;

/// Characters in every line of a body but the last, which is shorter.
const COLUMNS: usize = 64;

/// One wrapped file key, in whatever way its first argument names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stanza {
    /// The kind first; never empty, and each of visible ASCII characters.
    pub args: Vec<String>,
    /// The decoded body.
    pub body: Vec<u8>,
}

impl Stanza {
    /// The first argument.
    pub fn kind(&self) -> &str {
        &self.args[0]
    }

    /// Appends the stanza's lines to `text`.
    pub fn encode(&self, text: &mut String) {
        text.push_str("->");
        for arg in &self.args {
            text.push(' ');
            text.push_str(arg);
        }
        text.push('\n');
        // A plugin sends file keys in it.
        let body = Zeroizing::new(base64::encode(&self.body));
        let mut rest = body.as_str();
        while rest.len() >= COLUMNS {
            let (line, behind) = rest.split_at(COLUMNS);
            text.push_str(line);
            text.push('\n');
            rest = behind;
        }
        text.push_str(rest);
        text.push('\n');
    }

    /// At least as many bytes as [`Stanza::encode`] appends.
    pub fn encoded_len(&self) -> usize {
        let args: usize = self.args.iter().map(|arg| 1 + arg.len()).sum();
        let body = self.body.len().div_ceil(3) * 4;
        "->".len() + args + 1 + body + body / COLUMNS + 1
    }

    /// Whether these lines, the first of them that of the arguments, are all of a stanza.
    pub fn has_ended(lines: &[u8]) -> bool {
        let Some(text) = lines.strip_suffix(b"\n") else { return false };
        let before = text.iter().rposition(|b| *b == b'\n');
        before.is_some_and(|line_feed| text.len() - line_feed - 1 < COLUMNS)
    }

    /// Parses the stanza that begins with `first_line` and goes on in `lines`, leaving what comes behind it there. An
    /// error says what is wrong with the line that `lines` gave last.
    pub fn parse<'a>(
        first_line: &[u8],
        lines: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<Self, &'static str> {
        let args = first_line.strip_prefix(b"-> ").ok_or("neither a stanza nor the header's end")?;
        let args = args.split(|b| *b == b' ').map(argument).collect::<Option<_>>();
        let args = args.ok_or("a stanza's arguments are not visible characters, one space apart")?;
        let mut body = Vec::new();
        loop {
            let line = lines.next().ok_or("the header ends inside a stanza")?;
            if line.len() > COLUMNS {
                return Err("a line of a stanza's body is longer than 64 characters");
            }
            let bytes = base64::decode(line).map(Zeroizing::new);
            body.extend_from_slice(&bytes.ok_or("a stanza's body is not canonical base64")?);
            if line.len() < COLUMNS {
                return Ok(Self { args, body });
            }
        }
    }
}

fn argument(word: &[u8]) -> Option<String> {
    let visible = !word.is_empty() && word.iter().all(u8::is_ascii_graphic);
    visible.then(|| String::from_utf8(word.to_vec()).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_ends_with_a_short_line_even_where_it_must_be_empty() {
        for (len, lines) in [(0, 1), (1, 1), (47, 1), (48, 2), (49, 2), (96, 3)] {
            let stanza = Stanza { args: vec!["kind".into(), "x".into()], body: vec![9; len] };
            let mut text = String::new();
            stanza.encode(&mut text);
            assert_eq!(text.lines().count(), 1 + lines, "{len} bytes");
            assert!((text.len()..text.len() + 4).contains(&stanza.encoded_len()), "{len} bytes");
            for (i, line) in text.split_inclusive('\n').enumerate() {
                let until = line.as_ptr() as usize - text.as_ptr() as usize + line.len();
                assert_eq!(Stanza::has_ended(&text.as_bytes()[..until]), i == lines, "{len} bytes, line {i}");
            }
            let mut rest = text.lines().map(str::as_bytes);
            let first = rest.next().unwrap();
            assert_eq!(Stanza::parse(first, &mut rest).unwrap(), stanza);
        }
    }
}
