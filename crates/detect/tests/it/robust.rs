//! Bad input: an error that names the line, never a panic.

use proptest::prelude::*;
use watchfloor_core::TenantId;
use watchfloor_core::mask::{Masker, Mode};
use watchfloor_detect::{Detect, Format};

fn detect() -> Detect {
    Detect::builder(TenantId::new("t"), Masker::new(Mode::Mask, [7; 32])).build()
}

const FORMATS: [Format; 4] = [Format::Nginx, Format::Json, Format::ModSecurity, Format::Ocsf];

#[test]
fn a_bad_line_has_its_number_and_no_secret() {
    for format in FORMATS {
        let error = detect().push_line(format, 7, b"{\"password\":\"cnry-1\" oops").unwrap_err();
        assert_eq!(error.number, 7);
        assert!(error.to_string().starts_with("line 7: "), "{error}");
        assert!(!error.text.contains("cnry") && !error.reason.contains("cnry"), "{error:?}");
    }
}

#[test]
fn an_event_without_a_time_is_told() {
    let bad = detect().push_line(Format::Ocsf, 3, b"{\"class_uid\":4002}").unwrap_err();
    assert!(bad.to_string().contains("line 3: has no time"), "{bad}");
}

#[test]
fn blank_lines_are_none() {
    for format in FORMATS {
        assert!(detect().push_line(format, 1, b" \r").unwrap().is_none());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_taken(line in proptest::collection::vec(any::<u8>(), 0..300)) {
        for format in FORMATS {
            let _ = detect().push_line(format, 1, &line);
        }
    }

    #[test]
    fn any_json_in_the_right_places_is_taken(
        key in "(time|msec|peer|status|uri|x_forwarded_for|user|request)",
        value in "(null|true|-1|1e400|\"\"|\"\\\\u00e4\"|\\[\\]|\\{\\}|\"[ -!#-~]{0,20}\")",
    ) {
        let line = format!("{{\"time\":\"2026-11-24T08:00:00Z\",\"{key}\":{value}}}");
        for format in FORMATS {
            let _ = detect().push_line(format, 1, line.as_bytes());
        }
        let line = format!("{{\"transaction\":{{\"time_stamp\":\"Tue Nov 24 08:50:56 2026\",\"{key}\":{value}}}}}");
        let _ = detect().push_line(Format::ModSecurity, 1, line.as_bytes());
    }
}

fn lines(detect: &mut Detect, format: Format, lines: impl IntoIterator<Item = String>) {
    for (i, line) in lines.into_iter().enumerate() {
        detect.push_line(format, i as u64 + 1, line.as_bytes()).unwrap();
    }
}

#[test]
fn a_long_line_is_an_event_too() {
    // Its document would be six times as long, and over the limit.
    let agent = "\u{1}".repeat(1_400_000);
    let line = format!(
        "203.0.113.7 - - [24/Nov/2026:08:50:51 +0000] \"GET /x HTTP/1.1\" 200 7 \"-\" \"{agent}\""
    );
    let event = detect().push_line(Format::Nginx, 1, line.as_bytes()).unwrap().unwrap();
    assert_eq!(event.view().unwrap().path.as_deref(), Some("/x"));
}

/// A client that chooses its request ids cannot hide behind one of them.
#[test]
fn requests_with_one_id_are_counted_each() {
    let mut detect = detect();
    let line = |second: u64| {
        format!(
            r#"{{"time":"2026-11-24T08:00:{second:02}Z","peer":"203.0.113.7","request_id":"same",
                "method":"POST","uri":"/login","status":401,"user":"mia"}}"#
        )
    };
    lines(&mut detect, Format::Json, (0..40).map(line));
    let alerts = detect.finish();
    assert_eq!(alerts.len(), 1);
    assert_eq!((alerts[0].attack.slug(), alerts[0].count), ("credential_brute_force", 40));
}

