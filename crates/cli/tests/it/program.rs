use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use watchfloor::core::CallId;

/// The secrets that the program finds in its environment; they must never come out of it.
pub(crate) const TOKEN: &str = "cnry-hec-token";
pub(crate) const KEY: &str = "cnry-es-key";

/// A directory with a configuration, gone with the test.
#[derive(Debug)]
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new(config: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("watchfloor-{}", CallId::random()));
        std::fs::create_dir(&dir).unwrap();
        let place = Self(dir);
        place.write("watchfloor.toml", config);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program in this directory, with nothing in its environment but the secrets.
    pub(crate) fn program(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watchfloor"));
        command.args(args).current_dir(&self.0).env_clear();
        command.env("TOKEN", TOKEN).env("KEY", KEY).stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let mut program = self.program(args);
        Run::of(&tokio::task::block_in_place(|| program.output().unwrap()))
    }

    /// Runs it with this input.
    pub(crate) fn run_with(&self, args: &[&str], input: &[u8]) -> Run {
        use std::io::Write;
        let mut child = self.start(args);
        child.stdin.take().unwrap().write_all(input).unwrap();
        Run::of(&tokio::task::block_in_place(|| child.wait_with_output().unwrap()))
    }

    /// Starts it, its input, output and errors at hand.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        let mut program = self.program(args);
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        program.spawn().unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(Path::new(&self.0));
    }
}

/// How the program ended and what it said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(!out.contains("cnry") && !err.contains("cnry"), "a secret: {out}{err}");
        assert!(!err.contains("panicked"), "{err}");
        Self { status: output.status.code().expect("no signal"), out, err }
    }

    /// Its lines of JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
