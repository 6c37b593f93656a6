//! The calls, one request each (a search and a list: one request a page).

use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;
use watchfloor_core::{Attachment, Call, Clock, Error, Health, Kind, Outcome, Result, TicketKey};
use watchfloor_http::{Client, Form, Method, Repeat, Request, segment};

use crate::dialect::Flavor;
use crate::error::Captcha;
use crate::map::{FIND_FIELDS, has_key};
use crate::wire::{
    AttachmentMeta, ByPosition, ByToken, Claimed, CommentPage, Created, HeldProperty, Issue,
    NewComment, NewIssue, PROPERTY, SearchPage, ServerInfo, Transition, Transitions,
};

/// Pages of one look-up or list. A key has one issue, or a few by accident; comments come 100 a
/// page.
pub(crate) const MOST_PAGES: usize = 50;

#[derive(Debug)]
pub(crate) struct Site {
    http: Client,
    pub(crate) clock: Arc<dyn Clock>,
    captcha: Captcha,
    base: Url,
    /// As configured.
    browse: Option<Url>,
    flavor: Option<Flavor>,
    found: OnceLock<Found>,
    uploads: OnceLock<AttachmentMeta>,
}

/// What kind of site answered, and where people see its tickets.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) flavor: Flavor,
    pub(crate) browse: Option<Url>,
}

impl Site {
    pub(crate) fn new(
        http: Client,
        base: Url,
        browse: Option<Url>,
        flavor: Option<Flavor>,
        clock: Arc<dyn Clock>,
        captcha: Captcha,
    ) -> Self {
        let found = OnceLock::new();
        // Scoped tokens go to a gateway, where no person can look at a ticket.
        let gateway = base.path().starts_with("/ex/jira/");
        if let Some(flavor) = flavor
            && (!gateway || browse.is_some())
        {
            let shown = browse.clone().unwrap_or_else(|| base.clone());
            let _ = found.set(Found { flavor, browse: Some(shown) });
        }
        Self { http, clock, captcha, base, browse, flavor, found, uploads: OnceLock::new() }
    }

    /// A check's health with what the connection showed.
    pub(crate) fn health(&self, found: Health) -> Health {
        self.http.health(found)
    }

    /// What the site is: as configured, or asked once. One that did not answer is asked again the
    /// next time. Anybody is answered, so this says nothing of the credential.
    pub(crate) async fn found(&self, call: &Call) -> Result<Found> {
        let may = self.captcha.is_not_due(self.clock.now());
        may.map_err(|e| e.with_connector(self.http.name()))?;
        if let Some(found) = self.found.get() {
            return Ok(found.clone());
        }
        let request = self.http.get("rest/api/2/serverInfo", "jira.server");
        let server: ServerInfo = words(request).read(call).await.map_err(not_sent)?;
        let flavor = self.flavor.unwrap_or(match server.deployment.as_str() {
            "Cloud" => Flavor::Cloud,
            _ => Flavor::DataCenter,
        });
        let gateway = self.base.path().starts_with("/ex/jira/");
        let told = || Url::parse(&format!("{}/", server.base.trim_end_matches('/'))).ok();
        let told = || told().filter(|url| matches!(url.scheme(), "http" | "https"));
        let browse = match &self.browse {
            Some(browse) => Some(browse.clone()),
            None if gateway => told(),
            None => Some(self.base.clone()),
        };
        Ok(self.found.get_or_init(|| Found { flavor, browse }).clone())
    }

    async fn get(&self, call: &Call, path: &str, operation: &'static str) -> Result<Request> {
        let root = self.found(call).await?.flavor.root();
        Ok(words(self.http.get(&format!("{root}/{path}"), operation)))
    }

    async fn write(
        &self,
        call: &Call,
        method: Method,
        path: &str,
        operation: &'static str,
        repeat: Repeat,
    ) -> Result<Request> {
        let root = self.found(call).await?.flavor.root();
        let request = self.http.request(method, &format!("{root}/{path}"), operation, repeat);
        // Needed for files and harmless elsewhere.
        Ok(words(request).header("x-atlassian-token", "no-check"))
    }

    /// Reads what a path tells, with these parameters.
    pub(crate) async fn read_at<T: DeserializeOwned>(
        &self,
        call: &Call,
        path: &str,
        operation: &'static str,
        query: &[(&str, &str)],
    ) -> Result<T> {
        let mut request = self.get(call, path, operation).await?;
        for (key, value) in query {
            request = request.query(key, value);
        }
        request.read(call).await
    }

    /// Who we are: 401 without a valid credential, also where anonymous access is allowed.
    pub(crate) async fn myself(&self, call: &Call) -> Result<()> {
        self.read_at::<Value>(call, "myself", "jira.myself", &[]).await.map(drop)
    }

