//! Who owns an API.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use watchfloor_core::config::{Problems, Section};
use watchfloor_core::{Alert, ConnectorName, Route};

/// A team that owns a part of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Owner {
    /// Its name.
    pub name: String,
    /// The path prefixes it owns, such as `/api/orders`.
    pub paths: Vec<String>,
    /// Where its tickets go: by connector name or type, in that desk's words.
    pub places: BTreeMap<String, BTreeMap<String, String>>,
}

/// The owners of the whole API; one of them is the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owners {
    owners: Vec<Owner>,
    default: usize,
}

impl Owners {
    /// Reads the `[[owners]]` of a configuration; `None` if there are none or they are wrong, which
    /// is reported to their problems.
    pub fn read(sections: Vec<Section>, problems: &Problems) -> Option<Self> {
        if sections.is_empty() {
            return None;
        }
        let before = problems.count();
        let line = sections[0].line("");
        let mut owners = Vec::new();
        let mut defaults = Vec::new();
        let mut taken: BTreeMap<String, String> = BTreeMap::new();
        for mut section in sections {
            let name = section.required_text("name").unwrap_or_default();
            let paths = section.texts("paths").unwrap_or_default();
            for path in &paths {
                if !path.starts_with('/') {
                    section.problem("paths", format!("{path:?} does not begin with /"), "");
                } else if let Some(other) = taken.insert(normal(path), name.clone()) {
                    let what = format!("{path:?} is owned by {other:?} already");
                    section.problem("paths", what, "a path has one owner");
                }
            }
            if section.flag("default") == Some(true) {
                defaults.push(owners.len());
            }
            let places = section
                .named()
                .into_iter()
                .map(|(on, place)| (on, place.texts_by_name()))
                .collect();
            owners.push(Owner { name, paths, places });
        }
        let [default] = defaults[..] else {
            let names: Vec<_> = defaults.iter().map(|i| owners[*i].name.as_str()).collect();
            let what = match names.len() {
                0 => "no owner has default = true".to_owned(),
                _ => format!("more than one owner has default = true: {}", names.join(", ")),
            };
            problems.add(line, "owners", what, "exactly one owner takes what nobody else owns");
            return None;
        };
        (problems.count() == before).then_some(Self { owners, default })
    }

    /// The owner of a path, and why: the longest prefix that ends at a segment boundary of the
    /// decoded path, else the default.
    pub fn of_path(&self, path: &str) -> (&Owner, String) {
        let path = normal(path);
        let longest = self
            .owners
            .iter()
            .flat_map(|o| o.paths.iter().map(move |p| (normal(p), p, o)))
            .filter(|(prefix, ..)| is_prefix(prefix, &path))
            .max_by_key(|(prefix, ..)| prefix.len());
        match longest {
            Some((_, prefix, owner)) => {
                let reason = format!("{path} lies under {prefix}, which {} owns.", owner.name);
                (owner, reason)
            }
            None => {
                let owner = &self.owners[self.default];
                let reason = format!("Nobody claims {path}; {} is the default owner.", owner.name);
                (owner, reason)
            }
        }
    }

    /// The route of an alert's ticket in a desk of this name and type.
    pub fn route(&self, alert: &Alert, desk: &ConnectorName, type_name: &str) -> Route {
        let (owner, reason) = self.of_path(&alert.url_group);
        let mut route = Route::new(&owner.name, format!("Why this team: {reason}"));
        let place = owner.places.get(desk.as_str()).or_else(|| owner.places.get(type_name));
        route.place = place.cloned().unwrap_or_default();
        route
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Owner> {
        self.owners.iter()
    }
}

/// Decoded, without a trailing slash and without doubled ones.
fn normal(path: &str) -> String {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let segments: Vec<_> = decoded.split('/').filter(|s| !s.is_empty()).collect();
    format!("/{}", segments.join("/"))
}

fn is_prefix(prefix: &str, path: &str) -> bool {
    prefix == "/"
        || path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners() -> Owners {
        let owner = |name: &str, paths: &[&str]| Owner {
            name: name.to_owned(),
            paths: paths.iter().map(|p| (*p).to_owned()).collect(),
            places: BTreeMap::new(),
        };
        Owners {
            owners: vec![
                owner("orders", &["/api/orders"]),
                owner("refunds", &["/api/orders/refunds/"]),
                owner("platform", &[]),
            ],
            default: 2,
        }
    }

    #[test]
    fn the_longest_prefix_at_a_segment_boundary_of_the_decoded_path_owns() {
        let owners = owners();
        let of = |path| owners.of_path(path).0.name.as_str();
        assert_eq!(of("/api/orders/{orderId}"), "orders");
        assert_eq!(of("/api/orders"), "orders");
        assert_eq!(of("/api/orders/refunds/7"), "refunds");
        assert_eq!(of("/api/%6frders//refunds"), "refunds");
        assert_eq!(of("/api/ordersearch"), "platform");
        assert_eq!(of("/"), "platform");
    }

    #[test]
    fn the_reason_names_path_and_owner() {
        let owners = owners();
        let (_, reason) = owners.of_path("/api/orders/7");
        assert_eq!(reason, "/api/orders/7 lies under /api/orders, which orders owns.");
        let (_, reason) = owners.of_path("/other");
        assert_eq!(reason, "Nobody claims /other; platform is the default owner.");
    }
}
