//! What may be set when an issue is made: the screens of a project, asked once in a while.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use watchfloor_core::{Call, Kind, Result, Timestamp};
use watchfloor_http::segment;

use crate::client::{MOST_PAGES, Site, endless, not_sent};
use crate::wire::{FieldMeta, IssueType, MetaPage};

/// How long a screen is believed.
const FRESH: Duration = Duration::from_secs(30 * 60);

/// The fields of a screen by id; `None` where Jira does not tell.
pub(crate) type Screen = Option<Arc<BTreeMap<String, FieldMeta>>>;

/// The screens of an issue type, by project.
#[derive(Debug, Default)]
pub(crate) struct Screens(Mutex<HashMap<String, (Timestamp, Screen)>>);

impl Screens {
    /// The screen for new issues of this type. Asking has no effect on the ticket.
    pub(crate) async fn of(
        &self,
        site: &Site,
        call: &Call,
        project: &str,
        issue_type: &str,
    ) -> Result<Screen> {
        let now = site.clock.now();
        if let Some((at, screen)) = self.known(project)
            && now.since(at) < FRESH
        {
            return Ok(screen);
        }
        let screen = match asked(site, call, project, issue_type).await {
            Ok(fields) => fields.map(Arc::new),
            // Without the right to ask, the create itself will tell.
            Err(e) if matches!(e.kind(), Kind::NotFound | Kind::Forbidden | Kind::Invalid) => None,
            Err(e) => return Err(not_sent(e)),
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(project.to_owned(), (now, screen.clone()));
        Ok(screen)
    }

    /// The last that was told of a project.
    pub(crate) fn field(&self, project: &str, field: &str) -> Option<FieldMeta> {
        self.known(project)?.1?.get(field).cloned()
    }

    fn known(&self, project: &str) -> Option<(Timestamp, Screen)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(project).cloned()
    }
}

async fn asked(
    site: &Site,
    call: &Call,
    project: &str,
    issue_type: &str,
) -> Result<Option<BTreeMap<String, FieldMeta>>> {
    let path = format!("issue/createmeta/{}/issuetypes", segment(project));
    let types: Vec<IssueType> = pages(site, call, &path).await?;
    let Some(own) = types.into_iter().find(|t| t.name == issue_type || t.id == issue_type) else {
        return Ok(None);
    };
    let fields: Vec<FieldMeta> = pages(site, call, &format!("{path}/{}", segment(&own.id))).await?;
    let id = |f: &FieldMeta| if f.id.is_empty() { f.key.clone() } else { f.id.clone() };
    Ok(Some(fields.into_iter().map(|f| (id(&f), f)).collect()))
}

async fn pages<T: DeserializeOwned>(site: &Site, call: &Call, path: &str) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for _ in 0..MOST_PAGES {
        let start = all.len().to_string();
        let query = [("startAt", start.as_str()), ("maxResults", "200")];
        let page: MetaPage<T> = site.read_at(call, path, "jira.createmeta", &query).await?;
        let got = page.values.len();
        all.extend(page.values);
        let more = match (page.last, page.total) {
            (Some(last), _) => !last,
            (None, Some(total)) => (all.len() as u64) < total,
            (None, None) => false,
        };
        if got == 0 || !more {
            return Ok(all);
        }
    }
    Err(endless("jira.createmeta"))
}
