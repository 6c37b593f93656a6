//! The calls, one request each (a search and a comment list: one request a page).

use serde_json::Value;
use watchfloor_core::{Call, Error, Health, Kind, Result, TicketKey};
use watchfloor_http::{Client, Repeat};

use crate::map::{TICKET_FIELDS, has_key};
use crate::wire::{
    CommentPage, Created, Issue, NewComment, NewIssue, PROPERTY, SearchPage, SearchRequest,
};

/// Pages of one look-up or comment list. A key has one issue, or a few by accident; comments come
/// 100 a page.
const MOST_PAGES: usize = 50;

#[derive(Debug)]
pub(crate) struct Site {
    http: Client,
}

impl Site {
    pub(crate) fn new(http: Client) -> Self {
        Self { http }
    }

    /// A check's health with what the connection showed.
    pub(crate) fn health(&self, found: Health) -> Health {
        self.http.health(found)
    }

    /// Who we are: 401 without a valid credential, also where anonymous access is allowed.
    pub(crate) async fn myself(&self, call: &Call) -> Result<()> {
        self.http.get("rest/api/3/myself", "jira.myself").read::<Value>(call).await.map(drop)
    }

    /// Which of these permissions we have in a project.
    pub(crate) async fn has_permissions(
        &self,
        call: &Call,
        project: &str,
        permissions: &[&str],
    ) -> Result<Vec<bool>> {
        let answer: Value = self
            .http
            .get("rest/api/3/mypermissions", "jira.mypermissions")
            .query("projectKey", project)
            .query("permissions", &permissions.join(","))
            .read(call)
            .await?;
        let have = |p: &&str| {
            answer.pointer(&format!("/permissions/{p}/havePermission")) == Some(&Value::Bool(true))
        };
        Ok(permissions.iter().map(have).collect())
    }

    pub(crate) async fn create(&self, call: &Call, issue: &NewIssue<'_>) -> Result<Created> {
        self.http
            .post("rest/api/3/issue", "jira.create", Repeat::Forbidden)
            .json(issue)
            .read(call)
            .await
    }

    pub(crate) async fn read(&self, call: &Call, id: &str) -> Result<Issue> {
        self.http
            .get(&format!("rest/api/3/issue/{id}"), "jira.read")
            .query("fields", &TICKET_FIELDS.join(","))
            .query("properties", PROPERTY)
            .read(call)
            .await
    }

    /// The issues that carry the key, oldest first, in every project that we may see.
    pub(crate) async fn find(&self, call: &Call, key: &TicketKey) -> Result<Vec<Issue>> {
        let jql = format!("labels = {} ORDER BY created ASC", quoted(key.as_str()));
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let page: SearchPage = self
                .http
                .post("rest/api/3/search/jql", "jira.find", Repeat::Harmless)
                .json(&SearchRequest {
                    jql: &jql,
                    fields: &TICKET_FIELDS,
                    properties: [PROPERTY],
                    max_results: 50,
                    next_page_token: token.as_deref(),
                })
                .read(call)
                .await?;
            found.extend(page.issues.into_iter().filter(|issue| has_key(issue, key)));
            match page.next_page_token {
                None => return Ok(found),
                Some(next) if token.as_ref() == Some(&next) => break,
                Some(next) => token = Some(next),
            }
        }
        Err(endless("jira.find"))
    }

    pub(crate) async fn comments(&self, call: &Call, id: &str) -> Result<Vec<Value>> {
        let mut bodies = Vec::new();
        for _ in 0..MOST_PAGES {
            let start = bodies.len();
            let page: CommentPage = self
                .http
                .get(&format!("rest/api/3/issue/{id}/comment"), "jira.comments")
                .query("startAt", &start.to_string())
                .query("maxResults", "100")
                .query("orderBy", "-created")
                .read(call)
                .await?;
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
        self.http
            .post(&format!("rest/api/3/issue/{id}/comment"), "jira.comment", Repeat::Forbidden)
            .json(comment)
            .read::<Value>(call)
            .await
            .map(drop)
    }
}

fn endless(operation: &'static str) -> Error {
    Error::new(Kind::Protocol, "the pages do not end").with_operation(operation)
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
