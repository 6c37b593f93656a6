//! What a bulk answer means: the request by its status, then item by item.

use std::time::Duration;

use watchfloor_core::{Kind, Outcome};
use watchfloor_http::{Answer, Classify, Reach, Verdict, by_status};

use crate::map::OpType;
use crate::wire::{Item, ItemError, RequestError};

/// How long a full disk is left alone before the next try; `retry_after_cap` may shorten it.
pub(crate) const FLOOD_WAIT: Duration = Duration::from_secs(60);

const FLOOD_STAGE: &str = "the disk of the cluster is full (flood stage): free some, or grow it, and it goes on by itself";

#[derive(Clone, Copy, Debug)]
pub(crate) struct ByType;

impl Classify for ByType {
    fn classify(&self, answer: &Answer) -> Option<Verdict> {
        let mut verdict = by_status(answer)?;
        let error = request_error(answer);
        if error.is_flood_stage() {
            let until = answer.received.saturating_add(FLOOD_WAIT);
            return Some(
                Verdict::new(Kind::Unavailable, Outcome::Rejected, FLOOD_STAGE)
                    .reach(Reach::Host)
                    .not_before(until),
            );
        }
        if !error.kind.is_empty() {
            verdict.message = format!("{} ({})", verdict.message, plain(&error.kind));
            verdict.message.push_str(error.advice());
        }
        Some(match answer.status.as_u16() {
            // A broken action line fails the whole request; a body too large too. Halved, they are
            // found. What was stored meanwhile answers 409.
            400 | 413 => verdict.resent_by_caller(),
            // What is over a limit of memory by itself is refused by an idle node too: the caller
            // makes it smaller.
            429 | 503 if error.is_pressure() => verdict.resent_by_caller(),
            _ => verdict,
        })
    }
}

fn request_error(answer: &Answer) -> ItemError<'_> {
    serde_json::from_slice::<RequestError<'_>>(&answer.body).unwrap_or_default().error
}

/// Whether a circuit breaker refused the request: it is too large as it is.
pub(crate) fn is_breaker(answer: &Answer) -> bool {
    request_error(answer).is_breaker()
}

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ItemVerdict {
    /// It is there: now, or before.
    There,
    /// It was refused.
    Refused(String),
    /// It was refused with its neighbours, and perhaps for one of them.
    Suspect(String),
    /// It was not taken now and may be later.
    PutOff(PutOff),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PutOff {
    pub(crate) why: String,
    /// What it is if it is never tried again.
    pub(crate) outcome: Outcome,
    /// It was too much at once.
    pub(crate) shrink: bool,
    /// The disk is full: there is no hurry.
    pub(crate) flood: bool,
}

/// How items are judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Items {
    pub(crate) operation: OpType,
    /// A document in the failure store counts as there.
    pub(crate) accept_failure_store: bool,
}

impl Items {
    pub(crate) fn judge(self, item: &Item<'_>) -> ItemVerdict {
        use ItemVerdict::{Refused, Suspect, There};
        let none = ItemError::default();
        let error = item.error.as_ref().unwrap_or(&none);
        let put_off = |outcome, flood, why| {
            let shrink = error.is_breaker();
            ItemVerdict::PutOff(PutOff { why, outcome, shrink, flood })
        };
        match item.status {
            200 | 201 if item.failure_store == "used" && !self.accept_failure_store => {
                Refused("diverted to the failure store".to_owned())
            }
            200 | 201 if item.result == "noop" => {
                Refused("dropped by an ingest pipeline".to_owned())
            }
            200 | 201 => There,
            // A document with our id is there, so an earlier attempt arrived.
            409 if self.operation == OpType::Create => There,
            403 | 429 if error.is_flood_stage() => {
                put_off(Outcome::Rejected, true, FLOOD_STAGE.to_owned())
            }
            // Seen to hit every operation of a shard for one of them.
            400 if error.kind == "action_request_validation_exception" => {
                Suspect(describe(item.status, error))
            }
            500 if error.is_about_the_document() => Refused(describe(item.status, error)),
            429 | 503 => put_off(Outcome::Rejected, false, describe(item.status, error)),
            500.. => put_off(Outcome::Unknown, false, describe(item.status, error)),
            _ => Refused(describe(item.status, error)),
        }
    }
}

