//! An alert as OCSF 1.8 Detection Finding, and back.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{Alert, AlertStatus, Attack, Evidence, Indicator, Severity};
use crate::{AlertId, Attribution, Client, EventId, Fingerprint, TenantId, Timestamp};

/// A document that is no alert of Watchfloor's; names the member that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAlert(String);

impl fmt::Display for BadAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an alert: {}", self.0)
    }
}

impl std::error::Error for BadAlert {}

impl Alert {
    /// The OCSF document.
    pub fn to_json(&self) -> Value {
        let observables: Vec<_> = self.indicators.iter().map(|i| self.observable(i)).collect();
        let mut finding = json!({
            "uid": self.id,
            "title": self.title,
            "desc": self.explanation,
            "types": types(self.attack),
            "analytic": {
                "uid": self.analytic,
                "name": self.attack.title(),
                "type_id": 2,
                "type": "Behavioral",
            },
            "first_seen_time": self.first_seen,
            "last_seen_time": self.last_seen,
            "product": product(),
        });
        if let Some((tactic, technique)) = self.attack.mitre() {
            finding["attacks"] = json!([
                { "tactic": { "uid": tactic }, "technique": { "uid": technique } }
            ]);
        }
        let mut doc = json!({
            "time": self.time,
            "class_uid": 2004,
            "class_name": "Detection Finding",
            "category_uid": 2,
            "category_name": "Findings",
            "activity_id": 1,
            "activity_name": "Create",
            "type_uid": 200_401,
            "severity_id": self.severity.id(),
            "severity": self.severity.caption(),
            "status_id": self.status.id(),
            "is_alert": true,
            "message": self.title,
            "count": self.count,
            "risk_score": self.score,
            "metadata": {
                "version": "1.8.0",
                "uid": self.id,
                "product": product(),
                "tenant_uid": self.tenant,
            },
            "finding_info": finding,
            "evidences": self.evidences(),
            "unmapped": { "watchfloor": {
                "fingerprint": self.fingerprint,
                "url_group": self.url_group,
            } },
        });
        let ours = &mut doc["unmapped"]["watchfloor"];
        if let Some(owner) = &self.owner {
            ours["owner"] = json!(owner);
        }
        if let Some(client) = &self.client {
            ours["attribution"] = json!(client.attribution);
        }
        if let Some(account) = &self.account {
            ours["account"] = json!(account);
        }
        if let Some(host) = &self.host {
            ours["host"] = json!(host);
        }
        if !self.indicators.is_empty() {
            ours["indicators"] = json!(self.indicators);
        }
        if !observables.is_empty() {
            doc["observables"] = Value::Array(observables);
        }
        doc
    }

    /// One evidence for each request shown, each with the client; at least one if there is a
    /// client.
    fn evidences(&self) -> Vec<Value> {
        let mut base = Map::new();
        if let Some(client) = &self.client {
            base.insert("src_endpoint".into(), json!({ "ip": client.ip }));
        }
        if let Some(account) = &self.account {
            base.insert("actor".into(), json!({ "user": { "name": account } }));
        }
        if base.is_empty() && self.evidence.is_empty() {
            return Vec::new();
        }
        if self.evidence.is_empty() {
            return vec![Value::Object(base)];
        }
        let shown = self.evidence.iter().map(|e| {
            let mut evidence = base.clone();
            let mut data = json!({ "time": e.time, "what": e.what });
            if let Some(event) = &e.event {
                data["event"] = json!(event);
            }
            if let Some(request) = &e.request_id {
                data["request_id"] = json!(request);
            }
            evidence.insert("data".into(), data);
            Value::Object(evidence)
        });
        shown.collect()
    }

    /// OCSF observable types: 2 IP Address, 4 User Name, 6 URL String, 16 HTTP User-Agent, 99 Other.
    /// The name says where in the document the value stands.
    fn observable(&self, indicator: &Indicator) -> Value {
        let shown = |value: Option<String>| value.as_deref() == Some(&indicator.value);
        let ours = "unmapped.watchfloor.indicators";
        let (name, type_id) = match indicator.kind.as_str() {
            "ip" if shown(self.ip().map(|ip| ip.to_string())) => ("evidences[].src_endpoint.ip", 2),
            "ip" => (ours, 2),
            "user" if shown(self.account.clone()) => ("evidences[].actor.user.name", 4),
            "user" => (ours, 4),
            "path" => (ours, 6),
            "user_agent" => (ours, 16),
            _ => (ours, 99),
        };
        json!({ "name": name, "type_id": type_id, "value": indicator.value })
    }

