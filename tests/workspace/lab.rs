//! What the lab gives its users to send is what it is taken for.

use serde_json::Value;
use watchfloor_testkit::validate_ocsf;

#[test]
fn the_lab_s_events_are_ocsf_with_ids_of_their_own() {
    let file = super::root().join("crates/cli/src/lab/events.ndjson");
    let text = std::fs::read_to_string(file).expect("readable");
    for line in text.lines() {
        validate_ocsf(line.as_bytes()).unwrap_or_else(|why| panic!("{why:?}: {line}"));
    }
    let events: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let mut uids: Vec<_> = events.iter().filter_map(|e| e["metadata"]["uid"].as_str()).collect();
    uids.sort_unstable();
    uids.dedup();
    assert!(uids.len() == events.len() && events.len() >= 10, "{} of {}", uids.len(), events.len());
}

/// Who looks for a setting finds it there: set, or in a comment.
#[test]
fn the_lab_s_configuration_names_every_setting_of_the_layer() {
    let read = |path: &str| std::fs::read_to_string(super::root().join(path)).expect("readable");
    let (settings, config) =
        (read("crates/http/src/settings.rs"), read("crates/cli/src/lab/watchfloor.toml"));
    let keys: Vec<_> = settings
        .lines()
        .filter_map(|line| line.strip_prefix("/// | `")?.split_once('`').map(|(key, _)| key))
        .collect();
    assert!(keys.len() >= 10, "{keys:?}");
    let words: Vec<_> = config.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    for key in keys {
        assert!(words.contains(&key), "the lab's configuration does not name {key}");
    }
}
