//! Tickets through a desk against bare reqwest making the same calls, to a null server in another
//! process: what the driver and the layer add.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use url::Url;
use watchfloor::core::{Opened, RichText, Root, TenantId, TicketDesk, TicketKey};
use watchfloor::http::SystemClock;
use watchfloor::{Config, Connection, Registry, Secrets};

use crate::Result;
use crate::process::{Server, cpu_at};
use crate::stats::{median, ratio};

pub(crate) const USAGE: &str = "desk [TICKETS [ROUNDS]]";

const IN_FLIGHT: usize = 50;

/// What one round took.
struct Round {
    per_second: f64,
    /// Of this process, in microseconds a ticket.
    cpu: f64,
}

enum Way {
    Bare(reqwest::Client, &'static str, String),
    Desk(Arc<dyn TicketDesk>, Root),
}

pub(crate) async fn run(args: &[&str]) -> Result<()> {
    let number = |at: usize, or: usize| args.get(at).map_or(Ok(or), |text| text.parse());
    let (tickets, rounds) = (number(0, 10_000)?, number(1, 5)?);
    println!(
        "{tickets} tickets, {IN_FLIGHT} in flight, {rounds} rounds each way, turn by turn; medians \
         of desk and bare, pair by pair"
    );
    let dir = std::env::temp_dir().join(format!("watchfloor-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    for product in ["servicenow", "jira"] {
        let server = Server::start(&["null", product])?;
        let url = server.url.trim_end_matches('/');
        let bare = Way::Bare(reqwest::Client::builder().no_proxy().build()?, product, url.into());
        let desk = desk(product, url, &dir)?;
        let ways = [Arc::new(bare), Arc::new(desk)];
        let mut first = 0;
        for way in &ways {
            round(way, first, tickets / 10).await?;
            first += tickets / 10;
        }
        let mut pairs = Vec::new();
        for n in 0..rounds {
            let [bare, desk] = &ways;
            let mut next = async |way: &Arc<Way>| {
                first += tickets;
                round(way, first, tickets).await
            };
            let pair = if n % 2 == 0 {
                let bare = next(bare).await?;
                (next(desk).await?, bare)
            } else {
                let desk = next(desk).await?;
                (desk, next(bare).await?)
            };
            pairs.push(pair);
        }
        let speed = ratio(&pairs, |r| r.per_second);
        let more = median(pairs.iter().map(|(desk, bare)| desk.cpu - bare.cpu));
        let rate = median(pairs.iter().map(|(_, bare)| bare.per_second));
        let cpu = median(pairs.iter().map(|(_, bare)| bare.cpu));
        println!(
            "{product}: {speed:.3} of the tickets/s of bare ({rate:.0}), {more:+.1} µs of CPU a \
             ticket to its {cpu:.1}"
        );
    }
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

/// The desk with a store, as it is configured. A look-up and a create a ticket.
fn desk(product: &str, url: &str, dir: &Path) -> Result<Way> {
    let store: PathBuf = dir.join(format!("{product}.redb"));
    let more = match product {
        "jira" => "project = \"SEC\"\nflavor = \"cloud\"",
        _ => "",
    };
    let text = format!(
        r#"
        [state]
        path = "{}"
        [connectors.desk]
        type = "{product}"
        url = "{url}"
        auth = {{ type = "basic", username = "bench", password = {{ env = "BENCH" }} }}
        {more}
        [connectors.desk.http]
        max_in_flight = {IN_FLIGHT}
        "#,
        store.display()
    );
    let clock = Arc::new(SystemClock::new());
    let secrets = Secrets::with_env(dir, |_| Some("bench".into()));
    let config = Config::parse(&text, &dir.join("watchfloor.toml"), Arc::new(secrets));
    let connected = config.connect(&Registry::standard(), clock.clone());
    let connected = connected.map_err(|e| e.to_string())?;
    let desk = connected.named("desk").and_then(Connection::desk).map_err(|e| e.to_string())?;
    Ok(Way::Desk(desk, Root::new(clock)))
}

#[allow(clippy::disallowed_methods, reason = "a benchmark reads the real time")]
async fn round(way: &Arc<Way>, first: usize, tickets: usize) -> Result<Round> {
    let next = Arc::new(AtomicUsize::new(first));
    let before = cpu_at("/proc/self/stat", 14)?;
    let begun = Instant::now();
    let mut all = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (way, next) = (way.clone(), next.clone());
        all.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= first + tickets {
                    return Ok::<_, Box<dyn std::error::Error + Send + Sync>>(());
                }
                way.open(n).await?;
            }
        });
    }
    while let Some(done) = all.join_next().await {
        done??;
    }
    let wall = begun.elapsed().as_secs_f64();
    let cpu = cpu_at("/proc/self/stat", 14)? - before;
    let tickets = tickets as f64;
    Ok(Round { per_second: tickets / wall, cpu: cpu * 1e6 / tickets })
}

