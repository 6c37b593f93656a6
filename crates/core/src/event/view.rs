use std::borrow::Cow;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer};

use super::{Attribution, BadEvent, Client, Event};
use crate::Timestamp;

/// What Watchfloor understands of an event, in OCSF's words, borrowed from where it was read.
///
/// Log readers fill it without making JSON and write the document with
/// [`to_event`](EventView::to_event); [`Event::view`] reads it out of a document.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct EventView<'a> {
    /// When it happened.
    pub time: Timestamp,
    /// `metadata.uid`
    pub uid: Option<Cow<'a, str>>,
    /// `metadata.tenant_uid`
    pub tenant: Option<Cow<'a, str>>,
    /// `metadata.product.vendor_name`
    pub vendor: Option<Cow<'a, str>>,
    /// `metadata.product.name`
    pub product: Cow<'a, str>,
    /// `metadata.log_name`
    pub log_name: Option<Cow<'a, str>>,
    /// `src_endpoint.ip`, with how it is known.
    pub client: Option<Client>,
    /// `src_endpoint.port`
    pub client_port: Option<u16>,
    /// The other end of the connection.
    pub peer: Option<IpAddr>,
    /// `http_request.x_forwarded_for`, as it came, left to right.
    pub forwarded: Vec<Cow<'a, str>>,
    /// `dst_endpoint.hostname`
    pub host: Option<Cow<'a, str>>,
    /// `http_request.http_method`
    pub method: Option<Cow<'a, str>>,
    /// `http_request.url.path`
    pub path: Option<Cow<'a, str>>,
    /// `http_request.url.query_string`, masked.
    pub query: Option<Cow<'a, str>>,
    /// `http_request.user_agent`
    pub user_agent: Option<Cow<'a, str>>,
    /// `http_request.referrer`, masked.
    pub referrer: Option<Cow<'a, str>>,
    /// `http_request.uid`
    pub request_id: Option<Cow<'a, str>>,
    /// `http_request.length`, bytes.
    pub bytes_in: Option<u64>,
    /// `http_response.code`
    pub status: Option<u16>,
    /// `http_response.length`, bytes.
    pub bytes_out: Option<u64>,
    /// `http_response.latency`, milliseconds.
    pub latency: Option<u64>,
    /// `actor.user.name`; of HTTP Activity, which has no actor, `unmapped.watchfloor.user`.
    pub user: Option<Cow<'a, str>>,
    /// `actor.session.uid`, masked; of HTTP Activity `unmapped.watchfloor.session`.
    pub session: Option<Cow<'a, str>>,
    /// `api.operation`
    pub operation: Option<Cow<'a, str>>,
    /// `unmapped.watchfloor.url_group`: the template of the path, such as `/orders/{orderId}`.
    pub url_group: Option<Cow<'a, str>>,
    /// What a WAF found in the request: `unmapped.watchfloor.waf`.
    pub waf: Vec<WafMatch<'a>>,
    /// Whether a WAF blocked the request, where one looked at it.
    pub blocked: Option<bool>,
    /// The line it was read from, masked.
    pub raw: Option<Raw<'a>>,
}

/// A rule of a WAF that matched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[non_exhaustive]
pub struct WafMatch<'a> {
    /// The rule's id: `942100`.
    #[serde(borrow)]
    pub rule: Cow<'a, str>,
    /// What the rule says.
    #[serde(borrow)]
    pub message: Cow<'a, str>,
    /// Syslog's severity: 2 is critical, 3 error, 4 warning, 5 notice.
    pub severity: u8,
    /// The rule's tags: `attack-sqli`.
    #[serde(borrow)]
    pub tags: Vec<Cow<'a, str>>,
    /// What matched, masked.
    #[serde(borrow, default)]
    pub data: Cow<'a, str>,
}

impl<'a> WafMatch<'a> {
    /// A match of a rule.
    pub fn new(rule: impl Into<Cow<'a, str>>, message: impl Into<Cow<'a, str>>) -> Self {
        Self { rule: rule.into(), message: message.into(), severity: 6, ..Self::default() }
    }
}

