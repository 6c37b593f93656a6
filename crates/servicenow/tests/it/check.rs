use serde_json::json;
use watchfloor_core::Stage;
use watchfloor_testkit::{Answer, Fault};

use super::world::{World, world, world_with};

#[tokio::test]
async fn a_check_tells_what_is_wrong() {
    let stage = |w: &World| {
        let (call, desk) = (w.scope.call(), w.desk.clone());
        async move { desk.check(&call).await.failure().map(|(stage, _)| stage) }
    };
    let w = world().await;
    assert_eq!(stage(&w).await, None);
    w.instance.forbid();
    assert_eq!(stage(&w).await, Some(Stage::Authorised));
    let w = world().await;
    let refused = json!({ "error_description": "access_denied", "error": "server_error" });
    w.instance.script().on("token", 1, Fault::Instead(Answer::json(401, &refused)));
    assert_eq!(stage(&w).await, Some(Stage::Authenticated));
    let w = world().await;
    let page = Answer::new(200).body("text/html", "<html>Instance Hibernating page</html>");
    for nth in 1..=5 {
        w.instance.script().on("list", nth, Fault::Instead(page.clone()));
    }
    assert_eq!(stage(&w).await, Some(Stage::Reachable));
    assert!(w.instance.held("incident").is_empty());
}

#[tokio::test]
async fn what_is_hidden_of_the_platform_s_tables_is_told_with_the_fix() {
    for table in ["sys_journal_field", "sys_choice", "sys_dictionary", "sys_user_group"] {
        for deny in [false, true] {
            let w = world().await;
            if table == "sys_journal_field" {
                let id = w.opened("wf-1").await;
                let marker = watchfloor_core::Marker::derive("wf-1", "x");
                let text = watchfloor_core::RichText::new().text("x");
                let comment = watchfloor_core::Comment::new(marker, text);
                w.desk.comment(&w.scope.call(), &id, &comment).await.unwrap();
            }
            if deny {
                w.instance.deny_table(table);
            } else {
                w.instance.hide_rows(table);
            }
            let health = w.desk.check(&w.scope.call()).await;
            let (stage, why) = health.failure().unwrap();
            assert_eq!(stage, Stage::Degraded);
            assert!(why.contains(table), "{why}");
        }
    }
}

#[tokio::test]
async fn a_close_code_that_the_instance_does_not_have_is_told() {
    let w = world_with(|twin| twin, &json!({ "close_code": "Solved (Permanently)" })).await;
    let health = w.desk.check(&w.scope.call()).await;
    assert!(health.failure().is_some_and(|(_, why)| why.contains("close codes")), "{health:?}");
    let w = world_with(|twin| twin, &json!({ "close_code": "User error" })).await;
    assert!(w.desk.check(&w.scope.call()).await.is_good());
}
