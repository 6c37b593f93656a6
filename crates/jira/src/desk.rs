use url::Url;
use watchfloor_core::desk::{DeskBackend, Part};
use watchfloor_core::{
    Call, Comment, Connector, ConnectorName, DeskCaps, Error, Health, Kind, Result, Stage, Ticket,
    TicketDraft, TicketId, TicketKey, async_trait,
};

use crate::client::Site;
use crate::dialect::Flavor;
use crate::wire::{
    ByKey, ByName, KeyValue, Marked, NewComment, NewFields, NewIssue, PROPERTY, Property,
};
use crate::{map, text};

/// The issues of a site, as a [`DeskBackend`].
#[derive(Debug)]
pub struct Issues {
    name: ConnectorName,
    base: Url,
    site: Site,
    project: String,
    issue_type: String,
}

impl Issues {
    pub(crate) fn new(
        name: ConnectorName,
        base: Url,
        site: Site,
        project: String,
        issue_type: String,
    ) -> Self {
        Self { name, base, site, project, issue_type }
    }
}

/// What opening and commenting needs, in the words of `mypermissions`.
const PERMISSIONS: [&str; 3] = ["BROWSE_PROJECTS", "CREATE_ISSUES", "ADD_COMMENTS"];

#[async_trait]
impl Connector for Issues {
    fn name(&self) -> &ConnectorName {
        &self.name
    }

    async fn check(&self, call: &Call) -> Health {
        self.site.health(self.look(call).await)
    }
}

impl Issues {
    async fn look(&self, call: &Call) -> Health {
        let grant = format!("grant {} in project {}", PERMISSIONS.join(", "), self.project);
        if let Err(e) = self.site.myself(call).await {
            return Health::of_error(&e, &grant);
        }
        let health = Health::new()
            .good(Stage::Reachable, "a Jira site answered")
            .good(Stage::Authenticated, "the credential is accepted");
        match self.site.has_permissions(call, &self.project, &PERMISSIONS).await {
            Ok(have) if have.iter().all(|h| *h) => {
                health.good(Stage::Authorised, format!("may open issues in {}", self.project))
            }
            Ok(have) => {
                let lacks: Vec<_> =
                    PERMISSIONS.iter().zip(have).filter(|(_, h)| !h).map(|(p, _)| *p).collect();
                let why = format!("lacks {} in project {}", lacks.join(", "), self.project);
                health.bad(Stage::Authorised, why, grant)
            }
            Err(e) if matches!(e.kind(), Kind::NotFound | Kind::Invalid | Kind::Forbidden) => {
                let why = format!("project {} is not there for this user", self.project);
                health.bad(Stage::Authorised, why, grant)
            }
            Err(e) => Health::of_error(&e, &grant),
        }
    }
}

#[async_trait]
impl DeskBackend for Issues {
    fn capabilities(&self) -> DeskCaps {
        // The search index follows by seconds to minutes.
        DeskCaps::default()
    }

    async fn create(&self, call: &Call, draft: &TicketDraft) -> Result<Ticket> {
        let place = |word: &str| draft.route.as_ref().and_then(|r| r.place.get(word));
        let project = place("project").map_or(self.project.as_str(), String::as_str);
        let components = place("component").map(|c| ByName { name: c }).into_iter().collect();
        let issue = NewIssue {
            fields: NewFields {
                project: ByKey { key: project },
                issuetype: ByName { name: &self.issue_type },
                summary: text::summary(&draft.summary),
                description: text::render(Flavor::Cloud, &draft.body, None, LIMIT),
                labels: map::labels(draft),
                priority: Some(ByName { name: map::priority(draft.priority) }),
                components,
            },
            properties: [Property {
                key: PROPERTY,
                value: KeyValue { key: draft.key().as_str(), v: 1 },
            }],
        };
        let created = self.site.create(call, &issue).await?;
        let mut ticket = draft.opened_as(TicketId::new(created.id));
        ticket.place.entry("project".to_owned()).or_insert_with(|| project.to_owned());
        map::name(&mut ticket, &created.key, &self.base);
        Ok(ticket)
    }

    async fn lookup(&self, call: &Call, key: &TicketKey) -> Result<Vec<Ticket>> {
        let found = self.site.find(call, key).await?;
        Ok(found.iter().map(|issue| map::ticket(issue, &self.base)).collect())
    }

    async fn read(&self, call: &Call, id: &TicketId) -> Result<Ticket> {
        let issue = self.site.read(call, issue_id(id)?).await?;
        Ok(map::ticket(&issue, &self.base))
    }

    async fn comments(&self, call: &Call, id: &TicketId) -> Result<Vec<String>> {
        let bodies = self.site.comments(call, issue_id(id)?).await?;
        Ok(bodies.iter().map(|b| text::plain(Flavor::Cloud, b)).collect())
    }

    fn fits(&self, part: Part<'_>) -> bool {
        match part {
            Part::Summary(line) => text::summary_fits(line),
            Part::Body(text) => LIMIT.fits(text, ""),
            Part::Comment(text) => LIMIT.fits(text, "[wf:0123456789abcdef01234567]"),
            _ => true,
        }
    }

    async fn add_comment(&self, call: &Call, id: &TicketId, comment: &Comment) -> Result<()> {
        let new = NewComment {
            body: text::render(Flavor::Cloud, &comment.text, Some(&comment.mark()), LIMIT),
            properties: [Property {
                key: PROPERTY,
                value: Marked { marker: comment.marker.as_str() },
            }],
        };
        self.site.add_comment(call, issue_id(id)?, &new).await
    }
}

const LIMIT: text::Limit = text::Limit::new(32_767);

/// An id that may stand in a path: a number, or a key such as `SEC-7`.
fn issue_id(id: &TicketId) -> Result<&str> {
    let text = id.as_str();
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !text.is_empty() && text.bytes().all(word) {
        return Ok(text);
    }
    Err(Error::new(Kind::Invalid, "a Jira ticket id is a number or a key such as SEC-7"))
}
