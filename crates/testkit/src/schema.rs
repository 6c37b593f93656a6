//! Validation against OCSF 1.8, offline.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

/// The classes that Watchfloor emits, with their schemas; see `schemas/ocsf-1.8.0/README.md`.
const CLASSES: [(u64, &[u8]); 3] = [
    (4002, include_bytes!("../schemas/ocsf-1.8.0/http_activity.schema.json")),
    (6003, include_bytes!("../schemas/ocsf-1.8.0/api_activity.schema.json")),
    (2004, include_bytes!("../schemas/ocsf-1.8.0/detection_finding.schema.json")),
];

fn validators() -> &'static [(u64, Validator)] {
    static VALIDATORS: OnceLock<Vec<(u64, Validator)>> = OnceLock::new();
    VALIDATORS.get_or_init(|| {
        let compile = |(class, schema): &(u64, &[u8])| {
            let schema: Value = serde_json::from_slice(schema).expect("a schema is JSON");
            (*class, jsonschema::validator_for(&schema).expect("a schema is one"))
        };
        CLASSES.iter().map(compile).collect()
    })
}

/// Everything that is wrong with a document by the official schema of its class, and by three rules
/// that a JSON Schema cannot say: the arithmetic of `type_uid`, captions that match their ids, and
/// observables that name a place of the document.
pub fn validate_ocsf(doc: &[u8]) -> Result<(), Vec<String>> {
    let doc: Value = serde_json::from_slice(doc).map_err(|e| vec![e.to_string()])?;
    let class = doc["class_uid"].as_u64();
    let Some((_, validator)) = validators().iter().find(|(c, _)| Some(*c) == class) else {
        return Err(vec![format!("class_uid {class:?} is none that is known")]);
    };
    let mut wrong: Vec<_> =
        validator.iter_errors(&doc).map(|e| format!("{}: {e}", e.instance_path())).collect();
    let number = |key: &str| doc[key].as_u64().unwrap_or_default();
    if number("type_uid") != number("class_uid") * 100 + number("activity_id") {
        wrong.push("/type_uid is not class_uid × 100 + activity_id".to_owned());
    }
    for (name, id, captions) in siblings(class.unwrap_or_default()) {
        if let Some(text) = doc[name].as_str()
            && captions.iter().any(|(n, caption)| *n == number(id) && *caption != text)
        {
            wrong.push(format!("/{name} {text:?} is not the caption of {id}"));
        }
    }
    for observable in doc["observables"].as_array().into_iter().flatten() {
        let name = observable["name"].as_str().unwrap_or_default();
        if !resolves(&doc, name) {
            wrong.push(format!("/observables name {name:?}, which is not there"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

type Captions = &'static [(u64, &'static str)];

const SEVERITIES: Captions = &[
    (0, "Unknown"),
    (1, "Informational"),
    (2, "Low"),
    (3, "Medium"),
    (4, "High"),
    (5, "Critical"),
    (6, "Fatal"),
];
const CATEGORIES: Captions =
    &[(2, "Findings"), (4, "Network Activity"), (6, "Application Activity")];
const NAMES: Captions =
    &[(2004, "Detection Finding"), (4002, "HTTP Activity"), (6003, "API Activity")];
const FINDING: Captions = &[(0, "Unknown"), (1, "Create"), (2, "Update"), (3, "Close")];
const API: Captions = &[(0, "Unknown"), (1, "Create"), (2, "Read"), (3, "Update"), (4, "Delete")];
const HTTP: Captions = &[
    (0, "Unknown"),
    (1, "Connect"),
    (2, "Delete"),
    (3, "Get"),
    (4, "Head"),
    (5, "Options"),
    (6, "Post"),
    (7, "Put"),
    (8, "Trace"),
    (9, "Patch"),
];

/// The texts that stand beside numbers, where a document has them. Beside 99, which is none of
/// these, any text may stand.
fn siblings(class: u64) -> [(&'static str, &'static str, Captions); 4] {
    let activities = match class {
        2004 => FINDING,
        4002 => HTTP,
        _ => API,
    };
    [
        ("severity", "severity_id", SEVERITIES),
        ("category_name", "category_uid", CATEGORIES),
        ("class_name", "class_uid", NAMES),
        ("activity_name", "activity_id", activities),
    ]
}

/// Whether a path such as `evidences[].src_endpoint.ip` leads to something.
fn resolves(node: &Value, path: &str) -> bool {
    let Some((head, rest)) = path.split_once('.') else {
        return path.is_empty() || step(node, path).iter().any(|v| !v.is_null());
    };
    step(node, head).into_iter().any(|child| resolves(child, rest))
}

fn step<'v>(node: &'v Value, word: &str) -> Vec<&'v Value> {
    match word.strip_suffix("[]") {
        Some(list) => node[list].as_array().into_iter().flatten().collect(),
        None => node.get(word).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_found() {
        let bad = br#"{"class_uid":2004,"severity_id":9,"src_ip":"x","metadata":{"version":"1.8.0","product":{"name":"x"}},"time":1,"category_uid":2,"activity_id":1,"type_uid":200402,"severity":"High"}"#;
        let wrong = validate_ocsf(bad).unwrap_err();
        assert!(wrong.iter().any(|w| w.contains("src_ip")), "{wrong:#?}");
        assert!(wrong.iter().any(|w| w.contains("finding_info")), "{wrong:#?}");
        assert!(wrong.iter().any(|w| w.contains("type_uid")), "{wrong:#?}");
    }

    fn finding(more: &str) -> Vec<String> {
        let doc = format!(
            r#"{{"class_uid":2004,"class_name":"Detection Finding","category_uid":2,"category_name":"Findings",
            "activity_id":1,"activity_name":"Create","type_uid":200401,"severity_id":4,"severity":"High",
            "time":1,"metadata":{{"version":"1.8.0","product":{{"name":"x"}}}},
            "finding_info":{{"uid":"u","title":"t"}}{more}}}"#
        );
        validate_ocsf(doc.as_bytes()).err().unwrap_or_default()
    }

    #[test]
    fn what_a_json_schema_cannot_say_is_looked_at_too() {
        assert_eq!(finding(""), [""; 0]);
        // Of two members of one name the last stands.
        for (more, about) in [
            (r#","severity":"Low""#, "/severity"),
            (r#","activity_name":"Update""#, "/activity_name"),
            (r#","class_name":"API Activity""#, "/class_name"),
            (r#","category_name":"Network Activity""#, "/category_name"),
            (r#","type_uid":200402"#, "/type_uid"),
            (
                r#","observables":[{"name":"evidences[].src_endpoint.ip","type_id":2,"value":"192.0.2.1"}]"#,
                "/observables",
            ),
        ] {
            let wrong = finding(more);
            assert!(wrong.len() == 1 && wrong[0].starts_with(about), "{more}: {wrong:#?}");
        }
        let there = r#","evidences":[{"src_endpoint":{"ip":"192.0.2.1"}}],"observables":[{"name":"evidences[].src_endpoint.ip","type_id":2,"value":"192.0.2.1"}]"#;
        assert_eq!(finding(there), [""; 0]);
        assert_eq!(finding(r#","severity_id":99,"severity":"Odd""#), [""; 0]);
    }

    #[test]
    fn a_class_that_is_not_known_is_no_success() {
        assert!(validate_ocsf(br#"{"class_uid":1}"#).is_err());
        assert!(validate_ocsf(b"{}").is_err() && validate_ocsf(b"x").is_err());
    }
}