    /// Which of these permissions we have in a project.
    pub(crate) async fn has_permissions(
        &self,
        call: &Call,
        project: &str,
        permissions: &[&str],
    ) -> Result<Vec<bool>> {
        let names = permissions.join(",");
        let query = [("projectKey", project), ("permissions", names.as_str())];
        let answer: Value =
            self.read_at(call, "mypermissions", "jira.mypermissions", &query).await?;
        let have = |p: &&str| {
            answer.pointer(&format!("/permissions/{p}/havePermission")) == Some(&Value::Bool(true))
        };
        Ok(permissions.iter().map(have).collect())
    }

    pub(crate) async fn create(&self, call: &Call, issue: &NewIssue<'_>) -> Result<Created> {
        let request =
            self.write(call, Method::POST, "issue", "jira.create", Repeat::Forbidden).await?;
        request.json(issue).read(call).await
    }

    pub(crate) async fn read(&self, call: &Call, id: &str, fields: &[&str]) -> Result<Issue> {
        let fields = fields.join(",");
        let query = [("fields", fields.as_str()), ("properties", PROPERTY)];
        self.read_at(call, &format!("issue/{id}"), "jira.read", &query).await
    }

    /// The issues that carry the key, oldest first, in every project that we may see.
    pub(crate) async fn find(&self, call: &Call, key: &TicketKey) -> Result<Vec<Issue>> {
        let jql = format!("labels = {} ORDER BY created ASC", quoted(key.as_str()));
        let mut issues = match self.found(call).await?.flavor {
            Flavor::Cloud => self.find_by_token(call, &jql).await?,
            Flavor::DataCenter => self.find_by_position(call, &jql).await?,
        };
        issues.retain(|issue| has_key(issue, key));
        Ok(issues)
    }

    async fn find_by_token(&self, call: &Call, jql: &str) -> Result<Vec<Issue>> {
        let (mut found, mut token) = (Vec::new(), None::<String>);
        for _ in 0..MOST_PAGES {
            let body = ByToken {
                jql,
                fields: &FIND_FIELDS,
                properties: [PROPERTY],
                max_results: 50,
                next_page_token: token.as_deref(),
            };
            let page = self.find_page(call, "search/jql", &body).await?;
            found.extend(page.issues);
            match page.next_page_token {
                None => return Ok(found),
                Some(next) if token.as_ref() == Some(&next) => break,
                Some(next) => token = Some(next),
            }
        }
        Err(endless("jira.find"))
    }

    async fn find_by_position(&self, call: &Call, jql: &str) -> Result<Vec<Issue>> {
        let mut found = Vec::new();
        for _ in 0..MOST_PAGES {
            let start_at = found.len() as u64;
            let body = ByPosition { jql, fields: &FIND_FIELDS, max_results: 50, start_at };
            let page = self.find_page(call, "search", &body).await?;
            // A server may give fewer than asked: the next page begins where this one ended.
            let got = page.issues.len() as u64;
            found.extend(page.issues);
            if got == 0 || start_at + got >= page.total {
                return Ok(found);
            }
        }
        Err(endless("jira.find"))
    }

    async fn find_page(
        &self,
        call: &Call,
        path: &str,
        body: &impl Serialize,
    ) -> Result<SearchPage> {
        let request = self.write(call, Method::POST, path, "jira.find", Repeat::Harmless).await?;
        request.json(body).read(call).await
    }

    /// The texts of all comments, the newest first.
    pub(crate) async fn comments(&self, call: &Call, id: &str) -> Result<Vec<Value>> {
        let path = format!("issue/{id}/comment");
        let mut bodies = Vec::new();
        for _ in 0..MOST_PAGES {
            let start = bodies.len().to_string();
            let query =
                [("startAt", start.as_str()), ("maxResults", "100"), ("orderBy", "-created")];
            let page: CommentPage = self.read_at(call, &path, "jira.comments", &query).await?;
            let got = page.comments.len();
            bodies.extend(page.comments.into_iter().map(|c| c.body));
            if got == 0 || page.start_at + got as u64 >= page.total {
                return Ok(bodies);
            }
        }
        Err(endless("jira.comments"))
    }

    pub(crate) async fn add_comment(
        &self,
        call: &Call,
        id: &str,
        comment: &NewComment<'_>,
    ) -> Result<()> {
        let path = format!("issue/{id}/comment");
        let request =
            self.write(call, Method::POST, &path, "jira.comment", Repeat::Forbidden).await?;
        request.json(comment).read::<Value>(call).await.map(drop)
    }

    /// Sets fields; the same again changes nothing.
    pub(crate) async fn edit(&self, call: &Call, id: &str, body: &Value) -> Result<()> {
        let path = format!("issue/{id}");
        let request = self.write(call, Method::PUT, &path, "jira.edit", Repeat::Harmless).await?;
        empty(request.json(body), call).await
    }

