//! A view as an OCSF 1.8 document.

use std::borrow::Cow;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::view::{EventView, Raw, WafMatch};
use super::{Attribution, Event, MAX_LEN};
use crate::{Count, EventId, Timestamp, text};

/// OCSF's word for a field that must be there and is not known.
const UNKNOWN: &str = "unknown";

/// So much of each text, in bytes, and of each list stays of a view whose document is too long: in
/// JSON each byte takes six at most.
const LONGEST_TEXT: usize = 8 << 10;
const MOST_ITEMS: usize = 32;

impl EventView<'_> {
    /// The OCSF document: API Activity (6003) where the operation and an actor are known, else HTTP
    /// Activity (4002). A view without a uid gets a new random one.
    ///
    /// It says what the view says: masking is the reader's, and is done before. Only what would be
    /// longer than [`MAX_LEN`] loses its raw line, and has its texts cut.
    pub fn to_event(&self) -> Event {
        let uid = match &self.uid {
            Some(uid) => Cow::Borrowed(&**uid),
            None => Cow::Owned(EventId::random().as_str().to_owned()),
        };
        let mut doc = self.json(&uid);
        if doc.len() > MAX_LEN {
            doc = self.short().json(&text::cut(&uid, LONGEST_TEXT, Count::Bytes));
        }
        Event::from_json(doc, self.time).expect("a document of ours is an event")
    }

    fn json(&self, uid: &str) -> Vec<u8> {
        serde_json::to_vec(&self.document(uid)).expect("a view is writable as JSON")
    }

    /// The view without its raw line and with at most [`LONGEST_TEXT`] bytes of each text, so that
    /// its document fits however its texts are escaped.
    fn short(&self) -> EventView<'_> {
        let cut = |text: &str| Cow::Owned(text::cut(text, LONGEST_TEXT, Count::Bytes).into_owned());
        let some = |text: &Option<Cow<'_, str>>| text.as_deref().map(cut);
        let waf = self.waf.iter().take(MOST_ITEMS).map(|found| WafMatch {
            rule: cut(&found.rule),
            message: cut(&found.message),
            severity: found.severity,
            tags: Vec::new(),
            data: cut(&found.data),
        });
        EventView {
            uid: None,
            tenant: some(&self.tenant),
            vendor: some(&self.vendor),
            product: cut(&self.product),
            log_name: some(&self.log_name),
            forwarded: self.forwarded.iter().take(MOST_ITEMS).map(|hop| cut(hop)).collect(),
            host: some(&self.host),
            method: some(&self.method),
            path: some(&self.path),
            query: some(&self.query),
            user_agent: some(&self.user_agent),
            referrer: some(&self.referrer),
            request_id: some(&self.request_id),
            user: some(&self.user),
            session: some(&self.session),
            operation: some(&self.operation),
            url_group: some(&self.url_group),
            waf: waf.collect(),
            raw: None,
            ..*self
        }
    }

    fn document<'d>(&'d self, uid: &'d str) -> Document<'d> {
        // API Activity needs to know who asked for which operation.
        let operation = self.operation.as_deref().filter(|_| self.client.is_some());
        let api = operation.map(|operation| Api { operation });
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
            user: self.user.as_deref().filter(|_| api.is_none()),
            session: self.session.as_deref().filter(|_| api.is_none()),
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
            actor: api.is_some().then(|| self.actor()),
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
    /// HTTP Activity has an actor only with the profile `host`, which is about machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
}

