//! Access logs as JSON: in the names that people give nginx's variables, in ECS's (nested or
//! dotted), and in W3C's, which Sigma uses.

use std::borrow::Cow;

use watchfloor_core::{EventView, Timestamp, event::Raw};

use super::flat::{Flat, Scalar};
use super::{Context, clf_time, ip, present, target, without_origin};

/// What is understood of a line, under whichever of its names it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Time,
    Date,
    TimeLocal,
    Msec,
    Uid,
    RequestId,
    Peer,
    ForwardedFor,
    Method,
    Uri,
    Query,
    Request,
    Host,
    Status,
    BytesOut,
    BytesIn,
    Seconds,
    Millis,
    Nanos,
    User,
    UserAgent,
    Referrer,
    Authorization,
    Cookie,
    Vendor,
    Product,
    Ecs,
    W3c,
    /// The configured forwarding header, if it is another than `X-Forwarded-For`.
    Header,
}

impl Field {
    pub(super) const COUNT: usize = Self::Header as usize + 1;

    /// The field of a name, and how far down it stands among the field's names: the first counts.
    pub(super) fn of(name: &str) -> Option<(Self, u8)> {
        Some(match name {
            "msec" => (Self::Msec, 0),
            "time" => (Self::Time, 0),
            "time_iso8601" => (Self::Time, 1),
            "@timestamp" => (Self::Time, 2),
            "timestamp" => (Self::Time, 3),
            "date" => (Self::Date, 0),
            "time_local" => (Self::TimeLocal, 0),
            "event.id" => (Self::Uid, 0),
            // Never a header such as X-Request-Id, which its client chooses.
            "request_id" => (Self::RequestId, 0),
            "http.request.id" => (Self::RequestId, 1),
            // With the realip module $remote_addr is no longer the connection's other end.
            "peer" => (Self::Peer, 0),
            "proxy_protocol_addr" => (Self::Peer, 1),
            "realip_remote_addr" => (Self::Peer, 2),
            "remote_addr" => (Self::Peer, 3),
            "source.ip" => (Self::Peer, 4),
            "c-ip" => (Self::Peer, 5),
            "x_forwarded_for" => (Self::ForwardedFor, 0),
            "http_x_forwarded_for" => (Self::ForwardedFor, 1),
            "network.forwarded_ip" => (Self::ForwardedFor, 2),
            "xff" => (Self::ForwardedFor, 3),
            "method" => (Self::Method, 0),
            "request_method" => (Self::Method, 1),
            "http.request.method" => (Self::Method, 2),
            "cs-method" => (Self::Method, 3),
            "uri" => (Self::Uri, 0),
            "request_uri" => (Self::Uri, 1),
            "url.path" => (Self::Uri, 2),
            "url.original" => (Self::Uri, 3),
            "url.full" => (Self::Uri, 4),
            "cs-uri-stem" => (Self::Uri, 5),
            "cs-uri" => (Self::Uri, 6),
            "c-uri" => (Self::Uri, 7),
            "args" => (Self::Query, 0),
            "query_string" => (Self::Query, 1),
            "url.query" => (Self::Query, 2),
            "cs-uri-query" => (Self::Query, 3),
            "c-uri-query" => (Self::Query, 4),
            "request" => (Self::Request, 0),
            "host" => (Self::Host, 0),
            "http_host" => (Self::Host, 1),
            "server_name" => (Self::Host, 2),
            "url.domain" => (Self::Host, 3),
            "destination.domain" => (Self::Host, 4),
            "cs-host" => (Self::Host, 5),
            "status" => (Self::Status, 0),
            "http.response.status_code" => (Self::Status, 1),
            "sc-status" => (Self::Status, 2),
            "bytes_sent" => (Self::BytesOut, 0),
            "body_bytes_sent" => (Self::BytesOut, 1),
            "http.response.bytes" => (Self::BytesOut, 2),
            "http.response.body.bytes" => (Self::BytesOut, 3),
            "sc-bytes" => (Self::BytesOut, 4),
            "request_length" => (Self::BytesIn, 0),
            "http.request.bytes" => (Self::BytesIn, 1),
            "http.request.body.bytes" => (Self::BytesIn, 2),
            "cs-bytes" => (Self::BytesIn, 3),
            "request_time" => (Self::Seconds, 0),
            "time-taken" => (Self::Millis, 0),
            "event.duration" => (Self::Nanos, 0),
            "user" => (Self::User, 0),
            "remote_user" => (Self::User, 1),
            "user.name" => (Self::User, 2),
            "cs-username" => (Self::User, 3),
            "user_agent" => (Self::UserAgent, 0),
            "http_user_agent" => (Self::UserAgent, 1),
            "user_agent.original" => (Self::UserAgent, 2),
            "cs-user-agent" => (Self::UserAgent, 3),
            "cs(User-Agent)" => (Self::UserAgent, 4),
            "c-useragent" => (Self::UserAgent, 5),
            "referer" => (Self::Referrer, 0),
            "http_referer" => (Self::Referrer, 1),
            "http.request.referrer" => (Self::Referrer, 2),
            "cs-referer" => (Self::Referrer, 3),
            "cs(Referer)" => (Self::Referrer, 4),
            "authorization" => (Self::Authorization, 0),
            "http_authorization" => (Self::Authorization, 1),
            "cookie" => (Self::Cookie, 0),
            "http_cookie" => (Self::Cookie, 1),
            "cs-cookie" => (Self::Cookie, 2),
            "observer.vendor" => (Self::Vendor, 0),
            "observer.product" => (Self::Product, 0),
            "ecs.version" => (Self::Ecs, 0),
            _ => return None,
        })
    }
}

