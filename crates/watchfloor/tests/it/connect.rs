//! Configurations of a connector that a third party wrote: what is wrong comes at once.

use std::path::Path;
use std::sync::Arc;

use watchfloor::core::config::Section;
use watchfloor::core::{
    Call, Connector, ConnectorName, Delivery, Event, EventSink, Health, Outcome, SinkCaps, Stage,
    async_trait,
};
use watchfloor::http::{Env, Factory, Ports, Settings, SystemClock};
use watchfloor::{Config, ConfigErrors, Connected, Registry, Secrets};

/// A sink that counts as delivered whatever it is given.
#[derive(Debug)]
struct Hole(ConnectorName);

#[async_trait]
impl Connector for Hole {
    fn name(&self) -> &ConnectorName {
        &self.0
    }
    async fn check(&self, _: &Call) -> Health {
        Health::new().good(Stage::Reachable, "it is a hole")
    }
}

#[async_trait]
impl EventSink for Hole {
    fn capabilities(&self) -> SinkCaps {
        SinkCaps::default()
    }
    async fn send(&self, _: &Call, events: &[Event]) -> Delivery {
        Delivery::all(events.len(), Outcome::Applied)
    }
}

struct HoleFactory;

impl Factory for HoleFactory {
    fn type_name(&self) -> &'static str {
        "hole"
    }
    fn management(&self) -> &'static [&'static str] {
        &["url"]
    }
    fn build(&self, name: &ConnectorName, section: &mut Section, env: &Env) -> Option<Ports> {
        let url = section.required_parsed("url", "such as https://hole.example", |text| {
            if text.starts_with("https://") { Ok(()) } else { Err("is no https URL".into()) }
        });
        let token = section.required_secret("token");
        let ca = section.file("ca_file");
        let settings = Settings::read(section);
        url.zip(token).zip(settings)?;
        if let Some(ca) = ca {
            assert_eq!(ca, Path::new("etc/ca.pem"));
            assert_eq!(env.facts.management, ["192.0.2.9".parse::<std::net::IpAddr>().unwrap()]);
        }
        Some(Ports::of_sink(Arc::new(Hole(name.clone()))))
    }
}

fn connect(text: &str) -> Result<Connected, ConfigErrors> {
    let secrets = Secrets::with_env("", |name| (name == "TOKEN").then(|| "cnry".into()));
    let config = Config::parse(text, Path::new("etc/watchfloor.toml"), Arc::new(secrets));
    let registry = Registry::new().with(HoleFactory);
    config.connect(&registry, Arc::new(SystemClock::new()))
}

#[test]
fn all_errors_of_a_file_come_at_once() {
    let errors = connect(
        r#"
[client]
trusted_proxies = ["10.0.0.0/8", 5]

[connectors.literal]
type = "hole"
url = "https://hole.example"
token = "cnry-literal"

[connectors.missing]
type = "hole"
url = "http://hole.example"
token = { env = "NOT_THERE" }

[connectors.missing.http]
timeout = "soon"
max_atempts = 3

[connectors.misspelt]
type = "hole"
ur1 = "https://hole.example"
token = { evn = "TOKEN" }

[connectors.syntax]
type = "hole"
url = https://hole.example
token = { env = "TOKEN" }

[connectors.unknown]
type = "hol"

[connectors.untyped]
url = 7

[connectors."a b"]
type = "hole"

[[owners]]
name = "orders"
paths = ["/api/orders"]
default = true
literl = { project = "A" }
hole = { project = "B" }
"#,
    )
    .unwrap_err();
    assert!(!errors.to_string().contains("cnry"), "{errors}");
    insta::assert_snapshot!(errors);
}

#[tokio::test]
async fn connectors_are_found_by_name_and_by_type() {
    let connected = connect(
        r#"
        [connectors.a]
        type = "hole"
        url = "https://192.0.2.9"
        token = { env = "TOKEN" }
        ca_file = "ca.pem"
        "#,
    )
    .unwrap();
    let a = connected.named("a").unwrap();
    assert_eq!((a.name().as_str(), a.type_name()), ("a", "hole"));
    assert_eq!(connected.of_type("hole").unwrap().name(), a.name());
    assert_eq!(a.sink().unwrap().name(), a.name());
    insta::assert_snapshot!(a.desk().unwrap_err(), @r#"unsupported: "a" (hole) has no tickets as it is configured"#);
    insta::assert_snapshot!(connected.named("bb").unwrap_err(), @r#"configuration: no connector is named "bb"; there are: a"#);
    insta::assert_snapshot!(connected.of_type("jira").unwrap_err(), @r#"configuration: no connector has the type "jira""#);
    assert!(!format!("{connected:?}").contains("cnry"));
}

#[test]
fn two_of_a_type_are_named() {
    let one = "type = \"hole\"\nurl = \"https://hole.example\"\ntoken = { env = \"TOKEN\" }\n";
    let connected = connect(&format!("[connectors.a]\n{one}[connectors.b]\n{one}")).unwrap();
    insta::assert_snapshot!(connected.of_type("hole").unwrap_err(), @r#"configuration: several connectors have the type "hole": a, b"#);
}

#[test]
fn a_ca_file_is_read_beside_the_configuration() {
    let name = format!("watchfloor-{}", watchfloor::core::CallId::random());
    let dir = std::env::temp_dir().join(name);
    std::fs::create_dir(&dir).unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
    write("token", "cnry-token");
    write(
        "watchfloor.toml",
        "[connectors.a]\ntype = \"hole\"\nurl = \"https://hole.example\"\n\
         token = { file = \"token\" }\n[connectors.a.http]\nca_file = \"ca.pem\"\n",
    );
    let errors = || {
        let config = Config::load(&dir.join("watchfloor.toml")).unwrap();
        let registry = Registry::new().with(HoleFactory);
        config.connect(&registry, Arc::new(SystemClock::new())).unwrap_err().to_string()
    };
    let missing = errors();
    write("ca.pem", "cnry-key");
    let empty = errors();
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(missing.contains("watchfloor.toml:6: connectors.a.http.ca_file: "), "{missing}");
    assert!(missing.contains("ca.pem cannot be read: entity not found"), "{missing}");
    assert!(empty.contains("there is no certificate in it"), "{empty}");
    assert!(!empty.contains("cnry"), "{empty}");
}
