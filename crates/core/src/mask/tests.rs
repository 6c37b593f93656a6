use super::*;

const SECRET: &str = "cnry-0123456789abcdef";

fn masker() -> Masker {
    Masker::new(Mode::Mask, [7; 32])
}

fn hides(text: &str) {
    let masked = masker().text(text).into_owned();
    assert!(!masked.contains("cnry-"), "{text} → {masked}");
    assert!(masked.contains("masked:"), "{text} → {masked}");
    assert_eq!(masker().text(&masked), masked, "masking twice changes nothing");
}

#[test]
fn t35_secrets_by_name_in_any_text() {
    for text in [
        "POST /login password=cnry-0123456789abcdef&x=1",
        "GET /x?api_key=cnry-0123456789abcdef HTTP/1.1",
        r#"{"email":"a@b","password":"cnry-0123456789abcdef","n":1}"#,
        r#"{"password" : "cnry-0123456789abcdef"}"#,
        r#"{"body":"{\"password\":\"cnry-0123456789abcdef\"}"}"#,
        r#"{"body":"{\\\"token\\\": \\\"cnry-0123456789abcdef\\\"}"}"#,
        r#""Authorization":"Bearer cnry-0123456789abcdef""#,
        r#""authorization":"cnry-0123456789abcdef","x":1"#,
        "Authorization: Bearer cnry-0123456789abcdef",
        r#""Cookie":"sid=cnry-0123456789abcdef; theme=light""#,
        r#""Set-Cookie":"sid=cnry-0123456789abcdef; Path=/api; HttpOnly""#,
        r#""X-Api-Key":"cnry-0123456789abcdef""#,
        "x-auth-token: cnry-0123456789abcdef",
        "client_secret='cnry-0123456789abcdef'",
        r#"{"password":"a\"b cnry-0123456789abcdef"}"#,
        r#"{"pin" : 123, "loyaltyPin": "cnry-0123456789abcdef"}"#,
        r#"{"tokens":["cnry-0123456789abcdef", "x cnry-0123456789abcdef"],"n":1}"#,
        r#"{"b":"{\"tokens\":[\"cnry-0123456789abcdef\",\"cnry-0123456789abcdef\"]}"}"#,
        "user%5Bpassword%5D=cnry-0123456789abcdef&x=1",
        "password=a,b)'cnry-0123456789abcdef&x=1",
        "?next=%2Freset%3Ftoken%3Dcnry-0123456789abcdef%26page%3D2",
        "?next=%252Freset%253Ftoken%253Dcnry-0123456789abcdef",
        "?filter=%7B%22apiKey%22%3A%22cnry-0123456789abcdef%22%7D",
        "<soap:password>cnry-0123456789abcdef</soap:password>",
        "Cookie: theme=light; sid=cnry-0123456789abcdef",
        "Authorization: Token cnry-0123456789abcdef",
        r#""Authorization":"token=cnry-0123456789abcdef x""#,
        "the password: cnry-0123456789abcdef",
        "https://user:cnry-0123456789abcdef@host/x",
        "https://cnry-0123456789abcdef@host/x",
        "x-amz-signature=cnry-0123456789abcdef",
    ] {
        hides(text);
    }
}

#[test]
fn t35_what_a_waf_quotes_of_a_secret() {
    for text in [
        "Matched Data: s&1c found within ARGS:password: cnry-0123456789abcdef' OR '1'='1",
        "Matched Data: x found within ARGS:json.password: ' OR cnry-0123456789abcdef",
        r#""data":"Matched Data: cnry-0123456789abcdef found within ARGS:json.new_password: a""#,
        "against variable `ARGS:password' (Value: `cnry-0123456789abcdef' OR 1=1' )",
        "against variable `REQUEST_HEADERS:Authorization' (Value: `Bearer cnry-0123456789abcdef' )",
        "found within REQUEST_COOKIES:sid: cnry-0123456789abcdef",
        r#"Matched Data: x found within ARGS:password: a "b" cnry-0123456789abcdef"#,
        r#"{"match":"`ARGS:password' (Value: `a' ) cnry-0123456789abcdef' )","data":""}"#,
        r#"ARGS:password' (Value: `cnry-0123456789abcdef' ) [file "x"] [line "1"]"#,
    ] {
        hides(text);
    }
    let kept = "Matched Data: sleep( found within ARGS:q: 1 and sleep(5)";
    assert_eq!(masker().text(kept), kept);
}

#[test]
fn t35_shapes_of_secrets() {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjbnJ5In0.c2lnbmF0dXJl";
    assert!(!masker().text(&format!("see {jwt} there")).contains("eyJ"));
    assert!(!masker().text("card 4111 1111 1111 1111 paid").contains("4111 1111"));
    for hidden in ["pay 12 4111 1111 1111 1111.", "n=4111111111111111,", "4111-1111-1111-1111"] {
        assert!(masker().text(hidden).contains("masked:"), "{hidden}");
    }
    for kept in [
        "order 4111111111111112",
        "0.4111111111111111",
        "a4111111111111111",
        "1795507240000",
        "id 12345678901234567890123",
    ] {
        assert_eq!(masker().text(kept), kept);
    }
}

