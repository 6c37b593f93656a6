//! What one would write without Watchfloor: read a line, parse its head, frame it, post a megabyte.
//! No checks, no verdicts, no retries.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use tokio::task::JoinSet;

use crate::Result;

const BODY: usize = 1_000_000;
const IN_FLIGHT: usize = 2;

#[derive(Deserialize)]
pub(crate) struct Head<'a> {
    time: u64,
    #[serde(borrow)]
    metadata: Metadata<'a>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
}

pub(crate) async fn send(product: &str, url: &str, file: &str, level: &str) -> Result<()> {
    let level: u32 = level.parse()?;
    let hec = product == "hec";
    let url = match product {
        "hec" => format!("{url}services/collector/event"),
        _ => format!("{url}logs-watchfloor-default/_bulk"),
    };
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut input = BufReader::with_capacity(64 << 10, File::open(file)?);
    let mut line = String::new();
    let mut body = Vec::with_capacity(BODY + 4096);
    let mut posts = JoinSet::new();
    let mut sent = 0_u64;
    loop {
        line.clear();
        let ended = input.read_line(&mut line)? == 0;
        if !ended {
            let doc = line.trim_end();
            let head: Head<'_> = serde_json::from_str(doc)?;
            let (seconds, millis) = (head.time / 1000, head.time % 1000);
            let uid = head.metadata.uid;
            if hec {
                writeln!(
                    body,
                    r#"{{"time":{seconds}.{millis:03},"event":{doc},"fields":{{"event_uid":"{uid}"}}}}"#
                )?;
            } else {
                writeln!(body, "{{\"create\":{{\"_id\":\"{uid}\"}}}}\n{doc}")?;
            }
            sent += 1;
        }
        if body.len() >= BODY || (ended && !body.is_empty()) {
            while posts.len() >= IN_FLIGHT {
                posts.join_next().await.ok_or("no post")???;
            }
            let full = std::mem::replace(&mut body, Vec::with_capacity(BODY + 4096));
            let mut request = http.post(&url).header("authorization", "Splunk bench");
            let full = if level > 0 {
                request = request.header("content-encoding", "gzip");
                let mut packed = GzEncoder::new(Vec::new(), Compression::new(level));
                packed.write_all(&full)?;
                packed.finish()?
            } else {
                full
            };
            let request = request.body(full);
            posts.spawn(async move {
                let answer = request.send().await?.error_for_status()?;
                answer.bytes().await.map(drop)
            });
        }
        if ended {
            break;
        }
    }
    while let Some(post) = posts.join_next().await {
        post??;
    }
    println!("{{\"sent\":{sent}}}");
    Ok(())
}