/// Reads a line; an error names the field.
pub(crate) fn read(line: &str, context: &Context<'_>) -> Result<EventView<'static>, String> {
    let flat = Flat::read(line, context.client.header())?;
    let masker = context.masker;
    let text = |field| flat.text(field);
    let owned = |text: &str| present(text).map(|t| Cow::Owned(masker.text(t).into_owned()));

    let time = time(&flat).ok_or("has no time in time, @timestamp, msec, time_local or date")?;
    let mut view = EventView::new(time, "NGINX");
    view.vendor = Some("F5".into());
    if flat.is_ecs() || flat.is_w3c() {
        view.vendor = owned(text(Field::Vendor));
        view.product = owned(text(Field::Product)).unwrap_or_default();
    }
    view.log_name = Some("access".into());
    view.uid = owned(text(Field::Uid));
    view.peer = ip(text(Field::Peer));
    let forwarding = match context.client.header() {
        "x-forwarded-for" => text(Field::ForwardedFor),
        _ => text(Field::Header),
    };
    view.client = context.client.attribute(view.peer, forwarding);
    view.forwarded = context.forwarded(text(Field::ForwardedFor));
    view.request_id = owned(text(Field::RequestId));
    view.host = owned(text(Field::Host));
    view.user = owned(text(Field::User));
    view.user_agent = owned(text(Field::UserAgent));
    view.session = context.session(text(Field::Cookie), text(Field::Authorization));
    view.referrer = present(text(Field::Referrer))
        .map(|r| Cow::Owned(masker.header("referer", r).into_owned()));
    let mut request = text(Field::Request).split(' ');
    let method = present(text(Field::Method)).or_else(|| request.next());
    let uri = present(text(Field::Uri)).or_else(|| request.next());
    view.method = method.and_then(owned);
    if let Some(uri) = uri {
        let (path, query) = target(without_origin(uri));
        let query = query.or_else(|| present(text(Field::Query)));
        view.path = owned(path);
        view.query = query.map(|q| Cow::Owned(masker.query(q).into_owned()));
    }
    view.status = flat.number(Field::Status).status();
    if view.peer.is_none() && view.client.is_none() && view.path.is_none() && view.status.is_none()
    {
        return Err("has no peer, path or status under a name that is known".to_owned());
    }
    view.bytes_out = flat.number(Field::BytesOut).whole();
    view.bytes_in = flat.number(Field::BytesIn).whole();
    let millis = [(Field::Seconds, 1e3), (Field::Millis, 1.0), (Field::Nanos, 1e-6)];
    view.latency = millis.iter().find_map(|(field, unit)| flat.number(*field).times(*unit).whole());
    view.raw = Some(Raw::Text(Cow::Owned(masker.text(line).into_owned())));
    Ok(view)
}

/// `msec` has milliseconds, nginx's other times seconds. W3C has date and time apart, in UTC.
fn time(flat: &Flat<'_>) -> Option<Timestamp> {
    let exact = match flat.get(Field::Msec) {
        Scalar::Nothing => None,
        _ => flat.number(Field::Msec).times(1e3).whole().filter(|ms| *ms > 0),
    };
    let time = flat.text(Field::Time);
    exact
        .and_then(|ms| Timestamp::from_millis(i64::try_from(ms).ok()?))
        .or_else(|| time.parse().ok())
        .or_else(|| clf_time(flat.text(Field::TimeLocal)))
        .or_else(|| format!("{}T{time}Z", flat.text(Field::Date)).parse().ok())
}

#[cfg(test)]
mod tests {
    use watchfloor_core::Attribution;
    use watchfloor_core::mask::{Masker, Mode};

    use super::*;
    use crate::ClientConfig;

    fn view_with(header: &str, line: &str) -> Result<EventView<'static>, String> {
        let client = ClientConfig::new(vec!["192.0.2.10".parse().unwrap()], header);
        let masker = Masker::new(Mode::Mask, [1; 32]);
        read(line, &Context { client: &client, masker: &masker })
    }

    fn view(line: &str) -> Result<EventView<'static>, String> {
        view_with("x-forwarded-for", line)
    }

    #[test]
    fn a_line_of_ours_and_a_line_in_nginx_s_names() {
        let ours = r#"{"time":"2026-11-24T08:50:51+00:00","msec":1795510251.878,"request_id":"r-1","peer":"192.0.2.10","x_forwarded_for":"198.51.100.9, 203.0.113.5","method":"GET","uri":"/api/x?token=cnry-1","status":200,"authorization":"Bearer cnry-2","cookie":"theme=a; sid=cnry-3","user":"a@b","request_time":0.011}"#;
        let v = view(ours).unwrap();
        assert_eq!(v.time.as_millis(), 1_795_510_251_878);
        let client = v.client.unwrap();
        assert_eq!(
            (client.ip.to_string().as_str(), client.attribution),
            ("203.0.113.5", Attribution::Attested)
        );
        assert_eq!((v.latency, v.status), (Some(11), Some(200)));
        assert!(v.session.as_deref().unwrap().starts_with("masked:"));
        assert!(!format!("{v:?}").contains("cnry"), "{v:?}");

        let theirs = r#"{"time_local":"24/Nov/2026:08:50:51 +0000","remote_addr":"203.0.113.5","request":"POST /login HTTP/1.1","status":"401","bytes_sent":null,"body_bytes_sent":"17","http_user_agent":"curl"}"#;
        let v = view(theirs).unwrap();
        assert_eq!((v.method.as_deref(), v.path.as_deref()), (Some("POST"), Some("/login")));
        assert_eq!((v.status, v.bytes_out), (Some(401), Some(17)));
        assert_eq!((v.product.as_ref(), v.vendor.as_deref()), ("NGINX", Some("F5")));
    }

    #[test]
    fn ecs_nested_and_dotted() {
        let nested = r#"{"@timestamp":"2026-11-24T08:50:51.5Z","ecs":{"version":"9.4.0"},"event":{"id":"e-1","duration":11000000},"source":{"ip":"203.0.113.5"},"http":{"request":{"method":"GET","referrer":"-"},"response":{"status_code":404,"body":{"bytes":17}}},"url":{"full":"https://shop.example/api/x?token=cnry-1"},"user":{"name":"mia"},"user_agent":{"original":"curl"},"observer":{"vendor":"F5","product":"BIG-IP"},"tags":["a",{"uri":"/no"}]}"#;
        let dotted = r#"{"@timestamp":"2026-11-24T08:50:51.5Z","ecs.version":"9.4.0","event.id":"e-1","event.duration":11000000,"source.ip":"203.0.113.5","http.request.method":"GET","http.response":{"status_code":"404","body.bytes":17},"url.path":"/api/x","url.query":"token=cnry-1","user.name":"mia","user_agent.original":"curl","observer.vendor":"F5","observer.product":"BIG-IP"}"#;
        let mut views = [nested, dotted].map(|line| view(line).unwrap());
        for v in &mut views {
            assert!(!format!("{v:?}").contains("cnry"), "{v:?}");
            v.raw = None;
            assert_eq!((v.product.as_ref(), v.vendor.as_deref()), ("BIG-IP", Some("F5")));
            assert_eq!((v.uid.as_deref(), v.latency), (Some("e-1"), Some(11)));
            assert_eq!((v.path.as_deref(), v.status), (Some("/api/x"), Some(404)));
            assert_eq!(v.client.unwrap().attribution, Attribution::Peer);
        }
        assert_eq!(views[0], views[1]);
    }

    #[test]
    fn w3c_s_names() {
        let line = r#"{"date":"2026-11-24","time":"08:50:51","c-ip":"203.0.113.5","cs-method":"GET","cs-uri-stem":"/x","cs-uri-query":"sid=cnry-1","sc-status":200,"time-taken":12,"cs(User-Agent)":"curl"}"#;
        let v = view(line).unwrap();
        assert_eq!(v.time.to_string(), "2026-11-24T08:50:51.000Z");
        assert_eq!((v.path.as_deref(), v.latency, v.product.as_ref()), (Some("/x"), Some(12), ""));
        assert!(v.query.as_deref().unwrap().starts_with("sid=masked:"));
    }

    #[test]
    fn t33_another_header_is_found_under_its_variable_s_name() {
        let line = r#"{"time":"2026-11-24T08:50:51Z","peer":"192.0.2.10","http_x_forwarded_for":"198.51.100.9","http_cf_connecting_ip":"203.0.113.5"}"#;
        let client = view_with("CF-Connecting-IP", line).unwrap().client.unwrap();
        assert_eq!(client.ip.to_string(), "203.0.113.5");
        // What a client calls its request is not believed.
        let line = r#"{"time":"2026-11-24T08:50:51Z","uri":"/","http_x_request_id":"same"}"#;
        assert_eq!(view(line).unwrap().request_id, None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(view("{").unwrap_err().contains("JSON"));
        assert!(view("[1]").unwrap_err().contains("JSON"));
        assert!(view("{} {}").unwrap_err().contains("JSON"));
        assert!(view("{}").unwrap_err().contains("time"));
        let other = r#"{"time":"2026-11-24T08:50:51Z","httpRequest":{"clientIp":"203.0.113.5"}}"#;
        assert!(view(other).unwrap_err().contains("peer"));
    }
}
