//! The HTTP layer against bare reqwest: the same bodies to a null server in another process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use tokio::task::JoinSet;
use url::Url;
use watchfloor::core::{Root, Secret, TenantId};
use watchfloor::http::{Auth, ByStatus, Client, Layer, Repeat, Settings, SystemClock};

use crate::Result;
use crate::process::{Server, cpu_at};
use crate::stats::{median, ratio};

const JSON: &str = "application/json";

/// What one round took.
struct Round {
    per_second: f64,
    /// Of this process, in microseconds a request.
    cpu: f64,
}

#[derive(Clone)]
enum Way {
    Bare(reqwest::Client, Url),
    Layer(Client, Root),
}

pub(crate) async fn run(args: &[&str]) -> Result<()> {
    let rounds: usize = args.first().map_or(Ok(9), |text| text.parse())?;
    let server = Server::start(&["null", "hec"])?;
    let url: Url = server.url.parse()?;
    println!("{rounds} rounds each way, turn by turn; medians of layer / bare, pair by pair");
    for (kib, in_flight, requests) in
        [(1, 1, 8_000), (1, 64, 40_000), (100, 1, 4_000), (100, 64, 10_000)]
    {
        let body = Bytes::from(vec![b' '; kib << 10]);
        let ways = [bare(&url)?, layer(&url, in_flight)?];
        for way in &ways {
            round(way, &body, in_flight, requests / 10).await?;
        }
        let mut pairs = Vec::new();
        for n in 0..rounds {
            let [bare, layer] = &ways;
            // Who goes first changes: what the machine does besides hits both.
            let pair = if n % 2 == 0 {
                let bare = round(bare, &body, in_flight, requests).await?;
                (round(layer, &body, in_flight, requests).await?, bare)
            } else {
                let layer = round(layer, &body, in_flight, requests).await?;
                (layer, round(bare, &body, in_flight, requests).await?)
            };
            pairs.push(pair);
        }
        let speed = ratio(&pairs, |r| r.per_second);
        let more = median(pairs.iter().map(|(layer, bare)| layer.cpu - bare.cpu));
        let (rate, cpu) = (
            median(pairs.iter().map(|(_, bare)| bare.per_second)),
            median(pairs.iter().map(|(_, bare)| bare.cpu)),
        );
        println!(
            "{kib:>3} KiB, {in_flight:>2} in flight: {speed:.3} of the requests/s of bare \
             ({rate:.0}), {more:+.1} µs of CPU a request to its {cpu:.1}"
        );
    }
    Ok(())
}

fn bare(url: &Url) -> Result<Way> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    Ok(Way::Bare(client, url.join("collect")?))
}

fn layer(url: &Url, in_flight: usize) -> Result<Way> {
    let clock = Arc::new(SystemClock::new());
    let mut settings = Settings::default();
    settings.max_in_flight = in_flight;
    let auth = Auth::bearer(Secret::new("bench"));
    let layer = Layer::new(clock.clone());
    let client = layer
        .client(&"bench".into(), vec![url.clone()], auth, settings, ByStatus)
        .map_err(|e| e.to_string())?;
    Ok(Way::Layer(client, Root::new(clock)))
}

#[allow(clippy::disallowed_methods, reason = "a benchmark reads the real time")]
async fn round(way: &Way, body: &Bytes, in_flight: usize, requests: usize) -> Result<Round> {
    let left = Arc::new(AtomicUsize::new(requests));
    let before = cpu_at("/proc/self/stat", 14)?;
    let begun = Instant::now();
    let mut all = JoinSet::new();
    for _ in 0..in_flight {
        let (way, body, left) = (way.clone(), body.clone(), left.clone());
        all.spawn(async move {
            let one = |n: usize| n.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one).is_ok() {
                way.send(body.clone()).await?;
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        });
    }
    while let Some(done) = all.join_next().await {
        done??;
    }
    let wall = begun.elapsed().as_secs_f64();
    let cpu = cpu_at("/proc/self/stat", 14)? - before;
    let requests = requests as f64;
    Ok(Round { per_second: requests / wall, cpu: cpu * 1e6 / requests })
}

impl Way {
    async fn send(&self, body: Bytes) -> Result<()> {
        let answer = match self {
            Self::Bare(client, url) => {
                let request = client.post(url.clone()).header("content-type", JSON);
                let request = request.header("authorization", "Bearer bench").body(body);
                request.send().await?.error_for_status()?.bytes().await?
            }
            Self::Layer(client, root) => {
                let call = root.scope(TenantId::new("bench")).call();
                let post = client.post("collect", "bench.post", Repeat::Duplicates);
                post.body(JSON, body).send(&call).await.map_err(|e| e.to_string())?.body
            }
        };
        if answer.is_empty() { Err("an empty answer".into()) } else { Ok(()) }
    }
}
