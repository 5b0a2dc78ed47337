use std::{fmt::Write as _, time::Instant};

use expect_test::{Expect, expect};
use protocol::incoming::filter::{Condition as Wire, Limits};

use super::*;

const LIMITS: Limits = Limits { body_bytes: 100, body_ms: 200, jq_ms: 200 };

fn filter(all: bool, conditions: &[Wire]) -> Filter {
    let filter = filter::Filter { conditions: conditions.to_vec(), all, limits: LIMITS };
    Filter::compile(filter).unwrap_or_else(|error| panic!("{error}"))
}

fn head(text: &str) -> Head {
    let mut lines = text.split('\n');
    let mut words = lines.next().expect("a first line").split(' ');
    let (method, uri) = (words.next().expect("a method"), words.next().expect("an address"));
    let mut request = http::Request::builder().method(method).uri(uri);
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a header");
        request = request.header(name, value.as_bytes());
    }
    Head::of(&request.body(()).expect("a request").into_parts().0)
}

/// Which of the requests match, each told by its first line.
#[expect(clippy::needless_pass_by_value, reason = "tests read better with expect![…] in place")]
fn check(all: bool, conditions: &[Wire], requests: &[(&str, &str)], expected: Expect) {
    let filter = filter(all, conditions);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut told = String::new();
    for (request, body) in requests {
        let matches = runtime.block_on(filter.matches(&head(request), &mut RequestBody::of(body)));
        let what = format!("{request} {body}").trim_end().replace('\n', " | ");
        let _ = writeln!(told, "{} {what}", if matches { "yes" } else { "no " }); // a string takes everything
    }
    expected.assert_eq(&told);
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[test]
fn headers_are_lines_in_lower_case_names() {
    check(
        true,
        &[Wire::Header(text("^X-User: (?!bob$)"))],
        &[
            ("GET /\nX-USER: Ada", ""),
            ("GET /\nx-user: bob", ""),
            ("GET /\nx-user: bobby", ""),
            ("GET /\ny: 1\nx-user: bob\nx-user: eve", ""),
            ("GET /", ""),
            ("GET /\nz-x-user: ada", ""),
        ],
        expect![[r#"
            yes GET / | X-USER: Ada
            no  GET / | x-user: bob
            yes GET / | x-user: bobby
            yes GET / | y: 1 | x-user: bob | x-user: eve
            no  GET /
            no  GET / | z-x-user: ada
        "#]],
    );
    let latin = http::Request::builder().header("x-user", &b"ad\xe4"[..]).body(()).expect("a request");
    assert_eq!(Head::of(&latin.into_parts().0).lines().len(), 0, "what is no text matches nothing");
}

#[test]
fn paths_match_with_and_without_their_query() {
    check(
        true,
        &[Wire::Path(text("^/api/.*[a-z]$"))],
        &[
            ("GET /api/x?a=1", ""),
            ("GET /API/1?a=b", ""),
            ("GET /api/1?a=1", ""),
            ("GET /x/api/x", ""),
            ("GET http://h/api/x", ""),
        ],
        expect![[r#"
            yes GET /api/x?a=1
            yes GET /API/1?a=b
            no  GET /api/1?a=1
            no  GET /x/api/x
            yes GET http://h/api/x
        "#]],
    );
}

#[test]
fn methods_have_any_case() {
    check(
        true,
        &[Wire::Method(text("purge"))],
        &[("PURGE /", ""), ("GET /", ""), ("PURGER /", "")],
        expect![[r#"
            yes PURGE /
            no  GET /
            no  PURGER /
        "#]],
    );
}

#[test]
fn programs_look_at_each_header() {
    check(
        true,
        &[Wire::HeaderJq(text(r#"startswith("x-user: ") and (ltrimstr("x-user: ") | length > 3)"#))],
        &[("GET /\nx-user: ada", ""), ("GET /\nx-user: adam", ""), ("GET /\nx: y\nx-user: adam", "")],
        expect![[r#"
            no  GET / | x-user: ada
            yes GET / | x-user: adam
            yes GET / | x: y | x-user: adam
        "#]],
    );
}

#[test]
fn bodies_are_json_of_limited_size() {
    let long = format!(r#"{{"user": {{"name": "ada", "more": "{}"}}}}"#, "x".repeat(100));
    check(
        true,
        &[Wire::Body { query: text("$.user.name"), matches: Some(text("^(ad|4)")) }],
        &[
            ("POST /", r#"{"user": {"name": "Ada"}}"#),
            ("POST /", r#"{"user": {"name": "bob"}}"#),
            ("POST /", r#"{"user": {"name": 42}}"#),
            ("POST /", r#"{"user": {}}"#),
            ("POST /", r#"{"user": {"name": "ada"}"#),
            ("POST /", "user=ada"),
            ("POST /", ""),
            ("POST /", &long),
        ],
        expect![[r#"
            yes POST / {"user": {"name": "Ada"}}
            no  POST / {"user": {"name": "bob"}}
            yes POST / {"user": {"name": 42}}
            no  POST / {"user": {}}
            no  POST / {"user": {"name": "ada"}
            no  POST / user=ada
            no  POST /
            no  POST / {"user": {"name": "ada", "more": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}
        "#]],
    );
    check(
        true,
        &[Wire::Body { query: text("$..id"), matches: None }],
        &[("POST /", r#"[{"a": {"id": null}}]"#), ("POST /", "[]")],
        expect![[r#"
            yes POST / [{"a": {"id": null}}]
            no  POST / []
        "#]],
    );
}

#[test]
fn conditions_are_combined() {
    let requests = [("GET /a\nx: 1", ""), ("POST /a", r#"{"k": 1}"#), ("POST /b\nx: 1", r#"{"k": 1}"#), ("PUT /c", "")];
    let body = Wire::Body { query: text("$.k"), matches: None };
    let conditions = [body, Wire::Header(text("^x: 1$")), Wire::HeaderJq(text("true")), Wire::Method(text("POST"))];
    check(
        true,
        &conditions,
        &requests,
        expect![[r#"
            no  GET /a | x: 1
            no  POST /a {"k": 1}
            yes POST /b | x: 1 {"k": 1}
            no  PUT /c
        "#]],
    );
    check(
        false,
        &conditions,
        &requests,
        expect![[r#"
            yes GET /a | x: 1
            yes POST /a {"k": 1}
            yes POST /b | x: 1 {"k": 1}
            no  PUT /c
        "#]],
    );
}

#[test]
fn what_costs_too_much_does_not_match() {
    check(
        true,
        &[Wire::Header(text(r"^x: (?=(a+)+$)(?!b)(a|a)+\1c"))],
        &[("GET /\nx: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "")],
        expect![[r#"
            no  GET / | x: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        "#]],
    );
    // A program without end costs the first request its time, and the later ones nothing.
    let endless = filter(true, &[Wire::HeaderJq(text("last(repeat(1))"))]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let begun = Instant::now();
    for _ in 0..50 {
        assert!(!runtime.block_on(endless.matches(&head("GET /\nx: y"), &mut RequestBody::of(""))));
    }
    assert!(begun.elapsed() < Duration::from_millis(2 * u64::from(LIMITS.jq_ms)), "{:?}", begun.elapsed());
}

#[test]
fn what_does_not_compile_is_refused_with_its_reason() {
    let compile = |condition: Wire| {
        let filter = filter::Filter { conditions: vec![condition], all: true, limits: LIMITS };
        Filter::compile(filter).expect_err("it does not compile")
    };
    let told = [
        compile(Wire::Header(text("("))),
        compile(Wire::HeaderJq(text("foo("))),
        compile(Wire::Body { query: text("$["), matches: None }),
        compile(Wire::Body { query: text("$"), matches: Some(text("[z-a]")) }),
        compile(Wire::Path("x".repeat(40_000))),
    ];
    expect![[r#"
        `(`: opening parenthesis without closing parenthesis
        `foo(`: expected closing parenthesis
        `$[`: this cannot stand here
        `[z-a]`: invalid character class range, the start must be <= the end
        it has 40000 bytes of text, more than 32768
    "#]]
    .assert_eq(&format!("{}\n", told.join("\n")));
}
