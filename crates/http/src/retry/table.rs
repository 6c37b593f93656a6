//! The one table of what is repeated.

use watchfloor_core::{Kind, Outcome};

/// What happens if a request reaches the other side twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repeat {
    /// Nothing: reads, and puts of a whole.
    Harmless,
    /// Nothing: the product knows the second by its id.
    Keyed,
    /// A second copy that carries the same id, as with HEC.
    Duplicates,
    /// A second effect: creates.
    Forbidden,
}

/// What a failure's kind says about trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// It may pass: rate limited, unavailable, timed out.
    Passing,
    /// The credential: a second try helps nobody and may lock the account.
    Credential,
    /// It stays as it is.
    Lasting,
}

impl Class {
    /// The class of a kind.
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::RateLimited | Kind::Unavailable | Kind::Timeout => Self::Passing,
            Kind::Unauthenticated => Self::Credential,
            _ => Self::Lasting,
        }
    }
}

/// What the layer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Sends the same bytes again, after a wait, while attempts, budget and deadline last.
    Again,
    /// Ends with the error.
    Stop,
    /// Ends with [`Retry::AfterLookup`](watchfloor_core::Retry::AfterLookup): whether it took
    /// effect must be looked up first.
    Lookup,
}

/// The columns of [`TABLE`].
pub const COLUMNS: [Repeat; 4] =
    [Repeat::Harmless, Repeat::Keyed, Repeat::Duplicates, Repeat::Forbidden];

/// What is done after a failure: a row for each class and outcome, a column for each [`Repeat`].
pub const TABLE: [(Class, Outcome, [Action; 4]); 12] = {
    use Action::{Again, Lookup, Stop};
    use Class::{Credential, Lasting, Passing};
    use Outcome::{Applied, NotSent, Rejected, Unknown};
    [
        (Passing, NotSent, [Again, Again, Again, Again]),
        (Passing, Rejected, [Again, Again, Again, Again]),
        (Passing, Unknown, [Again, Again, Again, Lookup]),
        (Passing, Applied, [Again, Stop, Stop, Stop]),
        (Credential, NotSent, [Stop, Stop, Stop, Stop]),
        (Credential, Rejected, [Stop, Stop, Stop, Stop]),
        (Credential, Unknown, [Stop, Stop, Stop, Lookup]),
        (Credential, Applied, [Stop, Stop, Stop, Stop]),
        (Lasting, NotSent, [Stop, Stop, Stop, Stop]),
        (Lasting, Rejected, [Stop, Stop, Stop, Stop]),
        (Lasting, Unknown, [Stop, Stop, Stop, Lookup]),
        (Lasting, Applied, [Stop, Stop, Stop, Stop]),
    ]
};

/// What [`TABLE`] says.
pub fn action(repeat: Repeat, outcome: Outcome, class: Class) -> Action {
    let row = TABLE.iter().find(|(c, o, _)| *c == class && *o == outcome);
    let column = COLUMNS.iter().position(|r| *r == repeat);
    // Every pair is in the table (a test says so); what is not known is not repeated.
    row.zip(column).map_or(Action::Stop, |((_, _, actions), column)| actions[column])
}

/// The table as the crate's page prints it.
pub fn markdown() -> String {
    use std::fmt::Write as _;
    let mut text = String::from("| class | outcome |");
    for repeat in COLUMNS {
        let _ = write!(text, " {repeat:?} |");
    }
    text.push_str("\n|---|---|---|---|---|---|\n");
    for (class, outcome, actions) in TABLE {
        let _ = write!(text, "| {class:?} | {outcome} |");
        for action in actions {
            let _ = write!(text, " {action:?} |");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTCOMES: [Outcome; 4] =
        [Outcome::NotSent, Outcome::Rejected, Outcome::Unknown, Outcome::Applied];
    const CLASSES: [Class; 3] = [Class::Passing, Class::Credential, Class::Lasting];

    #[test]
    fn every_pair_stands_in_the_table_once() {
        for class in CLASSES {
            for outcome in OUTCOMES {
                let rows = TABLE.iter().filter(|(c, o, _)| *c == class && *o == outcome);
                assert_eq!(rows.count(), 1, "{class:?} {outcome}");
            }
        }
    }

    #[test]
    fn t06_what_could_double_an_effect_is_looked_up_and_never_repeated() {
        for class in CLASSES {
            assert_eq!(action(Repeat::Forbidden, Outcome::Unknown, class), Action::Lookup);
            assert_ne!(action(Repeat::Forbidden, Outcome::Applied, class), Action::Again);
        }
    }

    #[test]
    fn t08_what_is_too_large_is_never_sent_again_unchanged() {
        for repeat in COLUMNS {
            for outcome in OUTCOMES {
                let class = Class::of(Kind::TooLarge);
                assert_ne!(action(repeat, outcome, class), Action::Again);
            }
        }
    }

    #[test]
    fn a_credential_is_never_tried_again() {
        for repeat in COLUMNS {
            for outcome in OUTCOMES {
                let class = Class::of(Kind::Unauthenticated);
                assert_ne!(action(repeat, outcome, class), Action::Again);
            }
        }
    }

    #[test]
    fn what_was_not_sent_may_always_be_sent() {
        for repeat in COLUMNS {
            assert_eq!(action(repeat, Outcome::NotSent, Class::Passing), Action::Again);
        }
    }

    #[test]
    fn the_page_prints_this_table() {
        let page = include_str!("../../README.md");
        assert!(page.contains(&markdown()), "README.md should hold:\n{}", markdown());
    }
}
