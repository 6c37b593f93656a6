use proptest::prelude::*;
use serde_json::Value;
use watchfloor_core::text::{Item, List};
use watchfloor_core::{Phrase, RichText};

use super::*;

const LIMIT: Limit = Limit::new(32_767);

fn every_block() -> RichText {
    RichText::new()
        .heading(2, "Seen [here]")
        .text(Phrase::from("one\ntwo ").strong("loud").text(" ").code("a*b"))
        .text(Phrase::from("see ").link("the run-book", "https://wiki.example/a_b?c=d"))
        .text(Phrase::new().link("", "https://x.example").text(" ").link("no", "javascript:x"))
        .list([Item::from("top").with(List::numbered(["first", "second"])), "next".into()])
        .table(["client", "n"], [vec!["203.0.113.7", "80"], vec!["|x|"]])
        .quote("said\nso")
        .code("a\n{noformat} [~admin]")
}

#[test]
fn every_block_as_adf() {
    insta::assert_json_snapshot!(adf::render(&every_block()));
    check_document(&adf::render(&every_block())).unwrap();
}

#[test]
fn every_block_as_wiki_markup() {
    insta::assert_snapshot!(wiki::render(&every_block()));
}

#[test]
fn paragraphs_breaks_and_code() {
    let text = RichText::new().text("one\r\ntwo\u{0}").text("").text(" \n").code("a\nb").code("\n");
    let doc = serde_json::json!({ "type": "doc", "version": 1, "content": [
        { "type": "paragraph", "content": [
            { "type": "text", "text": "one" },
            { "type": "hardBreak" },
            { "type": "text", "text": "two" },
        ] },
        { "type": "codeBlock", "content": [{ "type": "text", "text": "a\nb" }] },
    ] });
    assert_eq!(adf::render(&text), doc);
    assert_eq!(adf::plain(&doc), "one\ntwo\na\nb");
    assert_eq!(wiki::render(&text), "one\ntwo\n\n{noformat}\na\nb\n{noformat}");
}

#[test]
fn t16_a_text_is_cut_as_jira_counts_and_its_last_line_stands() {
    // Every character of the second becomes two.
    for long in ["😀".repeat(40_000), "-".repeat(40_000), "é\n".repeat(40_000)] {
        let long = RichText::new().text(long).text("more");
        assert!(!LIMIT.fits(&long, ""));
        for flavor in [Flavor::Cloud, Flavor::DataCenter] {
            let held = render(flavor, &long, Some("[wf:1]"), LIMIT);
            let units = held.as_str().map(|markup| markup.encode_utf16().count());
            assert!(units.is_none_or(|n| (31_000..=31_200).contains(&n)), "{units:?}");
            let text = plain(flavor, &held);
            assert!(text.encode_utf16().count() <= 31_200);
            assert!(text.ends_with("[wf:1]") && text.contains('…'), "{flavor:?}");
        }
    }
}

#[test]
fn a_summary_is_one_line_of_255() {
    assert_eq!(summary(" a\r\nb\u{0}\u{2028}c "), "a b c");
    let long = "😀".repeat(200);
    assert!(summary(&long).encode_utf16().count() <= 255 && !summary_fits(&long));
    assert!(summary_fits("a\nb"));
}

#[test]
fn t21_text_starts_no_markup() {
    for (data, markup) in [
        ("[~admin]", r"\[\~admin\]"),
        ("!http://x/a.png!", r"\!http&#58;//x/a.png\!"),
        ("{code}", r"\{code\}"),
        ("{{x}}", r"\{\{x\}\}"),
        ("[a|https://x]", r"\[a\|https&#58;//x\]"),
        ("# one\n  # two", "&#35; one\n  &#35; two"),
        ("h1. big\nbq. said", "h1&#46; big\nbq&#46; said"),
        ("* one\n----\n||a||", "\\* one\n\\-\\-\\-\\-\n\\|\\|a\\|\\|"),
        (r"C:\\x \[", r"C&#58;&#92;&#92;x &#92;\["),
        ("a@x.example mailto:a", "a&#64;x.example mailto&#58;a"),
        ("&#91;&amp; & b", "&#38;#91;&#38;amp; & b"),
        ("??cite?? :) (y) (yes)", "&#63;&#63;cite&#63;&#63; &#58;) &#40;y) (yes)"),
    ] {
        assert_eq!(wiki::render(&RichText::new().text(data)), markup);
        assert_eq!(wiki::plain(markup), data.trim());
    }
    let code = RichText::new().code("{NoFormat}\n[~admin]");
    let markup = wiki::render(&code);
    assert_eq!(markup, "{noformat}\n{\u{200b}NoFormat}\n[\u{200b}~admin]\n{noformat}");
    assert_eq!(wiki::plain(&markup), "{NoFormat}\n[~admin]");
}

