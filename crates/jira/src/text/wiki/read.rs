//! Wiki markup as plain text: what we wrote as it was meant, what people wrote near enough.

use watchfloor_core::text::List;

/// The plain text. Marks go, words stay; lists have their numbers.
pub(in super::super) fn plain(markup: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    // How many items of which sign, by depth.
    let mut counts = [(' ', 0_usize); List::DEEPEST + 2];
    // What ends the code that we are in.
    let mut fence = None;
    for line in markup.lines() {
        let line = line.trim_end_matches('\r');
        let bare = line.trim();
        if let Some(end) = fence {
            if bare == end {
                fence = None;
            } else {
                out.push(line.replace("{\u{200b}", "{").replace("[\u{200b}", "["));
            }
            continue;
        }
        fence = opens(bare);
        if fence.is_some() {
            continue;
        }
        if bare == "{quote}" {
            continue;
        }
        match list_item(bare) {
            Some((signs, rest)) => {
                let depth = signs.len().min(List::DEEPEST);
                counts[depth + 1..].fill((' ', 0));
                let last = if signs.ends_with('#') { '#' } else { '*' };
                let (sign, before) = counts[depth];
                let count = if sign == last { before + 1 } else { 1 };
                counts[depth] = (last, count);
                let sign = if last == '#' { format!("{count}. ") } else { "- ".to_owned() };
                out.push(format!("{}{sign}{}", "   ".repeat(depth - 1), words(rest)));
            }
            None => {
                counts.fill((' ', 0));
                out.push(words(beginning(bare).unwrap_or(line)));
            }
        }
    }
    out.join("\n").trim_matches('\n').to_owned()
}

/// What ends the code that `{noformat}`, `{code}` or `{code:json}` begins.
fn opens(line: &str) -> Option<&'static str> {
    let code = line.starts_with("{code") && line.find('}') == Some(line.len() - 1);
    match line {
        "{noformat}" => Some("{noformat}"),
        _ => code.then_some("{code}"),
    }
}

/// The signs and the text of an item.
fn list_item(line: &str) -> Option<(&str, &str)> {
    let rest = line.trim_start_matches(['*', '#', '-']);
    let signs = &line[..line.len() - rest.len()];
    (!signs.is_empty() && rest.starts_with(' ')).then_some((signs, rest.trim_start()))
}

/// What follows `h1. ` or `bq. `.
fn beginning(line: &str) -> Option<&str> {
    let (mark, rest) = line.split_once(". ")?;
    let heading = mark.strip_prefix('h').is_some_and(|n| matches!(n.as_bytes(), [b'1'..=b'6']));
    (heading || mark == "bq").then_some(rest)
}

/// Running text of one line without its marks.
fn words(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    if let Some(cells) = rest.strip_prefix('|') {
        rest = cells.trim_start_matches('|');
    }
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '\\' => match after.chars().next() {
                Some('\\') => {
                    out.push('\n');
                    &after[1..]
                }
                Some(next) if next.is_ascii_punctuation() => {
                    out.push(next);
                    &after[1..]
                }
                _ => {
                    out.push(c);
                    after
                }
            },
            '&' => match reference(after) {
                Some((c, after)) => {
                    out.push(c);
                    after
                }
                None => {
                    out.push(c);
                    after
                }
            },
            '{' if after.starts_with('{') => &after[1..],
            '}' if after.starts_with('}') => &after[1..],
            // A macro, or `{*}`.
            '{' => match after.find('}').filter(|end| *end <= 64) {
                Some(end) => &after[end + 1..],
                None => after,
            },
            '[' => match link(after) {
                Some((shown, after)) => {
                    out.push_str(&shown);
                    after
                }
                None => {
                    out.push(c);
                    after
                }
            },
            '|' => {
                let after = after.trim_start_matches('|');
                if !after.trim().is_empty() {
                    out.push_str(" | ");
                }
                after
            }
            _ => {
                out.push(c);
                after
            }
        };
    }
    out
}

/// `#91;` and what follows it.
fn reference(text: &str) -> Option<(char, &str)> {
    let (number, rest) = text.strip_prefix('#')?.split_once(';')?;
    let digits = (1..=7).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    let c = number.parse().ok().filter(|_| digits).and_then(char::from_u32)?;
    Some((c, rest))
}

/// `text|url]`, `url]` or `~user]`, as [`RichText`](watchfloor_core::RichText) shows it.
fn link(text: &str) -> Option<(String, &str)> {
    let end = text.char_indices().find(|(at, c)| *c == ']' && !text[..*at].ends_with('\\'))?.0;
    let (inside, rest) = (&text[..end], &text[end + 1..]);
    let wall = inside.char_indices().find(|(at, c)| *c == '|' && !inside[..*at].ends_with('\\'));
    let shown = match wall {
        Some((at, _)) => {
            format!("{} ({})", words(&inside[..at]), inside[at + 1..].replace("%21", "!"))
        }
        None => inside.replace("%21", "!"),
    };
    Some((shown, rest))
}
