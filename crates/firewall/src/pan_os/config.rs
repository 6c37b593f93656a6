use url::Url;
use watchfloor_core::Secret;
use watchfloor_core::config::Section;
use watchfloor_http::base_url;

/// What a connector of type `pan_os` is told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PanOsConfig {
    /// The firewall, or the Panorama before it: `https://fw.example`.
    pub url: Url,
    /// The API key of an administrator of its own, with User-ID and operational requests alone.
    /// Never made here: making one ends that administrator's other sessions.
    pub api_key: Secret,
    /// The tag that a committed deny rule's dynamic address group names. Watchfloor's alone.
    pub tag: String,
    /// The virtual system.
    pub vsys: String,
    /// Registered addresses that the model can hold; where it is not said, the guard cannot keep
    /// to a share of it.
    pub max_entries: Option<usize>,
}

impl PanOsConfig {
    /// The tag unless another is said.
    pub const DEFAULT_TAG: &str = "watchfloor";

    /// With the defaults for the rest.
    pub fn new(url: Url, api_key: Secret) -> Self {
        Self {
            url,
            api_key,
            tag: Self::DEFAULT_TAG.to_owned(),
            vsys: "vsys1".to_owned(),
            max_entries: None,
        }
    }

    /// Reads `url`, `api_key`, `tag`, `vsys` and `max_entries`. `None` where one that must be
    /// there is not; the section says which. Does not finish the section.
    pub fn read(section: &mut Section) -> Option<Self> {
        let url = base_url(section, "url", r#"such as "https://fw.example""#);
        let api_key = section.required_secret("api_key");
        let tag = section.parsed("tag", r#"such as "watchfloor""#, tag);
        let vsys = section.parsed("vsys", r#"such as "vsys1""#, vsys);
        let max_entries = section.integer("max_entries", 1..=10_000_000);
        let mut config = Self::new(url?, api_key?);
        config.tag = tag.unwrap_or(config.tag);
        config.vsys = vsys.unwrap_or(config.vsys);
        config.max_entries = max_entries.and_then(|n| usize::try_from(n).ok());
        Some(config)
    }
}

/// A tag that can stand in a dynamic address group's filter, `'tag'`.
fn tag(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if !(1..=127).contains(&length) {
        return Err(format!("has {length} characters; a tag has 1 to 127"));
    }
    if text.contains(['\'', '"']) || text.chars().any(char::is_control) {
        return Err("holds quotes or control characters".into());
    }
    if text.trim() != text || text.contains("  ") {
        return Err("begins or ends with a space, or holds two in a row".into());
    }
    if text.split(' ').any(|word| matches!(word, "and" | "or" | "not")) {
        return Err("holds and, or, not: words of the filter language".into());
    }
    Ok(text.to_owned())
}

fn vsys(text: &str) -> Result<String, String> {
    let number = text.strip_prefix("vsys").unwrap_or_default();
    if number.is_empty() || number.len() > 3 || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("{text:?} is no virtual system"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use watchfloor_core::config::{Node, Problems, SecretRef, SecretSource, Value};

    use super::*;

    #[derive(Debug)]
    struct Key;
    impl SecretSource for Key {
        fn find(&self, _: &SecretRef) -> Result<Secret, String> {
            Ok(Secret::new("cnry-key"))
        }
    }

    fn read(entries: &[(&str, &str)]) -> (Option<PanOsConfig>, Vec<String>) {
        let text = |t: &str| Node { value: Value::Text(t.to_owned()), line: 2 };
        let mut table: BTreeMap<_, _> =
            entries.iter().map(|(k, v)| ((*k).to_owned(), text(v))).collect();
        let secret = BTreeMap::from([("env".to_owned(), text("KEY"))]);
        table.insert("max_entries".into(), Node { value: Value::Integer(5000), line: 4 });
        table.insert("api_key".into(), Node { value: Value::Table(secret), line: 3 });
        let problems = Problems::default();
        let mut section = Section::new("edge", 1, table, problems.clone(), Arc::new(Key));
        let config = PanOsConfig::read(&mut section);
        section.finish();
        (config, problems.take().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_defaults_are_the_documented_ones_and_every_key_changes_its_setting() {
        let (config, problems) = read(&[("url", "https://fw.example")]);
        let config = config.unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!((config.tag.as_str(), config.vsys.as_str()), ("watchfloor", "vsys1"));
        assert!(!format!("{config:?}").contains("cnry"));
        assert_eq!(config.max_entries, Some(5000));
        let (config, _) =
            read(&[("url", "https://fw.example"), ("tag", "siem block"), ("vsys", "vsys2")]);
        let config = config.unwrap();
        assert_eq!((config.tag.as_str(), config.vsys.as_str()), ("siem block", "vsys2"));
    }

    #[test]
    fn what_cannot_work_is_named() {
        for (key, value, why) in [
            ("url", "fw.example", "is no URL"),
            ("url", "ftp://fw.example", "no http"),
            ("url", "https://user:cnry@fw.example", "password"),
            ("url", "https://fw.example/?key=cnry", "a query"),
            ("tag", "", "0 characters"),
            ("tag", "it's", "quotes"),
            ("tag", "a  b", "two in a row"),
            ("tag", "this or that", "filter language"),
            ("vsys", "shared", "no virtual system"),
            ("vsys", "vsys1'", "no virtual system"),
        ] {
            let (_, problems) = read(&[("url", "https://fw.example"), (key, value)]);
            assert!(problems.iter().any(|p| p.contains(why)), "{key} {value}: {problems:?}");
            assert!(!problems.iter().any(|p| p.contains("cnry")), "{problems:?}");
        }
        let (config, problems) = read(&[]);
        assert!(config.is_none() && problems[0].contains("url: is missing"), "{problems:?}");
    }
}
