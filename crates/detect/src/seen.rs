//! Requests as detectors see them: once each, joined from every log that has them.

use std::collections::HashMap;
use std::sync::Arc;

use watchfloor_core::{Attribution, Client, Event, EventView, Timestamp};

use crate::spec::Place;

/// A kind of payload that a WAF's rules tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Payload {
    Sql,
    Script,
    Traversal,
    Other,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) time: Timestamp,
    pub(crate) event: Box<str>,
    pub(crate) request_id: Option<Box<str>>,
    pub(crate) client: Option<Client>,
    /// Whether it is known who the other end of the connection was.
    peer: bool,
    pub(crate) host: Option<Box<str>>,
    pub(crate) method: Box<str>,
    pub(crate) path: Box<str>,
    pub(crate) place: Place,
    pub(crate) status: Option<u16>,
    pub(crate) user: Option<Arc<str>>,
    /// The kind of payload that most of the WAF's critical rules saw in it, with their ids.
    pub(crate) payload: Option<(Payload, Vec<Box<str>>)>,
    /// Whether it comes from an audit log, which knows less about the client.
    pub(crate) audit: bool,
    /// Whether both logs have had their say.
    joined: bool,
}

impl Seen {
    pub(crate) fn new(view: &EventView<'_>, event: &Event, place: Place, audit: bool) -> Self {
        let boxed = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(Into::into);
        Self {
            time: view.time,
            event: event.uid().into(),
            request_id: boxed(&view.request_id),
            client: view.client,
            peer: view.peer.is_some(),
            host: boxed(&view.host),
            method: view.method.as_deref().unwrap_or_default().into(),
            path: view.path.as_deref().unwrap_or_default().into(),
            place,
            status: view.status,
            user: view.user.as_deref().map(Into::into),
            payload: payload(view),
            audit,
            joined: false,
        }
    }

    /// Whom an alert may name. While the connection's other end is known, an address that is only
    /// claimed is nobody's: it could be anybody's. In a log without a peer it is all there is; the
    /// alert says so, and nothing is blocked on it.
    pub(crate) fn suspect(&self) -> Option<Client> {
        self.client.filter(|c| c.attribution != Attribution::Claimed || !self.peer)
    }

    /// Whether the request tried to log somebody in.
    pub(crate) fn is_login(&self) -> bool {
        let words = ["login", "signin", "sign-in", "logon", "authenticate"];
        let named = |text: &str| {
            let text = text.to_ascii_lowercase();
            words.iter().any(|w| text.contains(w))
        };
        &*self.method == "POST"
            && (named(&self.place.group) || self.place.operation.as_deref().is_some_and(named))
    }

    /// Whether the answer refused it.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.status, Some(401 | 403 | 404))
    }
}

/// The kind by the critical rules of the OWASP Core Rule Set: 942 SQL injection, 941 cross-site
/// scripting, 930100…930120 path traversal and system files, 932…934 and 944 other injection. Of
/// several kinds the one with most rules, so that a payload that looks like two is one.
fn payload(view: &EventView<'_>) -> Option<(Payload, Vec<Box<str>>)> {
    let mut kinds: HashMap<Payload, Vec<Box<str>>> = HashMap::new();
    for found in view.waf.iter().filter(|m| m.severity <= 2) {
        let Ok(rule) = found.rule.parse::<u32>() else { continue };
        let kind = match rule {
            942_000..=942_999 => Payload::Sql,
            941_000..=941_999 => Payload::Script,
            930_100..=930_120 => Payload::Traversal,
            932_000..=934_999 | 944_000..=944_999 => Payload::Other,
            _ => continue,
        };
        kinds.entry(kind).or_default().push(found.rule.as_ref().into());
    }
    kinds.into_iter().max_by_key(|(kind, rules)| (rules.len(), std::cmp::Reverse(*kind)))
}

/// Requests by id: what one log says of a request completes what another says.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    all: Vec<Seen>,
    by_id: HashMap<Box<str>, usize>,
}

impl Joined {
    /// The client of a request that another log has seen already.
    pub(crate) fn client(&self, request_id: &str) -> Option<Client> {
        let at = *self.by_id.get(request_id)?;
        self.all[at].client.filter(|_| !self.all[at].audit)
    }

    pub(crate) fn add(&mut self, seen: Seen) {
        let Some(id) = seen.request_id.clone() else {
            self.all.push(seen);
            return;
        };
        // One line of each log is one request. Where ids come from clients, two lines of the same
        // log with the same id are two requests, or a client would hide all of its behind one.
        if let Some(at) = self.by_id.get(&id) {
            let known = &mut self.all[*at];
            if !known.joined && known.audit != seen.audit {
                known.join(seen);
                return;
            }
        }
        self.by_id.insert(id, self.all.len());
        self.all.push(seen);
    }

    /// All requests, in the order of their time; of the same time, in that of their ids, so that the
    /// order of the logs does not matter.
    pub(crate) fn take(&mut self) -> Vec<Seen> {
        self.by_id.clear();
        let mut all = std::mem::take(&mut self.all);
        all.sort_by(|a, b| (a.time, &a.request_id).cmp(&(b.time, &b.request_id)));
        all
    }
}

impl Seen {
    /// An access line knows the client, the account and the end; an audit entry the payload.
    fn join(&mut self, mut other: Self) {
        if self.audit && !other.audit {
            std::mem::swap(self, &mut other);
        }
        self.joined = true;
        if self.payload.is_none() {
            self.payload = other.payload;
        }
        self.client = self.client.or(other.client);
        self.peer |= other.peer;
        self.status = self.status.or(other.status);
        if self.user.is_none() {
            self.user = other.user;
        }
    }
}
