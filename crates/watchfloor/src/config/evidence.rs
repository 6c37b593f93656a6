use watchfloor_core::config::Section;

/// `[evidence] mode`: what becomes of other people's secrets in what readers make of logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Evidence {
    /// They are replaced by a short keyed hash, so that they can be compared and not used.
    #[default]
    Mask,
    /// They stay.
    Keep,
    /// They are left out, and the raw line with them.
    Drop,
}

impl Evidence {
    pub(super) fn read(mut section: Section) -> Self {
        let words = [("mask", Self::Mask), ("keep", Self::Keep), ("drop", Self::Drop)];
        let mode = section.one_of("mode", &words).unwrap_or_default();
        section.finish();
        mode
    }
}
