//! The tutorial's code is the example's, to the letter.

/// The code blocks of a page that are Rust.
fn rust_blocks(page: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut open = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), open) {
            (Some(_), Some(_)) => open = None,
            (Some(words), None) => {
                open = Some(words == "rust");
                if words == "rust" {
                    blocks.push(String::new());
                }
            }
            (None, Some(true)) => {
                if let Some(block) = blocks.last_mut() {
                    block.push_str(line);
                    block.push('\n');
                }
            }
            _ => {}
        }
    }
    blocks
}

#[test]
fn every_rust_block_of_the_tutorial_stands_in_an_example() {
    let root = super::root();
    let read = |path: &std::path::Path| std::fs::read_to_string(path).expect("readable");
    let sources: Vec<String> = ["custom_connector", "conformance"]
        .iter()
        .flat_map(|place| super::files_below(&root.join("examples").join(place), "rs"))
        .map(|file| read(&file))
        .collect();
    let blocks = rust_blocks(&read(&root.join("docs/writing-a-connector.md")));
    assert!(blocks.len() >= 12, "only {} blocks", blocks.len());
    for block in blocks {
        assert!(!block.trim().is_empty(), "an empty block");
        // Whole lines: what comes before the block ends one.
        let stands =
            |source: &String| source.starts_with(&block) || source.contains(&format!("\n{block}"));
        assert!(sources.iter().any(stands), "in no example:\n{block}");
    }
}

#[test]
fn the_blocks_of_a_page_are_found_by_their_language() {
    let page = "a\n```sh\nls\n```\n```rust\nfn a() {}\n```\n```\nplain\n```\n```rust\nb\nc\n```\n";
    assert_eq!(rust_blocks(page), ["fn a() {}\n", "b\nc\n"]);
}
