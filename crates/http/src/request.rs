use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::{Url, form_urlencoded};
use watchfloor_core::{Call, ConnectorName, Error, Kind, Result, Retry};

use crate::retry::Shot;
use crate::transport::body;
use crate::{Answer, Attempts, Client, Form, Repeat, Verdict, retry};

/// A request under construction. What is wrong with it is said by the method that sends it, with
/// outcome `NotSent`.
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    client: Client,
    operation: &'static str,
    repeat: Repeat,
    path: String,
    parts: Parts,
    broken: Option<Error>,
}

/// What is sent on every attempt, byte for byte (T3).
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) method: Method,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What came of [`Request::send_on`].
#[derive(Debug)]
pub enum Reply {
    /// A success.
    Done(Answer),
    /// A failure of which the adapter said that the caller builds what is sent next.
    Resend(Answer, Verdict),
}

impl Request {
    pub(crate) fn new(
        client: Client,
        method: Method,
        path: &str,
        operation: &'static str,
        repeat: Repeat,
    ) -> Self {
        let parts =
            Parts { method, query: String::new(), headers: HeaderMap::new(), body: Bytes::new() };
        Self { client, operation, repeat, path: path.to_owned(), parts, broken: None }
    }

    /// Adds a parameter to the query string, encoded.
    pub fn query(mut self, key: &str, value: &str) -> Self {
        let mut pair = form_urlencoded::Serializer::new(std::mem::take(&mut self.parts.query));
        pair.append_pair(key, value);
        self.parts.query = pair.finish();
        self
    }

    /// Sets a header. Credentials are not given here but as [`Auth`](crate::Auth).
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => drop(self.parts.headers.insert(name, value)),
            _ => self.broken = Some(invalid(format!("header {name} cannot hold this value"))),
        }
        self
    }

    /// Sets the body.
    pub fn body(mut self, content_type: &'static str, body: Bytes) -> Self {
        self.parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.parts.body = body;
        self
    }

    /// Sets a JSON body.
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        if let Ok(body) = serde_json::to_vec(value) {
            return self.body("application/json", body.into());
        }
        self.broken = Some(invalid("the body cannot be written as JSON".to_owned()));
        self
    }

    /// Sets a body of form fields.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", body.into())
    }

    /// Sets a form with files as the body.
    pub fn multipart(mut self, form: &Form) -> Self {
        match form.encode() {
            Ok((content_type, body)) => {
                self.parts.headers.insert(header::CONTENT_TYPE, content_type);
                self.parts.body = body;
            }
            Err(broken) => self.broken = Some(broken),
        }
        self
    }

    /// Sends it, with retries, and returns the first answer that is a success.
    pub async fn send(self, call: &Call) -> Result<Answer> {
        let mut attempts = self.client.attempts(call);
        self.send_in(&mut attempts).await
    }

    /// Sends it and reads the answer as JSON; see [`Answer::json`].
    pub async fn read<T: DeserializeOwned>(mut self, call: &Call) -> Result<T> {
        let json = HeaderValue::from_static("application/json");
        self.parts.headers.entry(header::ACCEPT).or_insert(json);
        let (named, repeat) = (self.named(), self.repeat);
        self.send(call).await?.json().map_err(|e| {
            let e = named.on(e);
            if repeat == Repeat::Forbidden { e.with_retry(Retry::AfterLookup) } else { e }
        })
    }

    /// Sends it as part of an operation whose body the caller rebuilds between attempts.
    ///
    /// A verdict [`resent_by_caller`](Verdict::resent_by_caller) comes back with its answer, so
    /// that the caller can see what is left to send; before it sends that on the same `attempts`,
    /// it waits with [`Attempts::wait`].
    pub async fn send_on(mut self, attempts: &mut Attempts) -> Result<Reply> {
        if let Some(broken) = self.broken.take() {
            return Err(self.named().on(broken));
        }
        if self.client.settings().gzip {
            body::pack(&mut self.parts, self.client.0.layer.clock()).await;
        }
        let shot = Shot {
            operation: self.operation,
            repeat: self.repeat,
            parts: &self.parts,
            url: &|endpoint| self.url(endpoint),
        };
        retry::drive(attempts, &shot).await
    }

    /// Whose it is, for errors after it was sent.
    pub(crate) fn named(&self) -> Named {
        Named(self.client.name().clone(), self.operation)
    }

    /// The same request with this query, which is encoded.
    pub(crate) fn with_query(mut self, query: &str) -> Self {
        self.parts.query = query.to_owned();
        self
    }

    async fn send_in(self, attempts: &mut Attempts) -> Result<Answer> {
        let repeat = self.repeat;
        match self.send_on(attempts).await? {
            Reply::Done(answer) => Ok(answer),
            Reply::Resend(answer, verdict) => {
                let asked = attempts.asked(&verdict, Some(&answer));
                Err(attempts.failure(repeat, &verdict, Some(&answer), asked))
            }
        }
    }

    /// The URL on the endpoint of this number.
    fn url(&self, endpoint: usize) -> Result<Url> {
        let mut url = self.client.0.endpoints[endpoint].at(&self.path)?;
        if !self.parts.query.is_empty() {
            url.set_query(Some(&self.parts.query));
        }
        Ok(url)
    }
}

/// A connector and an operation.
pub(crate) struct Named(ConnectorName, &'static str);

impl Named {
    pub(crate) fn on(&self, e: Error) -> Error {
        e.with_operation(self.1).with_connector(&self.0)
    }
}

fn invalid(what: String) -> Error {
    Error::new(Kind::Invalid, what)
}

impl fmt::Debug for Request {
    /// Without query, headers and body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {} on {})", self.parts.method, self.operation, self.client.name())
    }
}
