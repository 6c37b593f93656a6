//! The service as a process: against its own twins, and against a configuration.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::Value;
use watchfloor::http::SystemClock;
use watchfloor_testkit::{Server, twins};

/// The built example, which lies beside the folder that this test was built into.
fn example() -> Command {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(Path::parent).unwrap().join("examples/embed");
    let built = built.with_extension(std::env::consts::EXE_EXTENSION);
    assert!(built.exists(), "the example is not built: cargo build --example embed");
    let mut command = Command::new(built);
    command.env_clear();
    command
}

#[test]
fn it_asks_itself_and_ends() {
    let output = example().output().unwrap();
    let (out, err) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{out}{err}");
    assert_eq!(err, "");
    let lines: Vec<&str> = out.lines().collect();
    let answer = |line: &str| -> (String, Value) {
        let (_, answer) = line.split_once(" → ").unwrap();
        let (status, body) = answer.split_once(' ').unwrap();
        (status.to_owned(), serde_json::from_str(body).unwrap())
    };
    let [health, shipped, refused, created, existing, held] = lines[..] else { panic!("{out}") };
    let (status, body) = answer(health);
    assert_eq!(status, "200", "{body}");
    assert!(body["sink"]["stages"].as_array().unwrap().len() >= 2, "{body}");
    let (status, body) = answer(shipped);
    assert_eq!((status.as_str(), &body["total"], &body["applied"]), ("200", &2.into(), &2.into()));
    let (status, body) = answer(refused);
    assert_eq!(status, "400", "{body}");
    assert!(body["error"].as_str().unwrap().starts_with("line 1: "), "{body}");
    let ((first, created), (second, existing)) = (answer(created), answer(existing));
    // The answer that created it was lost; the desk looked, and so it was there already.
    assert!(["200", "201"].contains(&first.as_str()) && second == "200", "{created} {existing}");
    assert_eq!(created["id"], existing["id"]);
    assert_eq!(held, "Splunk holds 2 events, Jira 1 ticket");
}

/// A folder of a test's own, gone when the test passes.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn it_serves_a_configuration_until_it_is_interrupted() {
    let clock = Arc::new(SystemClock::new());
    let splunk = Server::start(twins::Hec::new("cnry-token"), clock.clone()).await.unwrap();
    let jira = twins::Jira::new(clock.clone(), "Bearer cnry-token").project("SEC", &[]);
    let jira = Server::start(jira, clock).await.unwrap();
    let folder = Folder(Path::new(env!("CARGO_TARGET_TMPDIR")).join("embed"));
    std::fs::create_dir_all(&folder.0).unwrap();
    let config = folder.0.join("watchfloor.toml");
    let text = format!(
        "[connectors.siem]\ntype = \"splunk\"\nhec_url = \"{}\"\nhec_token = {{ env = \"TOKEN\" }}\n\
         [connectors.siem.http]\nmax_attempts = 1\n\
         [connectors.dev]\ntype = \"jira\"\nurl = \"{}\"\nproject = \"SEC\"\n\
         auth = {{ type = \"bearer\", token = {{ env = \"TOKEN\" }} }}\n",
        splunk.url(),
        jira.url()
    );
    std::fs::write(&config, text).unwrap();
    let mut program = example();
    program.args(["--config".as_ref(), config.as_os_str()]);
    program.env("TOKEN", "cnry-token").env("LISTEN", "127.0.0.1:0").stdout(Stdio::piped());
    let mut child = program.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http://").unwrap().to_owned();
    let post = |body: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        let length = body.len();
        let head = "POST /events HTTP/1.1\r\nhost: embed\r\nconnection: close\r\ncontent-length";
        write!(stream, "{head}: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = tokio::task::block_in_place(|| post("{\"a\":1}\n"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    splunk.disable();
    let answer = tokio::task::block_in_place(|| post("{\"a\":2}\n"));
    assert!(answer.starts_with("HTTP/1.1 207 "), "{answer}");
    assert!(answer.contains("\"index\":0") && !answer.contains("cnry"), "{answer}");
    assert_eq!(splunk.held().len(), 1);

    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let status = tokio::task::block_in_place(|| child.wait()).unwrap();
    assert!(status.success(), "{status}");
}
