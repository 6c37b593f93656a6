//! A document's beginning.

use std::borrow::Cow;

use super::{Block, Inline, Item, List, Phrase, RichText};

/// The longest beginning that fits, by halving.
pub(super) fn shorten(text: &RichText, fits: impl Fn(&RichText) -> bool) -> Cow<'_, RichText> {
    if fits(text) {
        return Cow::Borrowed(text);
    }
    let (mut fit, mut too_long) = (None, Cutter::size(text));
    let mut low = 0;
    while low < too_long {
        let middle = low + (too_long - low) / 2;
        let candidate = Cutter::first(text, middle);
        if fits(&candidate) {
            low = middle + 1;
            fit = Some(candidate);
        } else {
            too_long = middle;
        }
    }
    Cow::Owned(fit.unwrap_or_default())
}

/// Takes characters until there is no room, ends with `…`, and drops what follows.
struct Cutter {
    room: usize,
    cut: bool,
}

impl Cutter {
    /// As many characters as the document has, and one for each piece.
    fn size(text: &RichText) -> usize {
        let mut all = Self { room: usize::MAX, cut: false };
        all.blocks(text);
        usize::MAX - all.room
    }

    fn first(text: &RichText, chars: usize) -> RichText {
        Self { room: chars, cut: false }.blocks(text)
    }

    fn blocks(&mut self, text: &RichText) -> RichText {
        let mut kept = RichText::new();
        for block in text.blocks() {
            if self.cut {
                break;
            }
            kept = kept.block(match block {
                Block::Text(text) => Block::Text(self.phrase(text)),
                Block::Code(code) => Block::Code(self.words(code)),
                Block::Heading { level, text } => {
                    Block::Heading { level: *level, text: self.phrase(text) }
                }
                Block::List(list) => Block::List(self.list(list)),
                Block::Table { header, rows } => {
                    let header = self.row(header);
                    let mut kept = Vec::new();
                    for row in rows {
                        if self.cut {
                            break;
                        }
                        kept.push(self.row(row));
                    }
                    Block::Table { header, rows: kept }
                }
                Block::Quote(text) => Block::Quote(self.phrase(text)),
            });
        }
        kept
    }

    fn list(&mut self, list: &List) -> List {
        let mut items = Vec::new();
        for item in &list.items {
            if self.cut {
                break;
            }
            let text = self.phrase(&item.text);
            let below = item.below.as_ref().filter(|_| !self.cut);
            items.push(Item { text, below: below.map(|below| self.list(below)) });
        }
        List { numbered: list.numbered, items }
    }

    fn row(&mut self, cells: &[Phrase]) -> Vec<Phrase> {
        let mut kept = Vec::new();
        for cell in cells {
            if self.cut {
                break;
            }
            kept.push(self.phrase(cell));
        }
        kept
    }

    fn phrase(&mut self, phrase: &Phrase) -> Phrase {
        let mut kept = Phrase::new();
        // Blocks without words cost something too.
        self.take(1);
        for piece in phrase.pieces() {
            if self.cut {
                break;
            }
            kept = kept.with(match piece {
                Inline::Text(text) => Inline::Text(self.words(text)),
                Inline::Code(code) => Inline::Code(self.words(code)),
                Inline::Strong(text) => Inline::Strong(self.words(text)),
                // A URL is whole or not there at all.
                Inline::Link { text, url } => {
                    if self.take(url.chars().count()) {
                        Inline::Link { text: self.words(text), url: url.clone() }
                    } else {
                        Inline::Text("…".to_owned())
                    }
                }
            });
        }
        kept
    }

    fn words(&mut self, text: &str) -> String {
        if self.take(1) && self.take(text.chars().count()) {
            return text.to_owned();
        }
        let mut kept: String = text.chars().take(self.room).collect();
        kept.push('…');
        self.room = 0;
        kept
    }

    /// Whether there was room for so many; else nothing is taken and everything ends here.
    fn take(&mut self, chars: usize) -> bool {
        match self.room.checked_sub(chars) {
            Some(left) if !self.cut => self.room = left,
            _ => self.cut = true,
        }
        !self.cut
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn within(text: &RichText, limit: usize) -> String {
        text.shorten(|t| t.to_string().chars().count() <= limit).to_string()
    }

    #[test]
    fn what_fits_is_left_and_what_does_not_ends_in_an_ellipsis() {
        let text = RichText::new().heading(2, "héading").list(["one", "two"]).code("x".repeat(50));
        assert!(matches!(text.shorten(|_| true), Cow::Borrowed(_)));
        assert_eq!(within(&text, 19), "héading\n\n- one\n- t…");
        assert_eq!(within(&text, 0), "");
        let link = RichText::new().text(Phrase::from("see ").link("x", "https://x.example/long"));
        assert_eq!(within(&link, 12), "see …");
    }

    proptest! {
        #[test]
        fn t16_the_longest_beginning_that_fits(a in "\\PC{0,40}", b in "\\PC{0,40}", limit in 0_usize..90) {
            let text = RichText::new().text(a.clone()).code(b.clone());
            let short = within(&text, limit);
            prop_assert!(short.chars().count() <= limit);
            let whole = text.to_string();
            if whole.chars().count() > limit && !short.is_empty() {
                let kept = short.strip_suffix('…').unwrap();
                prop_assert!(whole.starts_with(kept.trim_end_matches('\n')));
                prop_assert!(kept.chars().count() + 4 > limit, "{short:?}");
            }
        }
    }
}