#[test]
fn what_people_write_is_read_near_enough() {
    let markup = "h2. Title\n* one\n** two\n# three\n{code:json}\n{\"a\": 1}\n{code}\n\
                  see [the page|https://x.example] and [~bob], {color:red}red{color} *bold*\n\
                  ||h||i||\n|a|b|";
    let text = "Title\n- one\n   - two\n1. three\n{\"a\": 1}\n\
                see the page (https://x.example) and ~bob, red *bold*\nh | i\na | b";
    assert_eq!(wiki::plain(markup), text);
}

#[test]
fn deep_documents_end() {
    let mut doc = serde_json::json!({ "type": "text", "text": "x" });
    for _ in 0..100 {
        doc = serde_json::json!({ "type": "blockquote", "content": [doc] });
    }
    assert_eq!(adf::plain(&doc), "");
    let mut list = List::new(["x"]);
    for _ in 0..20 {
        list = List::new([Item::from("y").with(list)]);
    }
    let deep = RichText::new().block(watchfloor_core::text::Block::List(list));
    check_document(&adf::render(&deep)).unwrap();
    assert!(wiki::render(&deep).ends_with("\n**** x"));
}

/// Atlassian's schema as far as it concerns what we write: an oracle of its own.
fn check_document(doc: &Value) -> Result<(), String> {
    fn children<'v>(node: &'v Value, kinds: &[&str], least: usize) -> Result<&'v [Value], String> {
        let all = node["content"].as_array().ok_or(format!("no content: {node}"))?;
        let fit = all.iter().all(|c| c["type"].as_str().is_some_and(|k| kinds.contains(&k)));
        if all.len() < least || !fit {
            return Err(format!("children of {node}"));
        }
        Ok(all)
    }
    fn check(node: &Value) -> Result<(), String> {
        let inline = ["text", "hardBreak"];
        let all = match node["type"].as_str().unwrap_or_default() {
            "paragraph" => children(node, &inline, 0)?,
            "heading" => {
                let level = node["attrs"]["level"].as_u64().unwrap_or(0);
                if !(1..=6).contains(&level) {
                    return Err(format!("level of {node}"));
                }
                children(node, &inline, 1)?
            }
            "codeBlock" => {
                let all = children(node, &["text"], 1)?;
                let text = all[0]["text"].as_str().unwrap_or_default();
                if all.len() != 1 || text.is_empty() || all[0].get("marks").is_some() {
                    return Err(format!("code: {node}"));
                }
                return Ok(());
            }
            "bulletList" | "orderedList" => children(node, &["listItem"], 1)?,
            "listItem" => {
                let all = children(node, &["paragraph", "bulletList", "orderedList"], 1)?;
                if all[0]["type"] != "paragraph" {
                    return Err(format!("first of {node}"));
                }
                all
            }
            "table" => children(node, &["tableRow"], 1)?,
            "tableRow" => children(node, &["tableCell", "tableHeader"], 1)?,
            "blockquote" | "tableCell" | "tableHeader" => children(node, &["paragraph"], 1)?,
            "hardBreak" => return Ok(()),
            "text" => {
                let text = node["text"].as_str().unwrap_or_default();
                let bad = |c: char| c != '\t' && c.is_control();
                if text.is_empty() || text.contains(bad) {
                    return Err(format!("text: {node}"));
                }
                for mark in node["marks"].as_array().into_iter().flatten() {
                    let href = mark["attrs"]["href"].as_str().unwrap_or_default();
                    let known = match mark["type"].as_str() {
                        Some("strong" | "code") => true,
                        Some("link") => ["http", "https", "mailto"]
                            .contains(&href.split(':').next().unwrap().to_lowercase().as_str()),
                        _ => false,
                    };
                    if !known {
                        return Err(format!("mark: {node}"));
                    }
                }
                return Ok(());
            }
            other => return Err(format!("node {other:?}")),
        };
        all.iter().try_for_each(check)
    }
    if doc["type"] != "doc" || doc["version"] != 1 {
        return Err("no document".to_owned());
    }
    let blocks =
        ["paragraph", "heading", "codeBlock", "blockquote", "bulletList", "orderedList", "table"];
    children(doc, &blocks, 0)?.iter().try_for_each(check)
}

