//! Splunk's HTTP Event Collector.

mod ack;
mod envelope;

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::{Answer, Fault, Request, Twin};

use ack::Acks;
pub use envelope::HeldEvent;
use envelope::{Refused, events};

/// A collector with one token. Of faults it carries out itself [`Fault::ResetAmid`],
/// [`Fault::ExpireCredential`] and [`Fault::Items`]: with the last it stops at the first of the
/// items, and says so with the code that has their status.
#[derive(Debug)]
pub struct Hec {
    token: String,
    indexes: Vec<String>,
    max_body: usize,
    acks: Option<Acks>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    disabled: bool,
    held: Vec<HeldEvent>,
}

impl Hec {
    /// A collector that knows this token; `main` and `sec` may be written to, and the default
    /// index.
    pub fn new(token: impl Into<String>) -> Self {
        let indexes = vec!["main".to_owned(), "sec".to_owned()];
        Self {
            token: token.into(),
            indexes,
            max_body: 838_860_800,
            acks: None,
            state: Mutex::default(),
        }
    }

    /// The same with another limit of a body, in bytes.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// The same with indexer acknowledgement: a request's data is indexed once its ack was asked
    /// for so many times in vain.
    pub fn acks_after(mut self, polls: u64) -> Self {
        self.acks = Some(Acks::after(polls));
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

    /// No credential → 401/2; another scheme → 401/3; unknown → 403/4; disabled → 403/1. A token in
    /// the query is looked at alone, and is not enabled.
    fn refuse(&self, request: &Request) -> Option<Answer> {
        if let Some(token) = request.param("token") {
            return Some(if token == self.token {
                reply(400, 16, "Query string authorization is not enabled")
            } else {
                reply(403, 4, "Invalid token")
            });
        }
        let Some(header) = request.header("authorization") else {
            return Some(reply(401, 2, "Token is required"));
        };
        let token = match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("splunk") => token.to_owned(),
            // The token is the password, whoever the user.
            Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") => {
                let pair = STANDARD.decode(pair).unwrap_or_default();
                let pair = String::from_utf8_lossy(&pair).into_owned();
                pair.split_once(':').map(|(_, token)| token.to_owned()).unwrap_or_default()
            }
            _ => return Some(reply(401, 3, "Invalid authorization")),
        };
        if token != self.token {
            return Some(reply(403, 4, "Invalid token"));
        }
        self.lock().disabled.then(|| reply(403, 1, "Token disabled"))
    }

    fn send(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        let channel = match &self.acks {
            None => String::new(),
            Some(_) => match ack::channel(request) {
                Ok(channel) => channel,
                Err(refused) => return *refused,
            },
        };
        let encoding = request.header("content-encoding").unwrap_or("identity");
        if !matches!(encoding, "identity" | "gzip") {
            return page(415, "415");
        }
        if request.body.len() > self.max_body {
            return page(413, "413 Content-Length of request is too large");
        }
        let (at_most, busy) = match fault {
            Some(Fault::ResetAmid(n)) => (*n, None),
            Some(Fault::Items(items)) => {
                let first = items.iter().min_by_key(|(at, _)| *at);
                (first.map_or(usize::MAX, |(at, _)| *at), first.map(|(_, status)| *status))
            }
            _ => (usize::MAX, None),
        };
        let (taken, failed) = self.read(&request.body, at_most);
        let count = taken.len();
        self.lock().held.extend(taken);
        match (failed, busy) {
            (Some(Refused { code, text, number }), _) => Answer::json(
                400,
                &json!({ "text": text, "code": code, "invalid-event-number": number }),
            ),
            (None, Some(status)) if count == at_most => {
                let (code, text) = busy_code(status);
                let body = json!({ "text": text, "code": code, "invalid-event-number": count });
                Answer::json(status, &body)
            }
            (None, _) if count == 0 => reply(400, 5, "No data"),
            (None, _) => match &self.acks {
                None => reply(200, 0, "Success"),
                Some(acks) => {
                    let id = acks.give(channel);
                    Answer::json(200, &json!({ "text": "Success", "code": 0, "ackId": id }))
                }
            },
        }
    }

    /// Reads the body as a stream and stops at the first bad event; those before it are taken.
    fn read(&self, body: &[u8], at_most: usize) -> (Vec<HeldEvent>, Option<Refused>) {
        let mut taken = Vec::new();
        for (number, raw) in events(body).into_iter().enumerate().take(at_most) {
            let event = raw.ok_or((6, "Invalid data format"));
            match event.and_then(|raw| HeldEvent::read(raw, &self.indexes)) {
                Ok(event) => taken.push(event),
                Err((code, text)) => {
                    // With code 7 the number is one higher, as on the real server.
                    let number = if code == 7 { number + 1 } else { number };
                    return (taken, Some(Refused { code, text, number }));
                }
            }
        }
        (taken, None)
    }
}

