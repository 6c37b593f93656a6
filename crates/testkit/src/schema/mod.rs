//! Validation against OCSF 1.8, offline.

mod captions;

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

use captions::{CLASSES, OBSERVABLES, SHARED};

/// The classes that Watchfloor emits, with their schemas; see `schemas/ocsf-1.8.0/README.md`.
const SCHEMAS: [(u64, &[u8]); 3] = [
    (4002, include_bytes!("../../schemas/ocsf-1.8.0/http_activity.schema.json")),
    (6003, include_bytes!("../../schemas/ocsf-1.8.0/api_activity.schema.json")),
    (2004, include_bytes!("../../schemas/ocsf-1.8.0/detection_finding.schema.json")),
];

fn validators() -> &'static [(u64, Validator)] {
    static VALIDATORS: OnceLock<Vec<(u64, Validator)>> = OnceLock::new();
    VALIDATORS.get_or_init(|| {
        let compile = |(class, schema): &(u64, &[u8])| {
            let schema: Value = serde_json::from_slice(schema).expect("a schema is JSON");
            (*class, jsonschema::validator_for(&schema).expect("a schema is one"))
        };
        SCHEMAS.iter().map(compile).collect()
    })
}

/// Everything that is wrong with a document by the official schema of its class, and by three rules
/// that a JSON Schema cannot say: the arithmetic of `type_uid`, texts that match the numbers beside
/// them, and observables that name a place of the document.
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
    texts(&doc, &mut wrong);
    for (at, observable) in doc["observables"].as_array().into_iter().flatten().enumerate() {
        // A name is recommended, not required.
        if let Some(name) = observable["name"].as_str()
            && !resolves(&doc, name)
        {
            wrong.push(format!("/observables/{at}/name {name:?} is not there"));
        }
        beside(
            observable,
            ("type_id", "type"),
            OBSERVABLES,
            &format!("/observables/{at}"),
            &mut wrong,
        );
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// The texts beside the numbers of the event itself.
fn texts(doc: &Value, wrong: &mut Vec<String>) {
    for (number, text, captions) in SHARED {
        beside(doc, (number, text), captions, "", wrong);
    }
    let Some(class) = CLASSES.iter().find(|c| doc["class_uid"] == c.uid) else { return };
    beside(doc, ("activity_id", "activity_name"), class.activities, "", wrong);
    beside(doc, ("status_id", "status"), class.statuses, "", wrong);
    let mut fixed = |key: &str, wanted: &str| {
        if let Some(text) = doc[key].as_str().filter(|text| *text != wanted) {
            wrong.push(format!("/{key} {text:?} is not {wanted:?}"));
        }
    };
    fixed("class_name", class.name);
    fixed("category_name", class.category);
    let activity = doc["activity_id"].as_u64().and_then(|id| class.activities.get(id as usize));
    if let Some(activity) = activity {
        fixed("type_name", &format!("{}: {activity}", class.name));
    }
}

/// Whether the text beside a number says what the number does.
fn beside(
    node: &Value,
    (number, text): (&str, &str),
    captions: &[&str],
    path: &str,
    wrong: &mut Vec<String>,
) {
    let caption = node[number].as_u64().and_then(|id| captions.get(id as usize));
    if let (Some(caption), Some(said)) = (caption, node[text].as_str())
        && *caption != said
    {
        wrong.push(format!("{path}/{text} {said:?} is not {caption:?}, the caption of {number}"));
    }
}

/// Whether a path such as `evidences[].src_endpoint.ip` leads to something.
fn resolves(node: &Value, path: &str) -> bool {
    match path.split_once('.') {
        Some((head, rest)) => step(node, head).into_iter().any(|child| resolves(child, rest)),
        None => step(node, path).iter().any(|v| !v.is_null()),
    }
}

fn step<'v>(node: &'v Value, word: &str) -> Vec<&'v Value> {
    match word.strip_suffix("[]") {
        Some(list) => node[list].as_array().into_iter().flatten().collect(),
        None => node.get(word).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn whole() -> Value {
        json!({
            "class_uid": 2004, "class_name": "Detection Finding", "category_uid": 2,
            "category_name": "Findings", "activity_id": 1, "activity_name": "Create",
            "type_uid": 200_401, "type_name": "Detection Finding: Create", "time": 1,
            "severity_id": 4, "severity": "High", "status_id": 1, "status": "New",
            "metadata": { "version": "1.8.0", "product": { "name": "x" } },
            "finding_info": { "uid": "f", "title": "t" },
            "evidences": [{ "src_endpoint": { "ip": "203.0.113.9" } }],
            "observables": [
                { "name": "evidences[].src_endpoint.ip", "type_id": 2, "type": "IP Address" },
            ],
        })
    }

    fn wrong(path: &str, value: Value) -> Vec<String> {
        let mut doc = whole();
        *doc.pointer_mut(path).unwrap() = value;
        validate_ocsf(doc.to_string().as_bytes()).unwrap_err()
    }

    #[test]
    fn what_is_right_passes() {
        validate_ocsf(whole().to_string().as_bytes()).unwrap();
        let mut other = whole();
        (other["severity_id"], other["severity"]) = (json!(99), json!("Purple"));
        validate_ocsf(other.to_string().as_bytes()).unwrap();
    }

    #[test]
    fn what_is_wrong_is_found() {
        let bad = br#"{"class_uid":2004,"severity_id":9,"src_ip":"x","metadata":{"version":"1.8.0","product":{"name":"x"}},"time":1,"category_uid":2,"activity_id":1,"type_uid":200402,"severity":"High"}"#;
        let wrong = validate_ocsf(bad).unwrap_err();
        assert!(wrong.iter().any(|w| w.contains("src_ip")), "{wrong:#?}");
        assert!(wrong.iter().any(|w| w.contains("finding_info")), "{wrong:#?}");
        assert!(wrong.iter().any(|w| w.contains("type_uid")), "{wrong:#?}");
        assert!(validate_ocsf(b"{\"class_uid\":1}").is_err() && validate_ocsf(b"[").is_err());
    }

    #[test]
    fn every_text_says_what_its_number_does() {
        for (path, text) in [
            ("/severity", "Low"),
            ("/status", "Success"),
            ("/activity_name", "Update"),
            ("/class_name", "API Activity"),
            ("/category_name", "Network Activity"),
            ("/type_name", "Detection Finding: Close"),
            ("/observables/0/type", "Hostname"),
        ] {
            let wrong = wrong(path, json!(text));
            assert!(wrong.len() == 1 && wrong[0].starts_with(path), "{path}: {wrong:#?}");
        }
    }

    #[test]
    fn an_observable_names_a_place() {
        for name in ["", "src_endpoint.ip", "evidences[].src_endpoint.port", "evidences[]."] {
            let wrong = wrong("/observables/0/name", json!(name));
            assert!(wrong[0].starts_with("/observables/0/name"), "{name}: {wrong:#?}");
        }
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
