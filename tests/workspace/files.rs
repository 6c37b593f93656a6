//! A reader finds the room by its name, and can read it in one sitting.

#[test]
fn no_file_is_over_600_lines_without_its_tests() {
    let mut long = Vec::new();
    for file in super::files_below(&super::root().join("crates"), "rs") {
        let text = std::fs::read_to_string(&file).expect("readable");
        let code = text.split("\n#[cfg(test)]\n").next().unwrap_or_default();
        let lines = code.lines().count();
        if lines > 600 && !file.components().any(|c| c.as_os_str() == "tests") {
            long.push(format!("{lines} {}", file.display()));
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}
