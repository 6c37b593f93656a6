//! `auth = { … }` of a configuration.

use serde_json::{Value, json};
use watchfloor_core::config::Problem;
use watchfloor_http::{Auth, Settings};
use watchfloor_testkit::build;

use super::realm::{CLIENT_SECRET, PASSWORD, Realm};
use crate::bench::Bench;

/// P-384, which no algorithm of ours signs with; made for this test.
const P384: &str = "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCI6ihtMEFkx2bWyv6c
e/cG2Fq58MhOuwGpK0oavvOV7l/0ffcj7X98ZEq1Tnr+IXuhZANiAASADsCigukZ
ayiLtbdkvRXCXevNMJWgGS1Evqznhw4y4DSSvMFilIHSLxI+Yzb+hUT09b/Zv0sl
NmXpCMJUC9JiTBrzDsiVDDD1GHasucHXgDb0Ys1H/pd3KAgKrL1OPMI=";

fn pem(label: &str, body: &str) -> String {
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn read(auth: &Value, secrets: &[(&str, &str)]) -> Result<Auth, Vec<Problem>> {
    build("x", &json!({ "auth": auth }), secrets, Auth::read)
}

#[tokio::test]
async fn each_fixed_type_is_sent_as_it_says() {
    let s = json!({ "env": "S" });
    for (auth, header, sent) in [
        (
            json!({"type": "basic", "username": "u", "password": s}),
            "authorization",
            "Basic dTpzM2NyZXQ=",
        ),
        (json!({"type": "bearer", "token": s}), "authorization", "Bearer s3cret"),
        (json!({"type": "api_key", "key": s}), "authorization", "ApiKey s3cret"),
        (json!({"type": "api_key", "key": s, "header": "x-sn-apikey"}), "x-sn-apikey", "s3cret"),
        (json!({"type": "none"}), "authorization", ""),
    ] {
        let auth = read(&auth, &[("S", "s3cret")]).unwrap();
        let bench = Bench::new().await;
        let client = bench.with_auth(auth, Settings::default());
        client.get("item", "x.get").send(&bench.call()).await.unwrap();
        let request = &bench.server.log().of("item")[0].request;
        assert_eq!(request.header(header).unwrap_or_default(), sent);
    }
}

#[tokio::test]
async fn each_grant_of_the_configuration_gets_a_token() {
    let realm = Realm::new().await;
    let key = realm.server.trust("bot", realm.token_url().as_str(), None, true);
    let other = realm.server.trust("iss", "aud", Some("k1"), false);
    let consent = realm.server.consent("bot");
    let secrets = [
        ("ID", CLIENT_SECRET),
        ("PW", PASSWORD),
        ("RT", consent.as_str()),
        ("EC", key.as_str()),
        ("RSA", other.as_str()),
    ];
    let (id, pw, rt) = (json!({"env": "ID"}), json!({"env": "PW"}), json!({"env": "RT"}));
    let url = realm.token_url();
    let client = |mut auth: Value| {
        auth["type"] = "oauth2".into();
        auth["token_url"] = url.as_str().into();
        realm.client_of(read(&auth, &secrets).unwrap())
    };
    let field = |name| realm.sent(name).pop().unwrap();
    for auth in [
        json!({"grant": "client_credentials", "client_id": "bot", "client_secret": id,
            "scope": "a b", "audience": "api", "params": {"resource": "r"}}),
        json!({"grant": "client_credentials", "client_id": "bot", "client_secret": id,
            "client_auth": "basic"}),
        json!({"grant": "password", "client_id": "bot", "client_secret": id,
            "username": "ann", "password": pw}),
        json!({"grant": "refresh_token", "client_id": "bot", "client_secret": id,
            "refresh_token": rt}),
        json!({"grant": "jwt_bearer", "client_id": "bot", "client_secret": id,
            "private_key": {"env": "EC"}}),
        json!({"grant": "jwt_bearer", "issuer": "iss", "audience": "aud", "key_id": "k1",
            "subject": "ann", "lifetime": "10m", "private_key": {"env": "RSA"}}),
    ] {
        let grant = auth["grant"].as_str().unwrap().to_owned();
        let scope = auth.get("scope").cloned();
        realm.get(&client(auth.clone())).await.unwrap();
        assert_eq!(field("scope").map(Value::from), scope);
        assert_eq!(field("audience").is_some(), scope.is_some(), "{grant}");
        assert_eq!(field("resource").is_some(), scope.is_some(), "{grant}");
        let in_body = auth.get("client_id").is_some() && auth.get("client_auth").is_none();
        assert_eq!(field("client_id").is_some(), in_body, "{grant}");
        assert!(realm.server.granted(&grant) > 0);
    }
}

#[test]
fn what_is_wrong_with_auth_is_reported_in_full() {
    let s = json!({ "env": "S" });
    let url = "https://a.example/t";
    for (auth, says) in [
        (json!({}), vec!["auth.type: is missing"]),
        (json!({"type": "kerberos"}), vec!["\"kerberos\" is none of"]),
        (
            json!({"type": "basic", "password": "literal"}),
            vec!["auth.username: is missing", "never stands in the file"],
        ),
        (json!({"type": "none", "token": "x"}), vec!["auth.token: is no known key"]),
        (
            json!({"type": "oauth2", "token_url": "http://a.example/t", "client_id": "c"}),
            vec![
                "auth.grant: is missing (one of client_credentials, password, refresh_token",
                "plain http",
            ],
        ),
        (
            json!({"type": "oauth2", "grant": "device_code", "username": "u", "misspelt": 1}),
            vec![
                "\"device_code\" is none of",
                "token_url: is missing",
                "misspelt: is no known key",
            ],
        ),
        (
            json!({"type": "oauth2", "grant": "client_credentials", "token_url": url}),
            vec!["client_id: is missing", "client_secret: is missing"],
        ),
        (
            json!({"type": "oauth2", "grant": "password", "token_url": url, "refresh_token": s}),
            vec!["username: is missing", "password: is missing", "refresh_token: is no known key"],
        ),
        (
            json!({"type": "oauth2", "grant": "refresh_token", "token_url": url}),
            vec!["client_id: is missing", "refresh_token: is missing"],
        ),
        (
            json!({"type": "oauth2", "grant": "jwt_bearer", "token_url": url}),
            vec!["private_key: is missing", "issuer: is missing"],
        ),
        (
            json!({"type": "oauth2", "grant": "jwt_bearer", "token_url": url, "issuer": "i",
                "private_key": s, "lifetime": "2h"}),
            vec!["private_key: is no private key in PEM", "lifetime: is not within 1s … 1h"],
        ),
        (
            json!({"type": "oauth2", "grant": "refresh_token", "token_url": url, "client_id": "c",
                "refresh_token": s, "client_auth": "basic", "params": {"scope": "x", "n": 7}}),
            vec![
                "client_auth: is \"basic\", which takes",
                "params: has scope",
                "params.n: should be text",
            ],
        ),
        (
            json!({"type": "oauth2", "grant": "client_credentials", "token_url": url,
                "client_id": "c", "client_secret": s, "client_auth": "digest", "scope": 3}),
            vec!["\"digest\" is none of", "scope: should be text"],
        ),
        (
            json!({"type": "oauth2", "grant": "client_credentials", "token_url": "https://u:p@a",
                "client_id": 3, "client_secret": "literal"}),
            vec!["user name or password", "client_id: should be text", "never stands in the file"],
        ),
    ] {
        let problems = read(&auth, &[("S", "cnry-s")]).unwrap_err();
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), says.len(), "{auth}: {lines:#?}");
        for says in says {
            assert!(lines.iter().any(|l| l.contains(says)), "{says}: {lines:#?}");
        }
        assert!(!lines.join("").contains("literal\"") && !lines.join("").contains("cnry"));
    }
    let problems = build("x", &json!({}), &[], Auth::read).unwrap_err();
    assert!(problems[0].to_string().contains("auth: is missing"));
}

#[test]
fn a_key_that_cannot_sign_is_named_without_its_text() {
    let inside = P384.lines().next().unwrap();
    for (pem, says) in [
        (String::new() + "cnry", "is no private key in PEM"),
        (pem("PRIVATE KEY", "cnry"), "is no private key in PEM"),
        (pem("EC PRIVATE KEY", P384), "is no private key in PEM"),
        (pem("PUBLIC KEY", P384), "is no private key in PEM"),
        (pem("PRIVATE KEY", P384), "is a key on another curve than P-256"),
    ] {
        let auth = json!({"type": "oauth2", "grant": "jwt_bearer", "issuer": "i",
            "token_url": "https://a.example/t", "private_key": {"env": "KEY"}});
        let problems = read(&auth, &[("KEY", &pem)]).unwrap_err();
        let [problem] = &problems[..] else { panic!("{problems:#?}") };
        assert_eq!(problem.key, "connectors.x.auth.private_key");
        assert!(problem.what.starts_with(says), "{problem}");
        assert!(!problem.to_string().contains(inside) && !problem.to_string().contains("cnry"));
    }
}
