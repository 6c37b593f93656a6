//! `[[owners]]`, right and wrong.

use watchfloor_core::config::{Node, Value};

use crate::fakes::{read_owners, table, text};

fn paths(paths: &[&str]) -> Value {
    Value::List(paths.iter().map(|p| Node { value: text(p), line: 3 }).collect())
}

#[test]
fn good_owners_are_read_with_their_places() {
    let (owners, problems) = read_owners([
        table([
            ("name", text("orders")),
            ("paths", paths(&["/api/orders", "/api/carts"])),
            ("desk", Value::Table(table([("group", text("Orders Backend"))]))),
        ]),
        table([("name", text("platform")), ("default", Value::Bool(true))]),
    ]);
    assert_eq!(problems, []);
    let owners = owners.unwrap();
    let orders = owners.iter().next().unwrap();
    assert_eq!(orders.paths, ["/api/orders", "/api/carts"]);
    assert_eq!(orders.places["desk"]["group"], "Orders Backend");
    assert_eq!(owners.of_path("/api/carts/7").0.name, "orders");
    assert_eq!(owners.of_path("/").0.name, "platform");
}

#[test]
fn no_owners_at_all_are_nobodys_mistake() {
    let (owners, problems) = read_owners([]);
    assert!(owners.is_none() && problems.is_empty());
}

#[test]
fn exactly_one_owner_is_the_default() {
    let (owners, problems) = read_owners([
        table([("name", text("orders"))]),
        table([("name", text("platform")), ("default", Value::Bool(false))]),
    ]);
    assert!(owners.is_none());
    let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["line 1: owners: no owner has default = true \
          (exactly one owner takes what nobody else owns)"]
    );

    let default = |name| table([("name", text(name)), ("default", Value::Bool(true))]);
    let (owners, problems) = read_owners(["orders", "platform"].map(default));
    assert!(owners.is_none());
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].what, "more than one owner has default = true: orders, platform");
}

#[test]
fn a_path_has_one_owner_and_begins_with_a_slash() {
    let (owners, problems) = read_owners([
        table([
            ("name", text("orders")),
            ("paths", paths(&["/api/orders"])),
            ("default", Value::Bool(true)),
        ]),
        // The same path as it is decoded, and one that no request can have.
        table([("name", text("refunds")), ("paths", paths(&["/api//%6frders/", "api/refunds"]))]),
        table([("paths", text("/api/nobody"))]),
    ]);
    assert!(owners.is_none());
    let said: Vec<_> = problems.iter().map(|p| (p.line, p.key.as_str(), p.what.as_str())).collect();
    assert_eq!(
        said,
        [
            (1, "owners[2].name", "is missing"),
            (3, "owners[1].paths", "\"/api//%6frders/\" is owned by \"orders\" already"),
            (3, "owners[1].paths", "\"api/refunds\" does not begin with /"),
        ]
    );
}

#[test]
fn a_place_is_a_table_of_texts() {
    let (owners, problems) = read_owners([table([
        ("name", text("all")),
        ("default", Value::Bool(true)),
        ("jira", Value::Table(table([("project", Value::Integer(7))]))),
        ("pahts", text("/api")),
    ])]);
    assert!(owners.is_none());
    let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "line 2: owners[0].jira.project: should be text, is a whole number",
            r#"line 5: owners[0].pahts: is no known key (did you mean "paths"?)"#,
        ]
    );
}
