//! How a twin misbehaves.

use std::fmt;
use std::sync::Arc;

use watchfloor_core::Timestamp;

use crate::message::http_date;
use crate::{Answer, Request};

/// Something that goes wrong with one request. It fires by the request's number, never by time.
#[derive(Clone)]
#[non_exhaustive]
pub enum Fault {
    /// The connection is reset and nothing is done.
    ResetBefore,
    /// Everything is done, and the connection is reset before the answer.
    ResetAfter,
    /// The first so many items of a batch are taken, then the connection is reset.
    ResetAmid(usize),
    /// Everything is done, and the answer breaks off in the middle of its body.
    HalfBody,
    /// Everything is done, and no answer comes.
    Hang,
    /// Everything is done, and after the first half of the answer's body nothing more comes.
    HangAmid,
    /// Nothing is done and this is answered.
    Instead(Answer),
    /// Everything is done, and this is answered in place of the right answer.
    After(Answer),
    /// The credential is not accepted any more; the twin knows how its product says so.
    ExpireCredential,
    /// Items of a batch, by position, that are not taken, with the status that they answer.
    Items(Vec<(usize, u16)>),
    /// What this makes of the right answer.
    Twist(Twist),
}

/// Makes another answer of the right one.
pub type Twist = Arc<dyn Fn(&Request, Answer) -> Answer + Send + Sync>;

impl Fault {
    /// A status with an empty body, instead of doing anything.
    pub fn status(status: u16) -> Self {
        Self::Instead(Answer::new(status))
    }

    /// A status that asks to come back after so many seconds.
    pub fn retry_after(status: u16, seconds: u64) -> Self {
        Self::Instead(Answer::new(status).header("retry-after", seconds.to_string()))
    }

    /// A status that asks to come back at a moment, which is said as an HTTP date.
    pub fn retry_at(status: u16, at: Timestamp) -> Self {
        Self::Instead(Answer::new(status).header("retry-after", http_date(at)))
    }

    /// Everything is done, and the answer's length says less than there is to say: its body ends in
    /// the middle and looks whole.
    pub fn cut_short() -> Self {
        Self::Twist(Arc::new(|_, answer| {
            let half = answer.bytes().len() / 2;
            answer.first(half)
        }))
    }

    /// A page of a proxy in front of the product.
    pub fn html(status: u16) -> Self {
        let page = "<html><head><title>502 Bad Gateway</title></head><body>proxy</body></html>";
        Self::Instead(Answer::new(status).body("text/html", page))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResetBefore => f.write_str("connection reset before anything was done"),
            Self::ResetAfter => f.write_str("connection reset after it was done"),
            Self::ResetAmid(n) => write!(f, "connection reset after {n} items were taken"),
            Self::HalfBody => f.write_str("answer broken off in its body"),
            Self::Hang => f.write_str("no answer"),
            Self::HangAmid => f.write_str("nothing more after half of the answer"),
            Self::Instead(answer) => match answer.header_text("retry-after") {
                Some(after) => write!(f, "{} with Retry-After {after}", answer.status()),
                None => write!(f, "{}", answer.status()),
            },
            Self::After(answer) => write!(f, "{} though it was done", answer.status()),
            Self::ExpireCredential => f.write_str("credential expired"),
            Self::Items(items) => {
                let statuses: Vec<_> = items.iter().map(|(_, s)| s.to_string()).collect();
                write!(f, "items answered {}", statuses.join(", "))
            }
            Self::Twist(_) => f.write_str("answer changed on its way"),
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({self})")
    }
}
