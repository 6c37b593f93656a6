//! `peer - user [time] "request" status bytes "referer" "agent"`, and, as nginx's own `main`
//! format has it, the forwarding header as one more text in quotes.

use std::borrow::Cow;

use watchfloor_core::{EventView, event::Raw};

use super::{Context, clf_time, ip, present, target};

/// Reads a line; an error names the field.
pub(crate) fn read(line: &str, context: &Context<'_>) -> Result<EventView<'static>, String> {
    let (peer, rest) = line.split_once(' ').ok_or("has no peer")?;
    let (_, rest) = rest.split_once(' ').ok_or("has no identity")?;
    // A client chooses its user name, and may put brackets in it; quotes are escaped.
    let (front, _) = rest.split_once("] \"").ok_or("has no time in brackets before its request")?;
    let (user, time) = front.rsplit_once(" [").ok_or("has no time in brackets")?;
    let rest = &rest[front.len() + 1..];
    let time = clf_time(time).ok_or("time is none")?;
    let (request, rest) = quoted(rest).ok_or("has no request in quotes")?;
    let mut numbers = rest.trim_start().splitn(3, ' ');
    // Traefik writes `-` where nothing was answered.
    let status = match numbers.next() {
        Some("-") => None,
        status => Some(status.and_then(|s| s.parse().ok()).ok_or("status is no number")?),
    };
    let bytes = numbers.next().ok_or("has no size")?;
    let rest = numbers.next().unwrap_or_default();
    let (referrer, rest) = quoted(rest).unwrap_or_default();
    let (agent, rest) = quoted(rest).unwrap_or_default();
    let (forwarding, _) = quoted(rest).unwrap_or_default();

    let mut view = EventView::new(time, "NGINX");
    view.vendor = Some("F5".into());
    view.log_name = Some("access".into());
    view.peer = ip(peer);
    view.client = context.client.attribute(view.peer, forwarding);
    view.forwarded = context.forwarded(forwarding);
    view.user = present(user).map(|u| owned(context.masker.text(u)));
    view.status = status;
    view.bytes_out = bytes.parse().ok();
    view.referrer = present(referrer).map(|r| owned(context.masker.header("referer", r)));
    view.user_agent = present(agent).map(|a| owned(context.masker.text(a)));
    // A request that is no HTTP (`\x16\x03\x01`) has a line and no method.
    let mut parts = request.split(' ');
    if let (Some(method), Some(uri), Some(_)) = (parts.next(), parts.next(), parts.next()) {
        let (path, query) = target(uri);
        view.method = Some(owned(Cow::Borrowed(method)));
        view.path = Some(owned(context.masker.text(path)));
        view.query = query.map(|q| owned(context.masker.query(q)));
    }
    view.raw = Some(Raw::Text(owned(context.masker.text(line))));
    Ok(view)
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

/// A text in quotes, and what follows it. nginx writes a quote inside as `\x22`, Apache as `\"`.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start().strip_prefix('"')?;
    let mut escaped = false;
    for (at, b) in text.bytes().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use watchfloor_core::Attribution;
    use watchfloor_core::mask::{Masker, Mode};

    use super::*;
    use crate::ClientConfig;

    fn view(line: &str) -> Result<EventView<'static>, String> {
        let (client, masker) = (ClientConfig::default(), Masker::new(Mode::Mask, [1; 32]));
        read(line, &Context { client: &client, masker: &masker })
    }

    #[test]
    fn a_line_is_read_and_its_secrets_are_masked() {
        let line = r#"203.0.113.7 - a@b [24/Nov/2026:08:50:51 +0000] "GET /api/x?token=cnry-1&p=2 HTTP/1.1" 200 748 "https://s/?sid=cnry-2" "curl \"8\"""#;
        let view = view(line).unwrap();
        assert_eq!(view.path.as_deref(), Some("/api/x"));
        assert_eq!(view.user.as_deref(), Some("a@b"));
        assert_eq!((view.status, view.bytes_out), (Some(200), Some(748)));
        assert!(!format!("{view:?}").contains("cnry"), "{view:?}");
    }

    #[test]
    fn a_user_name_cannot_stand_for_the_time() {
        let line = r#"203.0.113.7 - x [01/Jan/2020:00:00:00 +0000] y [24/Nov/2026:08:50:51 +0000] "GET / HTTP/1.1" 401 7 "-" "-""#;
        let view = view(line).unwrap();
        assert_eq!(view.time.to_string(), "2026-11-24T08:50:51.000Z");
        assert_eq!(view.user.as_deref(), Some("x [01/Jan/2020:00:00:00 +0000] y"));
    }

    #[test]
    fn t33_one_more_field_is_the_forwarding_header() {
        let line = r#"127.0.0.1 - - [24/Nov/2026:08:50:51 +0000] "GET / HTTP/1.1" 200 7 "-" "curl" "10.0.0.1, 203.0.113.7""#;
        let client = view(line).unwrap().client.unwrap();
        assert_eq!(
            (client.ip.to_string().as_str(), client.attribution),
            ("203.0.113.7", Attribution::Attested)
        );
        let direct = view(&line.replace("127.0.0.1", "198.51.100.1")).unwrap().client.unwrap();
        assert_eq!(
            (direct.ip.to_string().as_str(), direct.attribution),
            ("198.51.100.1", Attribution::Peer)
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, names) in [
            ("", "peer"),
            ("1.2.3.4 - - [x] \"GET / HTTP/1.1\" 200 1", "time"),
            ("1.2.3.4 - - [24/Nov/2026:08:50:51 +0000] GET / 200 1", "request"),
            ("1.2.3.4 - - [24/Nov/2026:08:50:51 +0000] \"GET / HTTP/1.1\" x 1", "status"),
        ] {
            assert!(view(line).unwrap_err().contains(names), "{line}");
        }
    }
}
