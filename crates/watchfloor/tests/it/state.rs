//! `[state]`: one store for the process, open while its connectors are.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use watchfloor::core::config::Section;
use watchfloor::core::{
    Call, CallId, Connector, ConnectorName, Health, Root, Secret, Store, TenantId, Write,
    async_trait,
};
use watchfloor::http::{
    Auth, ByStatus, Client, Env, Factory, OAuth2, Ports, Settings, SystemClock,
};
use watchfloor::store::RedbStore;
use watchfloor::{Config, ConfigErrors, Connected, Registry};
use watchfloor_testkit::{Server, twins};

/// A folder, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(config: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("watchfloor-{}", CallId::random()));
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("watchfloor.toml"), config).unwrap();
        Self(dir)
    }

    fn store(&self) -> PathBuf {
        self.0.join("watchfloor.redb")
    }

    fn config(&self) -> Config {
        Config::load(&self.0.join("watchfloor.toml")).unwrap()
    }

    fn connect(&self, registry: &Registry) -> Result<Connected, ConfigErrors> {
        self.config().connect(registry, Arc::new(SystemClock::new()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug)]
struct Keeper(
    ConnectorName,
    #[allow(dead_code, reason = "kept for as long as it lives")] Option<Arc<dyn Store>>,
);

#[async_trait]
impl Connector for Keeper {
    fn name(&self) -> &ConnectorName {
        &self.0
    }
    async fn check(&self, _: &Call) -> Health {
        Health::new()
    }
}

/// What a connector was given.
type Given = Option<Arc<dyn Store>>;

/// Makes connectors that keep the store they are given, and shows it.
#[derive(Clone, Default)]
struct KeeperFactory(Arc<Mutex<Vec<Given>>>);

impl Factory for KeeperFactory {
    fn type_name(&self) -> &'static str {
        "keeper"
    }
    fn build(&self, name: &ConnectorName, _: &mut Section, env: &Env) -> Option<Ports> {
        self.0.lock().unwrap().push(env.store.clone());
        Some(Ports::of(Arc::new(Keeper(name.clone(), env.store.clone()))))
    }
}

const TWO: &str = "[connectors.a]\ntype = \"keeper\"\n[connectors.b]\ntype = \"keeper\"\n";

fn with_state() -> String {
    format!("{TWO}[state]\npath = \"watchfloor.redb\"\n")
}

#[tokio::test]
async fn every_connector_is_given_the_one_store() {
    let folder = Folder::new(&with_state());
    let factory = KeeperFactory::default();
    let connected = folder.connect(&Registry::new().with(factory.clone())).unwrap();
    let given: Vec<_> = std::mem::take(&mut *factory.0.lock().unwrap());
    let put = Write::Put { space: "x", key: b"k".to_vec(), value: "v".into() };
    connected.store().unwrap().commit(vec![put]).await.unwrap();
    assert_eq!(given.len(), 2);
    for store in &given {
        assert_eq!(store.as_ref().unwrap().get("x", b"k").await.unwrap(), Some("v".into()));
    }
    drop(given);
    drop(connected);
    let store = RedbStore::open(&folder.store(), &SystemClock::new()).unwrap();
    assert_eq!(store.get("x", b"k").await.unwrap(), Some("v".into()), "it is the file's");
}

#[test]
fn without_the_table_there_is_none() {
    let folder = Folder::new(TWO);
    let factory = KeeperFactory::default();
    let connected = folder.connect(&Registry::new().with(factory.clone())).unwrap();
    assert!(connected.store().is_none());
    assert!(factory.0.lock().unwrap().iter().all(Option::is_none));
    assert!(!folder.store().exists());
}

#[test]
fn who_holds_the_store_is_named_with_the_line_and_the_other_errors() {
    let folder = Folder::new(&format!("{}[connectors.c]\ntype = \"keepr\"\n", with_state()));
    let held = RedbStore::open(&folder.store(), &SystemClock::new()).unwrap();
    let registry = Registry::new().with(KeeperFactory::default());
    let errors = folder.connect(&registry).unwrap_err();
    let [state, unknown] = errors.problems() else { panic!("{errors}") };
    assert_eq!((state.line, state.key.as_str()), (6, "state.path"));
    assert!(state.what.contains(&format!("held by process {} on", std::process::id())), "{errors}");
    assert_eq!(unknown.key, "connectors.c.type");
    assert!(folder.config().settings().is_ok(), "settings alone open nothing");
    drop(held);
    let factory = KeeperFactory::default();
    std::fs::write(folder.0.join("watchfloor.toml"), with_state()).unwrap();
    let connected = folder.connect(&Registry::new().with(factory)).unwrap();
    assert!(folder.connect(&registry).is_err(), "the first of two");
    drop(connected);
    folder.connect(&registry).unwrap();
}