/// Each kind has one name: guessing fast is guessing, not a flood as well.
#[test]
fn a_fast_attack_is_one_attack() {
    let line = |i: u64, what: &str, status: u16| {
        let (second, milli) = (i / 100, i % 100 * 10);
        format!(
            r#"{{"time":"2026-11-24T08:00:{second:02}.{milli:03}Z","peer":"203.0.113.7",{what},"status":{status}}}"#
        )
    };
    let kinds = |one: &dyn Fn(u64) -> String| {
        let mut detect = detect();
        lines(&mut detect, Format::Json, (0..1000).map(one));
        detect.finish().iter().map(|a| a.attack.slug()).collect::<Vec<_>>()
    };
    let guess = r#""method":"POST","uri":"/login","user":"mia""#;
    assert_eq!(kinds(&|i| line(i, guess, 401)), ["credential_brute_force"]);
    let browse = |i: u64| line(i, &format!(r#""method":"GET","uri":"/hidden-{i}x""#), 404);
    assert_eq!(kinds(&browse), ["forced_browsing"]);
    let walk =
        |i: u64| line(i, &format!(r#""method":"GET","uri":"/orders/{i}","user":"mia""#), 200);
    assert_eq!(kinds(&walk), ["bola"]);
    assert_eq!(kinds(&|i| line(i, r#""method":"GET","uri":"/""#, 200)), ["rate_abuse"]);
}

/// Many people behind one address read many objects, each its own.
#[test]
fn a_house_of_many_accounts_is_no_enumeration() {
    let mut detect = detect();
    let line = |i: u64| {
        format!(
            r#"{{"time":"2026-11-24T08:00:{:02}Z","peer":"203.0.113.7","method":"GET","uri":"/orders/{i}","status":200,"user":"u{}"}}"#,
            i / 2,
            i % 20
        )
    };
    lines(&mut detect, Format::Json, (0..100).map(line));
    assert_eq!(detect.finish(), []);
}

#[test]
fn t33_a_claimed_address_is_named_only_where_no_peer_is_known() {
    let alerts = |peer: &str| {
        let mut detect = detect();
        let line = |second: u64| {
            let doc = serde_json::json!({
                "time": 1_795_512_000_000_u64 + second * 1000, "class_uid": 4002,
                "metadata": {"uid": second.to_string()}, "src_endpoint": {"ip": "203.0.113.7"},
                "http_request": {"http_method": "POST", "url": {"path": "/login"}},
                "http_response": {"code": 401}, "actor": {"user": {"name": "mia"}},
                "unmapped": {"watchfloor": {"attribution": "claimed", "peer": peer}},
            });
            doc.to_string()
        };
        lines(&mut detect, Format::Ocsf, (0..40).map(line));
        detect.finish()
    };
    assert_eq!(alerts("192.0.2.10"), []);
    let alone = alerts("");
    assert_eq!(alone[0].client.unwrap().attribution, watchfloor_core::Attribution::Claimed);
}

/// What a document holds is its own; what an alert says of it is ours.
#[test]
fn t35_an_alert_shows_no_secret_of_an_event() {
    let mut detect = detect();
    let line = |second: u64| {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjbnJ5In0.c2lnbmF0dXJl";
        let doc = serde_json::json!({
            "time": 1_795_512_000_000_u64 + second * 1000, "class_uid": 4002,
            "metadata": {"uid": second.to_string()}, "src_endpoint": {"ip": "203.0.113.7"},
            "dst_endpoint": {"hostname": "token=cnry-1"},
            "http_request": {"http_method": "GET", "uid": format!("token=cnry-2&n={second}"),
                "url": {"path": format!("/r{second}x/password=cnry-3/{jwt}")}},
            "http_response": {"code": 404}, "actor": {"user": {"name": "secret=cnry-4"}},
            "unmapped": {"watchfloor": {"attribution": "peer"}},
        });
        doc.to_string()
    };
    let event = detect.push_line(Format::Ocsf, 1, line(0).as_bytes()).unwrap().unwrap();
    assert_eq!(event.text(), line(0), "the document is as it came");
    lines(&mut detect, Format::Ocsf, (1..40).map(line));
    let alerts = detect.finish();
    assert_eq!(alerts.len(), 1);
    let told = format!("{} {alerts:?}", serde_json::to_string(&alerts).unwrap());
    assert!(told.contains("masked:") && !told.contains("cnry-") && !told.contains("eyJ"), "{told}");
}

/// An IPv6 client has its /64.
#[test]
fn an_ipv6_client_cannot_hide_in_its_network() {
    let mut detect = detect();
    let line = |i: u64| {
        format!(
            r#"{{"time":"2026-11-24T08:00:{i:02}Z","peer":"2001:db8:1:2::{i:x}","method":"POST","uri":"/login","status":401,"user":"mia"}}"#
        )
    };
    lines(&mut detect, Format::Json, (0..40).map(line));
    assert_eq!(detect.finish().len(), 1);
}

/// A path may be written in many ways, and is the same path.
#[test]
fn an_encoded_path_is_the_same_path() {
    let mut detect = detect();
    let line = |i: u64| {
        let id = i.to_string().bytes().fold(String::new(), |id, b| id + &format!("%{b:02x}"));
        format!(
            r#"{{"time":"2026-11-24T08:00:{:02}Z","peer":"203.0.113.7","method":"GET",
                "uri":"//api/./x/%2e%2E/orders/{id}/","status":200,"user":"mia"}}"#,
            i % 60
        )
    };
    lines(&mut detect, Format::Json, (0..50).map(line));
    let alerts = detect.finish();
    assert_eq!(alerts[0].url_group, "/api/orders/{id}");
    assert_eq!(alerts[0].attack.slug(), "bola");
}

/// What anybody may read belongs to nobody in particular.
#[test]
fn a_catalogue_is_no_object_of_others() {
    let mut detect = detect();
    let line = |i: u64| {
        let user = if i.is_multiple_of(2) { "mia" } else { "" };
        let peer = if user.is_empty() { 8 } else { 7 };
        format!(
            r#"{{"time":"2026-11-24T08:00:{:02}Z","peer":"203.0.113.{peer}","method":"GET","uri":"/products/{i}","status":200,"user":"{user}"}}"#,
            i % 60
        )
    };
    lines(&mut detect, Format::Json, (0..100).map(line));
    assert_eq!(detect.finish(), []);
}

#[test]
fn many_paths_are_looked_at_once() {
    let mut detect = detect();
    let line = |i: u64| {
        format!(
            r#"{{"time":"2026-11-24T08:00:00Z","peer":"203.0.113.7","method":"GET","uri":"/x{i}y/z","status":404}}"#
        )
    };
    lines(&mut detect, Format::Json, (0..20_000).map(line));
    assert_eq!(detect.finish()[0].url_group, "/");
}
