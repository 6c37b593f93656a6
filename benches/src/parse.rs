//! Lines to events, against what a bare loop does to know the head.

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use watchfloor::core::Timestamp;
use watchfloor::core::event::Lines;

use crate::bare::Head;
use crate::process::myself;
use crate::stats::{median, ratio};
use crate::{Result, data};

const EVENTS: u64 = 100_000;
const ROUNDS: usize = 15;

#[allow(clippy::disallowed_methods, reason = "a benchmark reads the real time")]
pub(crate) fn run() -> Result<()> {
    let file = data::events(&myself()?.with_file_name("bench-send"), EVENTS)?;
    let text = std::fs::read_to_string(file)?;
    let chunk = Bytes::from(text.clone());
    let mut pairs = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let mut lines = Lines::new();
        lines.push(chunk.clone());
        lines.end();
        for line in lines {
            black_box(line.event(Timestamp::EPOCH).map_err(|e| e.to_string())?);
        }
        let ours = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        for line in text.lines() {
            black_box(serde_json::from_str::<Head<'_>>(line)?);
        }
        pairs.push((ours, begun.elapsed().as_secs_f64()));
    }
    let nanos = |figures: Vec<f64>| median(figures) * 1e9 / EVENTS as f64;
    println!(
        "lines to events: {:.0} ns an event, serde_json head alone {:.0} ns, ratio {:.2}",
        nanos(pairs.iter().map(|p| p.0).collect()),
        nanos(pairs.iter().map(|p| p.1).collect()),
        ratio(&pairs, |seconds| *seconds),
    );
    Ok(())
}
