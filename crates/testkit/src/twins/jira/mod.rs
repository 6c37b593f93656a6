//! Jira Cloud, REST v3.

mod document;
mod issue;
mod jql;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use watchfloor_core::Clock;

use crate::{Answer, Fault, Request, Twin};

use document::{bad_document, plain};
pub use issue::HeldIssue;
use issue::Issue;
use jql::Jql;

/// The most characters of a text.
const MAX_TEXT: usize = 32_767;

const TOO_LONG: &str =
    "The entered text is too long. It exceeds the allowed limit of 32,767 characters.";

/// What an issue may be created with.
const FIELDS: &[&str] =
    &["components", "description", "issuetype", "labels", "priority", "project", "summary"];

/// A site with two projects of which one user may do everything.
#[derive(Debug)]
pub struct Jira {
    clock: Arc<dyn Clock>,
    authorization: String,
    projects: Vec<(String, Vec<String>)>,
    /// How many look-ups do not see a new issue.
    lag: u64,
    /// The most issues on a page, whatever is asked for.
    page: usize,
    /// Fields that are not on the project's screen.
    absent: Vec<String>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    expired: bool,
    forbidden: bool,
    issues: Vec<Issue>,
    searches: u64,
}

impl Jira {
    /// A site that accepts this `Authorization` header: `Basic …` of address and API token.
    pub fn new(clock: Arc<dyn Clock>, authorization: &str) -> Self {
        Self {
            clock,
            authorization: authorization.to_owned(),
            projects: Vec::new(),
            lag: 0,
            page: 5000,
            absent: Vec::new(),
            state: Mutex::default(),
        }
    }

    /// With a project and its components.
    pub fn project(mut self, key: &str, components: &[&str]) -> Self {
        let components = components.iter().map(|c| (*c).to_owned()).collect();
        self.projects.push((key.to_owned(), components));
        self
    }

    /// With a search that does not see a new issue for so many searches.
    pub fn search_lag(mut self, searches: u64) -> Self {
        self.lag = searches;
        self
    }

    /// With a search whose pages hold so many issues at most, though there are more.
    pub fn page(mut self, issues: usize) -> Self {
        self.page = issues;
        self
    }

    /// With a field that is not on the screen: an issue cannot be created with it.
    pub fn without_field(mut self, field: &str) -> Self {
        self.absent.push(field.to_owned());
        self
    }

    /// Takes the user's permissions away.
    pub fn forbid(&self) {
        self.lock().forbidden = true;
    }

