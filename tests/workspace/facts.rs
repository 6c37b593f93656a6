//! Every vendor quirk that code relies on has a source and a test.

use std::collections::BTreeSet;

#[test]
fn every_fact_has_a_source_and_a_test_that_exists() {
    let mut facts = 0;
    for manifest in super::files_below(&super::root().join("crates"), "toml") {
        if manifest.file_name().is_none_or(|n| n != "facts.toml") {
            continue;
        }
        let text = std::fs::read_to_string(&manifest).expect("readable");
        let table: toml::Table =
            text.parse().unwrap_or_else(|e| panic!("{}: {e}", manifest.display()));
        let krate = manifest.parent().expect("a folder");
        let code: String = super::files_below(krate, "rs")
            .iter()
            .map(|f| std::fs::read_to_string(f).expect("readable"))
            .collect();
        let mut ids = BTreeSet::new();
        for fact in table["fact"].as_array().expect("[[fact]]") {
            let word = |key: &str| {
                let word = fact.get(key).and_then(|v| v.as_str()).unwrap_or_default();
                assert!(!word.is_empty(), "{}: a fact without {key}: {fact:?}", manifest.display());
                word
            };
            assert!(ids.insert(word("id").to_owned()), "{}: twice", word("id"));
            word("says");
            word("source");
            assert!(["measured", "documented", "recalled"].contains(&word("seen")), "{fact:?}");
            let test = format!("fn {}(", word("test"));
            assert!(code.contains(&test), "{}: no {test}", manifest.display());
            facts += 1;
        }
    }
    assert!(facts >= 20, "only {facts} facts");
}

#[test]
fn every_adapter_has_its_facts() {
    for adapter in ["splunk", "elastic", "servicenow", "jira", "firewall"] {
        let path = super::root().join("crates").join(adapter).join("facts.toml");
        assert!(path.exists(), "{}", path.display());
    }
}
