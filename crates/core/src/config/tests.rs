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
