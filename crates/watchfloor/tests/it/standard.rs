//! The adapters of the house, as a configuration names them.

use std::path::Path;
use std::sync::Arc;

use watchfloor::http::SystemClock;
use watchfloor::{Config, ConfigErrors, Connected, Registry, Secrets};

/// A configuration of everything, as the manual shows it.
const GOOD: &str = include_str!("standard.toml");

fn connect(text: &str) -> Result<Connected, ConfigErrors> {
    let there = ["SPLUNK_HEC_TOKEN", "ES_API_KEY", "SN_PASSWORD", "JIRA_API_TOKEN", "PAN_API_KEY"];
    let secrets = Secrets::with_env("", move |name| there.contains(&name).then(|| "cnry".into()));
    let config = Config::parse(text, Path::new("watchfloor.toml"), Arc::new(secrets));
    config.connect(&Registry::standard(), Arc::new(SystemClock::new()))
}

#[tokio::test]
async fn everything_can_be_configured() {
    let connected = connect(GOOD).unwrap_or_else(|e| panic!("{e}"));
    let types: Vec<_> = Registry::standard().types().map(str::to_owned).collect();
    assert_eq!(types, ["elastic", "jira", "pan_os", "servicenow", "splunk"]);
    for type_name in &types {
        connected.of_type(type_name).unwrap();
    }
    let named = |name| connected.named(name).unwrap();
    assert!(named("siem").sink().is_ok() && named("search").sink().is_ok());
    assert!(named("itsm").desk().is_ok() && named("dev").desk().is_ok());
    assert!(named("edge").blocklist().is_ok());
    assert!(!format!("{connected:?}").contains("cnry"));
}

/// The configurations that the pages of the manual show.
#[tokio::test]
async fn what_the_manual_shows_is_right() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut tried = 0;
    for page in std::fs::read_dir(docs).unwrap() {
        let page = page.unwrap().path();
        let text = std::fs::read_to_string(&page).unwrap_or_default();
        let blocks = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        for block in blocks.filter(|block| block.contains("[connectors.")) {
            let secrets = Secrets::with_env("", |_| Some("cnry".into()));
            let config = Config::parse(block, &page, Arc::new(secrets));
            let clock = Arc::new(SystemClock::new());
            let connected = config.connect(&Registry::standard(), clock);
            connected.unwrap_or_else(|e| panic!("{}: {e}", page.display()));
            tried += 1;
        }
    }
    assert!(tried >= 1, "no page shows a configuration");
}

/// Each adapter reads all of its keys before it gives up: no key is called unknown because another
/// is wrong.
#[tokio::test]
async fn one_wrong_key_makes_no_other_unknown() {
    let keys =
        ["hec_url", "hec_token", "url", "urls", "auth", "api_key", "target", "project", "tag"];
    let mut tried = 0;
    for (i, line) in GOOD.lines().enumerate() {
        let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| keys.contains(key)) else {
            continue;
        };
        let broken: Vec<_> =
            GOOD.lines().enumerate().filter(|(j, _)| *j != i).map(|(_, l)| l).collect();
        let Err(errors) = connect(&broken.join("\n")) else { continue };
        tried += 1;
        let [problem] = errors.problems() else { panic!("without {key}: {errors}") };
        assert!(problem.key.contains(key), "without {key}: {errors}");
    }
    assert!(tried >= 8, "{tried}");
}

#[tokio::test]
async fn what_is_wrong_with_each_comes_at_once() {
    let errors = connect(
        r#"
[connectors.siem]
type = "splunk"
hec_url = "http://splunk.example:8088"
hec_token = { env = "NOT_THERE" }
on_unknown = "ignore"

[connectors.siem.http]
timeout = 120
gzipp = true

[connectors.search]
type = "elastic"
urls = ["https://es.example:9200", "es.example"]
auth = { type = "api_key", key = "cnry-literal" }
target = "Logs"

[connectors.itsm]
type = "servicenow"
url = "https://user:cnry-password@acme.service-now.com"
auth = { type = "basic", username = "wf" }

[connectors.dev]
type = "jira"
url = "https://acme.atlassian.net"
auth = { type = "kerberos" }
issue_type = "Task"
projekt = "SEC"

[connectors.edge]
type = "pan_os"
url = "https://192.0.2.9"
api_key = { env = "PAN_API_KEY", file = "key" }
tag = 7
"#,
    )
    .unwrap_err();
    assert!(!errors.to_string().contains("cnry"), "{errors}");
    insta::assert_snapshot!(errors);
}