impl ItemError<'_> {
    fn is_flood_stage(&self) -> bool {
        self.kind == "cluster_block_exception"
            && (self.reason.contains("TOO_MANY_REQUESTS/12/")
                || self.reason.contains("FORBIDDEN/12/"))
    }

    fn is_breaker(&self) -> bool {
        self.kind == "circuit_breaking_exception"
    }

    fn is_pressure(&self) -> bool {
        let rejected = ["es_rejected_execution_exception", "rejected_execution_exception"];
        self.is_breaker() || rejected.contains(&&*self.kind)
    }

    fn is_about_the_document(&self) -> bool {
        matches!(&*self.kind, "not_x_content_exception" | "fail_processor_exception")
    }

    /// What to do about it, where a person can.
    fn advice(&self) -> &'static str {
        match &*self.kind {
            "index_not_found_exception" => {
                ": the target is not there and is not made by itself; create it, or allow it in \
                 action.auto_create_index"
            }
            "security_exception" if self.reason.contains("auto_create") => {
                ": the credential may not make the target; create it, or grant auto_configure"
            }
            "security_exception" => {
                ": the credential may not write there; grant create_doc on the target (index where \
                 operation = \"index\")"
            }
            "cluster_block_exception" => ": writing is blocked; lift the block",
            "index_closed_exception" => ": the index is closed; open it",
            "illegal_argument_exception" if self.reason.contains("op_type of create") => {
                ": the target is a data stream; leave operation at \"create\""
            }
            "illegal_argument_exception"
                if self.reason.contains("Document ID is not supported") =>
            {
                ": this collection takes no ids, without which a repeat would double events"
            }
            _ => "",
        }
    }
}

/// Status, type, the field that it is about, and what to do. The reason itself quotes the document.
fn describe(status: u16, error: &ItemError<'_>) -> String {
    if error.kind.is_empty() {
        return format!("status {status}");
    }
    let kind = plain(&error.kind);
    // What the document says stands behind the first quote, or in an excerpt.
    let ours = error.reason.split(['\'', '"', '{']).next().unwrap_or_default();
    let field = ["field [", "introduction of ["].iter().find_map(|before| {
        let (_, rest) = ours.split_once(before)?;
        rest.split_once(']')
    });
    let advice = error.advice();
    match field {
        Some((field, _)) => format!("{kind}: field {} ({status}){advice}", plain(field)),
        None => format!("{kind} ({status}){advice}"),
    }
}

