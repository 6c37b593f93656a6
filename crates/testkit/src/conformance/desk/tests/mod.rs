//! Desks with one fault each must break the promise that it is about; the honest one keeps all.

mod backends;
mod drivers;

use std::collections::BTreeSet;

use self::backends::Below;
use self::drivers::Above;
use super::{cases, report, worlds};
use crate::conformance::{Keys, MemoryDesk, MemoryDeskWorld, Report, suite};

#[tokio::test]
async fn an_honest_desk_keeps_every_promise() {
    for keys in [Keys::Free, Keys::Lagging, Keys::Claimed, Keys::Unique] {
        let worlds =
            worlds(move |setup| async move { MemoryDeskWorld::of(setup, keys, MemoryDesk::desk) });
        let report = report(&worlds).await;
        assert!(report.failed().is_empty(), "{keys:?}: {report}");
        // Only a search that may lag is one that can be made to.
        let lags = if keys == Keys::Lagging { &[][..] } else { &["two_desks_with_lag"] };
        assert_eq!(report.skipped(), lags, "{keys:?}: {report}");
    }
}

/// What is wrong, and where: in a backend under the honest driver, or in place of the driver.
#[derive(Clone, Copy, Debug)]
enum Flaw {
    Below(Below),
    Above(Above),
}

/// These cases over the desk with this flaw.
async fn report_of(flaw: Flaw, broken: &[&str]) -> Report {
    let keys =
        if broken.iter().any(|case| case.contains("lag")) { Keys::Lagging } else { Keys::Free };
    let worlds = worlds(move |setup| async move {
        MemoryDeskWorld::of(setup, keys, move |tickets| match flaw {
            Flaw::Below(flaw) => backends::desk(flaw, tickets),
            Flaw::Above(flaw) => drivers::desk(flaw, tickets),
        })
    });
    let cases = cases().into_iter().filter(|case| broken.contains(&case.name)).collect();
    suite("TicketDesk", cases, &worlds).await
}

macro_rules! flaws {
    ($($test:ident: $place:ident::$flaw:ident breaks $($case:ident),+;)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                let broken = [$(stringify!($case)),+];
                let report = report_of(Flaw::$place($place::$flaw), &broken).await;
                println!("{report}");
                assert_eq!(report.failed(), broken, "each should be broken:\n{report}");
            }
        )*

        /// A case that nothing can break would be none.
        #[test]
        fn every_case_is_broken_by_some_desk() {
            let broken: BTreeSet<&str> = [$($(stringify!($case)),+),*].into();
            let cases: BTreeSet<&str> = cases().iter().map(|case| case.name).collect();
            assert_eq!(broken, cases);
        }
    };
}

