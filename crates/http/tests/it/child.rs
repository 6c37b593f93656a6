//! A test in a process of its own: what the environment says is read from the environment.

use std::process::Command;

use watchfloor_core::{Health, Secret, Stage, State};
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
async fn asks_once() {
    let Ok(url) = std::env::var("WATCHFLOOR_TEST_URL") else { return };
    let bench = Bench::new().await;
    let mut settings = Settings::default();
    settings.max_attempts = 1;
    let urls = vec![url.parse().unwrap()];
    let auth = Auth::bearer(Secret::new("cnry-token"));
    let client = match bench.layer.client(&name(), urls, auth, settings, ByStatus) {
        Ok(client) => client,
        Err(e) => return println!("said: {e}"),
    };
    match client.get("item", "x.get").send(&bench.call()).await {
        Err(e) => println!("said: {e}"),
        Ok(_) => match client.health(Health::new()).stages.first() {
            Some((Stage::Tls, State::Good { seen })) => println!("said: ok, {seen}"),
            other => println!("said: ok, {other:?}"),
        },
    }
}
