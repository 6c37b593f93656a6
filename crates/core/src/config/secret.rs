use std::collections::BTreeMap;
use std::fmt;

use super::{Node, Value};
use crate::Secret;

/// Where a secret is found. A literal is never one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretRef {
    /// `{ env = "NAME" }`
    Env(String),
    /// `{ file = "PATH" }`, relative to the configuration file
    File(String),
    /// `{ exec = ["cmd", "arg"] }`: its standard output
    Exec(Vec<String>),
    /// `{ credential = "NAME" }`: a systemd credential
    Credential(String),
}

/// Finds secrets. The façade's reads the environment, files, programs and systemd credentials.
pub trait SecretSource: fmt::Debug + Send + Sync + 'static {
    /// The secret, or why it cannot be had; the text must not hold the secret.
    fn find(&self, secret: &SecretRef) -> Result<Secret, String>;

    /// The content of a file that is no secret, such as a certificate, or why it cannot be had; a
    /// relative path is relative to the configuration file. A source that has no files has this
    /// default.
    fn read_file(&self, path: &str) -> Result<Vec<u8>, String> {
        let _ = path;
        Err("files are not read here".to_owned())
    }
}

/// What a table says about where a secret is.
pub(super) fn secret_ref(table: &BTreeMap<String, Node>) -> Result<SecretRef, String> {
    let mut entries = table.iter();
    let (Some((key, node)), None) = (entries.next(), entries.next()) else {
        return Err("needs exactly one of env, file, exec, credential".into());
    };
    match (key.as_str(), &node.value) {
        ("env", Value::Text(t)) => Ok(SecretRef::Env(t.clone())),
        ("file", Value::Text(t)) => Ok(SecretRef::File(t.clone())),
        ("credential", Value::Text(t)) => Ok(SecretRef::Credential(t.clone())),
        ("exec", Value::List(items)) if !items.is_empty() => items
            .iter()
            .map(|n| match &n.value {
                Value::Text(t) => Ok(t.clone()),
                _ => Err("exec needs a list of texts".to_owned()),
            })
            .collect::<Result<_, _>>()
            .map(SecretRef::Exec),
        _ => Err("needs exactly one of env, file, exec, credential".into()),
    }
}
