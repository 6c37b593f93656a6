//! The calls, one request each.

use watchfloor_core::{Attachment, Call, Error, Health, Kind, Outcome, Result};
use watchfloor_http::{Client, Repeat, Request};

use crate::map::TICKET_FIELDS;
use crate::wire::{Answer, Fields, Record, value};

/// More than any record collects; beyond it the oldest are not read.
const MOST: usize = 1000;

#[derive(Debug)]
pub(crate) struct Instance {
    http: Client,
    table: String,
}

/// Rows that were shown, and how many there are.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) shown: Vec<Record>,
    /// Counted before ACLs; `None` where the instance does not say.
    total: Option<usize>,
}

impl Rows {
    /// How many an ACL hides, of at most `limit`.
    pub(crate) fn hidden(&self, limit: usize) -> usize {
        self.total.map_or(0, |total| total.min(limit).saturating_sub(self.shown.len()))
    }
}

impl Instance {
    pub(crate) fn new(http: Client, table: String) -> Self {
        Self { http, table }
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    fn path(&self, rest: &str) -> String {
        of_table(&self.table, rest)
    }

    /// A check's health with what the connection showed.
    pub(crate) fn health(&self, found: Health) -> Health {
        self.http.health(found)
    }

    /// A list, with the count that its headers tell.
    async fn rows(&self, call: &Call, operation: &'static str, request: Request) -> Result<Rows> {
        let answer = request.header("accept", "application/json").send(call).await?;
        let total = answer.header("x-total-count").and_then(|n| n.trim().parse().ok());
        let read = answer.json::<Answer<Vec<Record>>>();
        let shown = read.map_err(|e| e.with_operation(operation).with_connector(self.http.name()));
        Ok(Rows { shown: shown?.result, total })
    }

    /// Reads one row of a table: what a check can do without an effect.
    pub(crate) async fn probe(&self, call: &Call, table: &str) -> Result<Rows> {
        let request = self.http.get(&of_table(table, ""), "servicenow.check");
        let request = request.query("sysparm_fields", "sys_id").query("sysparm_limit", "1");
        self.rows(call, "servicenow.check", request).await
    }

    pub(crate) async fn create(&self, call: &Call, fields: &Fields) -> Result<Record> {
        let request = self.http.post(&self.path(""), "servicenow.create", Repeat::Forbidden);
        let answer: Answer<Record> = whole(request, TICKET_FIELDS).json(fields).read(call).await?;
        Ok(answer.result)
    }

    /// A record with the usual fields and these.
    pub(crate) async fn read(&self, call: &Call, id: &str, more: &[&str]) -> Result<Record> {
        let names: Vec<&str> = std::iter::once(TICKET_FIELDS).chain(more.iter().copied()).collect();
        let request = self.http.get(&self.path(&format!("/{id}")), "servicenow.read");
        let answer: Answer<Record> = whole(request, &names.join(",")).read(call).await?;
        Ok(answer.result)
    }

    /// The one record that people call so: `INC0010023`.
    pub(crate) async fn numbered(
        &self,
        call: &Call,
        number: &str,
        more: &[&str],
    ) -> Result<Record> {
        let names: Vec<&str> = std::iter::once(TICKET_FIELDS).chain(more.iter().copied()).collect();
        let request = self.http.get(&self.path(""), "servicenow.read");
        let request = request.query("sysparm_query", &format!("number={number}^ORDERBYsys_id"));
        let request = whole(request, &names.join(",")).query("sysparm_limit", "2");
        let rows = self.rows(call, "servicenow.read", request).await?;
        let mut found = rows.shown.into_iter().filter(|r| value(r, "number") == number);
        let (kind, what) = match (found.next(), found.next()) {
            (Some(record), None) => return Ok(record),
            (None, _) => (Kind::NotFound, format!("no record has the number {number}")),
            _ => (Kind::Invalid, format!("several records have the number {number}")),
        };
        let error = Error::new(kind, what).with_outcome(Outcome::Rejected);
        Err(error.with_operation("servicenow.read").with_connector(self.http.name()))
    }

    /// The records whose `correlation_id` is `key`, oldest first, at most ten.
    pub(crate) async fn find(&self, call: &Call, key: &str) -> Result<Vec<Record>> {
        const LIMIT: usize = 10;
        let query = format!("correlation_id={key}^ORDERBYsys_created_on^ORDERBYsys_id");
        let request = self.http.get(&self.path(""), "servicenow.find");
        let request = request.query("sysparm_query", &query);
        let request = whole(request, TICKET_FIELDS).query("sysparm_limit", &LIMIT.to_string());
        let rows = self.rows(call, "servicenow.find", request).await?;
        let refuse = |kind, what: &str| {
            let error = Error::new(kind, what).with_outcome(Outcome::NotSent);
            Err(error.with_operation("servicenow.find").with_connector(self.http.name()))
        };
        let hidden = rows.hidden(LIMIT);
        let all = rows.shown.len();
        let with_key: Vec<_> =
            rows.shown.into_iter().filter(|r| value(r, "correlation_id") == key).collect();
        if all > 0 && with_key.is_empty() {
            let what = "the instance ignored the condition on correlation_id: it knows no such \
                        column, or hides it from this user";
            return refuse(Kind::Config, what);
        }
        // To open another would make two of it.
        if with_key.is_empty() && hidden > 0 {
            let what = "a record with this key is there and an ACL hides it from this user";
            return refuse(Kind::Forbidden, what);
        }
        Ok(with_key)
    }

    /// Sets fields; to do so twice does no harm.
    pub(crate) async fn patch(
        &self,
        call: &Call,
        operation: &'static str,
        id: &str,
        fields: &Fields,
    ) -> Result<()> {
        self.http
            .patch(&self.path(&format!("/{id}")), operation, Repeat::Harmless)
            .query("sysparm_fields", "sys_id")
            .json(fields)
            .read::<Answer<Record>>(call)
            .await
            .map(drop)
    }

    /// Appends to a journal.
    pub(crate) async fn say(&self, call: &Call, id: &str, journal: &str, text: &str) -> Result<()> {
        self.http
            .patch(&self.path(&format!("/{id}")), "servicenow.comment", Repeat::Forbidden)
            .query("sysparm_fields", "sys_id")
            .json(&Fields::from([(journal.to_owned(), text.to_owned())]))
            .read::<Answer<Record>>(call)
            .await
            .map(drop)
    }

    /// The texts of all work notes and comments of a record, newest first. Not knowing them all is
    /// an error: what is not seen would be said again.
    pub(crate) async fn journal(&self, call: &Call, id: &str) -> Result<Vec<String>> {
        let query = format!(
            "element_id={id}^elementINcomments,work_notes^ORDERBYDESCsys_created_on^ORDERBYsys_id"
        );
        let request = self
            .http
            .get(&of_table("sys_journal_field", ""), "servicenow.journal")
            .query("sysparm_query", &query)
            .query("sysparm_fields", "sys_id,element_id,value")
            .query("sysparm_limit", &MOST.to_string());
        let rows = self.rows(call, "servicenow.journal", request).await?;
        let unread = |r: &&Record| value(r, "element_id").is_empty() || !r.contains_key("value");
        let hidden = rows.hidden(MOST) + rows.shown.iter().filter(unread).count();
        if hidden > 0 {
            let what = format!(
                "an ACL hides {hidden} of the journal's entries: grant read on sys_journal_field"
            );
            return Err(Error::new(Kind::Forbidden, what)
                .with_outcome(Outcome::NotSent)
                .with_operation("servicenow.journal")
                .with_connector(self.http.name()));
        }
        let ours = rows.shown.iter().filter(|r| value(r, "element_id") == id);
        Ok(ours.map(|r| value(r, "value").to_owned()).collect())
    }

    /// The rows of `sys_user_group` or `sys_user` for which a query asks.
    pub(crate) async fn named(
        &self,
        call: &Call,
        operation: &'static str,
        (table, fields): (&str, &str),
        query: &str,
    ) -> Result<Vec<Record>> {
        let request = self
            .http
            .get(&of_table(table, ""), operation)
            .query("sysparm_query", query)
            .query("sysparm_fields", fields)
            .query("sysparm_limit", "5");
        Ok(self.rows(call, operation, request).await?.shown)
    }

    /// States and close codes, of the table and of `task`, in every language.
    pub(crate) async fn choices(&self, call: &Call) -> Result<Vec<Record>> {
        let query = format!(
            "nameINtask,{}^elementINstate,close_code^ORDERBYname^ORDERBYelement^ORDERBYsequence^ORDERBYsys_id",
            self.table
        );
        let request = self
            .http
            .get(&of_table("sys_choice", ""), "servicenow.choices")
            .query("sysparm_query", &query)
            .query("sysparm_fields", "name,element,value,label,inactive")
            .query("sysparm_limit", &MOST.to_string());
        Ok(self.rows(call, "servicenow.choices", request).await?.shown)
    }

    /// The lengths of the columns that are written, and which columns are journals.
    pub(crate) async fn dictionary(&self, call: &Call) -> Result<Vec<Record>> {
        let query = format!(
            "nameINtask,{}^elementINshort_description,description,correlation_id,close_notes,\
             work_notes,comments^ORinternal_typeINjournal,journal_input^ORDERBYelement^ORDERBYsys_id",
            self.table
        );
        let request = self
            .http
            .get(&of_table("sys_dictionary", ""), "servicenow.dictionary")
            .query("sysparm_query", &query)
            .query("sysparm_fields", "name,element,internal_type,max_length")
            .query("sysparm_limit", &MOST.to_string());
        let rows = self.rows(call, "servicenow.dictionary", request).await?.shown;
        let ours = |r: &Record| matches!(value(r, "name"), n if n == "task" || n == self.table);
        Ok(rows.into_iter().filter(ours).collect())
    }

    /// Names and sizes of the newest files of a record.
    pub(crate) async fn files(&self, call: &Call, id: &str) -> Result<Vec<(String, u64)>> {
        let query = format!(
            "table_name={}^table_sys_id={id}^ORDERBYDESCsys_created_on^ORDERBYsys_id",
            self.table
        );
        let request = self
            .http
            .get("api/now/attachment", "servicenow.attached")
            .query("sysparm_query", &query)
            .query("sysparm_limit", &MOST.to_string());
        let rows = self.rows(call, "servicenow.attached", request).await?;
        if rows.hidden(MOST) > 0 {
            let what = "an ACL hides files of this record: grant read on sys_attachment";
            return Err(Error::new(Kind::Forbidden, what)
                .with_outcome(Outcome::NotSent)
                .with_operation("servicenow.attached")
                .with_connector(self.http.name()));
        }
        let ours = rows.shown.iter().filter(|r| value(r, "table_sys_id") == id);
        let file = |r: &Record| {
            Some((value(r, "file_name").to_owned(), value(r, "size_bytes").parse().ok()?))
        };
        Ok(ours.filter_map(file).collect())
    }

    pub(crate) async fn attach(&self, call: &Call, id: &str, file: &Attachment) -> Result<()> {
        self.http
            // The Attachment API has no version 2.
            .post("api/now/attachment/file", "servicenow.attach", Repeat::Forbidden)
            .query("table_name", &self.table)
            .query("table_sys_id", id)
            .query("file_name", &file.name)
            .body("application/octet-stream", file.bytes.clone())
            .header("content-type", &file.content_type)
            .read::<Answer<Record>>(call)
            .await
            .map(drop)
    }
}

/// v2: an empty list is 200, not the 404 of v1.
fn of_table(table: &str, rest: &str) -> String {
    format!("api/now/v2/table/{table}{rest}")
}

/// With these fields, each as value and as people see it.
fn whole(request: Request, fields: &str) -> Request {
    request
        .query("sysparm_fields", fields)
        .query("sysparm_display_value", "all")
        .query("sysparm_exclude_reference_link", "true")
}
