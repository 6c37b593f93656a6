//! Every example in the docs runs, and those of connectors against a twin.

use std::path::Path;

/// The crates whose front page shows how they are used; whether a system is on the other side.
const SHOWN: [(&str, bool); 11] = [
    ("core", false),
    ("detect", false),
    ("http", true),
    ("splunk", true),
    ("elastic", true),
    ("servicenow", true),
    ("jira", true),
    ("firewall", true),
    ("store", false),
    ("testkit", true),
    ("watchfloor", true),
];

/// The code blocks of a file, of its doc comments where it is Rust: the words behind the fence, and
/// the code.
fn blocks(file: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file).expect("readable");
    let rust = file.extension().is_some_and(|e| e == "rs");
    let lines = text.lines().filter_map(|line| {
        let line = line.trim_start();
        if !rust {
            return Some(line);
        }
        line.strip_prefix("//!").or_else(|| line.strip_prefix("///")).map(str::trim_start)
    });
    let (mut blocks, mut open): (Vec<(String, String)>, bool) = (Vec::new(), false);
    for line in lines {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(words) => {
                blocks.push((words.trim().to_owned(), String::new()));
                open = true;
            }
            None if open => {
                let (_, code) = blocks.last_mut().expect("a block is open");
                code.push_str(line);
                code.push('\n');
            }
            None => {}
        }
    }
    blocks
}

/// What lets rustdoc pass over a block, or over its result.
fn unproven(words: &str) -> bool {
    words.split([',', ' ']).any(|w| w == "no_run" || w == "ignore" || w.starts_with("ignore-"))
}

#[test]
fn no_example_is_only_compiled() {
    let root = super::root();
    let mut blocks_seen = 0;
    for place in ["crates", "examples", "docs"] {
        for extension in ["rs", "md"] {
            for file in super::files_below(&root.join(place), extension) {
                for (words, _) in blocks(&file) {
                    assert!(!unproven(&words), "{}: ```{words}", file.display());
                    blocks_seen += 1;
                }
            }
        }
    }
    assert!(blocks_seen >= 20, "only {blocks_seen} blocks");
    assert!(unproven("no_run") && unproven("rust,ignore") && unproven("ignore-windows"));
    assert!(!unproven("toml") && !unproven("compile_fail,E0451") && !unproven(""));
}

#[test]
fn each_crate_shows_how_it_is_used() {
    let crates = super::root().join("crates");
    for (name, has_other_side) in SHOWN {
        let readme = crates.join(name).join("README.md");
        let runs = |words: &str| words.is_empty() || words == "rust";
        let examples: Vec<_> = blocks(&readme).into_iter().filter(|(w, _)| runs(w)).collect();
        assert!(!examples.is_empty(), "{name} shows nothing that runs");
        let twin = examples.iter().any(|(_, code)| code.contains("Server::start"));
        assert!(twin || !has_other_side, "no example of {name} runs against a twin");
    }
}