#[test]
fn t35_known_shapes() {
    let m = masker();
    assert!(m.header("Authorization", "Bearer cnry-x").starts_with("Bearer masked:"));
    let cookies = m.header("cookie", "sid=cnry-x; theme=light");
    assert!(cookies.starts_with("sid=masked:") && cookies.contains("; theme=masked:"), "{cookies}");
    assert!(m.header("set-cookie", "sid=cnry-x; Path=/").ends_with("; Path=/"));
    assert!(!m.url("/x?token=cnry-x&page=2").contains("cnry"));
    assert!(m.url("/x?token=cnry-x&page=2").ends_with("&page=2"));
    assert!(!m.query("p%61ssword=cnry-x").contains("cnry"));
    assert!(!m.query("user[password]=cnry-x").contains("cnry"));
    assert_eq!(m.header("user-agent", "curl/8"), "curl/8");
}

#[test]
fn the_same_secret_has_the_same_mask_and_another_key_another() {
    let (a, b) = (masker(), Masker::new(Mode::Mask, [8; 32]));
    assert_eq!(a.value(SECRET), a.value(SECRET));
    assert_ne!(a.value(SECRET), a.value("other"));
    assert_ne!(a.value(SECRET), b.value(SECRET));
    assert_eq!(a.value(&a.value(SECRET)), a.value(SECRET));
}

#[test]
fn modes() {
    assert_eq!(Masker::new(Mode::Keep, [0; 32]).text("password=x"), "password=x");
    assert_eq!(Masker::new(Mode::Drop, [0; 32]).text("password=x y"), "password=masked: y");
    assert!(!format!("{:?}", masker()).contains('7'));
}

#[test]
fn a_marked_key_is_masked_too() {
    let m = masker().and_key("dateOfBirth");
    assert!(!m.text(r#"{"date_of_birth":"cnry-1"}"#).contains("cnry"));
    assert!(!m.query("dateOfBirth=cnry-1").contains("cnry"));
}

#[test]
fn bytes_that_are_no_text_are_masked_and_otherwise_kept() {
    let m = masker();
    let masked = m.bytes(b"\xff password=cnry-1 \xfe");
    assert!(masked.starts_with(b"\xff password=masked:") && masked.ends_with(b" \xfe"));
}

#[test]
fn what_is_no_secret_stays() {
    for kept in [
        "GET /api/products?page=6&sort=price HTTP/1.1",
        r#"{"uri":"/api/orders/7","status":200,"token":null}"#,
        "https://shop.example/a?b=c@d",
        "Restricted File Access Attempt: /.git/config",
        "next=%2Fhome%3Fpage%3D2",
    ] {
        assert_eq!(masker().text(kept), kept);
    }
}

/// A line may be long and of whatever costs most; some of these took a minute when a search began
/// anew at every hit.
#[test]
fn a_long_hostile_line_is_masked_in_one_pass() {
    for part in [
        "password=",
        "eyJ",
        "eyJ.",
        "ARGS:password: a ",
        "ARGS:password' (Value: `",
        "4111 ",
        "4-",
        "Matched Data: x found within ARGS:password: ",
        "Cookie: a=b;",
        "Set-Cookie: a; ",
        "\\",
        "\"password\":\"",
        "'pwd':[\"",
        "Bearer ",
        "://",
        "://a:",
        "token%3D",
        "token%3A%22",
        ">",
        "Authorization: ",
        "<pin>",
        ": ",
        "\"\\\"",
        "password=\\",
        "\"token\":[",
        "\"token\" :  ",
    ] {
        let line = part.repeat((1 << 17) / part.len());
        let _ = masker().text(&line);
        let _ = masker().text(&format!("{{{line}"));
    }
}

proptest::proptest! {
    #[test]
    fn any_text_of_names_and_signs_is_taken(
        text in "(password|token|pin|eyJ|ARGS:|%3D|%22|%25|[ü:=>\"'\\\\\\[\\]{}<& ]|4111 ?|\\PC){0,40}",
    ) {
        let once = masker().text(&text).into_owned();
        let _ = masker().bytes(text.as_bytes());
        let _ = masker().query(&text);
        proptest::prop_assert!(once.len() <= text.len() * 16);
    }

    #[test]
    fn any_text_is_taken(text in "\\PC{0,200}") {
        let _ = masker().text(&text);
        let _ = masker().url(&text);
        let _ = masker().header("cookie", &text);
    }

    #[test]
    fn any_text_around_a_named_secret_hides_it(before in "[a-z {},:\"\\\\]{0,20}", after in "[ &,;][a-z]{0,20}") {
        let text = format!("{before} password={SECRET}{after}");
        proptest::prop_assert!(!masker().text(&text).contains(SECRET));
    }
}
