use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::Secret;

#[derive(Debug)]
struct NoSecrets;
impl SecretSource for NoSecrets {
    fn find(&self, _: &SecretRef) -> Result<Secret, String> {
        Ok(Secret::new("s"))
    }
}

fn section(entries: &[(&str, Value)]) -> Section {
    let entries = entries
        .iter()
        .enumerate()
        .map(|(i, (k, v))| ((*k).to_owned(), Node { value: v.clone(), line: i as u32 + 1 }))
        .collect();
    Section::new("connectors.x", 1, entries, Problems::default(), Arc::new(NoSecrets))
}

#[test]
fn every_error_is_reported_at_once() {
    let mut s = section(&[
        ("hec_ur", Value::Text("x".into())),
        ("token", Value::Text("literal".into())),
        ("timeout", Value::Text("soon".into())),
    ]);
    assert!(s.required_text("hec_url").is_none());
    assert!(s.secret("token").is_none());
    assert!(s.duration("timeout").is_none());
    let problems = s.problems().clone();
    s.finish();
    let lines: Vec<_> = problems.take().iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines.iter().any(|l| l.contains("did you mean \"hec_url\"?")), "{lines:#?}");
    assert!(lines.iter().any(|l| l.contains("never stands in the file")), "{lines:#?}");
    assert!(!lines.join("").contains("literal\""));
}

#[test]
fn what_is_half_configured_is_not_made() {
    let s = section(&[]);
    // Of another connector, whose name begins the same.
    s.problems().add(1, "connectors.xy.url", "is missing", "");
    assert_eq!(s.made("url", Ok(7)), Some(7));
    s.problems().add(1, "connectors.x.http.timeout", "is no duration", "");
    assert_eq!(s.made("url", Ok(7)), None);

    let s = section(&[]);
    let refused: crate::Result<()> = Err(crate::Error::new(crate::Kind::Config, "no such host"));
    assert_eq!(s.made("url", refused), None);
    assert_eq!(s.problems().take()[0].to_string(), "line 1: connectors.x.url: no such host");
}

#[test]
fn a_problem_found_after_the_key_was_taken_has_its_line() {
    let mut s = section(&[("a", Value::Bool(true)), ("share", Value::Float(2.0))]);
    let _ = s.positive("share");
    s.problem("share", "is above 1", "");
    assert_eq!(s.problems().take()[0].line, 2);
}

#[test]
fn files_are_relative_to_the_base_in_tables_too() {
    let file = Node { value: Value::Text("ca.pem".into()), line: 3 };
    let http = Value::Table([("ca_file".to_owned(), file)].into());
    let mut s = section(&[("http", http)]).relative_to(Path::new("etc"));
    let path = s.section("http").and_then(|mut http| http.file("ca_file"));
    assert_eq!(path, Some(Path::new("etc").join("ca.pem")));
}

#[test]
fn a_hint_is_rather_a_missing_key_than_one_that_is_there() {
    let hints = |keys: &[&str]| {
        let entries: Vec<_> = keys.iter().map(|key| (*key, Value::Text("x".into()))).collect();
        let mut s = section(&entries);
        let _ = (s.text("hec_url"), s.text("hec_uri"), s.text("index"));
        let problems = s.problems().clone();
        s.finish();
        problems.take().into_iter().map(|p| p.hint).collect::<Vec<_>>()
    };
    assert_eq!(hints(&["hec_uri", "hec_urk"]), ["did you mean \"hec_url\"?"]);
    assert_eq!(hints(&["hec_url", "hec_urk"]), ["did you mean \"hec_uri\"?"]);
    assert_eq!(hints(&["index", "indx"]), ["did you mean \"index\"?"]);
    assert_eq!(hints(&["colour"]), [""]);
}

#[test]
fn a_misspelt_word_is_told_which_was_meant() {
    let mut s = section(&[
        ("mode", Value::Text("maks".into())),
        ("shape", Value::Text("cef".into())),
        ("kind", Value::Integer(7)),
    ]);
    assert_eq!(s.one_of("mode", &[("mask", 1), ("keep", 2)]), None);
    assert_eq!(s.one_of("shape", &[("ocsf", 1), ("ecs", 2)]), None);
    assert_eq!(s.one_of("kind", &[("a", 1)]), None);
    let lines: Vec<_> = s.problems().take().iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "line 1: connectors.x.mode: \"maks\" is none of \"mask\", \"keep\" (did you mean \"mask\"?)",
            "line 2: connectors.x.shape: \"cef\" is none of \"ocsf\", \"ecs\"",
            "line 3: connectors.x.kind: should be text, is a whole number",
        ]
    );
}