#[test]
fn what_is_no_store_and_what_is_not_there_are_errors_with_their_line() {
    let folder = Folder::new(&with_state());
    std::fs::write(folder.store(), "theirs").unwrap();
    let registry = Registry::new().with(KeeperFactory::default());
    let errors = folder.connect(&registry).unwrap_err().to_string();
    assert!(errors.contains("watchfloor.toml:6: state.path: "), "{errors}");
    assert!(errors.contains("is damaged, or no store"), "{errors}");
    assert_eq!(std::fs::read(folder.store()).unwrap(), b"theirs");
    let elsewhere = with_state().replace("watchfloor.redb", "gone/watchfloor.redb");
    std::fs::write(folder.0.join("watchfloor.toml"), elsewhere).unwrap();
    let errors = folder.connect(&registry).unwrap_err().to_string();
    assert!(errors.contains("cannot be read or written: entity not found"), "{errors}");
}

#[test]
fn a_configuration_that_is_wrong_makes_no_store() {
    let folder = Folder::new(&format!("{}[gaurd]\n", with_state()));
    let registry = Registry::new().with(KeeperFactory::default());
    let errors = folder.connect(&registry).unwrap_err();
    assert_eq!(errors.problems().len(), 1, "{errors}");
    assert!(!folder.store().exists());
}

#[derive(Debug)]
struct Asker(ConnectorName, Client);

#[async_trait]
impl Connector for Asker {
    fn name(&self) -> &ConnectorName {
        &self.0
    }
    async fn check(&self, call: &Call) -> Health {
        self.1.get("services/collector/health", "x.get").send(call).await.unwrap();
        Health::new()
    }
}

/// Makes connectors whose tokens change with every use, of the server at this URL.
struct AskerFactory(String);

impl Factory for AskerFactory {
    fn type_name(&self) -> &'static str {
        "keeper"
    }
    fn build(&self, name: &ConnectorName, _: &mut Section, env: &Env) -> Option<Ports> {
        let tokens = format!("{}oauth/token", self.0).parse().unwrap();
        let oauth2 = OAuth2::password(tokens, "ann", Secret::new("cnry-password"))
            .client("bot", Some(Secret::new("cnry-secret")));
        let urls = vec![self.0.parse().unwrap()];
        let client =
            env.layer.client(name, urls, Auth::oauth2(oauth2), Settings::default(), ByStatus);
        Some(Ports::of(Arc::new(Asker(name.clone(), client.unwrap()))))
    }
}

/// The layer is given the store too: a restart asks for no new token.
#[tokio::test]
async fn tokens_that_change_with_every_use_survive_a_restart() {
    let clock = Arc::new(SystemClock::new());
    let twin = twins::OAuth::before(twins::Hec::new("t"), clock.clone()).product_takes("Splunk t");
    let twin = twin.client("bot", "cnry-secret").user("ann", "cnry-password");
    let server = Server::start(twin, clock.clone()).await.unwrap();
    let url = format!("{}/", server.url().as_str().trim_end_matches('/'));
    let run = async |folder: &Folder| {
        let registry = Registry::new().with(AskerFactory(url.clone()));
        let connected = folder.connect(&registry).unwrap();
        let call = Root::new(clock.clone()).scope(TenantId::new("acme")).call();
        connected.named("a").unwrap().check(&call).await;
    };
    let folder = Folder::new(&with_state());
    run(&folder).await;
    run(&folder).await;
    assert_eq!(server.script().count("token"), 1);
    let forgetful = Folder::new(TWO);
    run(&forgetful).await;
    run(&forgetful).await;
    assert_eq!(server.script().count("token"), 3, "without a store each run asks");
}
