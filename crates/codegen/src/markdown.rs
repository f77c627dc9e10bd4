//! Descriptions of a spec as documentation of Rust: OpenAPI's are Markdown, but what rustdoc makes of a bracket, an address or a block
//! of code is not what the author of a spec meant.

/// A description as rustdoc shows it as it was meant: brackets are brackets, addresses are links, and no block is a test to be run.
/// Code spans, blocks and links of Markdown's own stay what they are.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut fence: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let words = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| words.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => {
                // Without a language, or in Rust, it would be compiled.
                fence = Some(mark);
                out.push_str(mark);
                out.push_str("text");
            }
            (Some(open), Some(mark)) if open == mark => {
                fence = None;
                out.push_str(mark);
            }
            (Some(_), _) => out.push_str(line),
            (None, None) => {
                // Four spaces make a block of code, which would be compiled too.
                let indent = line.len() - words.len();
                out.push_str(&" ".repeat(indent.min(3)));
                escape_line(words, &mut out);
            }
        }
    }
    if let Some(mark) = fence {
        out.push('\n');
        out.push_str(mark);
    }
    out
}

/// A text that is not Markdown, such as the source of a fact: as [`escaped`], on one line.
pub(crate) fn link(text: &str) -> String {
    escaped(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn escape_line(line: &str, out: &mut String) {
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let whole = match first {
            '\\' => rest.chars().take(2).map(char::len_utf8).reduce(|a, b| a + b),
            '`' => code_span(rest),
            '[' => inline_link(rest),
            '<' => rest.find('>').filter(|end| address(&rest[1..]) == Some(end - 1)).map(|end| end + 1),
            _ => None,
        };
        if let Some(end) = whole {
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        } else if let Some(end) = address(rest).filter(|_| !out.ends_with(char::is_alphanumeric)) {
            out.push('<');
            out.push_str(&rest[..end]);
            out.push('>');
            rest = &rest[end..];
        } else {
            if matches!(first, '`' | '[' | ']' | '<' | '>') {
                out.push('\\');
            }
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
}

/// The length of the code span that `text` begins with, if its ticks are closed by as many.
fn code_span(text: &str) -> Option<usize> {
    let ticks = text.len() - text.trim_start_matches('`').len();
    let mut at = ticks;
    while let Some(next) = text[at..].find('`') {
        let start = at + next;
        let run = text[start..].len() - text[start..].trim_start_matches('`').len();
        at = start + run;
        if run == ticks {
            return Some(at);
        }
    }
    None
}

/// The length of the `[words](address)` that `text` begins with.
fn inline_link(text: &str) -> Option<usize> {
    let (words, target) = text.split_once("](")?;
    let end = address(target)?;
    (!words[1..].contains(['[', ']']) && target[end..].starts_with(')')).then_some(words.len() + 2 + end + 1)
}

/// The length of the address that `text` begins with; a full stop or a bracket behind it is not part of it.
fn address(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let stops = |c: char| c.is_whitespace() || c.is_control() || "<>()[]{}`\"'\\|^".contains(c);
    let end = rest.find(stops).unwrap_or(rest.len());
    let host = rest[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_']);
    (!host.is_empty()).then_some(text.len() - rest.len() + host.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rustdoc_would_take_for_something_else_is_escaped() {
        for (text, shown) in [
            ("plain words, 3 * 4", "plain words, 3 * 4"),
            ("an array such as [1, 2] of <Type>", r"an array such as \[1, 2\] of \<Type\>"),
            ("`a[0]` and ``b`[1]``, [c]", r"`a[0]` and ``b`[1]``, \[c\]"),
            ("a lone ` tick [x]", r"a lone \` tick \[x\]"),
            (r"already \[escaped\] \", r"already \[escaped\] \"),
            ("see https://a.example/b?c=d#e.", "see <https://a.example/b?c=d#e>."),
            ("see <https://a.example>, (http://b.example)", "see <https://a.example>, (<http://b.example>)"),
            ("[words](https://a.example/x) [x](y)", r"[words](https://a.example/x) \[x\](y)"),
            ("https:// and xhttps://a", "https:// and xhttps://a"),
            ("h\u{e9}h [\u{4e2d}", "h\u{e9}h \\[\u{4e2d}"),
            ("- one\n  - two\n\n      let x = 1;", "- one\n  - two\n\n   let x = 1;"),
            ("a\n```\nx[0]\n```\nb", "a\n```text\nx[0]\n```\nb"),
            ("~~~rust\nx[0]", "~~~text\nx[0]\n~~~"),
            ("", ""),
        ] {
            assert_eq!(escaped(text), shown, "{text:?}");
        }
    }

    #[test]
    fn escaping_twice_is_escaping_once() {
        for text in ["[a] <b> ` https://c.example/d.", "```\nx\n```", "[w](https://a.example)"] {
            assert_eq!(escaped(&escaped(text)), escaped(text));
        }
    }

    #[test]
    fn a_source_is_one_line() {
        assert_eq!(link("a\n  [b]\nhttps://c.example"), "a \\[b\\] <https://c.example>");
    }
}