fn busy_code(status: u16) -> (u32, &'static str) {
    match status {
        429 => (26, "HEC queue is at capacity"),
        500 => (8, "Internal server error"),
        _ => (9, "Server is busy"),
    }
}

fn reply(status: u16, code: u32, text: &str) -> Answer {
    Answer::json(status, &json!({ "text": text, "code": code }))
}

fn page(status: u16, title: &str) -> Answer {
    let page = format!("<!doctype html><html><head><title>{title}</title></head></html>");
    Answer::new(status).body("text/html; charset=UTF-8", page)
}

fn not_found(status: u16) -> Answer {
    reply(status, 404, "The requested URL was not found on this server.")
}

impl Twin for Hec {
    fn operation(&self, request: &Request) -> &'static str {
        match request.path.as_str() {
            "/services/collector"
            | "/services/collector/1.0"
            | "/services/collector/event"
            | "/services/collector/event/1.0" => "send",
            "/services/collector/ack" | "/services/collector/ack/1.0" => "ack",
            "/services/collector/health" | "/services/collector/health/1.0" => "health",
            _ => "unknown",
        }
    }

    fn handle(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        if matches!(fault, Some(Fault::ExpireCredential)) {
            self.disable();
        }
        match self.operation(request) {
            "health" => reply(200, 17, "HEC is healthy"),
            "send" | "ack" if request.method != "POST" => not_found(405),
            operation @ ("send" | "ack") => match (self.refuse(request), operation) {
                (Some(refused), _) => refused,
                (None, "send") => self.send(request, fault),
                (None, _) => match &self.acks {
                    Some(acks) => acks.answer(request),
                    None => reply(400, 14, "ACK is disabled"),
                },
            },
            _ => not_found(404),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const CHANNEL: &str = "8f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5";

    fn ask(hec: &Hec, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        ask_with(hec, path, headers, body, None)
    }

    fn ask_with(
        hec: &Hec,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
        fault: Option<&Fault>,
    ) -> (u16, Value) {
        let request = Request::of("POST", path, headers, body.to_owned().into());
        let answer = hec.handle(&request, fault);
        (answer.status(), serde_json::from_slice(answer.bytes()).unwrap_or_default())
    }

    #[test]
    fn the_code_table() {
        let hec = Hec::new("T");
        let event = "/services/collector/event";
        let token: &[_] = &[("authorization", "Splunk T")];
        let good = "{\"event\":\"a\"}";
        type Case<'c> = (&'c str, &'c [(&'c str, &'c str)], &'c str, u16, u32);
        let cases: &[Case<'_>] = &[
            (event, &[], good, 401, 2),
            (event, &[("authorization", "Bearer T")], good, 401, 3),
            (event, &[("authorization", "Splunk U")], good, 403, 4),
            (event, &[("authorization", "Basic eDpU")], good, 200, 0),
            ("/services/collector/event?token=T", token, good, 400, 16),
            ("/services/collector/event?token=U", token, good, 403, 4),
            (event, token, "", 400, 5),
            (event, token, " \n", 400, 5),
            (event, token, "nonsense", 400, 6),
            (event, token, "{\"event\":\"a\",\"index\":\"nope\"}", 400, 7),
            (event, token, "{\"time\":1}", 400, 12),
            (event, token, "{\"event\":\"\"}", 400, 13),
            (event, token, "{\"event\":\"  \"}", 400, 13),
            (event, token, "{\"event\":\"a\",\"time\":\"soon\"}", 400, 15),
            (event, token, "{\"event\":\"a\",\"fields\":{\"a\":{}}}", 400, 15),
            (event, token, "{\"event\":\"a\",\"fields\":[]}", 400, 6),
            (event, token, "[{\"event\":\"a\"},{\"event\":\"b\"}]", 200, 0),
            ("/services/collector/ack", token, "{\"acks\":[0]}", 400, 14),
            ("/services/collector/nonsense", token, good, 404, 404),
            ("/services/collector/health", &[], "", 200, 17),
        ];
        for (path, headers, body, status, code) in cases {
            let (got, answer) = ask(&hec, path, headers, body);
            assert_eq!((got, answer["code"].as_u64()), (*status, Some(u64::from(*code))), "{body}");
        }
        hec.disable();
        assert_eq!(ask(&hec, event, token, good).1["code"], 1);
    }

    #[test]
    fn what_stands_before_the_first_bad_event_is_taken() {
        let hec = Hec::new("T");
        let token = [("authorization", "Splunk T")];
        let send = |body: &str| ask(&hec, "/services/collector", &token, body).1;
        let blank = send("{\"event\":\"ok\"}{\"event\":\"\"}{\"event\":\"ok2\"}");
        assert_eq!((&blank["code"], &blank["invalid-event-number"]), (&json!(13), &json!(1)));
        let index = send("{\"event\":1.10}\n{\"event\":\"p\",\"index\":\"nope\"}");
        assert_eq!((&index["code"], &index["invalid-event-number"]), (&json!(7), &json!(2)));
        let held: Vec<_> = hec.held().into_iter().map(|h| h.event).collect();
        assert_eq!(held, ["\"ok\"", "1.10"]);
        let busy = Fault::Items(vec![(1, 503)]);
        let body = "{\"event\":\"x\"}{\"event\":\"y\"}";
        let (status, busy) = ask_with(&hec, "/services/collector", &token, body, Some(&busy));
        assert_eq!(status, 503);
        assert_eq!((&busy["code"], &busy["invalid-event-number"]), (&json!(9), &json!(1)));
        assert_eq!(hec.held().len(), 3);
    }

    #[test]
    fn an_ack_is_true_once() {
        let hec = Hec::new("T").acks_after(1);
        let (path, body) = ("/services/collector/event", "{\"event\":\"a\"}");
        let plain: &[_] = &[("authorization", "Splunk T")];
        assert_eq!(ask(&hec, path, plain, body).1["code"], 10);
        let bad = [plain[0], ("x-splunk-request-channel", "mine")];
        assert_eq!(ask(&hec, path, &bad, body).1["code"], 11);
        let headers = [plain[0], ("x-splunk-request-channel", CHANNEL)];
        assert_eq!(ask(&hec, path, &headers, body).1["ackId"], 0);
        assert_eq!(ask(&hec, path, &headers, body).1["ackId"], 1);
        assert_eq!(ask(&hec, path, &headers, "{}").1.get("ackId"), None);
        let poll = || {
            let path = format!("/services/collector/ack?channel={CHANNEL}");
            ask(&hec, &path, plain, "{\"acks\":[0,7]}").1
        };
        assert_eq!(poll(), json!({ "acks": { "0": false, "7": false } }));
        assert_eq!(poll(), json!({ "acks": { "0": true, "7": false } }));
        assert_eq!(poll(), json!({ "acks": { "0": false, "7": false } }));
        let other = "/services/collector/ack?channel=00000000-0000-4000-8000-000000000000";
        assert_eq!(ask(&hec, other, plain, "{\"acks\":[1]}").1["acks"]["1"], false);
    }
}
