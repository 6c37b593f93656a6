use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use watchfloor_core::{Error, Kind, Outcome, Result, Timestamp};

use crate::retry::after::{Hint, delay_by, delay_of};

/// An answer of the other side, read to its end and unpacked.
///
/// `Debug` shows status and size alone: headers and bodies hold other people's data.
#[derive(Clone)]
#[non_exhaustive]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers, without `Content-Encoding` where the body was unpacked.
    pub headers: HeaderMap,
    /// The body, at most [`Settings::max_answer`](crate::Settings::max_answer) bytes.
    pub body: Bytes,
    /// When it was received, on the layer's clock.
    pub received: Timestamp,
}

impl Answer {
    /// An answer as an adapter's tests of its [`Classify`](crate::Classify) need it.
    pub fn new(status: StatusCode, headers: HeaderMap, body: Bytes, received: Timestamp) -> Self {
        Self { status, headers, body, received }
    }

    /// A header as text; `None` where it is absent or not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long `Retry-After` asks to wait: seconds, also with a fraction, or an HTTP date, which is
    /// measured against the answer's own `Date`, so that a skewed clock on either side does not
    /// matter. Not capped; the layer caps what it obeys.
    pub fn retry_after(&self) -> Option<Duration> {
        delay_of(self.header("retry-after")?, self.header("date"), self.received)
    }

    /// When a header of the vendor's own asks to come back, for
    /// [`Verdict::not_before`](crate::Verdict::not_before). A point in time is measured against the
    /// answer's `Date` as in [`Answer::retry_after`].
    ///
    /// ```
    /// use watchfloor_http::{Answer, HeaderMap, Hint, StatusCode};
    /// # use watchfloor_core::Timestamp;
    /// let mut headers = HeaderMap::new();
    /// headers.insert("retry-after-ms", "1500".parse()?);
    /// let received = "2026-11-24T08:00:00Z".parse()?;
    /// let answer = Answer::new(StatusCode::TOO_MANY_REQUESTS, headers, "".into(), received);
    /// let at = answer.hint("retry-after-ms", Hint::Millis).unwrap();
    /// assert_eq!(at.to_string(), "2026-11-24T08:00:01.500Z");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn hint(&self, header: &str, form: Hint) -> Option<Timestamp> {
        let wait = delay_by(form, self.header(header)?, self.header("date"), self.received)?;
        Some(self.received.saturating_add(wait))
    }

    /// The body as JSON. The error names the path to what does not fit, never a value.
    ///
    /// [`Kind::Protocol`]. The outcome is `Unknown`: a success whose body is not what the contract
    /// says may come from a proxy or a login page, and nobody can say what became of the request.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        if let Ok(value) = serde_json::from_slice(&self.body) {
            return Ok(value);
        }
        // Once more with the path, which costs twice as much and is wanted for an error alone.
        let mut reader = serde_json::Deserializer::from_slice(&self.body);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(|e| {
            let (path, e) = (e.path().to_string(), e.into_inner());
            unfit(&path, e.classify(), e.line(), e.column())
        })?;
        reader.end().map_err(|e| unfit(".", e.classify(), e.line(), e.column()))?;
        Ok(value)
    }
}

fn unfit(path: &str, what: serde_json::error::Category, line: usize, column: usize) -> Error {
    use serde_json::error::Category;
    let what = match what {
        Category::Io | Category::Eof => "the JSON ends too early",
        Category::Syntax => "the body is no JSON",
        Category::Data => "the JSON has another shape than expected",
    };
    Error::new(Kind::Protocol, what)
        .with_outcome(Outcome::Unknown)
        .with("at", path)
        .with("line", line)
        .with("column", column)
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status.as_u16(), self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Page {
        #[allow(dead_code, reason = "only its path is looked at")]
        items: Vec<Item>,
    }
    #[derive(Debug, serde::Deserialize)]
    struct Item {
        #[allow(dead_code, reason = "only its path is looked at")]
        id: u64,
    }

    fn answer(body: &'static str) -> Answer {
        Answer::new(
            StatusCode::OK,
            HeaderMap::new(),
            Bytes::from_static(body.as_bytes()),
            Timestamp::EPOCH,
        )
    }

    #[test]
    fn a_json_error_names_the_path_and_no_value() {
        let e = answer(r#"{"items":[{"id":1},{"id":"cnry-value"}]}"#).json::<Page>().unwrap_err();
        assert_eq!(e.kind(), Kind::Protocol);
        assert!(e.to_string().contains("items[1].id"), "{e}");
        assert!(!e.to_string().contains("cnry"), "{e}");
    }

    #[test]
    fn what_is_no_json_is_an_error_that_says_so() {
        for (body, says) in [
            ("", "ends too early"),
            ("<html>", "no JSON"),
            ("1 2", "no JSON"),
            ("[1", "ends too early"),
        ] {
            let e = answer(body).json::<serde_json::Value>().unwrap_err();
            assert!(e.to_string().contains(says), "{body}: {e}");
        }
    }
}
