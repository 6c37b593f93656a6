//! Where secrets come from: the environment, files, programs and systemd credentials.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use watchfloor_core::Secret;
use watchfloor_core::config::{SecretRef, SecretSource};

/// The longest secret, in bytes.
const MAX_BYTES: u64 = 64 * 1024;
/// The longest other file, in bytes: a bundle of all public authorities is a quarter of it.
const MAX_FILE: u64 = 1024 * 1024;
/// How long a program may take to print a secret.
const EXEC_TIMEOUT: Duration = Duration::from_secs(30);

type Env = Arc<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// Finds the secrets that a configuration points to.
///
/// - `{ env = "NAME" }`: the variable of the environment.
/// - `{ file = "PATH" }`: the text of the file; a relative path is relative to the configuration.
/// - `{ exec = ["cmd", "arg"] }`: what the program prints, within 30 seconds, without a shell. Its
///   own error output goes to ours. A command with a slash is relative to the configuration, one
///   without is looked for in `PATH`.
/// - `{ credential = "NAME" }`: the file of that name in systemd's `$CREDENTIALS_DIRECTORY`.
///
/// A secret is UTF-8 of at most 64 KiB; one line end behind it is dropped. Errors name the place
/// and never the secret.
#[derive(Clone)]
pub struct Secrets {
    base: PathBuf,
    env: Env,
    exec_timeout: Duration,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Secrets {
    /// Secrets of a configuration in this directory, and of this process's environment.
    pub fn new(base: impl Into<PathBuf>) -> Self {
        Self::with_env(base, |name| std::env::var_os(name))
    }

    /// The same with another environment.
    pub fn with_env(
        base: impl Into<PathBuf>,
        env: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
    ) -> Self {
        Self { base: base.into(), env: Arc::new(env), exec_timeout: EXEC_TIMEOUT }
    }

    fn env(&self, name: &str) -> Result<Secret, String> {
        // A text that can be no variable may be the secret itself, pasted: it is not repeated.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if name.is_empty() || !name.bytes().all(plain) {
            return Err("env names no variable: letters, digits and _ alone".into());
        }
        let Some(value) = (self.env)(name) else {
            return Err(format!("the environment has no variable {name}"));
        };
        let value = value.into_string();
        value.map(Secret::new).map_err(|_| format!("the variable {name} is not UTF-8"))
    }

    fn credential(&self, name: &str) -> Result<Secret, String> {
        let mut parts = Path::new(name).components();
        let (Some(std::path::Component::Normal(file)), None) = (parts.next(), parts.next()) else {
            return Err("credential is no plain name".into());
        };
        match (self.env)("CREDENTIALS_DIRECTORY") {
            Some(directory) => read_file(&Path::new(&directory).join(file)),
            None => Err("there is no CREDENTIALS_DIRECTORY: systemd did not start this".into()),
        }
    }

    fn exec(&self, command: &[String]) -> Result<Secret, String> {
        let [program, arguments @ ..] = command else {
            return Err("exec names no program".into());
        };
        let base = if self.base.as_os_str().is_empty() { Path::new(".") } else { &self.base };
        let path = Path::new(program);
        let path = if path.components().count() > 1 { base.join(path) } else { path.into() };
        let child =
            Command::new(path).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|e| format!("{program} cannot be started: {}", e.kind()))?;
        let printed = printed(&mut child, self.exec_timeout);
        if printed.is_err() {
            let _ = child.kill();
        }
        let status = child.wait();
        let printed = printed.map_err(|what| format!("{program} {what}"))?;
        match status {
            Ok(status) if status.success() => secret(printed, program),
            Ok(status) => Err(format!("{program} ended with {status}")),
            Err(e) => Err(format!("{program} cannot be waited for: {}", e.kind())),
        }
    }
}

impl SecretSource for Secrets {
    fn find(&self, secret: &SecretRef) -> Result<Secret, String> {
        match secret {
            SecretRef::Env(name) => self.env(name),
            SecretRef::File(path) => read_file(&self.base.join(path)),
            SecretRef::Exec(command) => self.exec(command),
            SecretRef::Credential(name) => self.credential(name),
            _ => Err("this way to a secret is not known here".into()),
        }
    }

    fn read_file(&self, path: &str) -> Result<Vec<u8>, String> {
        read(&self.base.join(path), MAX_FILE)
    }
}

fn read_file(path: &Path) -> Result<Secret, String> {
    secret(read(path, MAX_BYTES)?, &path.display().to_string())
}

/// A file's bytes; an error names the file.
fn read(path: &Path, max: u64) -> Result<Vec<u8>, String> {
    let name = path.display();
    let bytes = std::fs::File::open(path).and_then(|file| read_bounded(file, max));
    let bytes = bytes.map_err(|e| format!("{name} cannot be read: {}", e.kind()))?;
    if bytes.len() as u64 > max {
        return Err(format!("{name} holds more than {max} bytes"));
    }
    Ok(bytes)
}

/// What a program prints until it closes its output; the reader is a thread because a pipe has no
/// time-out.
fn printed(child: &mut Child, timeout: Duration) -> Result<Vec<u8>, String> {
    let Some(stdout) = child.stdout.take() else { return Ok(Vec::new()) };
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(read_bounded(stdout, MAX_BYTES)));
    match told.recv_timeout(timeout) {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(e)) => Err(format!("cannot be read from: {}", e.kind())),
        Err(_) => Err(format!("took longer than {} seconds", timeout.as_secs_f32())),
    }
}