const SUMMARY: &str = "BOLA on /api/orders";
const BODY: &str = "80 distinct orders were read by one account within a minute.";

impl Way {
    async fn open(&self, n: usize) -> Result<()> {
        let key = format!("wf-{n}");
        match self {
            Self::Bare(client, "jira", url) => bare_jira(client, url, &key).await,
            Self::Bare(client, _, url) => bare_servicenow(client, url, &key).await,
            Self::Desk(desk, root) => {
                let scope = root.scope(TenantId::new("bench"));
                let mut draft = scope.draft(TicketKey::given(&key), SUMMARY);
                draft.body = RichText::new().text(BODY);
                match desk.open(&scope.call(), &draft).await.map_err(|e| e.to_string())? {
                    Opened::Created(_) => Ok(()),
                    Opened::Existing(_) => Err("it was there".into()),
                }
            }
        }
    }
}

/// What the adapter asks, as one would write it without one.
async fn bare_servicenow(client: &reqwest::Client, url: &str, key: &str) -> Result<()> {
    const FIELDS: &str = "sys_id,number,state,short_description,correlation_id,correlation_display,\
                          assignment_group,sys_created_on";
    let table = format!("{url}/api/now/v2/table/incident");
    let query = format!("correlation_id={key}^ORDERBYsys_created_on^ORDERBYsys_id");
    let shown = [
        ("sysparm_fields", FIELDS),
        ("sysparm_display_value", "all"),
        ("sysparm_exclude_reference_link", "true"),
    ];
    let asked = [("sysparm_query", query.as_str()), ("sysparm_limit", "10")];
    let list = Url::parse_with_params(&table, asked.iter().chain(&shown))?;
    let found: Value = answer(client.get(list)).await?;
    if found["result"].as_array().is_none_or(|r| !r.is_empty()) {
        return Err("it was there".into());
    }
    let body = json!({
        "short_description": SUMMARY, "description": BODY, "impact": "2", "urgency": "2",
        "correlation_id": key, "correlation_display": "watchfloor",
    });
    let create = client.post(Url::parse_with_params(&table, shown)?);
    let made: Value = answer(with_json(create, &body)?).await?;
    if made["result"]["sys_id"].is_null() { Err("not created".into()) } else { Ok(()) }
}

/// As above.
async fn bare_jira(client: &reqwest::Client, url: &str, key: &str) -> Result<()> {
    let search = json!({
        "jql": format!("labels = \"{key}\" ORDER BY created ASC"),
        "fields": ["summary", "status", "labels", "created", "project", "components"],
        "properties": ["watchfloor"], "maxResults": 50,
    });
    let find = client.post(format!("{url}/rest/api/3/search/jql"));
    let found: Value = answer(with_json(find, &search)?).await?;
    if found["issues"].as_array().is_none_or(|r| !r.is_empty()) {
        return Err("it was there".into());
    }
    let issue = json!({
        "fields": {
            "project": { "key": "SEC" }, "issuetype": { "name": "Task" }, "summary": SUMMARY,
            "labels": [key], "priority": { "name": "Medium" },
            "description": { "type": "doc", "version": 1, "content": [
                { "type": "paragraph", "content": [{ "type": "text", "text": BODY }] },
            ] },
        },
        "properties": [{ "key": "watchfloor", "value": { "key": key, "v": 1 } }],
    });
    let create = client.post(format!("{url}/rest/api/3/issue"));
    let made: Value = answer(with_json(create, &issue)?).await?;
    if made["id"].is_null() { Err("not created".into()) } else { Ok(()) }
}

fn with_json(request: reqwest::RequestBuilder, body: &Value) -> Result<reqwest::RequestBuilder> {
    Ok(request.header("content-type", "application/json").body(serde_json::to_vec(body)?))
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Value> {
    let request = request.basic_auth("bench", Some("bench")).header("accept", "application/json");
    let bytes = request.send().await?.error_for_status()?.bytes().await?;
    Ok(serde_json::from_slice(&bytes)?)
}
