//! Who a ticket is given to.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use watchfloor_core::{Call, Error, Kind, Outcome, Result};

use crate::client::{Site, not_sent};
use crate::dialect::{Flavor, is_user_id};

/// Names and addresses that were looked up, and the ids that they stand for.
#[derive(Debug, Default)]
pub(crate) struct People(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    ids: HashMap<String, String>,
    /// The word by which an id was named last.
    words: HashMap<String, String>,
}

/// More than any site has responders.
const MOST: usize = 10_000;

impl People {
    /// The id of a user: an id as it is, an address or a name of exactly one active user who may be
    /// given tickets of the project.
    pub(crate) async fn id(
        &self,
        site: &Site,
        call: &Call,
        flavor: Flavor,
        project: &str,
        word: &str,
    ) -> Result<String> {
        if is_user_id(word) {
            return Ok(word.to_owned());
        }
        if let Some(id) = self.again(word) {
            return Ok(id);
        }
        let query = [("project", project), (flavor.user_query(), word), ("maxResults", "50")];
        let path = "user/assignable/search";
        let found: Vec<Value> =
            site.read_at(call, path, "jira.users", &query).await.map_err(not_sent)?;
        let active = |user: &&Value| user["active"] != Value::Bool(false);
        let ids: Vec<(&Value, &str)> = found
            .iter()
            .filter(active)
            .filter_map(|user| Some((user, flavor.user_id(user)?)))
            .collect();
        let exact = |user: &Value| {
            let words = ["emailAddress", "displayName", "name"];
            let same = |w: &str| w.to_lowercase() == word.to_lowercase();
            words.iter().any(|key| user[*key].as_str().is_some_and(same))
        };
        let exactly: Vec<_> = ids.iter().filter(|(user, _)| exact(user)).collect();
        let one = match (&exactly[..], &ids[..]) {
            ([(_, id)], _) | ([], [(_, id)]) => (*id).to_owned(),
            (_, found) => {
                let what = match found.len() {
                    0 => "nobody of this name or address can be given tickets of the project",
                    _ => "several users have this name; name one by id",
                };
                return Err(Error::new(Kind::Invalid, what)
                    .with_outcome(Outcome::NotSent)
                    .with_operation("jira.users"));
            }
        };
        let mut known = self.lock();
        if known.ids.len() >= MOST {
            *known = Known::default();
        }
        known.ids.insert(word.to_owned(), one.clone());
        known.words.insert(one.clone(), word.to_owned());
        Ok(one)
    }

    /// An id that is known, whose word is now the last one.
    fn again(&self, word: &str) -> Option<String> {
        let mut known = self.lock();
        let id = known.ids.get(word).cloned()?;
        known.words.insert(id.clone(), word.to_owned());
        Some(id)
    }

    /// The word by which a user was named last, of an id or that word itself: what is asked for is
    /// compared with what a ticket has in the same words.
    pub(crate) fn word(&self, id: String) -> String {
        self.lock().words.get(&id).cloned().unwrap_or(id)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
