//! Steps of a workflow: what Jira tells of those that leave the present status.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};
use watchfloor_core::desk::{Move, Required, Status};

use crate::config::Options;
use crate::dialect::Flavor;
use crate::map;
use crate::wire::{FieldMeta, Transition};

/// The fields of steps that were told, by step: a step that is taken fills them in their shape.
#[derive(Debug, Default)]
pub(crate) struct Steps(Mutex<HashMap<String, BTreeMap<String, FieldMeta>>>);

/// More than any site has steps.
const MOST: usize = 10_000;

impl Steps {
    /// The steps that may be taken.
    pub(crate) fn told(&self, all: Vec<Transition>, options: &Options) -> Vec<Move> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > MOST {
            known.clear();
        }
        let available = all.into_iter().filter(|t| t.available && !t.to.id.is_empty());
        let steps = available.map(|told| {
            let category = told.to.category.as_ref().and_then(|c| c.key.as_deref());
            let to = Status::new(told.to.id.clone(), map::status(category));
            let required = told.fields.iter().filter(|(_, meta)| meta.required);
            let step = required.fold(Move::new(told.id.clone(), to), |step, (name, meta)| {
                step.requires(demanded(name, meta, options))
            });
            known.insert(told.id, told.fields);
            step
        });
        steps.collect()
    }

    /// The body that takes a step with these values.
    pub(crate) fn body(
        &self,
        step: &Move,
        values: &BTreeMap<String, String>,
        flavor: Flavor,
        options: &Options,
    ) -> Value {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let screen = known.get(&step.id);
        let mut fields = Map::new();
        for (name, value) in values {
            let meta = screen.and_then(|s| s.get(name));
            fields.insert(name.clone(), map::typed(flavor, meta, options.limit, value));
        }
        let mut body = json!({ "transition": { "id": step.id } });
        if !fields.is_empty() {
            body["fields"] = fields.into();
        }
        body
    }
}

fn demanded(name: &str, meta: &FieldMeta, options: &Options) -> Required {
    let word = |value: &Value, keys: [&str; 3]| {
        keys.iter().find_map(|key| value[*key].as_str()).map(str::to_owned)
    };
    let mut field = Required::new(name);
    for value in &meta.allowed {
        if let Some(id) = word(value, ["id", "value", "name"]) {
            let shown = word(value, ["name", "value", "id"]).unwrap_or_default();
            field = field.allows(id, shown);
        }
    }
    let resolution = name == "resolution";
    if resolution {
        field = field.is_resolution();
    }
    let named = |wanted: &str| {
        let same = |text: &str| text.to_lowercase() == wanted.to_lowercase();
        let hit = field.allowed.iter().find(|(id, shown)| id == wanted || same(shown));
        hit.map(|(id, _)| id.clone())
    };
    let configured = options.resolution.as_ref().filter(|_| resolution);
    let configured = configured.or_else(|| options.fields.get(name));
    let open = field.allowed.is_empty();
    let configured =
        configured.and_then(|wanted| if open { Some(wanted.clone()) } else { named(wanted) });
    let single = || match &field.allowed[..] {
        [(only, _)] => Some(only.clone()),
        _ => None,
    };
    let done = || named("Done").filter(|_| resolution);
    let preset = || {
        let preset = word(&meta.default, ["id", "value", "name"]);
        preset.or_else(|| meta.default.as_str().map(str::to_owned)).filter(|_| meta.has_default)
    };
    match configured.or_else(single).or_else(done).or_else(preset) {
        Some(default) => field.or(default),
        None => field,
    }
}
