//! Wiki markup as its readers see it: the marks do what they do, and are gone.

/// The text that is shown.
pub(super) fn shown(markup: &str) -> String {
    let mut lines = Vec::new();
    let mut verbatim = false;
    for line in markup.lines() {
        match line.trim() {
            "{noformat}" | "{code}" => verbatim = !verbatim,
            "{quote}" if !verbatim => {}
            _ if verbatim => lines.push(line.replace('\u{200b}', "")),
            _ => lines.push(inline(beginning(line))),
        }
    }
    lines.join("\n")
}

/// Without what makes a heading, a quote, an item or a row of the line.
fn beginning(line: &str) -> &str {
    let text = line.trim_start();
    if let Some((mark, rest)) = text.split_once(". ")
        && matches!(mark, "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "bq")
    {
        return rest;
    }
    let rest = text.trim_start_matches(['*', '#', '-']);
    if rest.len() < text.len() && rest.starts_with(' ') { &rest[1..] } else { line }
}

fn inline(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let tail = &rest[c.len_utf8()..];
        let (shown, after) = match c {
            '\\' if tail.starts_with('\\') => ("\n".to_owned(), &tail[1..]),
            '\\' if tail.starts_with(|n: char| "{}[]*_-+^~!|".contains(n)) => {
                (tail[..1].to_owned(), &tail[1..])
            }
            '&' if tail.starts_with('#') => reference(tail),
            '{' => match tail.split_once('}') {
                Some((_, after)) if !tail.starts_with('{') => (String::new(), after),
                _ => (String::new(), tail.trim_start_matches('{')),
            },
            '[' => match tail.split_once(']') {
                Some((link, after)) => {
                    let words = link.split_once('|').map_or(link, |(words, _)| words);
                    (inline(words), after)
                }
                None => (String::new(), tail),
            },
            '}' | '*' | '_' | '^' | '~' | '!' | '+' => (String::new(), tail),
            '|' => (" ".to_owned(), tail.trim_start_matches('|')),
            c => (c.to_string(), tail),
        };
        out.push_str(&shown);
        rest = after;
    }
    out
}

fn reference(text: &str) -> (String, &str) {
    let known = text[1..].split_once(';');
    let known = known.and_then(|(n, after)| Some((char::from_u32(n.parse().ok()?)?, after)));
    known.map_or(("&".to_owned(), text), |(c, after)| (c.to_string(), after))
}
