//! `docs/architecture.md` answers "where is …?" by name, and the names are there.

#[test]
fn every_path_in_the_map_exists() {
    let root = super::root();
    let map = std::fs::read_to_string(root.join("docs/architecture.md")).expect("the map");
    let mut seen = 0;
    for (number, line) in map.lines().enumerate() {
        // Every `code span` with a slash in a table row is a path from the root.
        for span in line.split('`').skip(1).step_by(2) {
            let is_path = line.starts_with('|') && span.contains('/') && !span.contains(' ');
            if is_path && !span.starts_with('/') {
                let (path, item) = span.split_once('#').map_or((span, None), |(p, i)| (p, Some(i)));
                let full = root.join(path);
                assert!(full.exists(), "line {}: {path} does not exist", number + 1);
                if let Some(item) = item {
                    let text = std::fs::read_to_string(&full).expect("a readable file");
                    assert!(text.contains(item), "line {}: {path} has no {item}", number + 1);
                }
                seen += 1;
            }
        }
    }
    assert!(seen >= 25, "the map has only {seen} paths");
}
