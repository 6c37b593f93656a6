//! Which known word was meant.

/// No word that anybody knows is longer.
const MAX_CHARS: usize = 64;

/// The known word that was probably meant by an unknown one; `None` rather than a poor guess.
///
/// That is the word with the fewest edits (a swap of neighbours is one), if these are at most three
/// and a third of its letters. Else it is the only word that begins or ends with what was written, or
/// the other way round: `user` for `username`, `token` for `hec_token`. Upper case, and `-` for
/// `_`, do not count.
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    if word.chars().nth(MAX_CHARS).is_some() {
        return None;
    }
    let word = folded(word);
    let edits = known.iter().map(|k| (strsim::osa_distance(&word, &folded(k)), *k)).min();
    let few = |edits: usize, k: &str| edits <= (k.chars().count() / 3).clamp(1, 3);
    // A word of one or two letters is one edit from every other.
    match edits {
        Some((edits, k)) if edits == 0 || (few(edits, k) && word.len() > 2 && k.len() > 2) => {
            Some(k)
        }
        _ => only(known.iter().filter(|k| is_part(&word, &folded(k)))),
    }
}

/// The [`nearest`] word as a hint; empty where there is none.
pub(super) fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |word| format!("did you mean {word:?}?"))
}

fn folded(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

/// Whether one of the two is the other's beginning, or its last parts.
fn is_part(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let rest = long.strip_suffix(short);
    short.len() > 2 && (long.starts_with(short) || rest.is_some_and(|rest| rest.ends_with('_')))
}

fn only<'a, 'k: 'a>(mut words: impl Iterator<Item = &'a &'k str>) -> Option<&'k str> {
    let first = words.next().copied();
    // The same key may have been asked for twice.
    first.filter(|first| words.all(|other| other == first))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPLUNK: &[&str] = &[
        "type",
        "hec_url",
        "hec_token",
        "index",
        "source",
        "sourcetype",
        "on_unknown",
        "indexer_ack",
        "ack_timeout",
        "http",
        "hec_token",
    ];
    const HTTP: &[&str] = &[
        "timeout",
        "attempt_timeout",
        "connect_timeout",
        "max_attempts",
        "retry_after_cap",
        "requests_per_second",
        "max_in_flight",
        "gzip",
        "ca_file",
        "proxy",
        "no_proxy",
    ];
    const TABLES: &[&str] =
        &["client", "connectors", "evidence", "guard", "never_block", "owners", "state"];
    const TYPES: &[&str] = &["elastic", "jira", "pan_os", "servicenow", "splunk"];
    const AUTH: &[&str] = &["none", "basic", "bearer", "api_key", "oauth2"];

    #[test]
    fn what_was_meant_is_found() {
        for (word, known, meant) in [
            ("hec_tokn", SPLUNK, "hec_token"),
            ("hec-token", SPLUNK, "hec_token"),
            ("HEC_TOKEN", SPLUNK, "hec_token"),
            ("hectoken", SPLUNK, "hec_token"),
            ("tpye", SPLUNK, "type"),
            ("hec_uri", SPLUNK, "hec_url"),
            ("token", SPLUNK, "hec_token"),
            ("splunk_hec_token", SPLUNK, "hec_token"),
            ("source_type", SPLUNK, "sourcetype"),
            ("time_out", HTTP, "timeout"),
            ("max_inflight", HTTP, "max_in_flight"),
            ("retry_after", HTTP, "retry_after_cap"),
            ("gzipp", HTTP, "gzip"),
            ("cafile", HTTP, "ca_file"),
            ("conectors", TABLES, "connectors"),
            ("connector", TABLES, "connectors"),
            ("gaurd", TABLES, "guard"),
            ("neverblock", TABLES, "never_block"),
            ("owner", TABLES, "owners"),
            ("service_now", TYPES, "servicenow"),
            ("panos", TYPES, "pan_os"),
            ("elasticsearch", TYPES, "elastic"),
            ("Splunk", TYPES, "splunk"),
            ("oauth", AUTH, "oauth2"),
            ("apikey", AUTH, "api_key"),
            ("user", &["username", "password"], "username"),
        ] {
            assert_eq!(nearest(word, known), Some(meant), "{word}");
        }
    }

    #[test]
    fn a_poor_guess_is_not_made() {
        for (word, known) in [
            ("", SPLUNK),
            ("x", SPLUNK),
            ("id", SPLUNK),
            ("path", SPLUNK),
            ("region", SPLUNK),
            ("monkey", &["key", "tag"]),
            ("host", &["none", "cost_centre"]),
            ("data", &["path", "mode"]),
            // Two are as good as each other.
            ("url", &["hec_url", "management_url"]),
            ("max", HTTP),
            ("kerberos", AUTH),
            ("digest", AUTH),
            ("sentinel", TYPES),
            ("kafka", TYPES),
            ("qradar", TYPES),
            ("logging", TABLES),
            ("server", TABLES),
            ("pg", &["pd", "ig"]),
        ] {
            assert_eq!(nearest(word, known), None, "{word}");
        }
        assert_eq!(nearest(&"hec_token".repeat(9), SPLUNK), None);
        assert_eq!(nearest("anything", &[]), None);
    }
}
