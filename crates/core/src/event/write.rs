//! A view as an OCSF 1.8 document.

use std::borrow::Cow;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::view::{EventView, Raw, WafMatch};
use super::{Attribution, Event};
use crate::{EventId, Timestamp};

/// OCSF's word for a field that must be there and is not known.
const UNKNOWN: &str = "unknown";

impl EventView<'_> {
    /// The OCSF document: API Activity (6003) where the operation and an actor are known, else HTTP
    /// Activity (4002). A view without a uid gets a new random one.
    ///
    /// It says what the view says: masking is the reader's, and is done before.
    pub fn to_event(&self) -> Event {
        let uid = match &self.uid {
            Some(uid) => Cow::Borrowed(&**uid),
            None => Cow::Owned(EventId::random().as_str().to_owned()),
        };
        let doc = serde_json::to_vec(&self.document(&uid)).expect("a view is writable as JSON");
        Event::from_json(doc, self.time).expect("a document of ours is an event")
    }

    fn document<'d>(&'d self, uid: &'d str) -> Document<'d> {
        // API Activity needs to know who asked for which operation.
        let operation = self.operation.as_deref().filter(|_| self.client.is_some());
        let api = operation.map(|operation| Api { operation });
        let actor = Some(self.actor());
        let class = if api.is_some() { API } else { HTTP };
        let activity = activity(class, self.method.as_deref().unwrap_or_default());
        let status = match self.status {
            Some(100..=399) => 1,
            Some(_) => 2,
            None => 0,
        };
        let looked_at = !self.waf.is_empty() || self.blocked.is_some();
        let (raw_data, raw_data_base64) = match &self.raw {
            None => (None, None),
            Some(Raw::Text(text)) => (Some(Cow::Borrowed(&**text)), None),
            Some(Raw::Bytes(bytes)) => {
                (Some(String::from_utf8_lossy(bytes)), Some(STANDARD.encode(bytes)))
            }
        };
        let ours = Ours {
            attribution: self.client.map(|c| c.attribution),
            peer: self.peer,
            url_group: self.url_group.as_deref(),
            waf: &self.waf,
        };
        let ours = (!ours.is_empty()).then_some(ours);
        let url_path = self.path.as_deref();
        Document {
            time: self.time,
            class_uid: class.uid,
            class_name: class.name,
            category_uid: class.category,
            category_name: class.category_name,
            activity_id: activity.0,
            activity_name: activity.1,
            type_uid: u64::from(class.uid) * 100 + u64::from(activity.0),
            severity_id: if looked_at { self.severity() } else { 1 },
            status_id: status,
            metadata: Metadata {
                version: "1.8.0",
                uid,
                product: Product {
                    name: if self.product.is_empty() { UNKNOWN } else { &self.product },
                    vendor_name: self.vendor.as_deref(),
                },
                log_name: self.log_name.as_deref(),
                tenant_uid: self.tenant.as_deref(),
                profiles: if looked_at { &["security_control"] } else { &[] },
            },
            src_endpoint: self.client.map(|c| Source { ip: c.ip, port: self.client_port }),
            dst_endpoint: self.host.as_deref().map(|hostname| Destination { hostname }),
            http_request: HttpRequest {
                http_method: self.method.as_deref(),
                url: (url_path.is_some() || self.query.is_some())
                    .then_some(Url { path: url_path, query_string: self.query.as_deref() }),
                user_agent: self.user_agent.as_deref(),
                referrer: self.referrer.as_deref(),
                uid: self.request_id.as_deref(),
                length: self.bytes_in,
                x_forwarded_for: &self.forwarded,
            },
            http_response: self.status.map(|code| HttpResponse {
                code,
                length: self.bytes_out,
                latency: self.latency,
            }),
            actor: actor.filter(|_| api.is_some() || self.user.is_some() || self.session.is_some()),
            api,
            action_id: looked_at.then_some(match self.blocked {
                Some(true) => 2,
                Some(false) | None => 3,
            }),
            disposition_id: looked_at.then_some(match self.blocked {
                Some(true) => 2,
                Some(false) | None => 15,
            }),
            raw_data,
            unmapped: (ours.is_some() || raw_data_base64.is_some())
                .then_some(Unmapped { watchfloor: ours, raw_data_base64 }),
        }
    }

    /// An actor must say one of user, session or who invoked it.
    fn actor(&self) -> Actor<'_> {
        let user = self.user.as_deref().map(|name| User { name });
        let session = self.session.as_deref().map(|uid| Session { uid });
        let nobody = user.is_none() && session.is_none();
        Actor { user, session, invoked_by: nobody.then_some("anonymous") }
    }

    /// Syslog's severity of the worst match as OCSF's.
    fn severity(&self) -> u8 {
        match self.waf.iter().map(|m| m.severity).min() {
            Some(0..=2) => 5,
            Some(3) => 4,
            Some(4) => 3,
            Some(5) => 2,
            _ => 1,
        }
    }
}