    /// Reads the document that [`to_json`](Self::to_json) writes.
    pub fn from_json(doc: &Value) -> Result<Self, BadAlert> {
        let at = |path: &str| doc.pointer(path).filter(|v| !v.is_null());
        let text = |path: &str| {
            at(path).and_then(Value::as_str).ok_or_else(|| BadAlert(format!("{path} is no text")))
        };
        let optional = |path: &str| at(path).and_then(Value::as_str).map(str::to_owned);
        let time = |path: &str| {
            at(path)
                .and_then(Value::as_i64)
                .and_then(Timestamp::from_millis)
                .ok_or_else(|| BadAlert(format!("{path} is no time in milliseconds")))
        };
        if at("/class_uid").and_then(Value::as_u64) != Some(2004) {
            return Err(BadAlert("/class_uid is not 2004".into()));
        }
        let slug = text("/finding_info/types/0")?;
        let attack = Attack::from_slug(slug).ok_or_else(|| {
            BadAlert("/finding_info/types/0 is no kind of attack that is known".into())
        })?;
        let client = match at("/evidences/0/src_endpoint/ip") {
            None => None,
            Some(ip) => {
                let ip: IpAddr = ip
                    .as_str()
                    .and_then(|t| t.parse().ok())
                    .ok_or_else(|| BadAlert("/evidences/0/src_endpoint/ip is no address".into()))?;
                // Without a word on how it is known, the address is only claimed: never blocked.
                let attribution = match at("/unmapped/watchfloor/attribution") {
                    Some(v) => Attribution::deserialize(v).map_err(|_| {
                        BadAlert("/unmapped/watchfloor/attribution is not known".into())
                    })?,
                    None => Attribution::Claimed,
                };
                Some(Client { ip, attribution })
            }
        };
        let indicators = match at("/unmapped/watchfloor/indicators") {
            None => Vec::new(),
            Some(v) => Vec::<Indicator>::deserialize(v)
                .map_err(|_| BadAlert("/unmapped/watchfloor/indicators is malformed".into()))?,
        };
        let evidences = at("/evidences").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        Ok(Self {
            id: AlertId::new(text("/finding_info/uid")?),
            tenant: TenantId::new(text("/metadata/tenant_uid")?),
            fingerprint: at("/unmapped/watchfloor/fingerprint")
                .and_then(|v| Fingerprint::deserialize(v).ok())
                .ok_or_else(|| BadAlert("/unmapped/watchfloor/fingerprint is no text".into()))?,
            attack,
            client,
            account: optional("/unmapped/watchfloor/account"),
            host: optional("/unmapped/watchfloor/host"),
            url_group: text("/unmapped/watchfloor/url_group")?.to_owned(),
            title: text("/finding_info/title")?.to_owned(),
            explanation: optional("/finding_info/desc").unwrap_or_default(),
            severity: Severity::from_id(
                at("/severity_id").and_then(Value::as_u64).unwrap_or_default(),
            ),
            score: at("/risk_score").and_then(Value::as_u64).unwrap_or_default().min(100) as u8,
            analytic: optional("/finding_info/analytic/uid").unwrap_or_default(),
            first_seen: time("/finding_info/first_seen_time")?,
            last_seen: time("/finding_info/last_seen_time")?,
            time: time("/time")?,
            count: at("/count").and_then(Value::as_u64).unwrap_or_default(),
            indicators,
            evidence: evidences.iter().filter_map(evidence).collect(),
            owner: optional("/unmapped/watchfloor/owner"),
            status: match at("/status_id").and_then(Value::as_u64) {
                Some(2) => AlertStatus::InProgress,
                Some(3) => AlertStatus::Suppressed,
                Some(4) => AlertStatus::Resolved,
                _ => AlertStatus::New,
            },
        })
    }
}

fn evidence(doc: &Value) -> Option<Evidence> {
    let data = doc.get("data")?;
    Some(Evidence {
        event: data.get("event").and_then(Value::as_str).map(EventId::new),
        time: Timestamp::from_millis(data.get("time")?.as_i64()?)?,
        request_id: data.get("request_id").and_then(Value::as_str).map(str::to_owned),
        what: data.get("what")?.as_str()?.to_owned(),
    })
}

fn types(attack: Attack) -> Vec<&'static str> {
    std::iter::once(attack.slug()).chain(attack.owasp()).collect()
}

fn product() -> Value {
    json!({ "name": "Watchfloor", "vendor_name": "Watchfloor" })
}

impl Serialize for Alert {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(s)
    }
}

impl<'de> Deserialize<'de> for Alert {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::from_json(&Value::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Who;

    fn alert() -> Alert {
        let start: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        let ip = "203.0.113.7".parse().unwrap();
        let mut shown = Evidence::new(start, "POST /api/login 401");
        shown.request_id = Some("r-1".into());
        Alert::build(
            &TenantId::new("acme"),
            Attack::CredentialBruteForce,
            &Who::Client(ip),
            "/api/login",
            start,
        )
        .client(Client { ip, attribution: Attribution::Attested })
        .account("alice")
        .explanation("60 failed logins in 40 s; 20 are allowed")
        .seen("2026-11-24T08:00:40Z".parse().unwrap(), 60)
        .indicator("user", "alice")
        .evidence(shown)
        .build()
    }

    #[test]
    fn the_document_is_read_back_the_same() {
        let alert = alert();
        let text = serde_json::to_string(&alert).unwrap();
        assert_eq!(serde_json::from_str::<Alert>(&text).unwrap(), alert);
    }

    #[test]
    fn the_document_is_golden() {
        insta::assert_json_snapshot!(alert());
    }

    #[test]
    fn t33_an_address_without_a_word_on_how_it_is_known_is_only_claimed() {
        let mut doc = alert().to_json();
        doc["unmapped"]["watchfloor"].as_object_mut().unwrap().remove("attribution");
        let read = Alert::from_json(&doc).unwrap();
        assert_eq!(read.client.unwrap().attribution, Attribution::Claimed);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let mut doc = alert().to_json();
        doc["finding_info"]["types"][0] = json!("guess");
        let e = Alert::from_json(&doc).unwrap_err().to_string();
        assert!(e.contains("/finding_info/types/0"), "{e}");
    }
}
