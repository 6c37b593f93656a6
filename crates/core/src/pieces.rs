//! What is left to send of a batch, in pieces that get smaller until the bad event stands alone.

/// Single events refused, and nothing taken, after which it is no longer looked for the bad ones.
const REFUSED_IN_VAIN: usize = 8;

/// The events of a batch that have no verdict yet, as indices into it.
///
/// A sink takes a piece, sends it, and pushes back what must be sent again: a piece that the
/// product refuses as a whole comes back in halves, down to the single event (T8). Where the first
/// single events are all refused and nothing was ever taken, the refusal is hardly about an event:
/// what is left is tried once more as it is, and not halved. Else a wrong setting would cost two
/// requests an event.
#[derive(Clone, Debug)]
pub struct Pieces {
    left: Vec<Vec<u32>>,
    any_taken: bool,
    refused: usize,
}

impl Pieces {
    /// All events of a batch of `total`, in one piece.
    pub fn new(total: usize) -> Self {
        let all: Vec<u32> = (0..u32::try_from(total).unwrap_or(u32::MAX)).collect();
        let left = if all.is_empty() { Vec::new() } else { vec![all] };
        Self { left, any_taken: false, refused: 0 }
    }

    /// The next piece; never an empty one.
    pub fn take(&mut self) -> Option<Vec<u32>> {
        self.left.pop()
    }

    /// Sends this piece next.
    pub fn push(&mut self, piece: Vec<u32>) {
        if !piece.is_empty() {
            self.left.push(piece);
        }
    }

    /// The product has taken some event of the batch.
    pub fn taken(&mut self) {
        self.any_taken = true;
    }

    /// Sends a refused piece in halves, the first half next. Gives back the events that are refused
    /// for good: the one of a piece of one, or a piece that it makes no sense to halve.
    pub fn halve(&mut self, mut piece: Vec<u32>) -> Vec<u32> {
        let in_vain = !self.any_taken && self.refused >= REFUSED_IN_VAIN;
        if piece.len() > 1 && !in_vain {
            let second = piece.split_off(piece.len() / 2);
            self.push(second);
            self.push(piece);
            return Vec::new();
        }
        self.refused += piece.len();
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t08_a_refused_piece_is_halved_down_to_the_one_event() {
        let mut pieces = Pieces::new(100);
        let (mut sent, mut bad, mut requests) = (Vec::new(), Vec::new(), 0);
        while let Some(piece) = pieces.take() {
            requests += 1;
            if piece.contains(&37) {
                bad.extend(pieces.halve(piece));
            } else {
                pieces.taken();
                sent.extend(piece);
            }
        }
        assert_eq!(bad, [37]);
        assert_eq!(sent.len(), 99);
        assert!(sent.is_sorted(), "the order of the batch is kept");
        assert!(requests <= 2 * 8);
        assert!(Pieces::new(0).take().is_none());
    }

    #[test]
    fn a_refusal_of_everything_is_believed_after_a_few_single_events() {
        let mut pieces = Pieces::new(1000);
        let (mut bad, mut requests) = (Vec::new(), 0);
        while let Some(piece) = pieces.take() {
            requests += 1;
            bad.extend(pieces.halve(piece));
        }
        assert_eq!(bad, (0..1000).collect::<Vec<_>>());
        assert!(requests < 40, "{requests}");
    }

    #[test]
    fn single_bad_events_among_good_ones_are_told_one_by_one() {
        let mut pieces = Pieces::new(64);
        let (mut bad, mut sent) = (Vec::new(), 0);
        while let Some(piece) = pieces.take() {
            if piece.iter().any(|i| i % 8 == 7) {
                bad.extend(pieces.halve(piece));
            } else {
                pieces.taken();
                sent += piece.len();
            }
        }
        assert_eq!((bad.len(), sent), (8, 56));
    }
}
