//! Groups and users by name: exactly one, or an error that says so.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use watchfloor_core::{Call, Error, Kind, Outcome, Result};

use crate::client::Instance;
use crate::wire::{Record, value};

/// `sys_id`s by name. Few, and stable for the life of the process.
#[derive(Debug, Default)]
pub(crate) struct People {
    groups: Mutex<HashMap<String, String>>,
    users: Mutex<HashMap<String, String>>,
}

impl People {
    /// The group's `sys_id`: as it is if it is one, else looked up by name once.
    pub(crate) async fn group(
        &self,
        call: &Call,
        instance: &Instance,
        name: &str,
    ) -> Result<String> {
        if is_sys_id(name) {
            return Ok(name.to_owned());
        }
        if let Some(id) = known(&self.groups, name) {
            return Ok(id);
        }
        let refuse = |what: String| refused(Kind::Config, "servicenow.group", what);
        if !may_stand_in_a_query(name) {
            return Err(refuse("the group's name cannot stand in a query".to_owned()));
        }
        let query = format!("name={name}^ORDERBYsys_id");
        let fields = ("sys_user_group", "sys_id,name");
        let rows = instance.named(call, "servicenow.group", fields, &query).await?;
        let named: Vec<_> = rows.iter().filter(|r| value(r, "name") == name).collect();
        match named[..] {
            [group] => Ok(keep(&self.groups, name, value(group, "sys_id"))),
            [] => Err(refuse(format!("no group is called {name:?}, or this user may not see it"))),
            _ => Err(refuse(format!("more than one group is called {name:?}; give its sys_id"))),
        }
    }

    /// The user's `sys_id`: as it is if it is one, else of the one active user with this user name
    /// or address. Nobody stays nobody.
    pub(crate) async fn user(
        &self,
        call: &Call,
        instance: &Instance,
        name: &str,
    ) -> Result<String> {
        if name.is_empty() || is_sys_id(name) {
            return Ok(name.to_owned());
        }
        if let Some(id) = known(&self.users, name) {
            return Ok(id);
        }
        let refuse = |what: &str| Err(refused(Kind::Invalid, "servicenow.user", what.to_owned()));
        if !may_stand_in_a_query(name) {
            return refuse("the assignee's name cannot stand in a query");
        }
        let query = format!("active=true^user_name={name}^ORemail={name}^ORDERBYsys_id");
        let fields = ("sys_user", "sys_id,user_name,email,active");
        let rows = instance.named(call, "servicenow.user", fields, &query).await?;
        let is = |r: &&Record| {
            let called =
                value(r, "user_name") == name || value(r, "email").eq_ignore_ascii_case(name);
            called && value(r, "active") == "true"
        };
        let named: Vec<_> = rows.iter().filter(is).collect();
        match named[..] {
            [user] => Ok(keep(&self.users, name, value(user, "sys_id"))),
            [] => refuse(
                "no active user has the assignee's user name or address, or this user may not see them",
            ),
            _ => refuse(
                "more than one active user has the assignee's user name or address; give a sys_id",
            ),
        }
    }
}

fn known(names: &Mutex<HashMap<String, String>>, name: &str) -> Option<String> {
    names.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
}

fn keep(names: &Mutex<HashMap<String, String>>, name: &str, id: &str) -> String {
    let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
    names.insert(name.to_owned(), id.to_owned());
    id.to_owned()
}

fn is_sys_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Values are not quoted: a caret begins another condition, `javascript:` a script.
fn may_stand_in_a_query(name: &str) -> bool {
    !name.contains(['^', '\n', '\r']) && !name.starts_with("javascript:")
}

fn refused(kind: Kind, operation: &'static str, what: String) -> Error {
    Error::new(kind, what).with_outcome(Outcome::NotSent).with_operation(operation)
}
