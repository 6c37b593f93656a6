//! A folder that leaves as it came: what was written into it is removed, and nothing else.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use watchfloor::core::CallId;

/// On Unix only its owner can look into it, and read what is in it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Whether it was there before, empty.
    found: bool,
    /// The files that were written, by their names.
    written: Vec<Written>,
    /// The files that those who use it make there.
    made: Vec<&'static str>,
}

#[derive(Debug)]
struct Written {
    name: &'static str,
    content: Box<[u8]>,
}

impl Folder {
    /// A new folder, or one that is empty; without a name, a new one among the temporary files.
    pub(super) fn make(dir: Option<&Path>) -> Result<Self, String> {
        let path = match dir {
            Some(dir) => dir.to_owned(),
            None => std::env::temp_dir().join(format!("watchfloor-lab-{}", CallId::random())),
        };
        let fail = |e: &io::Error| format!("{} cannot be made: {}", path.display(), e.kind());
        let path = std::path::absolute(&path).map_err(|e| fail(&e))?;
        let found = match private().create(&path) {
            Ok(()) => false,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => match is_empty(&path) {
                Ok(true) => true,
                Ok(false) => return Err(format!("{} is not empty", path.display())),
                Err(_) => return Err(format!("{} is no folder", path.display())),
            },
            Err(e) => return Err(fail(&e)),
        };
        Ok(Self { path, found, written: Vec::new(), made: Vec::new() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that is not there yet.
    pub(super) fn write(&mut self, name: &'static str, content: &str) -> Result<(), String> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let fail = |e: &io::Error| format!("{} cannot be written: {}", path.display(), e.kind());
        let mut file = options.open(&path).map_err(|e| fail(&e))?;
        self.written.push(Written { name, content: content.as_bytes().into() });
        file.write_all(content.as_bytes()).map_err(|e| fail(&e))
    }

    /// Says that whoever uses the folder makes a file of this name, which goes whatever is in it.
    pub(super) fn will_have(&mut self, name: &'static str) {
        self.made.push(name);
    }

    /// Removes what was written, and the folder if it was made here; answers what stays, and why.
    pub(super) fn remove(&mut self) -> Vec<String> {
        let mut stays = Vec::new();
        for Written { name, content } in self.written.drain(..) {
            let path = self.path.join(name);
            let why = match is_still(&path, &content) {
                Ok(true) => match fs::remove_file(&path) {
                    Ok(()) => continue,
                    Err(e) => e.kind().to_string(),
                },
                Ok(false) => "it was changed".to_owned(),
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => e.kind().to_string(),
            };
            stays.push(format!("{} stays: {why}", path.display()));
        }
        for name in self.made.drain(..) {
            let path = self.path.join(name);
            match fs::remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    stays.push(format!("{} stays: {}", path.display(), e.kind()));
                }
                _ => {}
            }
        }
        if !std::mem::replace(&mut self.found, true) {
            match fs::remove_dir(&self.path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    stays.push(format!("{} stays: {}", self.path.display(), e.kind()));
                }
                _ => {}
            }
        }
        stays
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.remove();
    }
}

fn private() -> DirBuilder {
    #[cfg_attr(not(unix), allow(unused_mut, reason = "modes are Unix's"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

fn is_empty(dir: &Path) -> io::Result<bool> {
    Ok(fs::read_dir(dir)?.next().is_none())
}

/// Whether a file is what was written: a half of it is, as after a full disk; a link is not.
fn is_still(path: &Path, content: &[u8]) -> io::Result<bool> {
    let found = fs::symlink_metadata(path)?;
    Ok(found.is_file()
        && found.len() <= content.len() as u64
        && content.starts_with(&fs::read(path)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_goes_and_what_others_wrote_stays() {
        let mut folder = Folder::make(None).unwrap();
        let path = folder.path().to_owned();
        for name in ["kept", "changed", "removed", "linked"] {
            folder.write(name, "ours").unwrap();
        }
        let at = |name: &str| path.join(name);
        fs::write(at("changed"), "theirs").unwrap();
        fs::remove_file(at("removed")).unwrap();
        fs::write(at("foreign"), "theirs").unwrap();
        #[cfg(unix)]
        {
            fs::remove_file(at("linked")).unwrap();
            std::os::unix::fs::symlink(at("foreign"), at("linked")).unwrap();
        }
        let stays = folder.remove();
        assert!(!at("kept").exists() && at("changed").exists() && at("foreign").exists());
        assert_eq!(fs::read(at("foreign")).unwrap(), b"theirs");
        #[cfg(unix)]
        assert_eq!(stays.len(), 3, "changed, linked, the folder: {stays:?}");
        drop(folder);
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn what_its_users_make_goes_whatever_is_in_it() {
        let mut folder = Folder::make(None).unwrap();
        let path = folder.path().to_owned();
        folder.will_have("state");
        folder.will_have("never made");
        fs::write(path.join("state"), "theirs").unwrap();
        assert_eq!(folder.remove(), Vec::<String>::new());
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_that_was_there_stays_and_is_empty_again() {
        let outer = Folder::make(None).unwrap();
        let mut inner = Folder::make(Some(outer.path())).unwrap();
        inner.write("a", "x").unwrap();
        assert_eq!(
            Folder::make(Some(outer.path())).unwrap_err(),
            format!("{} is not empty", outer.path().display())
        );
        drop(inner);
        assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_look_into_it() {
        use std::os::unix::fs::PermissionsExt;
        let mut folder = Folder::make(None).unwrap();
        folder.write("secret", "s").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.path()), 0o700);
        assert_eq!(mode(&folder.path().join("secret")), 0o600);
    }
}