/// Names hold letters, digits and a few signs; nothing else is shown, and not much of it.
fn plain(name: &str) -> String {
    let shown = |c: &char| c.is_ascii_alphanumeric() || "_.@-".contains(*c);
    name.chars().filter(shown).take(100).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use watchfloor_core::Timestamp;
    use watchfloor_http::Resend;

    use super::*;

    const CREATE: Items = Items { operation: OpType::Create, accept_failure_store: false };

    fn judge(items: Items, status: u16, kind: &'static str, reason: &'static str) -> ItemVerdict {
        let error = ItemError { kind: kind.into(), reason: reason.into() };
        items.judge(&Item { status, error: Some(error), ..Item::default() })
    }

    fn of(status: u16, kind: &'static str, reason: &'static str) -> ItemVerdict {
        judge(CREATE, status, kind, reason)
    }

    fn put_off(verdict: ItemVerdict) -> PutOff {
        match verdict {
            ItemVerdict::PutOff(put_off) => put_off,
            other => panic!("{other:?}"),
        }
    }

    fn refused(verdict: ItemVerdict) -> String {
        match verdict {
            ItemVerdict::Refused(why) => why,
            other => panic!("{other:?}"),
        }
    }

    const FLOODED: &str = "index [x] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, \
                           index has read-only-allow-delete block; for more information, see x];";

    #[test]
    fn the_table_of_items() {
        assert_eq!(of(201, "", ""), ItemVerdict::There);
        assert_eq!(of(200, "", ""), ItemVerdict::There);
        assert_eq!(of(409, "version_conflict_engine_exception", ""), ItemVerdict::There);
        let index = Items { operation: OpType::Index, ..CREATE };
        refused(judge(index, 409, "version_conflict_engine_exception", ""));
        for (status, kind, outcome) in [
            (429, "es_rejected_execution_exception", Outcome::Rejected),
            (429, "rejected_execution_exception", Outcome::Rejected),
            (503, "unavailable_shards_exception", Outcome::Rejected),
            (500, "i_o_exception", Outcome::Unknown),
        ] {
            let put_off = put_off(of(status, kind, ""));
            assert!(!put_off.shrink && !put_off.flood && put_off.outcome == outcome, "{kind}");
        }
        assert!(put_off(of(429, "circuit_breaking_exception", "")).shrink);
        refused(of(400, "document_parsing_exception", ""));
        refused(of(403, "security_exception", ""));
        refused(of(403, "cluster_block_exception", "[FORBIDDEN/8/index write (api)];"));
        refused(of(500, "not_x_content_exception", ""));
        refused(of(500, "fail_processor_exception", ""));
        refused(of(404, "index_not_found_exception", ""));
        assert_eq!(refused(of(299, "", "")), "status 299");
        let suspect = of(400, "action_request_validation_exception", "");
        assert!(matches!(suspect, ItemVerdict::Suspect(_)));
    }

    #[test]
    fn a_full_disk_is_known_by_its_number_and_has_its_own_words() {
        let old = "index [x] blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];";
        for (status, reason) in [(429, FLOODED), (403, old)] {
            let put_off = put_off(of(status, "cluster_block_exception", reason));
            assert!(put_off.flood && put_off.why.contains("disk"), "{put_off:?}");
            let body = format!(
                r#"{{"error":{{"type":"cluster_block_exception","reason":"{reason}"}},"status":{status}}}"#
            );
            let verdict = ByType.classify(&answer(status, &body)).unwrap();
            assert_eq!((verdict.kind, verdict.reach), (Kind::Unavailable, Reach::Host));
            assert_eq!(verdict.not_before, Some(Timestamp::EPOCH.saturating_add(FLOOD_WAIT)));
            assert!(verdict.message.contains("disk"), "{verdict:?}");
        }
    }

    fn answer(status: u16, body: &str) -> Answer {
        let status = status.try_into().unwrap();
        Answer::new(status, HeaderMap::new(), body.to_owned().into(), Timestamp::EPOCH)
    }

    #[test]
    fn the_table_of_requests() {
        let of = |status: u16, kind: &str| {
            let body = format!(r#"{{"error":{{"type":"{kind}","reason":"x"}},"status":{status}}}"#);
            let verdict = ByType.classify(&answer(status, &body)).unwrap();
            (verdict.kind, verdict.resend)
        };
        use Resend::{Caller, Same};
        for (status, kind, expected) in [
            (400, "illegal_argument_exception", (Kind::Invalid, Caller)),
            (413, "", (Kind::TooLarge, Caller)),
            (429, "es_rejected_execution_exception", (Kind::RateLimited, Caller)),
            (429, "rejected_execution_exception", (Kind::RateLimited, Caller)),
            (429, "circuit_breaking_exception", (Kind::RateLimited, Caller)),
            (503, "circuit_breaking_exception", (Kind::Unavailable, Caller)),
            // A proxy's, or another's: nothing is to be made smaller.
            (429, "", (Kind::RateLimited, Same)),
            (503, "", (Kind::Unavailable, Same)),
            (401, "security_exception", (Kind::Unauthenticated, Same)),
            (403, "cluster_block_exception", (Kind::Forbidden, Same)),
            (404, "index_not_found_exception", (Kind::NotFound, Same)),
            // Not about what is in the body.
            (406, "", (Kind::Invalid, Same)),
            (431, "", (Kind::TooLarge, Same)),
        ] {
            assert_eq!(of(status, kind), expected, "{status} {kind}");
        }
        for (status, body) in [
            (406, r#"{"error":"Content-Type header [x] is not supported","status":406}"#),
            (401, "Unauthorized"),
            (503, "OpenSearch Security not initialized."),
            (413, ""),
            (502, "<html>"),
        ] {
            assert!(ByType.classify(&answer(status, body)).is_some(), "{body}");
        }
    }

    #[test]
    fn a_document_in_the_failure_store_is_not_there() {
        let diverted = || Item { status: 201, failure_store: "used".into(), ..Item::default() };
        assert_eq!(refused(CREATE.judge(&diverted())), "diverted to the failure store");
        let accept = Items { accept_failure_store: true, ..CREATE };
        assert_eq!(accept.judge(&diverted()), ItemVerdict::There);
        let noop = Item { status: 200, result: "noop".into(), ..Item::default() };
        assert!(refused(accept.judge(&noop)).contains("pipeline"), "nowhere at all");
    }

    #[test]
    fn t35_a_reason_shows_the_field_and_never_the_value() {
        for (kind, reason, shown) in [
            (
                "document_parsing_exception",
                "[1:9] failed to parse field [status] of type [long] in document with id 'u-1'. \
                 Preview of field's value: 'cnry-secret'",
                "document_parsing_exception: field status (400)",
            ),
            (
                "strict_dynamic_mapping_exception",
                "[1:6] mapping set to strict, dynamic introduction of [b] within [_doc] is not allowed",
                "strict_dynamic_mapping_exception: field b (400)",
            ),
            (
                "mapper_parsing_exception",
                "object mapping for [o] tried to parse field [o] as object, but found a concrete value",
                "mapper_parsing_exception: field o (400)",
            ),
            (
                "document_parsing_exception",
                "[1:13] failed to parse: [1:22] Unexpected end of file at {\"x\":\"field [cnry-secret]\"",
                "document_parsing_exception (400)",
            ),
        ] {
            assert_eq!(refused(of(400, kind, reason)), shown);
        }
    }

    #[test]
    fn what_a_person_can_mend_says_how() {
        for (status, kind, reason, word) in [
            (404, "index_not_found_exception", "no such index [x]", "create it"),
            (403, "security_exception", "action [indices:admin/auto_create] is", "auto_configure"),
            (403, "security_exception", "action [indices:data/write/index]", "create_doc"),
            (403, "cluster_block_exception", "[FORBIDDEN/8/index write (api)];", "lift"),
            (400, "index_closed_exception", "closed", "open it"),
            (
                400,
                "illegal_argument_exception",
                "only write ops with an op_type of create are allowed in data streams",
                "data stream",
            ),
            (
                400,
                "illegal_argument_exception",
                "Document ID is not supported in create/index operation request",
                "takes no ids",
            ),
        ] {
            let why = refused(of(status, kind, reason));
            assert!(why.contains(word), "{why}");
        }
    }
}