/// A line that an event was read from, masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw<'a> {
    /// It was text.
    Text(Cow<'a, str>),
    /// It was not: `raw_data` has it lossily, `unmapped.raw_data_base64` byte for byte.
    Bytes(Cow<'a, [u8]>),
}

impl<'a> EventView<'a> {
    /// A view of something that happened at `time`, as this product logged it.
    pub fn new(time: Timestamp, product: impl Into<Cow<'a, str>>) -> Self {
        Self { time, product: product.into(), ..Self::default() }
    }
}

impl Event {
    /// What Watchfloor understands of the document. What has another type than OCSF says is an
    /// error that names the place.
    pub fn view(&self) -> Result<EventView<'_>, BadEvent> {
        let doc: Doc<'_> = serde_json::from_str(self.text()).map_err(|e| BadEvent {
            at: e.column(),
            reason: "a member has another type than OCSF's",
        })?;
        let mut view = EventView::new(self.time(), "");
        view.uid = Some(Cow::Borrowed(self.uid()));
        if let Some(metadata) = doc.metadata {
            view.tenant = metadata.tenant_uid.text();
            view.log_name = metadata.log_name.text();
            if let Some(product) = metadata.product {
                view.vendor = product.vendor_name.text();
                view.product = product.name.text().unwrap_or_default();
            }
        }
        let ours = doc.unmapped.and_then(|u| u.watchfloor).unwrap_or_default();
        if let Some(source) = doc.src_endpoint {
            let ip = source.ip.text().and_then(|t| t.parse().ok());
            // Without a word on how the address is known it is only claimed.
            let attribution = ours.attribution.unwrap_or(Attribution::Claimed);
            view.client = ip.map(|ip| Client { ip, attribution });
            view.client_port = source.port;
        }
        view.peer = ours.peer.text().and_then(|t| t.parse().ok());
        view.url_group = ours.url_group.text();
        view.waf = ours.waf.unwrap_or_default();
        view.host = doc.dst_endpoint.and_then(|d| d.hostname.text());
        if let Some(request) = doc.http_request {
            view.method = request.http_method.text();
            view.user_agent = request.user_agent.text();
            view.referrer = request.referrer.text();
            view.request_id = request.uid.text();
            view.bytes_in = request.length;
            let hops = request.x_forwarded_for.into_iter().flatten();
            view.forwarded = hops.filter_map(Lazy::text).collect();
            if let Some(url) = request.url {
                view.path = url.path.text();
                view.query = url.query_string.text();
            }
        }
        if let Some(response) = doc.http_response {
            view.status = response.code;
            view.bytes_out = response.length;
            view.latency = response.latency;
        }
        if let Some(actor) = doc.actor {
            view.user = actor.user.and_then(|u| u.name.text());
            view.session = actor.session.and_then(|s| s.uid.text());
        }
        view.user = view.user.or(ours.user.text());
        view.session = view.session.or(ours.session.text());
        view.operation = doc.api.and_then(|a| a.operation.text());
        view.blocked = doc.action_id.map(|id| id == 2);
        view.raw = doc.raw_data.text().map(Raw::Text);
        Ok(view)
    }
}

/// Text that is borrowed where it has no escapes. (`Option<Cow<str>>` of its own is always owned.)
#[derive(Default)]
struct Lazy<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Lazy<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
        Ok(Self(Option::<Text<'a>>::deserialize(d)?.map(|text| text.0)))
    }
}

impl<'a> Lazy<'a> {
    fn text(self) -> Option<Cow<'a, str>> {
        self.0.filter(|t| !t.is_empty())
    }
}

macro_rules! shapes {
    ($($name:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)* })*) => {$(
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct $name<'a> {
            $($(#[$meta])* $field: $type,)*
            #[serde(skip)]
            _borrows: std::marker::PhantomData<&'a ()>,
        }
    )*};
}

shapes! {
    Doc {
        #[serde(borrow)] metadata: Option<Metadata<'a>>,
        #[serde(borrow)] src_endpoint: Option<Endpoint<'a>>,
        #[serde(borrow)] dst_endpoint: Option<Endpoint<'a>>,
        #[serde(borrow)] http_request: Option<HttpRequest<'a>>,
        http_response: Option<HttpResponse<'a>>,
        #[serde(borrow)] actor: Option<Actor<'a>>,
        #[serde(borrow)] api: Option<Api<'a>>,
        #[serde(borrow)] raw_data: Lazy<'a>,
        action_id: Option<u64>,
        #[serde(borrow)] unmapped: Option<Unmapped<'a>>,
    }
    Metadata {
        #[serde(borrow)] tenant_uid: Lazy<'a>,
        #[serde(borrow)] log_name: Lazy<'a>,
        #[serde(borrow)] product: Option<Product<'a>>,
    }
    Product {
        #[serde(borrow)] vendor_name: Lazy<'a>,
        #[serde(borrow)] name: Lazy<'a>,
    }
    Endpoint {
        #[serde(borrow)] ip: Lazy<'a>,
        #[serde(borrow)] hostname: Lazy<'a>,
        port: Option<u16>,
    }
    HttpRequest {
        #[serde(borrow)] http_method: Lazy<'a>,
        #[serde(borrow)] user_agent: Lazy<'a>,
        #[serde(borrow)] referrer: Lazy<'a>,
        #[serde(borrow)] uid: Lazy<'a>,
        length: Option<u64>,
        #[serde(borrow)] x_forwarded_for: Option<Vec<Lazy<'a>>>,
        #[serde(borrow)] url: Option<Url<'a>>,
    }
    Url {
        #[serde(borrow)] path: Lazy<'a>,
        #[serde(borrow)] query_string: Lazy<'a>,
    }
    HttpResponse {
        code: Option<u16>,
        length: Option<u64>,
        latency: Option<u64>,
    }
    Actor {
        #[serde(borrow)] user: Option<User<'a>>,
        #[serde(borrow)] session: Option<Session<'a>>,
    }
    User {
        #[serde(borrow)] name: Lazy<'a>,
    }
    Session {
        #[serde(borrow)] uid: Lazy<'a>,
    }
    Api {
        #[serde(borrow)] operation: Lazy<'a>,
    }
    Unmapped {
        #[serde(borrow)] watchfloor: Option<Ours<'a>>,
    }
    Ours {
        attribution: Option<Attribution>,
        #[serde(borrow)] peer: Lazy<'a>,
        #[serde(borrow)] url_group: Lazy<'a>,
        #[serde(borrow)] waf: Option<Vec<WafMatch<'a>>>,
        #[serde(borrow)] user: Lazy<'a>,
        #[serde(borrow)] session: Lazy<'a>,
    }
}
