//! Jira: Cloud (REST v3 and v2) and Data Center (REST v2).

mod ask;
mod create;
mod document;
mod edit;
mod files;
mod issue;
mod jql;
mod links;
mod markup;
mod people;
mod search;
#[cfg(test)]
mod tests;
mod workflow;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use watchfloor_core::{Clock, Timestamp};

use crate::{Answer, Fault, Request, Twin};

use ask::Ask;
pub use issue::HeldIssue;
use issue::Issue;
use people::User;
pub use workflow::Workflow;

/// A site of one user, who may do everything unless it is taken away.
#[derive(Debug)]
pub struct Jira {
    clock: Arc<dyn Clock>,
    cloud: bool,
    /// What stands before `/rest` in every path.
    context: String,
    authorization: String,
    projects: Vec<Project>,
    users: Vec<User>,
    /// The most issues on a page, whatever is asked for.
    page: usize,
    /// Fields that are not on the project's screen.
    absent: Vec<String>,
    /// Fields that a new issue must have.
    demanded: Vec<String>,
    text_limit: usize,
    upload_limit: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct Project {
    key: String,
    components: Vec<String>,
    /// Permissions that the user has not, in the words of `mypermissions`.
    denied: Vec<String>,
}

#[derive(Debug, Default)]
struct State {
    expired: bool,
    forbidden: bool,
    /// Failed logins one after the other, and whether a CAPTCHA is due.
    failed_logins: u32,
    captcha: bool,
    issues: Vec<Issue>,
    searches: u64,
    lag: u64,
    workflow: Workflow,
    ignores_conditions: bool,
    drops_summary: bool,
    drops_steps: bool,
    per_issue_limit: bool,
    /// By project and name.
    project_properties: BTreeMap<(String, String), Value>,
}

impl Jira {
    /// A Cloud site that accepts this `Authorization` header: `Basic …` of address and API token.
    pub fn new(clock: Arc<dyn Clock>, authorization: &str) -> Self {
        Self {
            clock,
            cloud: true,
            context: String::new(),
            authorization: authorization.to_owned(),
            projects: Vec::new(),
            users: vec![User::new("twin", "Twin", "twin@twin.example")],
            page: 5000,
            absent: Vec::new(),
            demanded: Vec::new(),
            text_limit: 32_767,
            upload_limit: 10_000_000,
            state: Mutex::default(),
        }
    }

    /// A Data Center that accepts this header: `Bearer …` of a token, or `Basic …` of a user.
    pub fn data_center(clock: Arc<dyn Clock>, authorization: &str) -> Self {
        Self { cloud: false, ..Self::new(clock, authorization) }
    }

    /// Below a path, such as `/jira`, or `/ex/jira/CLOUD-ID` for the gateway of scoped tokens, which
    /// refuses a credential in its own words.
    pub fn context(mut self, path: &str) -> Self {
        path.clone_into(&mut self.context);
        self
    }

    /// With a project and its components.
    pub fn project(mut self, key: &str, components: &[&str]) -> Self {
        let components = components.iter().map(|c| (*c).to_owned()).collect();
        self.projects.push(Project { key: key.to_owned(), components, denied: Vec::new() });
        self
    }

    /// Without a permission in a project, in the words of `mypermissions`: `CREATE_ISSUES` …
    pub fn without_permission(mut self, project: &str, permission: &str) -> Self {
        for own in self.projects.iter_mut().filter(|p| p.key == project) {
            own.denied.push(permission.to_owned());
        }
        self
    }

    /// With one more user: `accountId` on Cloud and name on Data Center, the name that people see,
    /// and the address.
    pub fn user(mut self, id: &str, name: &str, address: &str) -> Self {
        self.users.push(User::new(id, name, address));
        self
    }