flaws! {
    a_desk_that_forgets_the_key_is_caught: Below::ForgetsTheKey breaks open_creates, find_and_get;
    a_desk_that_creates_without_looking_is_caught:
        Above::CreatesAnew breaks open_again, dropped, dropped_for_another;
    a_desk_that_calls_what_was_there_created_is_caught: Above::CallsItCreated breaks open_again;
    t02_a_desk_whose_failed_look_up_is_an_empty_one_is_caught:
        Below::FindsNothingInAnError breaks not_there;
    a_desk_that_cuts_keys_is_caught: Below::CutsKeys breaks exact_keys;
    a_desk_that_believes_a_stranger_s_hit_is_caught: Below::BelievesStrangers breaks strangers;
    a_desk_that_takes_a_foreign_draft_is_caught: Above::IgnoresTenants breaks foreign_draft;
    a_desk_that_opens_a_ticket_to_check_is_caught:
        Below::WritesToCheck breaks check_changes_nothing;
    t17_a_desk_that_searches_then_creates_is_caught:
        Above::SearchesThenCreates breaks concurrent_openers, two_desks, duplicates;
    t17_a_desk_that_sees_no_duplicates_is_caught: Below::SeesOneTicket breaks two_desks, duplicates;
    t17_also_where_the_search_lags: Below::SeesOneTicket breaks two_desks_with_lag;
    a_desk_that_keeps_the_youngest_is_caught: Below::TurnsTime breaks duplicates;
    a_desk_that_comments_without_looking_is_caught:
        Above::CommentsAgain breaks comment_once, comment_lost;
    a_desk_that_looks_and_then_comments_is_caught: Above::LooksThenComments breaks concurrent_comments;
    a_desk_that_marks_by_the_words_is_caught: Above::MarksByWords breaks two_comments;
    a_desk_that_loses_the_marker_is_caught: Below::CutsTheMark breaks marker_kept;
    a_desk_whose_comments_come_cut_is_caught: Below::ReadsHalfComments breaks comment_once, multi_byte;
    a_desk_that_overwrites_all_is_caught: Below::OverwritesAll breaks update_changes;
    a_desk_that_updates_what_is_so_is_caught: Above::UpdatesAgain breaks update_again;
    a_desk_that_claims_an_update_is_caught: Above::ClaimsTheUpdate breaks update_dropped, update_lost;
    t18_a_desk_that_moves_by_name_is_caught: Below::MovesByName breaks other_language;
    a_desk_that_claims_a_move_is_caught:
        Above::ClaimsTheMove breaks each_category, no_way, step_dropped, move_lost;
    a_desk_that_asks_for_a_way_to_where_it_is_is_caught: Above::MovesAgain breaks already_there;
    t18_a_desk_that_knows_no_required_field_is_caught: Below::KnowsNoDemand breaks demanded_field;
    t19_a_desk_that_closes_by_resolution_is_caught: Below::DoneByResolution breaks done_by_status;
    a_desk_that_attaches_without_looking_is_caught: Above::AttachesAgain breaks attach_once, attach_lost;
    a_desk_that_knows_files_by_name_is_caught: Below::KnowsFilesByName breaks two_files;
    a_desk_that_changes_a_file_is_caught: Below::ChangesFiles breaks attach_once;
    t16_a_desk_that_knows_ascii_is_caught: Below::KnowsAscii breaks multi_byte;
    t16_a_desk_that_cuts_bytes_is_caught: Below::CutsBytes breaks long_text;
    t16_a_desk_that_attaches_no_whole_text_is_caught:
        Below::ForgetsTheWhole breaks marker_kept, long_text;
    a_desk_that_sends_lines_as_a_line_is_caught: Below::SendsLines breaks one_line;
    a_desk_that_understands_markup_is_caught: Below::TakesMarkup breaks markup;
    t06_a_desk_that_tries_again_after_a_time_out_is_caught: Above::TriesAgain breaks open_lost;
    a_desk_that_says_applied_on_unknown_is_caught: Above::SaysApplied breaks open_lost, nothing_arrives;
    a_desk_that_says_rejected_on_unknown_is_caught: Above::SaysRejected breaks open_lost;
    t39_a_desk_that_mints_a_key_on_each_attempt_is_caught: Below::MintsKeys breaks open_lost, same_ids;
    a_desk_that_fails_quietly_is_caught:
        Above::FailsQuietly breaks refused, refused_credential, nothing_arrives, failure_inside;
    a_desk_that_tries_the_credential_again_is_caught:
        Below::TriesTheCredentialAgain breaks refused_credential;
    a_desk_that_looks_again_whoever_it_is_is_caught:
        Above::LooksAgainAndAgain breaks refused_while_unsure;
    t07_a_desk_that_ignores_retry_after_is_caught: Below::IgnoresRetryAfter breaks busy;
    t07_a_desk_that_obeys_for_ever_is_caught: Below::ObeysForEver breaks busy_for_long;
    t35_a_desk_whose_errors_quote_the_ticket_is_caught: Below::QuotesTheText breaks secrets_stay_secret;
    t40_a_desk_that_shows_the_secret_is_caught: Below::ShowsTheSecret breaks secrets_stay_secret;
    a_desk_that_ignores_the_deadline_is_caught: Above::IgnoresTheDeadline breaks deadline_past;
    a_desk_that_keeps_a_dropped_place_is_caught: Above::KeepsItsPlace breaks dropped;
}
