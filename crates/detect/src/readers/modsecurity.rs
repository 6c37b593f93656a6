//! ModSecurity 3's audit log: JSON, serial, one transaction a line.
//!
//! It writes what matched as it was sent, so a line need not be UTF-8; numbers are text; times have
//! no zone.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use watchfloor_core::event::{Raw, WafMatch};
use watchfloor_core::{Attribution, EventView};

use super::{Context, Loose, c_time, ip, present, target};

#[derive(Deserialize)]
struct Line {
    transaction: Transaction,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Transaction {
    client_ip: String,
    time_stamp: String,
    unique_id: String,
    request: Request,
    response: Response,
    producer: Producer,
    messages: Vec<Message>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Request {
    method: String,
    uri: String,
    headers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Response {
    http_code: Loose,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Producer {
    secrules_engine: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    message: String,
    details: Details,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    #[serde(rename = "ruleId")]
    rule: String,
    severity: Loose,
    tags: Vec<String>,
    data: String,
}

/// Reads a line; an error names the field.
pub(crate) fn read(line: &[u8], context: &Context<'_>) -> Result<EventView<'static>, String> {
    let text = String::from_utf8_lossy(line);
    let parsed: Line = serde_json::from_str(&text)
        .map_err(|e| format!("is no transaction in JSON (column {})", e.column()))?;
    let (transaction, masker) = (parsed.transaction, context.masker);
    let time = c_time(&transaction.time_stamp).ok_or("transaction.time_stamp is no time")?;
    let owned = |text: &str| present(text).map(|t| Cow::Owned(masker.text(t).into_owned()));
    let header = |name: &str| {
        let headers = &transaction.request.headers;
        headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, v)| v.as_str())
    };

    let mut view = EventView::new(time, "ModSecurity");
    view.vendor = Some("OWASP".into());
    view.log_name = Some("audit".into());
    view.request_id = owned(&transaction.unique_id);
    view.peer = ip(&transaction.client_ip);
    let forwarding = header(context.client.header());
    view.client = context.client.attribute(view.peer, forwarding).map(|mut client| {
        // The module sees what is in front of its server, which need not be the connection's other
        // end: from this very host it is nobody's word that counts.
        if view.peer.is_some_and(|peer| peer.is_loopback()) {
            client.attribution = Attribution::Claimed;
        }
        client
    });
    view.forwarded = context.forwarded(header("x-forwarded-for"));
    view.session = context.session(header("cookie"), header("authorization"));
    view.method = owned(&transaction.request.method);
    let (path, query) = target(&transaction.request.uri);
    view.path = owned(path);
    view.query = query.map(|q| Cow::Owned(masker.query(q).into_owned()));
    view.host = owned(header("host"));
    view.user_agent = owned(header("user-agent"));
    view.referrer =
        present(header("referer")).map(|r| Cow::Owned(masker.header("referer", r).into_owned()));
    view.status = transaction.response.http_code.status();
    view.blocked = match (transaction.producer.secrules_engine.as_str(), view.status) {
        ("Enabled", Some(403)) => Some(true),
        _ => Some(false),
    };
    view.waf = transaction.messages.iter().map(|m| found(m, context)).collect();
    view.raw = Some(match std::str::from_utf8(line) {
        Ok(line) => Raw::Text(Cow::Owned(masker.text(line).into_owned())),
        Err(_) => Raw::Bytes(Cow::Owned(masker.bytes(line).into_owned())),
    });
    Ok(view)
}

fn found(message: &Message, context: &Context<'_>) -> WafMatch<'static> {
    let details = &message.details;
    let mut found =
        WafMatch::new(details.rule.clone(), context.masker.text(&message.message).into_owned());
    found.severity = details.severity.whole().map_or(6, |n| n.min(7) as u8);
    found.tags = details.tags.iter().map(|t| Cow::Owned(t.clone())).collect();
    found.data = Cow::Owned(context.masker.text(&details.data).into_owned());
    found
}

#[cfg(test)]
mod tests {
    use watchfloor_core::mask::{Masker, Mode};

    use super::*;
    use crate::ClientConfig;

    fn view(line: &[u8]) -> Result<EventView<'static>, String> {
        let (client, masker) = (ClientConfig::default(), Masker::new(Mode::Mask, [1; 32]));
        read(line, &Context { client: &client, masker: &masker })
    }

    const LINE: &str = r#"{"transaction":{"client_ip":"127.0.0.1","time_stamp":"Tue Nov 24 08:50:56 2026","unique_id":"r-1","request":{"method":"POST","uri":"/api/login?next=%FF","body":"{\"password\":\"cnry-1' OR 1=1\"}","headers":{"Host":"shop.example","Cookie":"sid=cnry-2; theme=light","Authorization":"Bearer cnry-3","X-Forwarded-For":"198.51.100.9"}},"response":{"http_code":401,"headers":{"Set-Cookie":"sid=cnry-4; Path=/"}},"producer":{"secrules_engine":"DetectionOnly"},"messages":[{"message":"SQL Injection Attack","details":{"match":"against variable `ARGS:json.password' (Value: `cnry-1' OR 1=1' )","ruleId":"942100","severity":"2","data":"Matched Data: s&1 found within ARGS:json.password: cnry-1' OR 1=1","tags":["attack-sqli"]}}]}}"#;

    #[test]
    fn t35_a_transaction_is_read_and_everything_secret_in_it_is_masked() {
        let v = view(LINE.as_bytes()).unwrap();
        assert_eq!((v.request_id.as_deref(), v.status), (Some("r-1"), Some(401)));
        assert_eq!((v.waf[0].rule.as_ref(), v.waf[0].severity), ("942100", 2));
        assert!(!format!("{v:?}").contains("cnry"), "{v:?}");
    }

    #[test]
    fn t33_what_comes_from_this_host_is_only_claimed() {
        let client = view(LINE.as_bytes()).unwrap().client.unwrap();
        assert_eq!(client.attribution, Attribution::Claimed);
    }

    #[test]
    fn a_line_that_is_not_utf8_is_read_and_kept() {
        let line: Vec<u8> = LINE
            .replace("Injection Attack", "\u{1}")
            .bytes()
            .map(|b| if b == 1 { 0xff } else { b })
            .collect();
        assert!(std::str::from_utf8(&line).is_err());
        let v = view(&line).unwrap();
        let Some(Raw::Bytes(raw)) = &v.raw else { panic!("bytes") };
        assert!(raw.contains(&0xff) && memchr::memmem::find(raw, b"cnry").is_none());
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(view(b"{}").unwrap_err().contains("transaction"));
        assert!(view(br#"{"transaction":{}}"#).unwrap_err().contains("time_stamp"));
    }
}
