//! A test in a process of its own: what the environment says is read from the environment.

use std::process::Command;

use watchfloor_core::{Health, Result, Secret, Stage, State};
use watchfloor_http::{Auth, ByStatus, Settings};

use crate::bench::{Bench, name};

/// The variables that count, cleared before those of the test are set.
const CLEARED: [&str; 11] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "REQUEST_METHOD",
];

/// What a process with this environment says of one request to `url` with the default settings.
pub(crate) async fn asks(url: &str, env: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child::asks_once", "--ignored", "--nocapture"]);
    for cleared in CLEARED {
        command.env_remove(cleared);
    }
    command.env("WATCHFLOOR_TEST_URL", url).envs(env.iter().copied());
    let ended = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let out = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && out.contains("1 passed"), "{ended:?}");
    let said = out.lines().find_map(|line| line.split_once("said: ")).unwrap_or_else(|| {
        panic!("it said nothing: {out}");
    });
    said.1.to_owned()
}

#[tokio::test]
#[ignore = "run by others, in an environment that they make"]
#[allow(clippy::print_stdout, reason = "the process that runs it reads this")]
async fn asks_once() {
    let Ok(url) = std::env::var("WATCHFLOOR_TEST_URL") else { return };
    println!("said: {}", asked(&url).await.unwrap_or_else(|e| e.to_string()));
}

async fn asked(url: &str) -> Result<String> {
    let bench = Bench::new().await;
    let mut settings = Settings::default();
    settings.max_attempts = 1;
    let urls = vec![url.parse().unwrap()];
    let auth = Auth::bearer(Secret::new("cnry-token"));
    let client = bench.layer.client(&name(), urls, auth, settings, ByStatus)?;
    client.get("item", "x.get").send(&bench.call()).await?;
    Ok(match client.health(Health::new()).stages.first() {
        Some((Stage::Tls, State::Good { seen })) => format!("ok, {seen}"),
        other => format!("ok, {other:?}"),
    })
}
