//! Templates are rendered before the text is read, and everything points into what was written.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};

use crate::config::document::Templates;
use crate::config::{self, Document, Overrides, Source};

fn overrides() -> Overrides {
    Overrides {
        env: [("USER".to_owned(), "kim".to_owned()), ("PORT".to_owned(), "80".to_owned())].into(),
        git_branch: Some("feat/x".to_owned()),
        random_key: Some("12345".to_owned()),
        target_pending: true,
        ..Overrides::default()
    }
}

/// The value of the document, or what is wrong, with the text that each problem points at.
fn check_as(name: &str, text: &str, overrides: &Overrides, expected: &Expect) {
    let loaded = config::load(Some(Source { name, text }), overrides);
    let mut lines = String::new();
    for problem in &loaded.problems {
        let span = &text[problem.span.start..problem.span.end];
        lines += &format!("{} <{}>\n", problem.render(name, text), span.escape_debug());
    }
    if let Some(config) = loaded.config {
        let all = serde_json::to_value(&config).unwrap();
        let default = serde_json::to_value(config::Config::default()).unwrap();
        let changed = all.as_object().unwrap().iter().filter(|(key, value)| default[*key] != **value);
        for (key, value) in changed {
            let value = value.to_string();
            lines += &format!("{key} = {}\n", if value.len() < 90 { &value } else { "…" });
        }
    }
    expected.assert_eq(&lines);
}

fn check(text: &str, expected: &Expect) {
    check_as("mirrord.json", text, &overrides(), expected);
}

/// What an expression makes of itself.
fn value(expression: &str) -> String {
    let env: BTreeMap<_, _> = overrides().env;
    let templates = Templates { key: Some("k1"), git_branch: Some("feat/x"), env: &env, editing: false };
    let text = format!("a: [\"{expression}\"]");
    let document = Document::render(Source { name: "m.yaml", text: &text }, &templates);
    match document.problems.first() {
        Some(problem) => format!("{} <{}>", problem.render("m", &text), &text[problem.span.start..problem.span.end]),
        None => document.root.to_json().unwrap()["a"][0].as_str().unwrap().to_owned(),
    }
}

