//! `send` of a file to a null server, against the bare loop, turn by turn.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::{Server, Used, measure, myself, program};
use crate::stats::{median, ratio};
use crate::{Result, data};

pub(crate) const USAGE: &str = "send [EVENTS [ROUNDS]]";

struct Case {
    product: &'static str,
    gzip: bool,
}

/// The level that the layer packs with.
const GZIP_LEVEL: &str = "1";

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let number = |at: usize, or: u64| args.get(at).map_or(Ok(or), |text| text.parse());
    let (events, rounds) = (number(0, 1_000_000)?, number(1, 5)?);
    let dir = myself()?.with_file_name("bench-send");
    let file = data::events(&dir, events)?;
    let bytes = fs::metadata(&file)?.len();
    println!("{events} events, {} bytes each, {rounds} rounds", bytes / events);
    let program = program()?;
    for product in ["hec", "elastic"] {
        for gzip in [false, true] {
            Case { product, gzip }.run(&program, &dir, &file, events, rounds)?;
        }
    }
    Ok(())
}

impl Case {
    fn run(&self, program: &Path, dir: &Path, file: &Path, events: u64, rounds: u64) -> Result<()> {
        let server = Server::start(&["null", self.product])?;
        let config = self.config(dir, &server.url)?;
        let level = if self.gzip { GZIP_LEVEL } else { "0" };
        let mut pairs = Vec::new();
        for _ in 0..rounds {
            let bare = measure(
                Command::new(myself()?)
                    .args(["bare", self.product, &server.url])
                    .arg(file)
                    .arg(level),
            )?;
            let ours = measure(
                Command::new(program)
                    .args(["send", "--to", "bench"])
                    .arg(file)
                    .arg("--config")
                    .arg(&config)
                    .env("BENCH_TOKEN", "bench")
                    .stderr(Stdio::inherit()),
            )?;
            let all = format!("\"delivered\":{events}");
            if !ours.1.contains(&all) {
                return Err(format!("not everything arrived: {}", ours.1).into());
            }
            pairs.push((ours.0, bare.0));
        }
        self.print(&pairs, events);
        Ok(())
    }

    fn config(&self, dir: &Path, url: &str) -> Result<PathBuf> {
        let product = match self.product {
            "hec" => format!(
                "type = \"splunk\"\nhec_url = \"{url}\"\nhec_token = {{ env = \"BENCH_TOKEN\" }}"
            ),
            _ => format!(
                "type = \"elastic\"\nurls = [\"{url}\"]\ntarget = \"logs-watchfloor-default\"\nauth = {{ type = \"api_key\", key = {{ env = \"BENCH_TOKEN\" }} }}\ndata_stream = false"
            ),
        };
        let gzip = if self.gzip { "\n[connectors.bench.http]\ngzip = true" } else { "" };
        let path =
            dir.join(format!("{}{}.toml", self.product, if self.gzip { "-gzip" } else { "" }));
        fs::write(&path, format!("[connectors.bench]\n{product}{gzip}\n"))?;
        Ok(path)
    }

    fn print(&self, pairs: &[(Used, Used)], events: u64) {
        let of = |figure: fn(&Used) -> f64| {
            (median(pairs.iter().map(|p| figure(&p.0))), median(pairs.iter().map(|p| figure(&p.1))))
        };
        let (wall, bare_wall) = of(|u| u.wall);
        let (cpu, bare_cpu) = of(|u| u.cpu);
        let (peak, bare_peak) = of(|u| u.peak_mib);
        let micros = 1e6 / events as f64;
        println!(
            "{:8}{:5}  speed {:.2} of bare ({:.2} s, {:.2} s)  CPU {:.2} of bare ({:.2} µs, {:.2} µs an event)  peak {peak:.1} MiB ({bare_peak:.1} MiB)",
            self.product,
            if self.gzip { " gzip" } else { "" },
            1.0 / ratio(pairs, |u| u.wall),
            wall,
            bare_wall,
            ratio(pairs, |u| u.cpu),
            cpu * micros,
            bare_cpu * micros,
        );
    }
}
