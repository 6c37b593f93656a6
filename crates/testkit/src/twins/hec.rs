//! Splunk's HTTP Event Collector.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::{Answer, Fault, Request, Twin};

/// A collector with one token.
#[derive(Debug)]
pub struct Hec {
    token: String,
    indexes: Vec<String>,
    max_body: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    disabled: bool,
    held: Vec<HeldEvent>,
}

/// An event as the collector took it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HeldEvent {
    /// The `event` member, byte for byte.
    pub event: Bytes,
    /// The `time` member, as it was written.
    pub time: Option<String>,
    /// Every other member.
    pub meta: Value,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow)]
    fields: Option<&'a RawValue>,
    index: Option<String>,
    host: Option<String>,
    source: Option<String>,
    sourcetype: Option<String>,
}

impl Hec {
    /// A collector that knows this token; `indexes` may be written to, and the default index.
    pub fn new(token: impl Into<String>) -> Self {
        let indexes = vec!["main".to_owned(), "sec".to_owned()];
        Self { token: token.into(), indexes, max_body: 838_860_800, state: Mutex::default() }
    }

    /// The same with another limit of a body, in bytes.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Disables the token.
    pub fn disable(&self) {
        self.lock().disabled = true;
    }

    /// What was taken, in order.
    pub fn held(&self) -> Vec<HeldEvent> {
        self.lock().held.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No credential → 401/2; not `Splunk` → 401/3; unknown → 403/4; disabled → 403/1.
    fn refuse(&self, request: &Request) -> Option<Answer> {
        if request.param("token").is_some() {
            return Some(reply(400, 16, "Query string authorization is not enabled"));
        }
        let Some(header) = request.header("authorization") else {
            return Some(reply(401, 2, "Token is required"));
        };
        let Some((scheme, token)) = header.split_once(' ') else {
            return Some(reply(401, 3, "Invalid authorization"));
        };
        if !scheme.eq_ignore_ascii_case("splunk") {
            return Some(reply(401, 3, "Invalid authorization"));
        }
        if token != self.token {
            return Some(reply(403, 4, "Invalid token"));
        }
        self.lock().disabled.then(|| reply(403, 1, "Token disabled"))
    }

    /// Reads the body as a stream and stops at the first bad event; those before it are taken.
    fn take(&self, body: &[u8], at_most: usize) -> Answer {
        let mut taken = Vec::new();
        let mut stream = serde_json::Deserializer::from_slice(body).into_iter::<&RawValue>();
        let mut failed = None;
        for number in 0_u64.. {
            let Some(raw) = stream.next() else { break };
            if taken.len() == at_most {
                break;
            }
            let event = raw.map_err(|_| (6, "Invalid data format")).and_then(|r| self.read(r));
            match event {
                Ok(event) => taken.push(event),
                // With code 7 the number is one higher, as on the real server.
                Err((code, text)) => {
                    failed = Some((code, text, if code == 7 { number + 1 } else { number }));
                    break;
                }
            }
        }
        let none = taken.is_empty();
        self.lock().held.extend(taken);
        match failed {
            Some((code, text, number)) => Answer::json(
                400,
                &json!({ "text": text, "code": code, "invalid-event-number": number }),
            ),
            None if none => reply(400, 5, "No data"),
            None => reply(200, 0, "Success"),
        }
    }

    fn read(&self, raw: &RawValue) -> Result<HeldEvent, (u32, &'static str)> {
        let envelope: Envelope<'_> =
            serde_json::from_str(raw.get()).map_err(|_| (6, "Invalid data format"))?;
        let event = envelope.event.ok_or((12, "Event field is required"))?;
        let text = event.get().trim();
        if matches!(text, "\"\"" | "null" | "{}") {
            return Err((13, "Event field cannot be blank"));
        }
        let time = envelope.time.map(|t| t.get().trim_matches('"').to_owned());
        if time.as_deref().is_some_and(|t| t.parse::<f64>().is_err()) {
            return Err((15, "Error in handling indexed fields"));
        }
        let fields: Value = match envelope.fields {
            None => Value::Null,
            Some(raw) => serde_json::from_str(raw.get()).map_err(|_| (6, "Invalid data format"))?,
        };
        match &fields {
            Value::Object(map) if map.values().any(Value::is_object) => {
                return Err((15, "Error in handling indexed fields"));
            }
            Value::Null | Value::Object(_) => {}
            _ => return Err((6, "Invalid data format")),
        }
        if envelope.index.as_ref().is_some_and(|i| !self.indexes.contains(i)) {
            return Err((7, "Incorrect index"));
        }
        let meta = json!({
            "fields": fields,
            "index": envelope.index,
            "host": envelope.host,
            "source": envelope.source,
            "sourcetype": envelope.sourcetype,
        });
        Ok(HeldEvent { event: Bytes::copy_from_slice(text.as_bytes()), time, meta })
    }
}

fn reply(status: u16, code: u32, text: &str) -> Answer {
    Answer::json(status, &json!({ "text": text, "code": code }))
}

impl Twin for Hec {
    fn operation(&self, request: &Request) -> &'static str {
        match request.path.as_str() {
            "/services/collector"
            | "/services/collector/1.0"
            | "/services/collector/event"
            | "/services/collector/event/1.0" => "send",
            "/services/collector/health" | "/services/collector/health/1.0" => "health",
            _ => "unknown",
        }
    }

    fn handle(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        match self.operation(request) {
            "health" => reply(200, 17, "HEC is healthy"),
            "send" if request.method != "POST" => {
                reply(405, 404, "The requested URL was not found on this server.")
            }
            "send" => {
                if matches!(fault, Some(Fault::ExpireCredential)) {
                    self.disable();
                }
                if let Some(refused) = self.refuse(request) {
                    return refused;
                }
                let encoding = request.header("content-encoding").unwrap_or("identity");
                if !matches!(encoding, "identity" | "gzip") {
                    let page = "<!doctype html><html><head><title>415</title></head></html>";
                    return Answer::new(415).body("text/html; charset=UTF-8", page);
                }
                if request.body.len() > self.max_body {
                    let page = "<!doctype html><html><head><title>413 Content-Length of \
                                request is too large</title></head></html>";
                    return Answer::new(413).body("text/html; charset=UTF-8", page);
                }
                let at_most = match fault {
                    Some(Fault::ResetAmid(n)) => *n,
                    _ => usize::MAX,
                };
                self.take(&request.body, at_most)
            }
            _ => reply(404, 404, "The requested URL was not found on this server."),
        }
    }
}