    /// The steps from where the issue is. None at all may be a lack of permission.
    pub(crate) async fn transitions(&self, call: &Call, id: &str) -> Result<Vec<Transition>> {
        let path = format!("issue/{id}/transitions");
        let query = [("expand", "transitions.fields")];
        let told: Transitions = self.read_at(call, &path, "jira.transitions", &query).await?;
        Ok(told.transitions)
    }

    pub(crate) async fn take(&self, call: &Call, id: &str, body: &Value) -> Result<()> {
        let path = format!("issue/{id}/transitions");
        let request =
            self.write(call, Method::POST, &path, "jira.transition", Repeat::Forbidden).await?;
        empty(request.json(body), call).await
    }

    /// Ties two issues. A link that is there already is taken and changes nothing.
    pub(crate) async fn link(&self, call: &Call, body: &Value) -> Result<()> {
        let request =
            self.write(call, Method::POST, "issueLink", "jira.link", Repeat::Harmless).await?;
        empty(request.json(body), call).await
    }

    /// What the site takes of files; asked once.
    pub(crate) async fn uploads(&self, call: &Call) -> Result<AttachmentMeta> {
        if let Some(known) = self.uploads.get() {
            return Ok(*known);
        }
        let told = self.read_at(call, "attachment/meta", "jira.attachment_meta", &[]).await;
        let told = told.map_err(not_sent)?;
        Ok(*self.uploads.get_or_init(|| told))
    }

    pub(crate) async fn attach(&self, call: &Call, id: &str, file: &Attachment) -> Result<()> {
        let path = format!("issue/{id}/attachments");
        let (name, kind) = (file.name.as_str(), file.content_type.as_str());
        let form = Form::new().file("file", name, kind, file.bytes.clone());
        let request =
            self.write(call, Method::POST, &path, "jira.attach", Repeat::Forbidden).await?;
        request.multipart(&form).read::<Vec<Value>>(call).await.map(drop)
    }

    /// Who claimed a key in a project, if anybody did.
    pub(crate) async fn claimed(
        &self,
        call: &Call,
        project: &str,
        key: &TicketKey,
    ) -> Result<Option<String>> {
        match self.read_at::<HeldProperty>(call, &claim(project, key), "jira.claimed", &[]).await {
            Ok(held) => Ok(Some(held.value.owner)),
            Err(e) if e.kind() == Kind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Claims a key; whether nobody had. Not repeated by itself: the second would find the first.
    pub(crate) async fn set_claim(
        &self,
        call: &Call,
        project: &str,
        key: &TicketKey,
        owner: &str,
    ) -> Result<bool> {
        let path = claim(project, key);
        let request = self.write(call, Method::PUT, &path, "jira.claim", Repeat::Forbidden).await?;
        let body = Claimed { owner: owner.to_owned(), v: 1 };
        Ok(request.json(&body).send(call).await?.status.as_u16() == 201)
    }
}

fn claim(project: &str, key: &TicketKey) -> String {
    format!("project/{}/properties/watchfloor.{}", segment(project), segment(key.as_str()))
}

/// Errors in words that people of any language can look up.
fn words(request: Request) -> Request {
    request.header("accept-language", "en")
}

/// A success without a body; one with a page in it comes from something else.
async fn empty(request: Request, call: &Call) -> Result<()> {
    let answer = request.header("accept", "application/json").send(call).await?;
    if answer.body.trim_ascii_start().starts_with(b"<") {
        return Err(Error::new(Kind::Protocol, "a page answered in the place of Jira")
            .with_outcome(Outcome::Unknown));
    }
    Ok(())
}

/// What is asked before anything is done has done nothing.
pub(crate) fn not_sent(e: Error) -> Error {
    e.with_outcome(Outcome::NotSent)
}

pub(crate) fn endless(operation: &'static str) -> Error {
    Error::new(Kind::Protocol, "the pages do not end").with_operation(operation)
}

/// A link of a type from the younger of two issues to the one that is kept, by id or key.
pub(crate) fn duplicate(link: &str, younger: &str, kept: &str) -> Value {
    let end = |id: &str| {
        let number = id.bytes().all(|b| b.is_ascii_digit());
        if number { json!({ "id": id }) } else { json!({ "key": id }) }
    };
    json!({ "type": { "name": link }, "inwardIssue": end(younger), "outwardIssue": end(kept) })
}

/// A JQL string. Ticket keys need no escape; it costs nothing to be sure.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    #[test]
    fn t21_jql_strings_end_where_they_should() {
        assert_eq!(super::quoted(r#"a" OR "1"="1\"#), r#""a\" OR \"1\"=\"1\\""#);
    }
}