#[derive(Clone, Copy)]
struct Class {
    uid: u32,
    name: &'static str,
    category: u32,
    category_name: &'static str,
}

const API: Class =
    Class { uid: 6003, name: "API Activity", category: 6, category_name: "Application Activity" };
const HTTP: Class =
    Class { uid: 4002, name: "HTTP Activity", category: 4, category_name: "Network Activity" };

fn activity(class: Class, method: &str) -> (u8, &'static str) {
    let api = class.uid == API.uid;
    match method {
        "POST" if api => (1, "Create"),
        "GET" | "HEAD" | "OPTIONS" if api => (2, "Read"),
        "PUT" | "PATCH" if api => (3, "Update"),
        "DELETE" if api => (4, "Delete"),
        _ if api => (99, "Other"),
        "CONNECT" => (1, "Connect"),
        "DELETE" => (2, "Delete"),
        "GET" => (3, "Get"),
        "HEAD" => (4, "Head"),
        "OPTIONS" => (5, "Options"),
        "POST" => (6, "Post"),
        "PUT" => (7, "Put"),
        "TRACE" => (8, "Trace"),
        "PATCH" => (9, "Patch"),
        "" => (0, "Unknown"),
        _ => (99, "Other"),
    }
}

/// Member order is that of a reader: what, when, who, how it ended.
#[derive(Serialize)]
struct Document<'a> {
    time: Timestamp,
    class_uid: u32,
    class_name: &'static str,
    category_uid: u32,
    category_name: &'static str,
    activity_id: u8,
    activity_name: &'static str,
    type_uid: u64,
    severity_id: u8,
    status_id: u8,
    metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_endpoint: Option<Source>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst_endpoint: Option<Destination<'a>>,
    http_request: HttpRequest<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_response: Option<HttpResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Actor<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<Api<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action_id: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disposition_id: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_data: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unmapped: Option<Unmapped<'a>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    version: &'static str,
    uid: &'a str,
    product: Product<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_uid: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    profiles: &'static [&'static str],
}

#[derive(Serialize)]
struct Product<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor_name: Option<&'a str>,
}

#[derive(Serialize)]
struct Source {
    ip: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

#[derive(Serialize)]
struct Destination<'a> {
    hostname: &'a str,
}

#[derive(Serialize)]
struct HttpRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    http_method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Url<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referrer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    x_forwarded_for: &'a [Cow<'a, str>],
}

#[derive(Serialize)]
struct Url<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_string: Option<&'a str>,
}

#[derive(Serialize)]
struct HttpResponse {
    code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<u64>,
}

#[derive(Serialize)]
struct Actor<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Session<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoked_by: Option<&'static str>,
}

#[derive(Serialize)]
struct User<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Session<'a> {
    uid: &'a str,
}

#[derive(Serialize)]
struct Api<'a> {
    operation: &'a str,
}

#[derive(Serialize)]
struct Unmapped<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    watchfloor: Option<Ours<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_data_base64: Option<String>,
}

#[derive(Serialize)]
struct Ours<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    attribution: Option<Attribution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url_group: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    waf: &'a [WafMatch<'a>],
}

impl Ours<'_> {
    fn is_empty(&self) -> bool {
        self.attribution.is_none()
            && self.peer.is_none()
            && self.url_group.is_none()
            && self.waf.is_empty()
    }
}