/// What a reader of wiki markup shows of one paragraph without markup, by its own rules: an error
/// where anything would be markup.
fn shown(markup: &str) -> Result<String, String> {
    let chars: Vec<char> = markup.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        let rest: String = chars[at..].iter().take(12).collect();
        match chars[at] {
            '\\' if "{}[]*_-+^~!|".contains(*chars.get(at + 1).unwrap_or(&'x')) => {
                out.push(chars[at + 1]);
                at += 1;
            }
            '&' if rest.starts_with("&#") && rest.contains(';') => {
                let number = &rest[2..rest.find(';').unwrap()];
                out.push(char::from_u32(number.parse().unwrap()).unwrap());
                at += number.len() + 2;
            }
            c if "{}[]*_-+^~!|\\?@".contains(c) => return Err(format!("{c} at {at}")),
            '&' if chars.get(at + 1).is_some_and(char::is_ascii_alphanumeric) => {
                return Err(format!("a reference at {at}"));
            }
            ':' if rest.starts_with("://") => return Err(format!("a link at {at}")),
            c => {
                let first = out.rsplit('\n').next().unwrap().trim_start();
                if c == '#' && first.is_empty() || c == '.' && ["h1", "bq"].contains(&first) {
                    return Err(format!("a beginning at {at}"));
                }
                out.push(c);
            }
        }
        at += 1;
    }
    Ok(out)
}

/// Text in which there is much that could be markup.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[\\[\\]{}*_+^~!|\\\\&#;?@:()./h1bq \\-\n]{0,12}",
        "\\PC{0,12}",
        any::<String>(),
        prop::sample::select(vec![
            "[~admin]",
            "{noformat}",
            "{code:java}",
            "!x.png!",
            "https://x.example/",
            "mailto:a@b",
            "h1. ",
            "bq. ",
            "&#91;",
            "日本語",
            "👩‍💻",
            "مرحبا",
            "e\u{301}",
            "\r\n",
            "\u{2028}",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|v| v.concat())
}

fn documents() -> impl Strategy<Value = RichText> {
    let phrase = (texts(), texts(), texts()).prop_map(|(a, b, c)| {
        Phrase::from(a).strong(b.clone()).link(format!("l{c}"), format!("https://x.example/{b}"))
    });
    let block = (0_u8..7, phrase, texts()).prop_map(|(kind, phrase, text)| {
        let doc = RichText::new();
        match kind {
            0 => doc.text(phrase),
            1 => doc.code(text),
            2 => doc.heading(3, phrase),
            // An item that says nothing has a number in one language and none in the other.
            3 => {
                let below = List::numbered([format!("i {text}")]);
                doc.list([Item::from(phrase.text("i")).with(below)])
            }
            4 => doc.table([text.clone(), text], [vec![phrase], vec![]]),
            5 => doc.quote(phrase),
            _ => doc.numbered([format!("i {text}"), "j".to_owned()]),
        }
    });
    prop::collection::vec(block, 0..4).prop_map(|docs| {
        let blocks = docs.iter().flat_map(|d| d.blocks().iter().cloned());
        blocks.fold(RichText::new(), RichText::block)
    })
}

fn words_of(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    words.map(str::to_owned).collect()
}

proptest! {
    #[test]
    fn t21_any_text_is_shown_as_it_is_and_nothing_more(text in texts()) {
        let markup = wiki::render(&RichText::new().text(text.clone()));
        let held = clean(&text);
        let whole = if held.trim().is_empty() { "" } else { held.trim_matches('\n') };
        prop_assert_eq!(shown(&markup), Ok(whole.to_owned()));
    }

    #[test]
    fn any_document_is_valid_adf(doc in documents()) {
        prop_assert_eq!(check_document(&adf::render(&doc)), Ok(()));
    }

    #[test]
    fn what_is_written_reads_back_with_the_same_words(doc in documents()) {
        let words = words_of(&clean(&doc.to_string()));
        prop_assert_eq!(words_of(&adf::plain(&adf::render(&doc))), words.clone());
        prop_assert_eq!(words_of(&wiki::plain(&wiki::render(&doc))), words);
    }

    #[test]
    fn code_stays_within_its_fence(code in texts()) {
        let markup = wiki::render(&RichText::new().code(code));
        let fences = markup.to_lowercase().matches("{noformat}").count();
        prop_assert!(fences == 0 || fences == 2);
        prop_assert!(!markup.contains("[~"));
    }
}
