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
    let captions = ["Unknown", "Informational", "Low", "Medium", "High", "Critical", "Fatal"];
    if let Some(severity) = doc["severity"].as_str()
        && captions.get(number("severity_id") as usize).is_some_and(|c| *c != severity)
    {
        wrong.push(format!("/severity {severity:?} is not the caption of severity_id"));
    }
    for observable in doc["observables"].as_array().into_iter().flatten() {
        let name = observable["name"].as_str().unwrap_or_default();
        if !resolves(&doc, name) {
            wrong.push(format!("/observables name {name:?}, which is not there"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
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
}
