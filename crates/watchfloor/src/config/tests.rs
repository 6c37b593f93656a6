use watchfloor_core::Secret;
use watchfloor_core::config::SecretRef;

use super::*;

#[derive(Debug)]
struct NoSecrets;
impl SecretSource for NoSecrets {
    fn find(&self, _: &SecretRef) -> Result<Secret, String> {
        Err("nothing here".into())
    }
}

fn parse(text: &str) -> Config {
    Config::parse(text, Path::new("watchfloor.toml"), Arc::new(NoSecrets))
}

fn errors(text: &str) -> String {
    parse(text).settings().map_or_else(|e| e.to_string(), |_| String::new())
}

#[test]
fn the_file_is_the_named_one_then_the_variables_then_the_default() {
    let named = Some(Path::new("a.toml"));
    assert_eq!(choose(named, Some("b.toml".into())), Path::new("a.toml"));
    assert_eq!(choose(None, Some("b.toml".into())), Path::new("b.toml"));
    assert_eq!(choose(None, Some("".into())), Path::new("watchfloor.toml"));
    assert_eq!(choose(None, None), Path::new("watchfloor.toml"));
}

#[test]
fn an_empty_file_is_the_defaults() {
    let settings = parse("").settings().unwrap();
    assert_eq!(settings.client, ClientSettings::default());
    assert_eq!(settings.evidence, Mode::Mask);
    assert_eq!(settings.guard.trusted_proxies.len(), 2);
}

#[test]
fn every_setting_is_read() {
    let settings = parse(
        r#"
        [client]
        trusted_proxies = ["198.51.100.0/24"]
        header = "CF-Connecting-IP"
        [evidence]
        mode = "drop"
        [guard]
        blocks_per_hour = 7
        [never_block]
        networks = ["203.0.113.0/24"]
        "#,
    )
    .settings()
    .unwrap();
    let proxy = "198.51.100.0/24".parse().unwrap();
    assert_eq!(settings.client.trusted_proxies, [proxy]);
    assert_eq!(settings.client.header, "cf-connecting-ip");
    assert_eq!(settings.evidence, Mode::Drop);
    assert_eq!(settings.guard.blocks_per_hour, 7);
    assert_eq!(settings.guard.networks, ["203.0.113.0/24".parse().unwrap()]);
    assert_eq!(settings.guard.trusted_proxies, [proxy]);
}

#[cfg(feature = "store")]
#[test]
fn the_store_is_beside_the_configuration_and_nothing_is_opened_to_know_that() {
    let read = |text: &str| {
        let file = Path::new("no/such/watchfloor.toml");
        Config::parse(text, file, Arc::new(NoSecrets)).settings().unwrap().state
    };
    assert_eq!(read(""), None);
    let state = read("[state]\npath = \"watchfloor.redb\"\n").unwrap();
    assert_eq!(state.path, Path::new("no/such/watchfloor.redb"));
    let state = read("[state]\npath = \"/var/lib/wf/s.redb\"\n").unwrap();
    assert_eq!(state.path, Path::new("/var/lib/wf/s.redb"));
}

#[cfg(feature = "store")]
#[test]
fn a_table_state_must_name_its_file() {
    insta::assert_snapshot!(errors("[state]\n"), @r#"watchfloor.toml:1: state.path: is missing (such as "watchfloor.redb")"#);
    insta::assert_snapshot!(errors("[state]\npath = 7\nkeep = true\n"), @r"
    watchfloor.toml:2: state.path: should be text, is a whole number (the path of a file)
    watchfloor.toml:3: state.keep: is no known key
    ");
    insta::assert_snapshot!(errors("[state]\npath = \"\"\n"), @"watchfloor.toml:2: state.path: is empty (the path of a file)");
}

#[cfg(not(feature = "store"))]
#[test]
fn a_build_without_a_store_says_so() {
    insta::assert_snapshot!(errors("[state]\npath = \"x\"\n"), @"watchfloor.toml:1: state: is not offered by this build (build with the feature `store`, or leave the table out)");
}

#[test]
fn content_errors_come_at_once() {
    insta::assert_snapshot!(errors(
        r#"
[clent]
trusted_proxies = []

[client]
trusted_proxies = ["10.0.0.0/8", "proxy.example", 7]
headr = "forwarded"

[evidence]
mode = "hide"

[guard]
blocks_per_hour = "many"
capacity_share = 1.5

[never_block]
networks = ["198.51.100.7/24"]

[owners]
name = "orders"
"#
    ));
}

#[test]
fn syntax_errors_come_at_once_and_with_the_others() {
    let text = r#"
[client]
trusted_proxies = ["127.0.0.0/8", "::1/128"

[evidence]
mode = mask
bar baz
foo =
= 3

[evidence]
mode = "mask"

[guard
blocks_per_hour = 7

[never_block]
networks = [
  "198.51.100.0/24"
  "203.0.113.0/24"
]
typo = { a = 1, b = { c = 2 }
date = 1979-05-27
big = 99999999999999999999

[connectors.siem]
hec_token = cnry-secret
hec_url = "https://splunk.example

[guard]
blocks_per_hour = "many"
"#;
    let errors = errors(text);
    assert!(!errors.contains("cnry"), "{errors}");
    insta::assert_snapshot!(errors);
}

#[test]
fn a_text_without_its_end_is_one_error() {
    insta::assert_snapshot!(errors("[evidence]\nmode = \"\"\"\n[client]\nheader = 1\n"), @r#"
    watchfloor.toml:2: evidence.mode: invalid multi-line basic string, expected `"`
    watchfloor.toml:4: client.header: should be text, is a whole number (such as "x-forwarded-for", "forwarded" or "cf-connecting-ip")
    "#);
    insta::assert_snapshot!(errors("[[owners]]\nname = \"a\"\ndefault = true\n[[owners]]\nname = 'b\n"), @"watchfloor.toml:5: owners[1].name: invalid literal string, expected `'` (a text ends on its line with the quote it began with)");
}

#[test]
fn foreign_bytes_never_panic_and_end() {
    for text in [
        "\0",
        "=",
        "[",
        "[[",
        "]",
        "\"",
        "\u{feff}\u{feff}",
        "a = [",
        "é = {",
        "a.b.c",
        "'''",
        "a=\r\n",
    ] {
        let _ = errors(text);
    }
    let many = "= 1\n".repeat(200);
    assert!(errors(&many).contains("more syntax errors than are worth listing"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "([a-c\\[\\]{}=\"'.,#\n é0-9-]|\"\"\"|\\[connectors\\.x\\]\n){0,60}") {
        let errors = errors(&text);
        proptest::prop_assert!(errors.lines().all(|line| line.starts_with("watchfloor.toml:")), "{}", errors);
    }
}
