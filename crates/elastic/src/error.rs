//! What a bulk answer means: the request by its status, then item by item.

use watchfloor_core::Kind;
use watchfloor_http::{Answer, Classify, Reach, Verdict, by_status};

use crate::wire::{Item, ItemError, RequestError};

#[derive(Clone, Copy, Debug)]
pub(crate) struct ByType;

impl Classify for ByType {
    fn classify(&self, answer: &Answer) -> Option<Verdict> {
        let mut verdict = by_status(answer)?;
        let error = serde_json::from_slice::<RequestError>(&answer.body).unwrap_or_default().error;
        if !error.kind.is_empty() {
            verdict.message = format!("{} ({})", verdict.message, plain(&error.kind));
        }
        Some(match verdict.kind {
            // A broken action line fails the whole request; a body too large too. Halved, they are
            // found. What was stored meanwhile answers 409.
            Kind::TooLarge | Kind::Invalid => verdict.resent_by_caller(),
            Kind::Forbidden if is_flood_stage(&error) => {
                verdict.kind = Kind::Unavailable;
                verdict.message = FLOOD_STAGE.to_owned();
                verdict.reach(Reach::Host)
            }
            Kind::RateLimited if is_flood_stage(&error) => {
                verdict.message = FLOOD_STAGE.to_owned();
                verdict
            }
            _ => verdict,
        })
    }
}

const FLOOD_STAGE: &str = "the disk of the cluster is full (flood stage)";

/// An item's verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ItemVerdict {
    /// It is there: now, or before.
    There,
    /// It was refused.
    Refused(String),
    /// It was not taken now and may be later.
    PutOff(String),
}

/// What becomes of one `create`.
pub(crate) fn item(item: &Item) -> ItemVerdict {
    use ItemVerdict::{PutOff, Refused, There};
    let error = item.error.as_ref();
    match item.status {
        200 | 201 if item.failure_store.as_deref() == Some("used") => {
            Refused("diverted to the failure store".to_owned())
        }
        200 | 201 if item.result.as_deref() == Some("noop") => {
            Refused("dropped by an ingest pipeline".to_owned())
        }
        // 409: a document with our id is there, so an earlier attempt arrived.
        200 | 201 | 409 => There,
        403 if error.is_some_and(is_flood_stage) => PutOff(FLOOD_STAGE.to_owned()),
        500 if error.is_some_and(is_about_the_document) => Refused(describe(item.status, error)),
        429 | 500.. => PutOff(describe(item.status, error)),
        _ => Refused(describe(item.status, error)),
    }
}

fn is_flood_stage(error: &ItemError) -> bool {
    error.kind == "cluster_block_exception"
        && (error.reason.contains("TOO_MANY_REQUESTS/12/")
            || error.reason.contains("FORBIDDEN/12/"))
}

fn is_about_the_document(error: &ItemError) -> bool {
    matches!(error.kind.as_str(), "not_x_content_exception" | "fail_processor_exception")
}

/// Status, type, and the field that it is about. The reason itself quotes the document.
fn describe(status: u16, error: Option<&ItemError>) -> String {
    let Some(error) = error else { return format!("status {status}") };
    let field = error.reason.split_once("field [").and_then(|(_, rest)| rest.split_once(']'));
    match field {
        Some((field, _)) => format!("{}: field {} ({status})", plain(&error.kind), plain(field)),
        None => format!("{} ({status})", plain(&error.kind)),
    }
}

/// Names hold letters, digits and a few signs; nothing else is shown, and not much of it.
fn plain(name: &str) -> String {
    let shown = |c: &char| c.is_ascii_alphanumeric() || "_.@-".contains(*c);
    name.chars().filter(shown).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, kind: &str, reason: &str) -> ItemVerdict {
        let error = (!kind.is_empty())
            .then(|| ItemError { kind: kind.to_owned(), reason: reason.to_owned() });
        item(&Item { status, result: None, failure_store: None, error })
    }

    #[test]
    fn the_table_of_items() {
        use ItemVerdict::There;
        assert_eq!(of(201, "", ""), There);
        assert_eq!(of(409, "version_conflict_engine_exception", ""), There);
        let put_off = |v| matches!(v, ItemVerdict::PutOff(_));
        assert!(put_off(of(429, "es_rejected_execution_exception", "")));
        assert!(put_off(of(429, "rejected_execution_exception", "")));
        assert!(put_off(of(503, "unavailable_shards_exception", "")));
        assert!(put_off(of(
            403,
            "cluster_block_exception",
            "index [x] blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];"
        )));
        let refused = |v| matches!(v, ItemVerdict::Refused(_));
        assert!(refused(of(400, "document_parsing_exception", "")));
        assert!(refused(of(403, "security_exception", "")));
        assert!(refused(of(500, "not_x_content_exception", "")));
        assert!(refused(of(404, "index_not_found_exception", "")));
        assert!(refused(of(299, "", "")));
    }

    #[test]
    fn a_document_in_the_failure_store_is_not_there() {
        let mut diverted = Item { status: 201, result: None, failure_store: None, error: None };
        diverted.failure_store = Some("used".into());
        assert_eq!(item(&diverted), ItemVerdict::Refused("diverted to the failure store".into()));
    }

    #[test]
    fn t35_a_reason_shows_the_field_and_never_the_value() {
        let reason = "[1:9] failed to parse field [status] of type [long] in document with id \
                      'u-1'. Preview of field's value: 'cnry-secret'";
        let ItemVerdict::Refused(text) = of(400, "document_parsing_exception", reason) else {
            panic!("refused")
        };
        assert_eq!(text, "document_parsing_exception: field status (400)");
    }
}