impl Ours<'_> {
    fn is_empty(&self) -> bool {
        self.attribution.is_none()
            && self.peer.is_none()
            && self.url_group.is_none()
            && self.waf.is_empty()
            && self.user.is_none()
            && self.session.is_none()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::Client;

    fn json(event: &Event) -> Value {
        serde_json::from_slice(event.json()).unwrap()
    }

    fn full() -> EventView<'static> {
        let text = |t: &'static str| Some(Cow::Borrowed(t));
        let mut found = WafMatch::new("942100", "SQL \"injection\"");
        found.severity = 2;
        found.tags = vec!["attack-sqli".into()];
        found.data = "found within ARGS:q: ' OR 1=1".into();
        EventView {
            uid: text("u-1"),
            tenant: text("acme"),
            vendor: text("F5"),
            log_name: text("access"),
            client: Some(Client {
                ip: "203.0.113.7".parse().unwrap(),
                attribution: Attribution::Attested,
            }),
            client_port: Some(4711),
            peer: Some("192.0.2.10".parse().unwrap()),
            forwarded: vec!["10.0.0.1".into(), "203.0.113.7".into()],
            host: text("shop.example"),
            method: text("POST"),
            path: text("/api/orders/7"),
            query: text("q=1"),
            user_agent: text("curl\\8"),
            referrer: text("https://shop.example/"),
            request_id: text("r-1"),
            bytes_in: Some(274),
            status: Some(403),
            bytes_out: Some(593),
            latency: Some(11),
            user: text("mia"),
            session: text("masked:00000000"),
            operation: text("getOrder"),
            url_group: text("/api/orders/{orderId}"),
            waf: vec![found],
            blocked: Some(true),
            raw: Some(Raw::Text("the \"line\"".into())),
            ..EventView::new(Timestamp::from_secs(1_795_512_224).unwrap(), "NGINX")
        }
    }

    #[test]
    fn a_document_says_what_the_view_says() {
        let event = full().to_event();
        assert_eq!((event.uid(), event.class_uid()), ("u-1", 6003));
        let view = event.view().unwrap();
        assert_eq!(view, full());
        assert!(matches!(view.path, Some(Cow::Borrowed(_))), "it borrows");
        assert!(matches!(view.user_agent, Some(Cow::Owned(_))), "but where JSON has an escape");
        let doc = json(&event);
        assert_eq!(doc["type_uid"], 600_301);
        assert_eq!((&doc["action_id"], &doc["disposition_id"]), (&2.into(), &2.into()));
        assert_eq!(doc["metadata"]["profiles"][0], "security_control");
        assert_eq!((&doc["severity_id"], &doc["status_id"]), (&5.into(), &2.into()));
    }

    #[test]
    fn http_activity_has_its_user_without_an_actor() {
        let view = EventView { operation: None, ..full() };
        let event = view.to_event();
        assert_eq!((event.class_uid(), event.view().unwrap()), (4002, view));
        let doc = json(&event);
        assert_eq!(doc.get("actor"), None);
        assert_eq!(doc["unmapped"]["watchfloor"]["user"], "mia");
        let (user, session) = (None, Some("masked:00000000".into()));
        let view = EventView { operation: None, user, session, ..full() };
        assert_eq!(view.to_event().view().unwrap(), view);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let event = EventView::new(Timestamp::EPOCH, "").to_event();
        assert_eq!(event.class_uid(), 4002);
        let doc = json(&event);
        assert_eq!(doc["metadata"]["product"]["name"], "unknown");
        let none = ["src_endpoint", "actor", "api", "raw_data", "unmapped", "action_id"];
        assert!(none.iter().all(|key| doc.get(key).is_none()), "{doc}");
        assert_ne!(event.uid(), EventView::new(Timestamp::EPOCH, "").to_event().uid());
    }

    #[test]
    fn a_line_that_is_no_text_is_there_byte_for_byte() {
        let raw = Some(Raw::Bytes(Cow::Borrowed(b"a\xffb".as_slice())));
        let doc = json(&EventView { raw, ..full() }.to_event());
        assert_eq!(doc["raw_data"], "a\u{fffd}b");
        assert_eq!(doc["unmapped"]["raw_data_base64"], STANDARD.encode(b"a\xffb"));
    }

    #[test]
    fn a_view_that_makes_too_long_a_document_is_cut() {
        let long = || Cow::Owned("\u{1}".repeat(MAX_LEN / 6));
        let mut view = EventView { raw: Some(Raw::Text(long())), ..full() };
        let event = view.to_event();
        assert_eq!(
            event.view().unwrap(),
            EventView { raw: None, waf: event.view().unwrap().waf, ..full() }
        );
        for text in [&mut view.path, &mut view.query, &mut view.user_agent, &mut view.uid] {
            *text = Some(long());
        }
        view.forwarded = vec![long(); 2];
        view.waf = vec![WafMatch::new(long(), long()); 2];
        let event = view.to_event();
        assert!(event.len() < MAX_LEN && event.view().unwrap().path.unwrap().ends_with('…'));
    }

    #[test]
    fn nulls_of_other_people_s_documents_are_nothing() {
        let doc = r#"{"src_endpoint":null,"http_request":{"x_forwarded_for":null,"url":null,
            "http_method":null},"http_response":{"code":null},"actor":{"user":{"name":null}},
            "unmapped":{"watchfloor":{"waf":null,"peer":null}},"raw_data":null}"#;
        let event = Event::from_json(doc, Timestamp::EPOCH).unwrap();
        let view = event.view().unwrap();
        assert_eq!((view.client, view.method, view.user), (None, None, None));
        let claimed = r#"{"src_endpoint":{"ip":"203.0.113.7"}}"#;
        let event = Event::from_json(claimed, Timestamp::EPOCH).unwrap();
        assert_eq!(event.view().unwrap().client.unwrap().attribution, Attribution::Claimed);
    }

    proptest! {
        #[test]
        fn any_texts_come_back(path in "\\PC{1,20}", agent in any::<String>(), raw in any::<Vec<u8>>()) {
            let view = EventView {
                path: Some(path.clone().into()),
                user_agent: Some(agent.clone().into()),
                raw: Some(Raw::Bytes(raw.into())),
                ..full()
            };
            let event = view.to_event();
            let back = event.view().unwrap();
            prop_assert_eq!(back.path.as_deref(), Some(path.as_str()));
            prop_assert_eq!(back.user_agent.as_deref().unwrap_or_default(), agent.as_str());
        }
    }
}
