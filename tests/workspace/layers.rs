//! The arrows between crates: core ← http ← adapters ← watchfloor ← cli; core ← detect, respond, store;
//! testkit depends on core alone; vendors do not know each other.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

const ADAPTERS: [&str; 5] = ["splunk", "elastic", "servicenow", "jira", "firewall"];

/// Which crates of ours a crate of ours may use.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let mut allowed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut allow = |who: &str, whom: &[&str]| {
        let whom = whom.iter().map(|w| name(w)).collect();
        allowed.insert(name(who), whom);
    };
    allow("core", &[]);
    allow("testkit", &["core"]);
    allow("http", &["core"]);
    allow("detect", &["core"]);
    allow("respond", &["core"]);
    allow("store", &["core"]);
    for adapter in ADAPTERS {
        allow(adapter, &["core", "http"]);
    }
    let mut facade = vec!["core", "http", "detect", "respond", "store"];
    facade.extend(ADAPTERS);
    allow("watchfloor", &facade);
    allow("cli", &["watchfloor", "testkit"]);
    allow("benches", &["watchfloor", "http"]);
    allow("examples", &["watchfloor", "testkit"]);
    allow("tests", &["watchfloor", "testkit"]);
    allowed
}

fn name(short: &str) -> String {
    match short {
        "watchfloor" => short.to_owned(),
        short => format!("watchfloor-{short}"),
    }
}

fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(super::root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("metadata is JSON")
}

#[test]
fn every_arrow_is_one_of_the_design_s() {
    let allowed = allowed();
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    assert_eq!(packages.len(), allowed.len(), "a crate without a place in the layering");
    for package in packages {
        let who = package["name"].as_str().expect("a name");
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let whom = dependency["name"].as_str().expect("a name");
            let dev = dependency["kind"] == "dev";
            // A test may use the kit, and nothing else that the code may not.
            let test_only = dev && whom == "watchfloor-testkit";
            if whom.starts_with("watchfloor") && !test_only {
                assert!(allowed[who].contains(whom), "{who} must not depend on {whom}");
            }
        }
    }
}

#[test]
fn a_dev_dependency_on_the_kit_has_no_version() {
    for package in metadata()["packages"].as_array().expect("packages") {
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            if dependency["name"] == "watchfloor-testkit" && dependency["kind"] == "dev" {
                assert_eq!(dependency["req"], "*", "{} could not be packaged", package["name"]);
            }
        }
    }
}
