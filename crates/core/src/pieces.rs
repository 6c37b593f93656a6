//! What is left to send of a batch, in pieces that get smaller until the bad event stands alone.

/// The events of a batch that have no verdict yet, as indices into it.
///
/// A sink takes a piece, sends it, and pushes back what must be sent again: a piece that the
/// product refuses as a whole comes back in halves, down to the single event (T8).
#[derive(Clone, Debug)]
pub struct Pieces(Vec<Vec<u32>>);

impl Pieces {
    /// All events of a batch of `total`, in one piece.
    pub fn new(total: usize) -> Self {
        let all: Vec<u32> = (0..u32::try_from(total).unwrap_or(u32::MAX)).collect();
        Self(if all.is_empty() { Vec::new() } else { vec![all] })
    }

    /// The next piece; never an empty one.
    pub fn take(&mut self) -> Option<Vec<u32>> {
        self.0.pop()
    }

    /// Sends this piece next.
    pub fn push(&mut self, piece: Vec<u32>) {
        if !piece.is_empty() {
            self.0.push(piece);
        }
    }

    /// Sends this piece in halves, the first half next. A piece of one event comes back: it is the
    /// one.
    pub fn halve(&mut self, mut piece: Vec<u32>) -> Option<u32> {
        if let [one] = piece[..] {
            return Some(one);
        }
        let second = piece.split_off(piece.len() / 2);
        self.push(second);
        self.push(piece);
        None
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
                sent.extend(piece);
            }
        }
        assert_eq!(bad, [37]);
        assert_eq!(sent.len(), 99);
        assert!(sent.is_sorted(), "the order of the batch is kept");
        assert!(requests <= 2 * 8);
        assert!(Pieces::new(0).take().is_none());
    }
}