    /// With a search that does not see a new issue for so many searches.
    pub fn search_lag(self, searches: u64) -> Self {
        self.lag(searches);
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

    /// With a field of text that a new issue must have: `customfield_10050`.
    pub fn demanded_field(mut self, field: &str) -> Self {
        self.demanded.push(field.to_owned());
        self
    }

    /// With another limit of its texts, in characters.
    pub fn text_limit(mut self, characters: usize) -> Self {
        self.text_limit = characters;
        self
    }

    /// With another limit of its files, in bytes.
    pub fn upload_limit(mut self, bytes: usize) -> Self {
        self.upload_limit = bytes;
        self
    }

    /// With the limit of 20 writes to one issue in two seconds.
    pub fn per_issue_limit(self) -> Self {
        self.lock().per_issue_limit = true;
        self
    }

    /// With another workflow.
    pub fn workflow(self, workflow: Workflow) -> Self {
        self.works_by(workflow);
        self
    }

    /// From now on with this workflow.
    pub fn works_by(&self, workflow: Workflow) {
        self.lock().workflow = workflow;
    }

    /// From now on a new issue is not seen for so many searches.
    pub fn lag(&self, searches: u64) {
        self.lock().lag = searches;
    }

    /// From now on searches find every issue.
    pub fn ignore_conditions(&self) {
        self.lock().ignores_conditions = true;
    }

    /// From now on an edit of the summary is taken and does nothing.
    pub fn drop_summaries(&self) {
        self.lock().drops_summary = true;
    }

    /// From now on a transition is taken and does nothing.
    pub fn drop_steps(&self) {
        self.lock().drops_steps = true;
    }

    /// Takes the user's permissions away.
    pub fn forbid(&self) {
        self.lock().forbidden = true;
    }

    /// Sets or clears an issue's resolution, whatever its status is.
    pub fn resolve(&self, id: &str, resolution: Option<&str>) {
        for issue in self.lock().issues.iter_mut().filter(|i| i.held.id == id) {
            issue.held.resolution = resolution.map(str::to_owned);
        }
    }

    /// Moves an issue to another key; the old one still leads to it.
    pub fn rename(&self, id: &str, key: &str) {
        for issue in self.lock().issues.iter_mut().filter(|i| i.held.id == id) {
            let old = std::mem::replace(&mut issue.held.key, key.to_owned());
            issue.old_keys.push(old);
        }
    }

    /// Makes an issue with this label in the first project, as a person would. Its id.
    pub fn plant(&self, label: &str) -> String {
        let project = self.projects.first().map(|p| p.key.clone()).unwrap_or_default();
        let fields = json!({
            "project": { "key": project }, "issuetype": { "name": "Task" },
            "summary": "by hand", "labels": [label],
        });
        self.make(&mut self.lock(), &fields, &Value::Null)
    }

    /// Every issue, in the order in which they were created.
    pub fn held(&self) -> Vec<HeldIssue> {
        let state = self.lock();
        state.issues.iter().map(|issue| issue.shown(&state.workflow)).collect()
    }

    /// What the site says when a limit is met: `jira-quota-global-based`, `jira-quota-tenant-based`,
    /// `jira-burst-based` or `jira-per-issue-on-write`, with the seconds to wait and the moment at
    /// which it begins anew.
    pub fn limited(reason: &str, seconds: u64, reset: Timestamp) -> Answer {
        errors(429, "Rate limit exceeded.", &[])
            .header("retry-after", seconds.to_string())
            .header("x-ratelimit-limit", "100000")
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-reset", reset.to_string())
            .header("ratelimit-reason", reason)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn may(&self, project: &str, permission: &str) -> bool {
        let own = self.projects.iter().find(|p| p.key == project);
        !self.lock().forbidden && own.is_some_and(|p| !p.denied.iter().any(|d| d == permission))
    }

    /// Whether the answer is for the user; else it is for an anonymous visitor, or for nobody.
    fn login(&self, request: &Request) -> Login {
        let mut state = self.lock();
        let sent = request.header("authorization");
        if !self.cloud && state.captcha && sent.is_some_and(|s| s.starts_with("Basic ")) {
            return Login::Captcha;
        }
        if sent == Some(&self.authorization) && !state.expired {
            state.failed_logins = 0;
            return Login::User;
        }
        if !self.cloud && sent.is_some_and(|s| s.starts_with("Basic ")) {
            state.failed_logins += 1;
            state.captcha = state.failed_logins >= 3;
        }
        Login::Nobody
    }
}

enum Login {
    User,
    Nobody,
    Captcha,
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

fn dead_link() -> Answer {
    Answer::new(404).body("text/html", "<html>Oops, you've found a dead link.</html>")
}

fn errors(status: u16, message: &str, fields: &[(&str, &str)]) -> Answer {
    let messages: Vec<_> = Some(message).filter(|m| !m.is_empty()).into_iter().collect();
    let fields: Map<_, _> = fields.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
    Answer::json(status, &json!({ "errorMessages": messages, "errors": fields }))
}

/// The operation of a path below the version, such as `issue/SEC-1/comment`.
fn operation_of(path: &[&str], method: &str, cloud: bool) -> &'static str {
    match (path, method) {
        (["issue"], "POST") => "create",
        (["issue", "bulk"], "POST") => "bulk",
        (["issue", "createmeta", _, "issuetypes"], "GET") => "types",
        (["issue", "createmeta", _, "issuetypes", _], "GET") => "fields",
        (["issue", _], "GET") => "read",
        (["issue", _], "PUT") => "edit",
        (["issue", _, "assignee"], "PUT") => "assign",
        (["issue", _, "comment"], "GET") => "comments",
        (["issue", _, "comment"], "POST") => "comment",
        (["issue", _, "transitions"], "GET") => "transitions",
        (["issue", _, "transitions"], "POST") => "transition",
        (["issue", _, "attachments"], "POST") => "attach",
        (["issue", _, "remotelink"], "GET") => "remote-links",
        (["issue", _, "remotelink"], "POST") => "remote-link",
        (["issue", _, "properties", _], "GET") => "property",
        (["issue", _, "properties", _], "PUT") => "set-property",
        (["project", _, "properties", _], "GET") => "project-property",
        (["project", _, "properties", _], "PUT") => "set-project-property",
        (["issueLink"], "POST") => "link",
        (["issueLinkType"], "GET") => "link-types",
        (["attachment", "meta"], "GET") => "attachment-meta",
        (["field"], "GET") => "field-names",
        (["search", "jql"], "GET" | "POST") if cloud => "search",
        (["search"], _) if cloud => "removed",
        (["search"], "GET" | "POST") => "search",
        (["serverInfo"], "GET") => "server",
        (["myself"], "GET") => "myself",
        (["mypermissions"], "GET") => "permissions",
        (["user", "search"], "GET") => "users",
        (["user", "assignable", "search"], "GET") => "assignable",
        _ => "unknown",
    }
}

impl Twin for Jira {
    fn operation(&self, request: &Request) -> &'static str {
        Ask::of(self, request).map_or("unknown", |ask| ask.operation)
    }

    fn handle(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        if matches!(fault, Some(Fault::ExpireCredential)) {
            self.lock().expired = true;
        }
        let Some(ask) = Ask::of(self, request) else { return dead_link() };
        match self.login(request) {
            Login::User => self.with_limits(self.answer(&ask)),
            Login::Captcha => {
                let challenge = "CAPTCHA_CHALLENGE; login-url=https://twin.example/login.jsp";
                Answer::new(403)
                    .body("text/html", "<html>Forbidden (403)</html>")
                    .header("x-seraph-loginreason", "AUTHENTICATION_DENIED")
                    .header("x-authentication-denied-reason", challenge)
            }
            Login::Nobody if self.context.starts_with("/ex/") => {
                let body = json!({ "code": 401, "message": "Unauthorized; scope does not match" });
                Answer::json(401, &body)
            }
            Login::Nobody => {
                self.anonymous(&ask).header("x-seraph-loginreason", "AUTHENTICATED_FAILED")
            }
        }
    }
}

impl Jira {
    /// Most operations allow anonymous access: the answer is a 200 with nothing in it.
    fn anonymous(&self, ask: &Ask<'_>) -> Answer {
        match ask.operation {
            "search" => self.search(ask, true),
            "server" => self.server(),
            "read" | "comments" | "transitions" => not_there(),
            _ if self.cloud => {
                errors(401, "Client must be authenticated to access this resource.", &[])
            }
            _ => Answer::new(401).body("text/html", "<html>Unauthorized (401)</html>"),
        }
    }

