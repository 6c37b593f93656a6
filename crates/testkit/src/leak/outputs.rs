//! Everything that somebody may read, gathered and searched.

use std::fmt;
use std::io;
use std::path::Path;

use watchfloor_core::Error;

use super::{Canaries, Log};
use crate::log::CREDENTIALS;

/// Outputs under their names: errors, logs, files … Search them with [`leaks`](Outputs::leaks).
#[derive(Default)]
pub struct Outputs(Vec<(String, Vec<u8>)>);

/// A canary where it should not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The output that it stands in.
    pub output: String,
    /// Its position among the canaries.
    pub canary: usize,
}

impl Outputs {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an output.
    pub fn add(&mut self, name: impl Into<String>, output: impl Into<Vec<u8>>) {
        self.0.push((name.into(), output.into()));
    }

    /// Adds what `Debug` shows.
    pub fn debug(&mut self, name: &str, value: &dyn fmt::Debug) {
        self.add(format!("{name} (Debug)"), format!("{value:?}\n{value:#?}"));
    }

    /// Adds an error in all its forms: displayed, debugged, stored, and its sources.
    pub fn error(&mut self, name: &str, error: &Error) {
        self.add(format!("{name} (Display)"), error.to_string());
        self.debug(name, error);
        let record = serde_json::to_string(&error.record()).unwrap_or_default();
        self.add(format!("{name} (record)"), record);
        let mut source = std::error::Error::source(error);
        while let Some(e) = source {
            self.add(format!("{name} (source)"), format!("{e}\n{e:?}"));
            source = e.source();
        }
    }

    /// Adds what of a twin's requests stands in logs on their way: paths, queries, headers other
    /// than those that carry credentials. Bodies hold customers' data, and should.
    pub fn requests(&mut self, name: &str, log: &Log) {
        self.add(format!("{name} (requests)"), on_the_way(log));
    }

    /// Adds a file, or every file below a folder.
    pub fn files(&mut self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            for entry in std::fs::read_dir(path)? {
                self.files(&entry?.path())?;
            }
            return Ok(());
        }
        self.add(path.display().to_string(), std::fs::read(path)?);
        Ok(())
    }

    /// The canaries that stand in them. The names of outputs are searched too.
    pub fn leaks(&self, canaries: &Canaries<'_>) -> Vec<Leak> {
        let mut leaks = Vec::new();
        for (output, text) in &self.0 {
            let mut found = canaries.indices_in(text);
            found.extend(canaries.indices_in(output.as_bytes()));
            leaks.extend(found.into_iter().map(|canary| Leak { output: output.clone(), canary }));
        }
        leaks
    }

    /// How many bytes there are to search.
    pub fn len(&self) -> usize {
        self.0.iter().map(|(_, text)| text.len()).sum()
    }

    /// Whether there is nothing to search.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Names and sizes alone.
impl fmt::Debug for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, text)| (name, text.len()))).finish()
    }
}

/// Paths, queries, and headers but credentials of all requests.
pub(crate) fn on_the_way(log: &Log) -> Vec<u8> {
    let mut seen = Vec::new();
    for logged in log.all() {
        let request = logged.request;
        seen.extend(format!("{} {}?{}\n", request.method, request.path, request.query).bytes());
        for (name, value) in &request.headers {
            if !CREDENTIALS.contains(&name.as_str()) {
                seen.extend(name.as_str().bytes().chain(*b": "));
                seen.extend(value.as_bytes().iter().chain(b"\n"));
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use watchfloor_core::{ConnectorName, Kind};

    use super::*;
    use crate::Request;
    use crate::leak::Watch;
    use crate::log::Logged;

    const CANARY: &str = "cnry-outputs-5d1c0e93";

    fn where_it_leaked(plant: impl FnOnce(&mut Outputs)) -> Vec<String> {
        let mut outputs = Outputs::new();
        plant(&mut outputs);
        let leaks = outputs.leaks(&Canaries::new(["cnry-other-0000000", CANARY]));
        assert!(leaks.iter().all(|leak| leak.canary == 1));
        leaks.into_iter().map(|leak| leak.output).collect()
    }

    fn logged(path_and_query: &str, headers: &[(&str, &str)], body: &str) -> Log {
        let log = Log::default();
        let request = Request::of("POST", path_and_query, headers, body.to_owned().into());
        let at = watchfloor_core::Timestamp::EPOCH;
        log.push(Logged { operation: "send", request, status: None, at });
        log
    }

    #[test]
    fn t40_a_leak_in_an_error_is_found_in_each_of_its_forms() {
        let name = ConnectorName::new("siem");
        let clean = Error::new(Kind::Unavailable, "busy").with_connector(&name);
        assert!(where_it_leaked(|o| o.error("cause", &clean)).is_empty());
        let leaky = clean.with("url", format!("https://siem/?token={CANARY}"));
        let wanted = ["cause (Display)", "cause (Debug)", "cause (record)"];
        assert_eq!(where_it_leaked(|o| o.error("cause", &leaky)), wanted);
    }

    #[test]
    fn a_leak_in_a_url_or_a_header_is_found_and_a_credential_is_where_it_belongs() {
        let query = format!("/a?token={CANARY}");
        let found = |log: Log| where_it_leaked(|o| o.requests("twin", &log));
        assert_eq!(found(logged(&query, &[], "")), ["twin (requests)"]);
        assert_eq!(found(logged(&format!("/{CANARY}"), &[], "")), ["twin (requests)"]);
        assert_eq!(found(logged("/", &[("x-note", CANARY)], "")), ["twin (requests)"]);
        assert!(found(logged("/", &[("authorization", CANARY)], CANARY)).is_empty());
    }

    #[test]
    fn a_leak_in_a_file_or_its_name_is_found() {
        let folder = std::env::temp_dir().join(format!("watchfloor-leak-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("below")).unwrap();
        std::fs::write(folder.join("below/dead.ndjson"), format!("{{\"a\":\"{CANARY}\"}}"))
            .unwrap();
        std::fs::write(folder.join("clean"), "nothing").unwrap();
        let found = where_it_leaked(|o| o.files(&folder).unwrap());
        std::fs::rename(folder.join("clean"), folder.join(CANARY)).unwrap();
        let named = where_it_leaked(|o| o.files(&folder).unwrap());
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!((found.len(), named.len()), (1, 2));
        assert!(found[0].ends_with("dead.ndjson"));
    }

    #[test]
    fn a_leak_in_a_log_at_trace_level_or_in_a_panic_is_found_in_any_thread() {
        let watch = Watch::start();
        std::thread::spawn(|| tracing::trace!(header = CANARY, "request")).join().unwrap();
        let panicking = std::thread::spawn(|| panic!("the token {CANARY} is refused"));
        panicking.join().unwrap_err();
        assert_eq!(where_it_leaked(|o| watch.into(o)), ["logs", "panics"]);
        tracing::trace!(header = CANARY, "nobody watches");
        assert!(where_it_leaked(|o| Watch::start().into(o)).is_empty());
        let watch = Watch::start();
        let _entered = tracing::trace_span!("call", url = CANARY).entered();
        assert_eq!(where_it_leaked(|o| watch.into(o)), ["logs"]);
    }

    #[test]
    fn debug_shows_no_output() {
        let mut outputs = Outputs::new();
        outputs.add("log", CANARY);
        assert_eq!((outputs.len(), outputs.is_empty()), (CANARY.len(), false));
        assert!(where_it_leaked(|o| o.debug("outputs", &outputs)).is_empty());
    }
}