#[test]
fn names_and_filters() {
    let expressions = [
        "{{ git_branch | default(value='shared') }}",
        "{{ nothing | default(value='shared') }}",
        "{{ git_branch | replace(from='/', to='-') | upper }}",
        "{{ git_branch | slugify | truncate(length=3, end='') }}",
        "{{ get_env(name='USER') }}/{{ get_env(name='NO', default='x') }}",
        "{{ get_env(name='PORT') | int + 1 }}",
        "{{ key ~ `-` ~ git_branch | split(pat='/') | last }}",
        "{{ [1, 2] | join(sep='+') }}{{ git_branch | length }}",
        "{% if git_branch is starting_with('feat') %}yes{% else %}no{% endif %}",
        "{% for i in range(end=3) %}{{ i }},{% endfor %}",
        "a {#- note -#} b",
        "{% raw %}{{ x }}{% endraw %}",
        "{% set x = 'v' %}{{ x }}{{- ' w' }}",
        "{{ git_branch | json_encode | addslashes }}",
        "{{ git_brunch }}",
        "{{ get_env(name='NO') }}",
        "{{ git_branch | shout }}",
        "{{ git_branch",
        "{{ 'a' | int }}",
        "{{ throw(message='no') }}",
        "{{ 1 + }}",
        "{% if x %}",
        "{% for a in range(end=9000) %}{% for b in range(end=9000) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 90000000 }}",
    ];
    let lines: Vec<_> =
        expressions.iter().map(|expression| format!("{expression} => {}\n", value(expression))).collect();
    expect![[r#"
        {{ git_branch | default(value='shared') }} => feat/x
        {{ nothing | default(value='shared') }} => shared
        {{ git_branch | replace(from='/', to='-') | upper }} => FEAT-X
        {{ git_branch | slugify | truncate(length=3, end='') }} => fea
        {{ get_env(name='USER') }}/{{ get_env(name='NO', default='x') }} => kim/x
        {{ get_env(name='PORT') | int + 1 }} => 81
        {{ key ~ `-` ~ git_branch | split(pat='/') | last }} => k1-x
        {{ [1, 2] | join(sep='+') }}{{ git_branch | length }} => 1+26
        {% if git_branch is starting_with('feat') %}yes{% else %}no{% endif %} => yes
        {% for i in range(end=3) %}{{ i }},{% endfor %} => 0,1,2,
        a {#- note -#} b => ab
        {% raw %}{{ x }}{% endraw %} => {{ x }}
        {% set x = 'v' %}{{ x }}{{- ' w' }} => v w
        {{ git_branch | json_encode | addslashes }} => "feat/x"
        {{ git_brunch }} => m:1:6: error[template]: `git_brunch` has no value; did you mean `git_branch`? <{{ git_brunch }}>
        {{ get_env(name='NO') }} => m:1:6: error[template]: the variable `NO` is not set; set it, or write get_env(name='…', default='…') <{{ get_env(name='NO') }}>
        {{ git_branch | shout }} => m:1:6: error[template]: filter shout is unknown; look for a typing error: the names are those of Tera <{{ git_branch | shout }}>
        {{ git_branch => m:1:6: error[template]: this `{{` is never closed; close the template with }} <{{ git_branch>
        {{ 'a' | int }} => m:1:6: error[template]: the template fails: `a` is not a number, and there is no default; repair the expression <{{ 'a' | int }}>
        {{ throw(message='no') }} => m:1:6: error[template]: the template fails: no; repair the expression <{{ throw(message='no') }}>
        {{ 1 + }} => m:1:6: error[template]: this is not a template: unexpected end of variable block; write {{ name | filter }}, {% if … %}…{% endif %} or {# note #} <{{ 1 + }}>
        {% if x %} => m:1:6: error[template]: this `if` is never ended; add {% endif %} <{% if x %}>
        {% for a in range(end=9000) %}{% for b in range(end=9000) %}{% endfor %}{% endfor %} => m:1:6: error[template]: the template takes too many steps; make it simpler <{% for a in range(end=9000) %}>
        {{ 'x' * 90000000 }} => m:1:6: error[template]: the template makes more than 16 MiB; make it simpler <{{ 'x' * 90000000 }}>
    "#]].assert_eq(&lines.concat());
}

#[test]
fn problems_point_at_the_expression_and_show_its_value() {
    check(
        "{\"feature\": {\"fs\": \"{{ git_branch }}\", \"netwrk\": {}}}",
        &expect![[r#"
        mirrord.json:1:20: error[bad-value] /feature/fs: `feat/x` is not `local`, `localwithoverrides`, `read` or `write`; the template makes `feat/x` here <\"{{ git_branch }}\">
        mirrord.json:1:40: error[unknown-key] /feature/netwrk: unknown key; did you mean `network`? <\"netwrk\">
    "#]],
    );
    check(
        "{\"feature\": {\"{{ key }}\": true}}\n",
        &expect![[r#"
        mirrord.json:1:14: error[unknown-key] /feature/12345: unknown key; the template makes `12345` here <\"{{ key }}\">
    "#]],
    );
    check(
        "{\"feature\": {% if true %}{\"fs\": \"raed\", \"fs\": \"{{ key }}\"}{% endif %}}",
        &expect![[r#"
        mirrord.json:1:33: error[bad-value] /feature/fs: `raed` is not `local`, `localwithoverrides`, `read` or `write`; did you mean `read`? <\"raed\">
        mirrord.json:1:41: error[duplicate-key] /feature/fs: this key stands here twice; delete one <\"fs\">
    "#]],
    );
    check(
        "{\"target\": {{ '\"pod/x\"' }}, /* {{ key }} */ \"key\": \"{{ git_branch | slugify }}\", \"x\": {{ key }}}",
        &expect![[r#"
        mirrord.json:1:82: error[unknown-key] /x: unknown key <\"x\">
        mirrord.json:1:87: error[syntax]: this is not a value; text stands in double quotes (the template makes `feat-x` here) <{{ key }}>
        mirrord.json:1:87: error[syntax]: a key is expected here; keys are written "key": value (the template makes `feat-x` here) <{{ key }}>
        mirrord.json:1:87: error[syntax]: keys stand in double quotes; write "key": value (the template makes `feat-x` here) <{{ key }}>
        mirrord.json:1:87: error[duplicate-key] /x: this key stands here twice; delete one (the template makes `feat-x` here) <{{ key }}>
    "#]],
    );
}

#[test]
fn all_templates_that_fail_are_reported() {
    check(
        "{\"key\": \"{{ key }}\", \"target\": \"pod/{{ who }}\", \"kube_context\": \"{{ get_env(name='NO') }}\"}",
        &expect![[r#"
        mirrord.json:1:9: error[template] /key: `key` cannot be made from itself; templates in its value know `git_branch` and get_env(name='…') <\"{{ key }}\">
        mirrord.json:1:37: error[template]: `who` has no value; templates know `key`, `git_branch` and get_env(name='…') <{{ who }}>
        mirrord.json:1:66: error[template]: the variable `NO` is not set; set it, or write get_env(name='…', default='…') <{{ get_env(name=\'NO\') }}>
    "#]],
    );
    check(
        "{\"key\": \"a-{{ git_branch ~ key }}\"}",
        &expect![[r#"
        mirrord.json:1:9: error[template] /key: `key` cannot be made from itself; templates in its value know `git_branch` and get_env(name='…') <\"a-{{ git_branch ~ key }}\">
    "#]],
    );
    check(
        "{\"target\": \"{% if who %}\"}",
        &expect![[r#"
        mirrord.json:1:13: error[template]: this `if` is never ended; add {% endif %} <{% if who %}>
    "#]],
    );
}

#[test]
fn the_key_may_use_the_branch_in_every_syntax() {
    let json = "{\"key\": \"{{ git_branch | slugify }}\", \"target\": \"pod/x\", \"agent\": {\"labels\": {\"a\": \"{{ key }}\"}}}";
    check_as(
        "m.json",
        json,
        &overrides(),
        &expect![[r#"
            target = {"path":"pod/x"}
            feature = …
            agent = …
            key = "feat-x"
        "#]],
    );
    check_as(
        "m.yaml",
        "key: '{{ git_branch | slugify }}'\nkubeconfig: /x/{{ key }}\n",
        &overrides(),
        &expect![[r#"
            feature = …
            key = "feat-x"
            kubeconfig = "/x/feat-x"
        "#]],
    );
    check_as(
        "m.toml",
        "key = \"{{ get_env(name=\"USER\") }}\"\nkubeconfig = \"/x/{{ key }}\"\n",
        &overrides(),
        &expect![[r#"
            feature = …
            key = "kim"
            kubeconfig = "/x/kim"
        "#]],
    );
    let with_flag = Overrides { flags: vec![("/key".to_owned(), "flag".into())], ..overrides() };
    check_as(
        "m.yaml",
        "key: a\nkubeconfig: /x/{{ key }}\n",
        &with_flag,
        &expect![[r#"
            feature = …
            key = "flag"
            kubeconfig = "/x/flag"
        "#]],
    );
    let with_variable = Overrides { env: [("MIRRORD_KEY".to_owned(), "var".to_owned())].into(), ..overrides() };
    check_as(
        "m.yaml",
        "key: a\nkubeconfig: /x/{{ key }}\n",
        &with_variable,
        &expect![[r#"
            feature = …
            key = "var"
            kubeconfig = "/x/var"
        "#]],
    );
    check_as(
        "m.yaml",
        "kubeconfig: /x/{{ key }}\n",
        &overrides(),
        &expect![[r#"
            feature = …
            key = "12345"
            kubeconfig = "/x/12345"
        "#]],
    );
}

#[test]
fn standard_input_is_sniffed_after_rendering() {
    check_as(
        "-",
        "{{ '{' }}\"key\": \"a\"}",
        &overrides(),
        &expect![[r#"
            feature = …
            key = "a"
        "#]],
    );
    check_as(
        "-",
        "key = \"a\"\n",
        &overrides(),
        &expect![[r#"
            feature = …
            key = "a"
        "#]],
    );
    check_as(
        "-",
        "key: a\n",
        &overrides(),
        &expect![[r#"
            feature = …
            key = "a"
        "#]],
    );
}

#[test]
fn while_editing_unknown_values_are_no_mistakes() {
    let editing = Overrides { editing: true, git_branch: None, random_key: None, ..overrides() };
    let text = "target:\n  path: pod/{{ git_branch }}\nkey: \"{{ get_env(name='NO') }}\"\nfeature:\n  fs: {{ key }}\n  env: {{ git_brunch }}\n";
    check_as(
        "m.yaml",
        text,
        &editing,
        &expect![[r#"
        m.yaml:6:8: error[template]: `git_brunch` has no value; did you mean `git_branch`? <{{ git_brunch }}>
    "#]],
    );
    check_as(
        "m.yaml",
        "{% if git_branch == 'x' %}\nfeature:\n  fs: no\n{% endif %}\n",
        &editing,
        &expect![[r#"
        feature = …
    "#]],
    );
}

#[test]
fn a_branch_may_be_named_by_a_variable() {
    let named = Overrides { env: [("MIRRORD_BRANCH_NAME".to_owned(), "other".to_owned())].into(), ..overrides() };
    check_as(
        "m.yaml",
        "kubeconfig: /{{ git_branch }}\n",
        &named,
        &expect![[r#"
            feature = …
            key = "12345"
            kubeconfig = "/other"
        "#]],
    );
}