    /// What every answer says of limits: on Cloud only what is meant for later.
    fn with_limits(&self, answer: Answer) -> Answer {
        if self.cloud {
            return answer
                .header("x-aaccountid", "twin")
                .header("beta-ratelimit-policy", "\"global-app-quota\";q=65000;w=3600")
                .header("beta-ratelimit", "\"global-app-quota\";r=0;t=600")
                .header("beta-retry-after", "50");
        }
        let answer = answer.header("x-ausername", "twin").header("x-ratelimit-limit", "50");
        let answer = answer.header("x-ratelimit-remaining", "49");
        let answer = answer.header("x-ratelimit-interval-seconds", "60");
        let limited = answer.headers().contains_key("retry-after");
        let answer = answer.header("x-ratelimit-fillrate", "10");
        if limited { answer } else { answer.header("retry-after", "0") }
    }

    fn answer(&self, ask: &Ask<'_>) -> Answer {
        let agent = ask.request.header("user-agent").unwrap_or_default();
        if ask.request.method != "GET" && agent.contains("Mozilla") {
            return Answer::new(403).body("text/plain", "XSRF check failed");
        }
        match ask.operation {
            "create" => self.create(ask),
            "bulk" => self.bulk(ask),
            "types" => self.types(ask),
            "fields" => self.fields(ask),
            "search" => self.search(ask, false),
            "server" => self.server(),
            "removed" => {
                let why = "The requested API has been removed. Please migrate to the \
                           /rest/api/3/search/jql API. A full migration guideline is available at \
                           https://developer.atlassian.com/changelog/#CHANGE-2046";
                errors(410, why, &[])
            }
            "field-names" => Self::field_names(),
            "link" => self.link(ask),
            "link-types" => Self::link_types(ask),
            "attachment-meta" => {
                let body = json!({ "enabled": true, "uploadLimit": self.upload_limit });
                Answer::json(200, &body)
            }
            "project-property" | "set-project-property" => self.project_property(ask),
            "myself" => Answer::json(200, &self.users[0].json(self.cloud)),
            "permissions" => self.permissions(ask),
            "users" | "assignable" => self.found_users(ask),
            "unknown" => dead_link(),
            _ => self.on_issue(ask),
        }
    }

