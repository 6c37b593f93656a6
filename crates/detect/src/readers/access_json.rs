//! nginx's access log as JSON, in the names that people give nginx's variables.

use std::borrow::Cow;

use serde::Deserialize;
use watchfloor_core::{EventView, Timestamp, event::Raw};

use super::{Context, Loose, clf_time, ip, present, target};

/// The fields that are understood, under whichever of their names they stand.
struct Line<'a> {
    time: &'a str,
    time_local: &'a str,
    msec: Loose,
    request_id: &'a str,
    peer: &'a str,
    x_forwarded_for: &'a str,
    forwarded: &'a str,
    method: &'a str,
    uri: &'a str,
    args: &'a str,
    request: &'a str,
    host: &'a str,
    status: Loose,
    bytes_sent: Loose,
    request_length: Loose,
    request_time: Loose,
    user: &'a str,
    user_agent: &'a str,
    referer: &'a str,
}

/// Reads a line; an error names the field.
pub(crate) fn read(line: &str, context: &Context<'_>) -> Result<EventView<'static>, String> {
    let map: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line)
        .map_err(|e| format!("is no JSON object (column {})", e.column()))?;
    let line_of = Line::of(&map);
    let masker = context.masker;
    let time = line_of.time().ok_or("has no time, in time, msec or time_local")?;
    let mut view = EventView::new(time, "NGINX");
    view.vendor = Some("F5".into());
    view.log_name = Some("access".into());
    view.peer = ip(line_of.peer);
    let header = match context.client.header() {
        "forwarded" => line_of.forwarded,
        _ => line_of.x_forwarded_for,
    };
    view.client = context.client.attribute(view.peer, header);
    let hops = line_of.x_forwarded_for.split(',').map(str::trim).filter_map(present);
    view.forwarded = hops.map(|h| Cow::Owned(masker.text(h).into_owned())).collect();
    let owned = |text: &str| present(text).map(|t| Cow::Owned(masker.text(t).into_owned()));
    view.request_id = owned(line_of.request_id);
    view.host = owned(line_of.host);
    view.user = owned(line_of.user);
    view.user_agent = owned(line_of.user_agent);
    view.referrer =
        present(line_of.referer).map(|r| Cow::Owned(masker.header("referer", r).into_owned()));
    let mut request = line_of.request.split(' ');
    let method = present(line_of.method).or_else(|| request.next());
    let uri = present(line_of.uri).or_else(|| request.next());
    view.method = method.and_then(owned);
    if let Some(uri) = uri {
        let (path, query) = target(uri);
        let query = query.or_else(|| present(line_of.args));
        view.path = owned(path);
        view.query = query.map(|q| Cow::Owned(masker.query(q).into_owned()));
    }
    view.status = line_of.status.status();
    view.bytes_out = line_of.bytes_sent.whole();
    view.bytes_in = line_of.request_length.whole();
    view.latency = Loose(line_of.request_time.0.map(|s| s * 1000.0)).whole();
    view.raw = Some(Raw::Text(Cow::Owned(masker.text(line).into_owned())));
    Ok(view)
}

impl<'m> Line<'m> {
    fn of(map: &'m serde_json::Map<String, serde_json::Value>) -> Self {
        let text = |names: &[&str]| {
            let found = names.iter().find_map(|n| map.get(*n)?.as_str().and_then(present));
            found.unwrap_or_default()
        };
        let number = |names: &[&str]| {
            let loose = |v: &serde_json::Value| Loose::deserialize(v).unwrap_or_default().0;
            Loose(names.iter().find_map(|n| loose(map.get(*n)?)))
        };
        Self {
            time: text(&["time", "time_iso8601", "@timestamp", "timestamp"]),
            time_local: text(&["time_local"]),
            msec: number(&["msec"]),
            request_id: text(&["request_id", "req_id", "http_x_request_id"]),
            peer: text(&["peer", "proxy_protocol_addr", "realip_remote_addr", "remote_addr"]),
            x_forwarded_for: text(&["x_forwarded_for", "http_x_forwarded_for"]),
            forwarded: text(&["forwarded", "http_forwarded"]),
            method: text(&["method", "request_method", "verb"]),
            uri: text(&["uri", "request_uri"]),
            args: text(&["args", "query_string", "query"]),
            request: text(&["request"]),
            host: text(&["host", "http_host", "server_name"]),
            status: number(&["status", "response_status"]),
            bytes_sent: number(&["bytes_sent", "body_bytes_sent"]),
            request_length: number(&["request_length"]),
            request_time: number(&["request_time"]),
            user: text(&["user", "remote_user"]),
            user_agent: text(&["user_agent", "http_user_agent", "agent"]),
            referer: text(&["referer", "http_referer", "referrer", "http_referrer"]),
        }
    }

    /// `msec` has milliseconds, the others seconds.
    fn time(&self) -> Option<Timestamp> {
        let msec = self.msec.0.filter(|s| *s > 0.0);
        let exact = msec.and_then(|s| Timestamp::from_millis((s * 1000.0).round() as i64));
        exact.or_else(|| self.time.parse().ok()).or_else(|| clf_time(self.time_local))
    }
}

#[cfg(test)]
mod tests {
    use watchfloor_core::Attribution;
    use watchfloor_core::mask::{Masker, Mode};

    use super::*;
    use crate::ClientConfig;

    fn view(line: &str) -> Result<EventView<'static>, String> {
        let trusted = vec!["192.0.2.10".parse().unwrap()];
        let client = ClientConfig::new(trusted, "x-forwarded-for");
        let masker = Masker::new(Mode::Mask, [1; 32]);
        read(line, &Context { client: &client, masker: &masker })
    }

    #[test]
    fn a_line_of_ours_and_a_line_in_nginx_s_names() {
        let ours = r#"{"time":"2026-11-24T08:50:51+00:00","msec":1795510251.878,"request_id":"r-1","peer":"192.0.2.10","x_forwarded_for":"198.51.100.9, 203.0.113.5","method":"GET","uri":"/api/x?token=cnry-1","status":200,"authorization":"Bearer cnry-2","cookie":"sid=cnry-3","user":"a@b","request_time":0.011}"#;
        let v = view(ours).unwrap();
        assert_eq!(v.time.as_millis(), 1_795_510_251_878);
        let client = v.client.unwrap();
        assert_eq!(
            (client.ip.to_string().as_str(), client.attribution),
            ("203.0.113.5", Attribution::Attested)
        );
        assert_eq!((v.latency, v.status), (Some(11), Some(200)));
        assert!(!format!("{v:?}").contains("cnry"), "{v:?}");

        let theirs = r#"{"time_local":"24/Nov/2026:08:50:51 +0000","remote_addr":"203.0.113.5","request":"POST /login HTTP/1.1","status":"401","body_bytes_sent":"17","http_user_agent":"curl"}"#;
        let v = view(theirs).unwrap();
        assert_eq!((v.method.as_deref(), v.path.as_deref()), (Some("POST"), Some("/login")));
        assert_eq!((v.status, v.bytes_out), (Some(401), Some(17)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(view("{").unwrap_err().contains("JSON"));
        assert!(view("[1]").unwrap_err().contains("JSON"));
        assert!(view("{}").unwrap_err().contains("time"));
    }
}
