//! What a check tells: nothing is written.

use watchfloor_core::{Call, Health, Kind, Stage};

use crate::desk::Issues;
use crate::dialect::Flavor;

/// What opening and commenting needs, in the words of `mypermissions`.
const NEEDED: [&str; 3] = ["BROWSE_PROJECTS", "CREATE_ISSUES", "ADD_COMMENTS"];

/// What the rest needs, and what does not work without it.
const USEFUL: [(&str, &str); 4] = [
    ("EDIT_ISSUES", "updates"),
    ("TRANSITION_ISSUES", "moves"),
    ("CREATE_ATTACHMENTS", "files"),
    ("LINK_ISSUES", "links between duplicates"),
];

pub(crate) async fn look(issues: &Issues, call: &Call) -> Health {
    let (site, options) = (&issues.site, &issues.options);
    let project = &options.project;
    let grant = format!("grant {} in project {project}", NEEDED.join(", "));
    let found = match site.found(call).await {
        Ok(found) => found,
        Err(e) => return Health::of_error(&e, &grant),
    };
    if let Err(e) = site.myself(call).await {
        return Health::of_error(&e, &grant);
    }
    let seen = match found.flavor {
        Flavor::Cloud => "a Jira Cloud site answered",
        Flavor::DataCenter => "a Jira Data Center answered",
    };
    let health = Health::new()
        .good(Stage::Reachable, seen)
        .good(Stage::Authenticated, "the credential is accepted");
    let claims = options.claim.then_some(("ADMINISTER_PROJECTS", "claims in the project"));
    let useful: Vec<_> = USEFUL.into_iter().chain(claims).collect();
    let asked: Vec<_> = NEEDED.into_iter().chain(useful.iter().map(|(p, _)| *p)).collect();
    let have = match site.has_permissions(call, project, &asked).await {
        Ok(have) => have,
        Err(e) if matches!(e.kind(), Kind::NotFound | Kind::Invalid | Kind::Forbidden) => {
            let why = format!("project {project} is not there for this user");
            return health.bad(Stage::Authorised, why, grant);
        }
        Err(e) => return Health::of_error(&e, &grant),
    };
    let lacks: Vec<_> =
        asked.iter().zip(&have).filter(|(_, have)| !**have).map(|(p, _)| *p).collect();
    if lacks.iter().any(|p| NEEDED.contains(p)) {
        let why = format!("lacks {} in project {project}", lacks.join(", "));
        return health.bad(Stage::Authorised, why, grant);
    }
    let mut health = health.good(Stage::Authorised, format!("may open issues in {project}"));
    for (permission, what) in useful.iter().filter(|(p, _)| lacks.contains(p)) {
        let why = format!("{what} will be refused: lacks {permission} in project {project}");
        health = health.bad(Stage::Degraded, why, format!("grant {permission}"));
    }
    screen(issues, call, health).await
}

/// What the screen of new issues lacks, and what it demands.
async fn screen(issues: &Issues, call: &Call, mut health: Health) -> Health {
    let options = &issues.options;
    let (project, kind) = (&options.project, &options.issue_type);
    let screen = match issues.screens.of(&issues.site, call, project, kind).await {
        Ok(Some(screen)) => screen,
        Ok(None) => {
            let why = format!("nobody tells what issues of type {kind} in {project} are made of");
            return health.unknown(Stage::Degraded, why);
        }
        Err(e) => return Health::of_error(&e, "grant CREATE_ISSUES"),
    };
    if !screen.contains_key("labels") {
        let why = format!(
            "labels are not on the screen for new issues of {project}: no ticket is found by its key"
        );
        let fix = "put the field labels on the project's create screen; until then only the store \
                   knows which ticket a key has";
        health = health.bad(Stage::Degraded, why, fix);
    }
    let ours = ["project", "issuetype", "summary", "reporter"];
    let given = |field: &str| {
        ours.contains(&field)
            || ["description", "priority", "labels"].contains(&field)
            || options.fields.contains_key(field)
    };
    for (field, _) in screen.iter().filter(|(f, m)| m.required && !m.has_default && !given(f)) {
        let why = format!("new issues of {project} must have the field {field}");
        let fix = format!("give it a value in the table fields: {field} = \"…\"");
        health = health.bad(Stage::Degraded, why, fix);
    }
    health
}