    /// What is asked of one issue.
    fn on_issue(&self, ask: &Ask<'_>) -> Answer {
        let id = ask.segment(1);
        let project = {
            let state = self.lock();
            match state.issues.iter().find(|i| i.is(id)) {
                Some(issue) => issue.held.project.clone(),
                None => return not_there(),
            }
        };
        if !self.may(&project, "BROWSE_PROJECTS") {
            return not_there();
        }
        let needed = match ask.operation {
            "edit" | "set-property" => Some("EDIT_ISSUES"),
            "assign" => Some("ASSIGN_ISSUES"),
            "comment" => Some("ADD_COMMENTS"),
            "attach" => Some("CREATE_ATTACHMENTS"),
            "transition" => Some("TRANSITION_ISSUES"),
            "remote-link" => Some("LINK_ISSUES"),
            _ => None,
        };
        if needed.is_some_and(|needed| !self.may(&project, needed)) {
            return errors(403, "You do not have the permission to do this.", &[]);
        }
        let may_move = self.may(&project, "TRANSITION_ISSUES");
        let now = self.clock.now();
        let mut state = self.lock();
        let State { issues, workflow, per_issue_limit, drops_summary, drops_steps, .. } =
            &mut *state;
        let Some(issue) = issues.iter_mut().find(|i| i.is(id)) else { return not_there() };
        if *per_issue_limit && ask.request.method != "GET" && issue.is_busy(now) {
            return Self::limited(
                "jira-per-issue-on-write",
                2,
                now.saturating_add(std::time::Duration::from_secs(2)),
            );
        }
        match ask.operation {
            "read" => issue.read(ask, workflow),
            "edit" => self.edit(issue, ask, *drops_summary),
            "assign" => self.assign(issue, ask),
            "comments" => issue.comments(ask),
            "comment" => issue.comment(ask, now, self.text_limit),
            "transitions" if may_move => workflow.list(issue, ask),
            "transitions" => Answer::json(200, &json!({ "transitions": [] })),
            "transition" => self.transition(issue, workflow, ask, now, *drops_steps),
            "attach" => issue.attach(ask, now, self.upload_limit),
            "remote-links" => issue.remote_links(ask),
            "remote-link" => issue.remote_link(ask),
            "property" | "set-property" => issue.property(ask),
            _ => errors(405, "Method not allowed", &[]),
        }
    }

    fn server(&self) -> Answer {
        let (version, kind) =
            if self.cloud { ("1001.0.0-SNAPSHOT", "Cloud") } else { ("9.12.4", "Server") };
        let numbers: Vec<u64> = version.split(['.', '-']).filter_map(|n| n.parse().ok()).collect();
        let mut body = json!({
            "baseUrl": "https://twin.example", "version": version, "versionNumbers": numbers,
            "deploymentType": kind, "buildNumber": 100_246, "serverTitle": "Jira",
        });
        if self.cloud {
            body["buildDate"] = json!("2026-11-01T00:00:00.000+0000");
            body["serverTime"] = json!("2026-11-24T06:00:00.000+0000");
            body["scmInfo"] = json!("abc");
            body["defaultLocale"] = json!({ "locale": "en_US" });
        }
        Answer::json(200, &body)
    }
}
