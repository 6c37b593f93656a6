//! Cases, how they are run, and what came of them.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use watchfloor_core::BoxFuture;

use super::Worlds;

/// How long a case may take: real time, since what hangs does not move the clock.
const LIMIT: Duration = Duration::from_secs(60);

/// How a case ended that did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// It does not apply here, and why.
    Skipped(String),
    /// The promise is not kept: what was seen, in words for somebody who does not know the suite.
    Failed(String),
}

impl From<String> for Miss {
    fn from(what: String) -> Self {
        Self::Failed(what)
    }
}

/// What a case ends with.
pub type Verdict = Result<(), Miss>;

/// One promise of a port.
pub struct Case<W: ?Sized> {
    /// Its name in the report.
    pub name: &'static str,
    /// The promise in a sentence.
    pub promise: &'static str,
    /// Looks whether it is kept, in as many worlds as it needs.
    pub run: fn(Worlds<W>) -> BoxFuture<'static, Verdict>,
}

impl<W: ?Sized> fmt::Debug for Case<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The promise is kept.
    Passed,
    /// It was left out, and why.
    Skipped(String),
    /// It is not, and what was seen.
    Failed(String),
}

/// What came of a suite.
#[derive(Clone, Debug)]
#[must_use = "it holds what failed"]
pub struct Report {
    /// The port.
    pub port: &'static str,
    /// Name, promise and end of each case, in the suite's order.
    pub cases: Vec<(&'static str, &'static str, Ended)>,
}

impl Report {
    /// The names of the cases that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        self.names(|ended| matches!(ended, Ended::Failed(_)))
    }

    /// The names of the cases that were left out.
    pub fn skipped(&self) -> Vec<&'static str> {
        self.names(|ended| matches!(ended, Ended::Skipped(_)))
    }

    fn names(&self, which: impl Fn(&Ended) -> bool) -> Vec<&'static str> {
        self.cases.iter().filter(|(.., e)| which(e)).map(|(name, ..)| *name).collect()
    }

    /// Panics with the whole report if a case failed, and prints it if none did.
    ///
    /// # Panics
    /// If a case failed.
    #[allow(clippy::print_stdout, reason = "a test's output: what ran, and what was left out")]
    pub fn assert(&self) {
        assert!(self.failed().is_empty(), "{self}");
        println!("{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failed, skipped) = (self.failed().len(), self.skipped().len());
        let passed = self.cases.len() - failed - skipped;
        writeln!(f, "{}: {passed} kept, {failed} broken, {skipped} left out", self.port)?;
        for (name, promise, ended) in &self.cases {
            match ended {
                Ended::Passed => writeln!(f, "  kept      {name}")?,
                Ended::Skipped(why) => writeln!(f, "  left out  {name}: {why}")?,
                Ended::Failed(seen) => {
                    writeln!(f, "  BROKEN    {name}: {seen}\n            promised: {promise}")?;
                }
            }
        }
        Ok(())
    }
}

/// Runs the cases of a port one after another. A case that panics or hangs has failed.
pub async fn suite<W: ?Sized + 'static>(
    port: &'static str,
    cases: Vec<Case<W>>,
    worlds: &Worlds<W>,
) -> Report {
    let mut done = Vec::new();
    for case in cases {
        let ended = match within(LIMIT, (case.run)(worlds.clone())).await {
            Ok(Ok(())) => Ended::Passed,
            Ok(Err(Miss::Skipped(why))) => Ended::Skipped(why),
            Ok(Err(Miss::Failed(seen))) => Ended::Failed(seen),
            Err(stuck) => Ended::Failed(stuck.to_string()),
        };
        done.push((case.name, case.promise, ended));
    }
    Report { port, cases: done }
}

/// Why something did not end by itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stuck {
    Panicked(String),
    Hung,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(what) => write!(f, "it panicked: {what}"),
            Self::Hung => f.write_str("it did not end: something waits for ever"),
        }
    }
}

/// Runs it in a task of its own, so that neither a panic nor a hang ends the caller.
#[allow(clippy::disallowed_methods, reason = "what hangs does not move a clock that jumps")]
pub(crate) async fn within<T: Send + 'static>(
    limit: Duration,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Stuck> {
    let mut task = tokio::spawn(work);
    match tokio::time::timeout(limit, &mut task).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(e)) => Err(Stuck::Panicked(match e.try_into_panic() {
            Ok(what) => text_of(&*what),
            Err(_) => "its task was ended".to_owned(),
        })),
        Err(_) => {
            task.abort();
            Err(Stuck::Hung)
        }
    }
}

/// What a panic says.
pub(crate) fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_panics_or_hangs_is_told_and_ends_nobody_else() {
        let cases = vec![
            Case { name: "good", promise: "x", run: |_: Worlds<()>| Box::pin(async { Ok(()) }) },
            Case { name: "panics", promise: "x", run: |_| Box::pin(async { panic!("words") }) },
            Case {
                name: "left_out",
                promise: "x",
                run: |_| Box::pin(async { Err(Miss::Skipped("not offered".to_owned())) }),
            },
        ];
        let worlds = Worlds::new(|_| async { std::sync::Arc::new(()) });
        let report = suite("Port", cases, &worlds).await;
        assert_eq!((report.failed(), report.skipped()), (vec!["panics"], vec!["left_out"]));
        let text = report.to_string();
        assert!(text.starts_with("Port: 1 kept, 1 broken, 1 left out\n"), "{text}");
        assert!(text.contains("panics: it panicked: words"), "{text}");
        assert!(text.contains("left_out: not offered"), "{text}");
        let hung = within(Duration::from_millis(5), std::future::pending::<()>()).await;
        assert_eq!(hung, Err(Stuck::Hung));
    }
}