    /// Every issue, in the order in which they were created.
    pub fn held(&self) -> Vec<HeldIssue> {
        self.lock().issues.iter().map(|i| i.held.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the answer is for the user; else it is for an anonymous visitor.
    fn knows(&self, request: &Request) -> bool {
        request.header("authorization") == Some(&self.authorization) && !self.lock().expired
    }

    fn create(&self, request: &Request) -> Answer {
        let Some(body) = request.json() else {
            return errors(400, "There was an error parsing JSON.", &[]);
        };
        let fields = &body["fields"];
        if let Some(refused) = self.refuse_fields(fields) {
            return refused;
        }
        let mut state = self.lock();
        let project = text(&fields["project"]["key"]);
        let number = state.issues.iter().filter(|i| i.held.project == project).count() + 1;
        let id = (10_000 + state.issues.len()).to_string();
        let key = format!("{project}-{number}");
        let held = HeldIssue {
            id: id.clone(),
            key: key.clone(),
            project,
            issue_type: text(&fields["issuetype"]["name"]),
            components: names(&fields["components"], Some("name")),
            labels: names(&fields["labels"], None),
            priority: fields["priority"]["name"].as_str().map(str::to_owned),
            summary: text(&fields["summary"]),
            description: plain(&fields["description"]),
            comments: Vec::new(),
        };
        let properties = body["properties"].as_array().into_iter().flatten();
        let issue = Issue {
            held,
            created: self.clock.now(),
            description: fields["description"].clone(),
            properties: properties.map(|p| (text(&p["key"]), p["value"].clone())).collect(),
            comments: Vec::new(),
            visible_from: state.searches + self.lag,
        };
        state.issues.push(issue);
        let link = format!("https://twin.example/rest/api/3/issue/{id}");
        Answer::json(201, &json!({ "id": id, "key": key, "self": link }))
    }

    /// What is wrong with the fields of a new issue.
    fn refuse_fields(&self, fields: &Value) -> Option<Answer> {
        let refuse = |field: &str, why: &str| Some(errors(400, "", &[(field, why)]));
        let known = |f: &&String| FIELDS.contains(&f.as_str()) && !self.absent.contains(f);
        let mut given = fields.as_object().into_iter().flat_map(Map::keys);
        if let Some(field) = given.find(|f| !known(f)) {
            let why = format!(
                "Field '{field}' cannot be set. It is not on the appropriate screen, or unknown."
            );
            return refuse(field, &why);
        }
        let project = text(&fields["project"]["key"]);
        let Some((_, components)) = self.projects.iter().find(|(key, _)| *key == project) else {
            return refuse("project", "valid project is required");
        };
        let wanted = names(&fields["components"], Some("name"));
        if let Some(missing) = wanted.iter().find(|c| !components.contains(c)) {
            return refuse("components", &format!("Component name '{missing}' is not valid"));
        }
        let summary = text(&fields["summary"]);
        if summary.is_empty() || summary.contains('\n') || summary.chars().count() > 255 {
            return refuse("summary", "You must specify a summary of the issue.");
        }
        let description = &fields["description"];
        if !description.is_null() && description["type"] != "doc" {
            let why = "Operation value must be an Atlassian Document (see the Atlassian Document \
                       Format)";
            return refuse("description", why);
        }
        if let Some(why) = bad_document(description) {
            return Some(errors(400, why, &[]));
        }
        if plain(description).chars().count() > MAX_TEXT {
            return refuse("description", TOO_LONG);
        }
        if text(&fields["issuetype"]["name"]).is_empty() {
            return refuse("issuetype", "Specify an issue type");
        }
        let labels = names(&fields["labels"], None);
        if labels.iter().any(|l| l.contains(char::is_whitespace) || l.chars().count() > 255) {
            return refuse("labels", "The label contains spaces which is invalid.");
        }
        None
    }

    fn search(&self, request: &Request, anonymous: bool) -> Answer {
        let body = request.json().unwrap_or_default();
        let allowed = [
            "jql",
            "fields",
            "maxResults",
            "nextPageToken",
            "properties",
            "reconcileIssues",
            "expand",
            "fieldsByKeys",
        ];
        if body.as_object().is_none_or(|b| b.keys().any(|k| !allowed.contains(&k.as_str()))) {
            let why = "Invalid request payload. Refer to the REST API documentation and try again.";
            return errors(400, why, &[]);
        }
        let Some(jql) = Jql::read(body["jql"].as_str().unwrap_or_default()) else {
            return errors(400, "Error in the JQL Query.", &[]);
        };
        if jql.clauses.is_empty() {
            let why = "Unbounded JQL queries are not allowed here. Please add a search restriction \
                       to your query.";
            return errors(400, why, &[]);
        }
        let mut state = self.lock();
        state.searches += 1;
        let now = state.searches;
        // Ids that are named are seen as they are, however far the index lags.
        let named: Vec<String> = body["reconcileIssues"]
            .as_array()
            .into_iter()
            .flatten()
            .map(Value::to_string)
            .collect();
        let seen = |i: &&Issue| !anonymous && (i.visible_from < now || named.contains(&i.held.id));
        let mut found: Vec<_> =
            state.issues.iter().filter(seen).filter(|i| i.matches(&jql)).collect();
        if jql.descending {
            found.reverse();
        }
        let start: usize = body["nextPageToken"].as_str().and_then(|t| t.parse().ok()).unwrap_or(0);
        let most = body["maxResults"].as_u64().unwrap_or(50).min(self.page as u64) as usize;
        let fields: Vec<&str> =
            body["fields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let page: Vec<_> = found
            .iter()
            .skip(start)
            .take(most)
            .map(|i| i.json(&fields, &body["properties"]))
            .collect();
        let next = start + page.len();
        let mut answer = json!({ "issues": page, "isLast": next >= found.len() });
        if next < found.len() {
            answer["nextPageToken"] = json!(next.to_string());
        }
        Answer::json(200, &answer)
    }

    fn issue(&self, request: &Request, id: &str, rest: &str) -> Answer {
        let now = self.clock.now();
        let mut state = self.lock();
        let Some(issue) = state.issues.iter_mut().find(|i| i.held.id == id || i.held.key == id)
        else {
            return not_there();
        };
        match (rest, request.method.as_str()) {
            ("", "GET") => {
                let fields = request.param("fields").unwrap_or_else(|| "*all".to_owned());
                let properties =
                    request.param("properties").map(|p| json!(p.split(',').collect::<Vec<_>>()));
                let fields: Vec<_> = fields.split(',').collect();
                Answer::json(200, &issue.json(&fields, &properties.unwrap_or_default()))
            }
            ("comment", "GET") => issue.comments(request),
            ("comment", "POST") => issue.comment(request, now),
            _ => errors(405, "Method not allowed", &[]),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The texts of a list, or of a member of its items.
fn names(list: &Value, member: Option<&str>) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.map(|item| text(member.map_or(item, |m| &item[m]))).collect()
}

fn not_there() -> Answer {
    errors(404, "Issue does not exist or you do not have permission to see it.", &[])
}

fn server() -> Answer {
    let body = json!({
        "baseUrl": "https://twin.example", "version": "1001.0.0-SNAPSHOT",
        "deploymentType": "Cloud", "serverTitle": "Jira",
    });
    Answer::json(200, &body)
}

fn errors(status: u16, message: &str, fields: &[(&str, &str)]) -> Answer {
    let messages: Vec<_> = Some(message).filter(|m| !m.is_empty()).into_iter().collect();
    let fields: Map<_, _> = fields.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
    Answer::json(status, &json!({ "errorMessages": messages, "errors": fields }))
}

impl Twin for Jira {
    fn operation(&self, request: &Request) -> &'static str {
        let segments = request.segments();
        let path: Vec<_> = segments.iter().map(String::as_str).collect();
        match (&path[..], request.method.as_str()) {
            (["rest", "api", "3", "issue"], "POST") => "create",
            (["rest", "api", "3", "search", "jql"], "POST") => "search",
            (["rest", "api", "3", "issue", _], "GET") => "read",
            (["rest", "api", "3", "issue", _, "comment"], "GET") => "comments",
            (["rest", "api", "3", "issue", _, "comment"], "POST") => "comment",
            (["rest", "api", "2" | "3", "search"], _) => "removed",
            (["rest", "api", "2" | "3", "serverInfo"], "GET") => "server",
            (["rest", "api", "3", "myself"], "GET") => "myself",
            (["rest", "api", "3", "mypermissions"], "GET") => "permissions",
            _ => "unknown",
        }
    }

    fn handle(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        if matches!(fault, Some(Fault::ExpireCredential)) {
            self.lock().expired = true;
        }
        let operation = self.operation(request);
        if !self.knows(request) {
            // Most operations allow anonymous access: the answer is a 200 with nothing in it.
            let answer = match operation {
                "search" => self.search(request, true),
                "server" => server(),
                "myself" | "create" | "comment" => {
                    errors(401, "Client must be authenticated to access this resource.", &[])
                }
                _ => not_there(),
            };
            return answer.header("x-seraph-loginreason", "AUTHENTICATED_FAILED");
        }
        self.answer(operation, request).header("x-aaccountid", "twin")
    }
}

impl Jira {
    fn answer(&self, operation: &str, request: &Request) -> Answer {
        let agent = request.header("user-agent").unwrap_or_default();
        if request.method != "GET" && agent.contains("Mozilla") {
            return Answer::new(403).body("text/plain", "XSRF check failed");
        }
        let segments = request.segments();
        match operation {
            "create" if self.lock().forbidden => {
                errors(403, "You do not have permission to create issues in this project.", &[])
            }
            "create" => self.create(request),
            "search" => self.search(request, false),
            "server" => server(),
            "removed" => {
                let why = "The requested API has been removed. Please migrate to the \
                           /rest/api/3/search/jql API. A full migration guideline is available at \
                           https://developer.atlassian.com/changelog/#CHANGE-2046";
                errors(410, why, &[])
            }
            "read" => self.issue(request, &segments[4], ""),
            "comments" | "comment" => self.issue(request, &segments[4], "comment"),
            "myself" => Answer::json(
                200,
                &json!({ "accountId": "twin", "emailAddress": "twin@twin.example" }),
            ),
            "permissions" => {
                let have = !self.lock().forbidden;
                let names = request.param("permissions").unwrap_or_default();
                let project = request.param("projectKey").unwrap_or_default();
                if !self.projects.iter().any(|(key, _)| *key == project) {
                    return errors(
                        404,
                        &format!("No project could be found with key '{project}'."),
                        &[],
                    );
                }
                let permissions: Map<_, _> = names
                    .split(',')
                    .map(|n| (n.to_owned(), json!({ "key": n, "havePermission": have })))
                    .collect();
                Answer::json(200, &json!({ "permissions": permissions }))
            }
            _ => Answer::new(404).body("text/html", "<html>Oops, you've found a dead link.</html>"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::TestClock;

    fn site() -> Jira {
        let clock = TestClock::at("2026-11-24T08:00:00Z".parse().unwrap());
        Jira::new(Arc::new(clock), "Basic b").project("SEC", &["orders"]).project("SHOP", &[])
    }

    fn ask(site: &Jira, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let headers = [("authorization", "Basic b")];
        let request = Request::of(method, path, &headers, body.to_string().into());
        let answer = site.handle(&request, None);
        (answer.status(), serde_json::from_slice(answer.bytes()).unwrap_or_default())
    }

    fn doc(text: &str) -> Value {
        let paragraph =
            json!({ "type": "paragraph", "content": [{ "type": "text", "text": text }] });
        json!({ "type": "doc", "version": 1, "content": [paragraph] })
    }

    fn open(site: &Jira, label: &str, more: &Value) -> (u16, Value) {
        let mut fields = json!({
            "project": { "key": "SEC" }, "issuetype": { "name": "Task" }, "summary": label,
            "labels": [label], "priority": { "name": "High" }, "description": doc("text"),
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            fields[name] = value.clone();
        }
        let properties = json!([{ "key": "watchfloor", "value": { "key": label } }]);
        let body = json!({ "fields": fields, "properties": properties });
        ask(site, "POST", "/rest/api/3/issue", &body)
    }

    fn found(site: &Jira, search: &Value) -> Vec<String> {
        let (status, body) = ask(site, "POST", "/rest/api/3/search/jql", search);
        assert_eq!(status, 200, "{body}");
        let issues = body["issues"].as_array().unwrap().iter();
        issues.map(|i| i["id"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_index_lags_and_an_id_is_seen_through_it() {
        let site = site().search_lag(2);
        assert_eq!(open(&site, "wf-1", &Value::Null).0, 201);
        let jql = json!({ "jql": "labels = \"wf-1\"" });
        let named = json!({ "jql": "labels = \"wf-1\"", "reconcileIssues": [10_000] });
        assert_eq!(found(&site, &jql), [""; 0]);
        assert_eq!(found(&site, &named), ["10000"]);
        assert_eq!(found(&site, &jql), ["10000"]);
        let path = "/rest/api/3/issue/SEC-1?fields=labels,priority&properties=watchfloor";
        let (_, issue) = ask(&site, "GET", path, &Value::Null);
        assert_eq!(issue["fields"], json!({ "labels": ["wf-1"], "priority": { "name": "High" } }));
        assert_eq!(issue["properties"]["watchfloor"]["key"], "wf-1");
    }

    #[test]
    fn pages_are_followed_by_their_token() {
        let site = site().page(2);
        for n in 0..7 {
            open(&site, &format!("l{n}"), &Value::Null);
        }
        let mut search = json!({ "jql": "project = SEC ORDER BY created DESC", "maxResults": 5 });
        let (mut ids, mut pages) = (Vec::new(), 0);
        loop {
            let (_, body) = ask(&site, "POST", "/rest/api/3/search/jql", &search);
            let issues = body["issues"].as_array().unwrap();
            ids.extend(issues.iter().map(|i| i["id"].as_str().unwrap().to_owned()));
            pages += 1;
            if body["isLast"] == true {
                assert_eq!(body.get("nextPageToken"), None);
                break;
            }
            search["nextPageToken"] = body["nextPageToken"].clone();
        }
        assert_eq!((pages, ids.first().unwrap().as_str(), ids.len()), (4, "10006", 7));
    }

    #[test]
    fn a_field_that_is_wrong_is_named() {
        let site = site().without_field("labels");
        let cases = [(json!({}), "labels"), (json!({ "customfield_1": 1 }), "customfield_1")];
        for (more, field) in cases {
            let (status, body) = open(&site, "l", &more);
            assert_eq!((status, body["errors"].get(field).is_some()), (400, true), "{body}");
        }
        let site = self::site();
        let long = doc(&"x".repeat(32_768));
        for (more, field) in [
            (json!({ "project": { "key": "NO" } }), "project"),
            (json!({ "components": [{ "name": "no" }] }), "components"),
            (json!({ "summary": "a\nb" }), "summary"),
            (json!({ "description": "text" }), "description"),
            (json!({ "description": long }), "description"),
            (json!({ "labels": ["a b"] }), "labels"),
        ] {
            let (status, body) = open(&site, "l", &more);
            assert_eq!((status, body["errors"].get(field).is_some()), (400, true), "{body}");
        }
        assert_eq!(
            open(&site, "l", &json!({ "description": doc("a\nb") })).1["errorMessages"][0],
            "INVALID_INPUT"
        );
        assert!(site.held().is_empty());
    }

    #[test]
    fn comments_are_shown_as_they_came() {
        let site = site();
        open(&site, "l", &Value::Null);
        let path = "/rest/api/3/issue/SEC-1/comment";
        for text in ["one", "two"] {
            let property = json!({ "key": "watchfloor", "value": { "event": text } });
            let body = json!({ "body": doc(text), "properties": [property] });
            assert_eq!(ask(&site, "POST", path, &body).0, 201);
        }
        let (_, all) =
            ask(&site, "GET", &format!("{path}?orderBy=-created&maxResults=1"), &Value::Null);
        assert_eq!((&all["total"], &all["comments"][0]["body"]), (&json!(2), &doc("two")));
        assert_eq!(all["comments"][0].get("properties"), None);
        let (_, all) = ask(&site, "GET", &format!("{path}?expand=properties"), &Value::Null);
        assert_eq!(all["comments"][0]["properties"][0]["value"]["event"], "one");
        assert_eq!(site.held()[0].comments, ["one", "two"]);
    }

    #[test]
    fn t28_an_expired_token_finds_nothing_with_a_200() {
        let site = site();
        open(&site, "wf-1", &Value::Null);
        let jql = json!({ "jql": "labels = \"wf-1\"" });
        let headers = [("authorization", "Basic b")];
        let request =
            Request::of("POST", "/rest/api/3/search/jql", &headers, jql.to_string().into());
        let good = site.handle(&request, None);
        assert!(good.headers().contains_key("x-aaccountid"));
        let answer = site.handle(&request, Some(&Fault::ExpireCredential));
        let body: Value = serde_json::from_slice(answer.bytes()).unwrap();
        assert_eq!((answer.status(), body), (200, json!({ "issues": [], "isLast": true })));
        assert_eq!(answer.header_text("x-seraph-loginreason"), Some("AUTHENTICATED_FAILED"));
        assert_eq!(ask(&site, "GET", "/rest/api/3/myself", &Value::Null).0, 401);
        assert_eq!(
            ask(&site, "GET", "/rest/api/2/serverInfo", &Value::Null).1["deploymentType"],
            "Cloud"
        );
    }

    #[test]
    fn what_is_no_search_is_refused() {
        let site = site();
        let search = |body: Value| ask(&site, "POST", "/rest/api/3/search/jql", &body).0;
        assert_eq!(search(json!({ "jql": "ORDER BY created" })), 400);
        assert_eq!(search(json!({ "jql": "labels = \"open" })), 400);
        assert_eq!(search(json!({ "jql": "labels = l", "startAt": 0 })), 400);
        assert_eq!(
            ask(&site, "POST", "/rest/api/3/search", &json!({ "jql": "labels = l" })).0,
            410
        );
    }
}
