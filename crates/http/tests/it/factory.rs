use std::sync::Arc;

use watchfloor_core::block::GuardConfig;
use watchfloor_core::config::Section;
use watchfloor_core::{
    Call, Connector, ConnectorName, Facts, Guard, Health, Notice, Notifier, Result, async_trait,
};
use watchfloor_http::{Auth, ByStatus, Client, Env, Factory, Ports, Repeat, Settings};

use crate::bench::{Bench, name, section, table, text};

/// All that a small integration of one's own needs.
#[derive(Debug)]
struct Chat {
    name: ConnectorName,
    http: Client,
}

#[async_trait]
impl Connector for Chat {
    fn name(&self) -> &ConnectorName {
        &self.name
    }
    async fn check(&self, call: &Call) -> Health {
        Health::of(self.http.get("me", "chat.me").send(call).await, "it answers", "grant it")
    }
}

#[async_trait]
impl Notifier for Chat {
    async fn notify(&self, call: &Call, notice: &Notice) -> Result<()> {
        let post = self.http.post("item", "chat.post", Repeat::Forbidden);
        post.json(&notice.title).send(call).await.map(drop)
    }
}

struct Chats;

impl Factory for Chats {
    fn type_name(&self) -> &'static str {
        "chat"
    }
    fn build(&self, name: &ConnectorName, section: &mut Section, env: &Env) -> Option<Ports> {
        let url = section
            .required_parsed("url", "a URL", |t| t.parse().map_err(|_| "is no URL".to_owned()));
        let auth = Auth::read(section);
        let settings = Settings::read(section);
        let client = env.layer.client(name, vec![url?], auth?, settings?, ByStatus);
        let http = client.map_err(|e| section.problem("url", e.message(), "")).ok()?;
        Some(Ports::of_notifier(Arc::new(Chat { name: name.clone(), http })))
    }
}

fn env(bench: &Bench) -> Env {
    let guard = Guard::new(name(), GuardConfig::default());
    Env::new(bench.layer.clone(), Arc::new(Facts::new()), Arc::new(guard))
}

#[tokio::test]
async fn a_section_becomes_a_connector() {
    let bench = Bench::new().await;
    let url = bench.url();
    let entries = vec![("url", text(url.as_str())), ("auth", table(vec![("type", text("none"))]))];
    let (mut section, problems) = section(entries);
    let ports = Chats.build(&name(), &mut section, &env(&bench)).unwrap();
    section.finish();
    assert_eq!((problems.count(), Chats.type_name()), (0, "chat"));
    assert!(ports.connector.check(&bench.call()).await.is_good());
    assert!(ports.notifier.is_some() && ports.desk.is_none());
    assert_eq!(
        format!("{ports:?}"),
        r#"Ports { connector: ConnectorName("x"), ports: ["notifier"] }"#
    );
}

#[tokio::test]
async fn what_is_wrong_is_reported_and_nothing_is_made() {
    let bench = Bench::new().await;
    for url in ["http://chat.example", "nonsense"] {
        let entries = vec![
            ("url", text(url)),
            (
                "auth",
                table(vec![("type", text("bearer")), ("token", table(vec![("env", text("T"))]))]),
            ),
        ];
        let (mut section, problems) = section(entries);
        assert!(Chats.build(&name(), &mut section, &env(&bench)).is_none());
        assert_eq!(problems.count(), 1, "{url}");
    }
}
