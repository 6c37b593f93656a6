use crate::program::{Place, Run};

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_tells_all_its_errors_and_ends_with_2() {
    let place = Place::new(
        "[connectors.siem]\ntype = \"splunk\"\nhec_ur = \"https://splunk.example\"\n\
         hec_token = \"cnry-literal\"\n[connectors.search]\ntype = \"elastc\"\n[state]\npth = \"x\"\n",
    );
    for args in [vec!["check"], vec!["send", "--to", "siem"]] {
        let run = place.run(&args);
        assert_eq!(run.status, 2, "{run:?}");
        assert_eq!(run.out, "");
        let keys: Vec<_> = run.err.lines().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(keys.len(), 6, "{}", run.err);
        for line in [
            "watchfloor.toml:3: connectors.siem.hec_ur: is no known key (did you mean \"hec_url\"?)",
            "watchfloor.toml:4: connectors.siem.hec_token: is a literal",
            "watchfloor.toml:6: connectors.search.type: \"elastc\" is no type of connector (did you mean \"elastic\"?)",
            "watchfloor.toml:8: state.pth: is no known key (did you mean \"path\"?)",
            "watchfloor.toml:7: state.path: is missing",
        ] {
            assert!(run.err.contains(line), "{line}\n{}", run.err);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_misspelt_is_suggested_wherever_it_stands() {
    let place = Place::new(
        "[gaurd]\n[evidence]\nmode = \"maks\"\n[connector.siem]\n\
         [connectors.siem]\ntype = \"splnuk\"\n\
         [connectors.search]\ntype = \"elastic\"\nurl = \"https://es.example\"\ntarget = \"events\"\n\
         auth = { type = \"api-key\", key = { env = \"KEY\" } }\n\
         [connectors.search.http]\nmax_attempt = 1\n\
         [[owner]]\n[monitoring]\n",
    );
    let run = place.run(&["check"]);
    assert_eq!(run.status, 2, "{run:?}");
    let hints: Vec<_> = run
        .err
        .lines()
        .filter_map(|line| Some((line.split(": ").nth(1)?, line.split("did you mean ").nth(1)?)))
        .collect();
    assert_eq!(
        hints,
        [
            ("gaurd", "\"guard\"?)"),
            ("evidence.mode", "\"mask\"?)"),
            ("connector", "\"connectors\"?)"),
            ("connectors.siem.type", "\"splunk\"?)"),
            ("connectors.search.url", "\"urls\"?)"),
            ("connectors.search.auth.type", "\"api_key\"?)"),
            ("connectors.search.http.max_attempt", "\"max_attempts\"?)"),
            ("owner", "\"owners\"?)"),
        ],
        "{}",
        run.err
    );
    assert!(run.err.contains(": monitoring: is no known key\n"), "{}", run.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_the_named_one_then_the_variables() {
    let place = Place::new("[named]\n");
    place.write("other.toml", "[other]\n");
    place.write("third.toml", "[third]\n");
    assert!(place.run(&["check"]).err.starts_with("watchfloor.toml:1: named"));
    assert!(place.run(&["--config", "other.toml", "check"]).err.starts_with("other.toml:1: other"));
    assert!(place.run(&["check", "--config", "other.toml"]).err.starts_with("other.toml:1: other"));
    let output = place.program(&["check"]).env("WATCHFLOOR_CONFIG", "third.toml").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("third.toml:1: third"));

    let run = place.run(&["check", "--config", "gone.toml"]);
    assert_eq!(run.status, 2);
    assert!(run.err.starts_with("gone.toml: cannot be read"), "{}", run.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_a_usage_error() {
    let place = Place::new(
        "[connectors.dev]\ntype = \"jira\"\nurl = \"https://jira.example\"\nproject = \"SEC\"\nissue_type = \"Task\"\n\
         auth = { type = \"bearer\", token = { env = \"TOKEN\" } }\n",
    );
    let run = place.run(&["send", "--to", "devs"]);
    assert_eq!(run.status, 2);
    assert!(run.err.contains("did you mean \"dev\"?"), "{}", run.err);
    let run = place.run(&["send", "--to", "dev"]);
    assert_eq!(run.status, 2);
    assert!(run.err.contains("\"dev\" (jira) takes no events"), "{}", run.err);
    assert_eq!(place.run(&["check", "siem"]).status, 2);
    assert_eq!(place.run(&["frobnicate"]).status, 2);
    assert_eq!(place.run(&[]).status, 2);
    assert_eq!(place.run(&["send", "--to", "dev", "gone.ndjson"]).status, 2);
    assert_eq!(Place::new("").run(&["check"]).status, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_does_not_work_does_not_exist() {
    let run = Place::new("").run(&["--help"]);
    assert_eq!(run.status, 0);
    let commands = run.out.lines().skip_while(|l| *l != "Commands:").skip(1);
    let names: Vec<_> = commands
        .take_while(|l| !l.is_empty())
        .filter_map(|l| l.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(names, ["check", "send", "detect", "ticket", "lab", "help"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_go_to_standard_error_in_the_form_and_from_the_level_that_are_asked_for() {
    let place = Place::new(
        "[connectors.siem]\ntype = \"splunk\"\nhec_url = \"http://127.0.0.1:1\"\nhec_token = { env = \"TOKEN\" }\n\
         [connectors.siem.http]\nmax_attempts = 1\n",
    );
    let check = |form: &str, level: &str| {
        let mut program = place.program(&["--log-format", form, "check"]);
        Run::of(&program.env("RUST_LOG", level).output().unwrap())
    };
    assert_eq!(check("text", "warn").err, "");
    let text = check("text", "trace");
    assert!(text.err.contains("configured") && !text.err.starts_with('{'), "{}", text.err);
    let json = check("json", "trace");
    let mut lines =
        json.err.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    assert!(lines.any(|line| line["fields"]["message"] == "configured"), "{}", json.err);
    assert!(json.json().iter().all(|line| line["connector"] == "siem"), "{}", json.out);
}
