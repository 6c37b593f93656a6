//! What is done to a desk, and whether what is said of it is true.

use std::fmt;

use watchfloor_core::{
    Attachment, Error, Kind, Outcome, Result, StatusCategory, TicketDesk, TicketId, TicketKey,
    TicketPatch,
};

use super::{CUSTOMER, DeskWorld, DeskWorlds, Miss, comment, draft, open, skipped, well};

/// An effect on a desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Open,
    Comment,
    Update,
    Move,
    Attach,
}

/// The ticket that it is done to.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) key: TicketKey,
    /// `None` where it is yet to be opened.
    pub(crate) id: Option<TicketId>,
}

/// The file of [`Act::Attach`].
pub(crate) const FILE: &str = "evidence.txt";

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "opening",
            Self::Comment => "a comment",
            Self::Update => "an update",
            Self::Move => "a move",
            Self::Attach => "a file",
        })
    }
}

impl Act {
    pub(crate) const ALL: [Self; 5] =
        [Self::Open, Self::Comment, Self::Update, Self::Move, Self::Attach];

    /// A fresh world in which it can be done next.
    pub(super) async fn ready(
        self,
        worlds: &DeskWorlds,
    ) -> Result<(std::sync::Arc<dyn DeskWorld>, Place), Miss> {
        let world = worlds.fresh().await;
        let place = self.place(&*world).await?;
        Ok((world, place))
    }

    pub(crate) async fn place(self, world: &dyn DeskWorld) -> Result<Place, Miss> {
        let draft = draft(world, "suite-1");
        let mut place = Place { key: draft.key().clone(), id: None };
        if self != Self::Open {
            place.id = Some(open(world, &draft).await?);
        }
        if self == Self::Attach && !world.port().capabilities().attach {
            return Err(skipped("it takes no files"));
        }
        Ok(place)
    }

    /// How many requests it makes where nothing is wrong, of a desk that has just opened a ticket.
    pub(super) async fn requests(self, worlds: &DeskWorlds) -> Result<u64, Miss> {
        let (world, place) = self.ready(worlds).await?;
        let before = world.requests();
        well(&self.to_string(), self.run(&*world, &*world.port(), &place).await)?;
        self.judge(&*world, &place, &Ok(()), false)?;
        Ok(world.requests() - before)
    }

    /// Does it.
    pub(crate) async fn run(
        self,
        world: &dyn DeskWorld,
        desk: &dyn TicketDesk,
        place: &Place,
    ) -> Result<()> {
        self.run_at(world, desk, place).await.0
    }

    /// Does it, and tells the ticket that was opened.
    pub(crate) async fn run_at(
        self,
        world: &dyn DeskWorld,
        desk: &dyn TicketDesk,
        place: &Place,
    ) -> (Result<()>, Option<TicketId>) {
        let call = world.call();
        let nowhere = TicketId::new("");
        let id = place.id.as_ref().unwrap_or(&nowhere);
        let said = match self {
            Self::Open => match desk.open(&call, &draft(world, place.key.as_str())).await {
                Ok(opened) => return (Ok(()), Some(opened.ticket().id.clone())),
                Err(e) => Err(e),
            },
            Self::Comment => desk.comment(&call, id, &comment("act")).await,
            Self::Update => desk.update(&call, id, &update()).await.map(drop),
            Self::Move => {
                let (to, with) = (StatusCategory::InProgress, TicketPatch::new());
                desk.transition(&call, id, to, &with).await.map(drop)
            }
            Self::Attach => desk.attach(&call, id, &file()).await,
        };
        (said, None)
    }

    /// How often its effect is there.
    pub(crate) fn held(self, world: &dyn DeskWorld, place: &Place) -> usize {
        let tickets = world.tickets();
        let own = || tickets.iter().filter(|t| Some(&t.id) == place.id.as_ref());
        match self {
            Self::Open => tickets.iter().filter(|t| t.key == place.key.as_str()).count(),
            Self::Comment => {
                let marker = comment("act").marker;
                own().flat_map(|t| &t.comments).filter(|text| marker.is_in(text)).count()
            }
            Self::Update => own().filter(|t| Some(&t.summary) == update().summary.as_ref()).count(),
            Self::Move => own().filter(|t| t.status == StatusCategory::InProgress).count(),
            Self::Attach => own().flat_map(|t| &t.files).filter(|(name, _)| name == FILE).count(),
        }
    }

    /// Whether what was said of it is what the product holds; unknown it may be only where
    /// something happened that could leave it so.
    pub(crate) fn judge(
        self,
        world: &dyn DeskWorld,
        place: &Place,
        said: &Result<()>,
        may_be_unknown: bool,
    ) -> Result<(), String> {
        let there = self.held(world, place);
        let outcome = said.as_ref().map_or_else(Error::outcome, |()| Outcome::Applied);
        let words = match said {
            Ok(()) => "called done".to_owned(),
            Err(e) => format!("called {outcome} ({e})"),
        };
        match (outcome, there) {
            (_, 2..) => Err(format!("{self} is {words}, and it is there {there} times")),
            (Outcome::Applied, 0) => Err(format!("{self} is {words}, and it is not there")),
            (Outcome::Rejected | Outcome::NotSent, 1) => {
                Err(format!("{self} is {words}, and it is there"))
            }
            (Outcome::Unknown, _) if !may_be_unknown => {
                Err(format!("{self} is {words}, though nothing happened that could leave it so"))
            }
            _ => match world.tickets().iter().find(|t| t.key != place.key.as_str()) {
                Some(t) => Err(format!("the product has the key {:?}, which nobody gave", t.key)),
                None => Ok(()),
            },
        }
    }

    /// What is done again on a good day is there once, whatever became of it before. Without a
    /// look-up to be believed, or with `unsure`, opening it may stay unknown.
    pub(super) async fn again(
        self,
        world: &dyn DeskWorld,
        desk: &dyn TicketDesk,
        place: &Place,
        unsure: bool,
    ) -> Result<(), String> {
        let said = self.run(world, desk, place).await;
        let unsure = self == Self::Open && (unsure || !desk.capabilities().find_is_consistent);
        match &said {
            Err(e) if !unsure || e.outcome() != Outcome::Unknown => {
                Err(format!("{self} is done again on a good day, and fails: {e}"))
            }
            _ => self.judge(world, place, &said, unsure).map_err(|e| format!("done again: {e}")),
        }
    }

    /// Whether this says that it is not offered.
    pub(crate) fn is_offered(said: &Result<()>) -> bool {
        !matches!(said, Err(e) if e.kind() == Kind::Unsupported)
    }
}

pub(crate) fn update() -> TicketPatch {
    let mut patch = TicketPatch::new();
    patch.summary = Some(format!("another summary: {CUSTOMER}"));
    patch
}

pub(crate) fn file() -> Attachment {
    Attachment::new(FILE, "text/plain", format!("the log of {CUSTOMER}\n").into_bytes())
}
