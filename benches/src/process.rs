//! Processes and what they use, as the kernel tells it under `/proc`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::Result;

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
    pub(crate) peak_mib: f64,
}

/// Runs a command to its end. Its output is given back.
#[allow(clippy::disallowed_methods, reason = "a benchmark reads the real time")]
pub(crate) fn measure(command: &mut Command) -> Result<(Used, String)> {
    let before = children()?;
    let begun = Instant::now();
    let child = command.stdout(Stdio::piped()).spawn()?;
    let pid = child.id();
    let (ended, watch) = mpsc::channel::<()>();
    let watcher = std::thread::spawn(move || peak(pid, &watch));
    let output = child.wait_with_output()?;
    let wall = begun.elapsed().as_secs_f64();
    drop(ended);
    let peak_mib = watcher.join().map_err(|_| "the watcher ended early")?;
    if !output.status.success() {
        return Err(format!("{command:?} ended with {}", output.status).into());
    }
    let cpu = children()? - before;
    Ok((Used { wall, cpu, peak_mib }, String::from_utf8(output.stdout)?))
}

/// CPU seconds of all children that have ended.
fn children() -> Result<f64> {
    cpu_at("/proc/self/stat", 16)
}

/// User and system seconds, from field `first` of a `stat` file (proc(5) counts from one).
pub(crate) fn cpu_at(path: &str, first: usize) -> Result<f64> {
    let stat = fs::read_to_string(path)?;
    // What follows the name of the program, which ends with the last parenthesis, is field 3.
    let rest = stat.rsplit_once(')').ok_or("no stat")?.1;
    let mut fields = rest.split_whitespace().skip(first - 3);
    let mut ticks = 0.0;
    for _ in 0..2 {
        ticks += fields.next().ok_or("a short stat")?.parse::<f64>()?;
    }
    // USER_HZ, which is 100 on every Linux that Rust runs on.
    Ok(ticks / 100.0)
}

/// The highest resident size, looked at until the process has ended.
fn peak(pid: u32, watch: &mpsc::Receiver<()>) -> f64 {
    let status = format!("/proc/{pid}/status");
    let mut highest = 0.0_f64;
    loop {
        if let Ok(text) = fs::read_to_string(&status) {
            let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
            let kib = line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
            highest = highest.max(kib.unwrap_or_default() / 1024.0);
        }
        match watch.recv_timeout(Duration::from_millis(10)) {
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            _ => return highest,
        }
    }
}

/// A server of ours; it ends when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start(args: &[&str]) -> Result<Self> {
        let mut child = Command::new(myself()?).args(args).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        Ok(Self { child, url: format!("http://{}/", line.trim()) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn myself() -> Result<PathBuf> {
    Ok(std::env::current_exe()?)
}

/// The program, built as this benchmark was.
pub(crate) fn program() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--release", "-p", "watchfloor-cli"])
        .status()?;
    if !built.success() {
        return Err("the program does not build".into());
    }
    Ok(myself()?.with_file_name("watchfloor"))
}
