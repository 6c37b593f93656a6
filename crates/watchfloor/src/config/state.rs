use std::path::PathBuf;

use watchfloor_core::config::Section;

/// `[state]`: what outlives the process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateSettings {
    /// The file of the store, relative to the configuration's directory where that is not absolute.
    pub path: PathBuf,
    /// The line that names it.
    #[cfg_attr(not(feature = "store"), allow(dead_code, reason = "where one can be opened"))]
    pub(crate) line: u32,
}

/// `None` where the table is wrong, which is reported.
pub(super) fn read(mut section: Section) -> Option<StateSettings> {
    if !cfg!(feature = "store") {
        let hint = "build with the feature `store`, or leave the table out";
        section.problem("", "is not offered by this build", hint);
        return None;
    }
    let hint = "such as \"watchfloor.redb\"";
    if !section.has("path") {
        section.problem("path", "is missing", hint);
    }
    let path = section.file("path");
    let line = section.line("path");
    section.finish();
    path.map(|path| StateSettings { path, line })
}
