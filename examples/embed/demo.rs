//! The service against twins: it asks itself, prints the answers, and ends.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use watchfloor::http::SystemClock;
use watchfloor::{Config, Registry, Secrets};
use watchfloor_testkit::{Fault, Server, twins};

use crate::service::Floor;
use crate::{Fatal, serve};

const EVENTS: &str = "{\"message\":\"GET /api/orders/1\"}\n{\"message\":\"GET /api/orders/2\"}\n";
const TICKET: &str = r#"{"key":"orders-bola","summary":"Order ids are walked","priority":"high"}"#;

pub(crate) async fn run() -> Result<(), Fatal> {
    let clock = Arc::new(SystemClock::new());
    let splunk = Server::start(twins::Hec::new("token"), clock.clone()).await?;
    let jira = twins::Jira::new(clock.clone(), "Bearer token").project("SEC", &[]);
    let jira = Server::start(jira, clock.clone()).await?;
    // The answer to the first ticket is lost on its way: it must not become two.
    jira.script().on("create", 1, Fault::ResetAfter);
    let text = format!(
        r#"
        [connectors.siem]
        type = "splunk"
        hec_url = "{}"
        hec_token = {{ env = "TOKEN" }}
        [connectors.dev]
        type = "jira"
        url = "{}"
        auth = {{ type = "bearer", token = {{ env = "TOKEN" }} }}
        project = "SEC"
        "#,
        splunk.url(),
        jira.url()
    );
    let secrets = Secrets::with_env("", |name| (name == "TOKEN").then(|| "token".into()));
    let config = Config::parse(&text, "twins.toml".as_ref(), Arc::new(secrets));
    let connected = config.connect(&Registry::standard(), clock.clone())?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let floor = Floor::of(&connected, clock)?;
    let service = tokio::spawn(serve(listener, floor, async { drop(stopped.await) }));
    for (request, body) in [
        ("GET /healthz", ""),
        ("POST /events", EVENTS),
        ("POST /events", "no event\n"),
        ("POST /tickets", TICKET),
        ("POST /tickets", TICKET),
    ] {
        println!("{request} → {}", ask(address, request, body).await?);
    }
    drop(stop);
    service.await??;
    println!("Splunk holds {} events, Jira {} ticket", splunk.held().len(), jira.held().len());
    Ok(())
}

/// The status and the body of an answer.
async fn ask(address: SocketAddr, request: &str, body: &str) -> Result<String, Fatal> {
    let head = format!(
        "{request} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all((head + body).as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    Ok(format!("{} {body}", head.split(' ').nth(1).unwrap_or_default()))
}
