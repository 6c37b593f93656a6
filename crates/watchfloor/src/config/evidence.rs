use watchfloor_core::config::Section;
use watchfloor_core::mask::Mode;

/// `[evidence] mode`.
pub(super) fn read(mut section: Section) -> Mode {
    let words = [("mask", Mode::Mask), ("keep", Mode::Keep), ("drop", Mode::Drop)];
    let mode = section.one_of("mode", &words).unwrap_or_default();
    section.finish();
    mode
}