fn read_bounded(from: impl Read, max: u64) -> io::Result<Vec<u8>> {
    // One byte more than allowed, so that the limit can be told from the end.
    let mut bytes = Vec::with_capacity(4096);
    from.take(max + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn secret(bytes: Vec<u8>, place: &str) -> Result<Secret, String> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("{place} holds more than {MAX_BYTES} bytes"));
    }
    let Ok(mut text) = String::from_utf8(bytes) else {
        return Err(format!("{place} holds something other than UTF-8"));
    };
    let end =
        text.strip_suffix('\n').map_or(text.len(), |t| t.strip_suffix('\r').unwrap_or(t).len());
    text.truncate(end);
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exec(command: &[&str]) -> SecretRef {
        SecretRef::Exec(command.iter().map(|&c| c.into()).collect())
    }

    /// A directory that is gone with the test.
    struct Dir(PathBuf);
    impl Dir {
        fn new() -> Self {
            let name = format!("watchfloor-{}", watchfloor_core::CallId::random());
            let dir = std::env::temp_dir().join(name);
            std::fs::create_dir(&dir).unwrap();
            Self(dir)
        }
        fn file(&self, name: &str, bytes: &[u8]) {
            std::fs::write(self.0.join(name), bytes).unwrap();
        }
    }
    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn env_file_and_credential() {
        let dir = Dir::new();
        dir.file("crlf", b"cnry-file\r\n");
        dir.file("two", b"cnry\n\n");
        let directory = dir.0.clone().into_os_string();
        let secrets = Secrets::with_env(&dir.0, move |name| match name {
            "TOKEN" => Some("cnry-env\n".into()),
            "CREDENTIALS_DIRECTORY" => Some(directory.clone()),
            _ => None,
        });
        let find = |r| secrets.find(&r);
        assert_eq!(find(SecretRef::Env("TOKEN".into())), Ok(Secret::new("cnry-env\n")));
        assert_eq!(find(SecretRef::File("crlf".into())), Ok(Secret::new("cnry-file")));
        assert_eq!(find(SecretRef::File("two".into())), Ok(Secret::new("cnry\n")));
        assert_eq!(find(SecretRef::Credential("crlf".into())), Ok(Secret::new("cnry-file")));
        for bad in ["../crlf", "/etc/passwd", "", ".."] {
            let error = find(SecretRef::Credential(bad.into())).unwrap_err();
            assert_eq!(error, "credential is no plain name", "{bad}");
        }
    }

    #[test]
    fn errors_name_the_place_and_never_the_secret() {
        let dir = Dir::new();
        dir.file("long", &vec![b'c'; MAX_BYTES as usize + 1]);
        dir.file("bytes", b"cnry\xff");
        let secrets = Secrets::with_env(&dir.0, |_| None);
        let error = |r| secrets.find(&r).unwrap_err();
        let env = |name: &str| error(SecretRef::Env(name.into()));
        assert_eq!(env("SPLUNK_TOKEN"), "the environment has no variable SPLUNK_TOKEN");
        assert!(!env("cnry-pasted").contains("cnry"));
        assert!(
            error(SecretRef::File("gone".into()))
                .ends_with("gone cannot be read: entity not found")
        );
        assert!(error(SecretRef::File("long".into())).ends_with("holds more than 65536 bytes"));
        let bytes = error(SecretRef::File("bytes".into()));
        assert!(
            bytes.ends_with("something other than UTF-8") && !bytes.contains("cnry"),
            "{bytes}"
        );
        assert!(error(SecretRef::Credential("x".into())).contains("CREDENTIALS_DIRECTORY"));
    }

    #[test]
    fn a_file_that_is_no_secret_is_read_beside_the_configuration() {
        let dir = Dir::new();
        dir.file("ca.pem", b"some\xffbytes");
        dir.file("long", &vec![b'c'; MAX_FILE as usize + 1]);
        let secrets = Secrets::with_env(&dir.0, |_| None);
        assert_eq!(secrets.read_file("ca.pem").unwrap(), b"some\xffbytes");
        let error = |path: &str| secrets.read_file(path).unwrap_err();
        assert!(error("gone.pem").ends_with("gone.pem cannot be read: entity not found"));
        assert!(error(".").contains("cannot be read"));
        assert!(error("long").ends_with("holds more than 1048576 bytes"));
    }

    #[cfg(unix)]
    #[test]
    fn a_program_prints_the_secret_within_bounds() {
        let secrets = Secrets::with_env("", |_| None);
        let find = |command: &[&str]| secrets.find(&exec(command));
        assert_eq!(find(&["printf", "cnry %s\\n", "a b"]), Ok(Secret::new("cnry a b")));
        assert_eq!(find(&["false"]).unwrap_err(), "false ended with exit status: 1");
        assert!(find(&["no-such-program-here"]).unwrap_err().contains("cannot be started"));
        let endless = find(&["yes", "cnry"]).unwrap_err();
        assert!(!endless.contains("cnry "), "{endless}");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_never_ends_is_ended() {
        let mut secrets = Secrets::with_env("", |_| None);
        secrets.exec_timeout = Duration::from_millis(50);
        let error = secrets.find(&exec(&["tail", "-f", "/dev/null"])).unwrap_err();
        assert_eq!(error, "tail took longer than 0.05 seconds");
    }
}
