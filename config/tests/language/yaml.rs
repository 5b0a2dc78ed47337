//! YAML: what is read, and where it stands.

use expect_test::{Expect, expect};

use super::tree::picture;

fn check(text: &str, expected: &Expect) {
    expected.assert_eq(&picture("mirrord.yaml", text));
}

#[test]
fn block_style() {
    check(
        "# head\ntarget:\n  path: pod/é # who\n  namespace:\nfeature:\n  fs:\n  - a\n  - mode: read\n    b: \"x: y\"\n  text: |\n    one\n    two\nkey: 'it''s'\n",
        &expect![[r#"
            /target = object <target> <path: pod/é # who\n  namespace:> <target:\n  path: pod/é # who\n  namespace:>
            /target/path = "pod/é" <path> <pod/é> <path: pod/é>
            /target/namespace = null <namespace> <> <namespace:>
            /feature = object <feature> <fs:\n  - a\n  - mode: read\n    b: \"x: y\"\n  text: |\n    one\n    two> <feature:\n  fs:\n  - a\n  - mode: read\n    b: \"x: y\"\n  text: |\n    one\n    two>
            /feature/fs = list <fs> <- a\n  - mode: read\n    b: \"x: y\"> <fs:\n  - a\n  - mode: read\n    b: \"x: y\">
            /feature/fs/0 = "a" <a>
            /feature/fs/1 = object <mode: read\n    b: \"x: y\">
            /feature/fs/1/mode = "read" <mode> <read> <mode: read>
            /feature/fs/1/b = "x: y" <b> <\"x: y\"> <b: \"x: y\">
            /feature/text = "one\ntwo\n" <text> <|\n    one\n    two> <text: |\n    one\n    two>
            /key = "it's" <key> <\'it\'\'s\'> <key: \'it\'\'s\'>
        "#]],
    );
}

#[test]
fn flow_style() {
    check(
        "{a: {b: [1, 0x1F, -2.5e1], c: }, \"d\": null}\n",
        &expect![[r#"
        /a = object <a> <{b: [1, 0x1F, -2.5e1], c: }> <a: {b: [1, 0x1F, -2.5e1], c: }>
        /a/b = list <b> <[1, 0x1F, -2.5e1]> <b: [1, 0x1F, -2.5e1]>
        /a/b/0 = 1 <1>
        /a/b/1 = 31 <0x1F>
        /a/b/2 = -25.0 <-2.5e1>
        /a/c = null <c> <> <c:>
        /d = null <\"d\"> <null> <\"d\": null>
    "#]],
    );
}

#[test]
fn the_core_schema() {
    check(
        "[yes, no, on, True, ~, 012, 0o14, +1, 1_000, .5, 1., .inf, 2001-12-14, '1', !!str 2, !x 3]",
        &expect![[r#"
        /0 = "yes" <yes>
        /1 = "no" <no>
        /2 = "on" <on>
        /3 = true <True>
        /4 = null <~>
        /5 = 12 <012>
        /6 = 12 <0o14>
        /7 = 1 <+1>
        /8 = "1_000" <1_000>
        /9 = 0.5 <.5>
        /10 = 1.0 <1.>
        /11 = ".inf" <.inf>
        /12 = "2001-12-14" <2001-12-14>
        /13 = "1" <\'1\'>
        /14 = "2" <!!str 2>
        /15 = 3 <!x 3>
        mirrord.yaml:1:86: error[syntax]: the tag `!x` means nothing here; delete it <!x 3>
    "#]],
    );
}

#[test]
fn anchors_aliases_and_merge_keys() {
    check(
        "base: &base\n  fs: read\n  env: true\none:\n  <<: *base\n  env: false\ntwo: *base\n",
        &expect![[r#"
        /base = object <base> <&base\n  fs: read\n  env: true> <base: &base\n  fs: read\n  env: true>
        /base/fs = "read" <fs> <read> <fs: read>
        /base/env = true <env> <true> <env: true>
        /one = object <one> <<<: *base\n  env: false> <one:\n  <<: *base\n  env: false>
        /one/env = false <env> <false> <env: false>
        /one/fs = "read" <fs> <read> <fs: read>
        /two = object <two> <*base> <two: *base>
        /two/fs = "read" <fs> <read> <fs: read>
        /two/env = true <env> <true> <env: true>
    "#]],
    );
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let inner = format!("*a{}, ", level - 1).repeat(9);
        text += &format!("a{level}: &a{level} [{}]\n", inner.trim_end_matches(", "));
    }
    let bomb = picture("mirrord.yaml", &text);
    let problem = bomb.lines().last().unwrap();
    expect!["mirrord.yaml:5:10: error[syntax]: the aliases of this file stand for too many values; write the values themselves <*a3>"].assert_eq(problem);
}

#[test]
fn mistakes() {
    check(
        "a: 1\n\tb: 2\n",
        &expect![[r#"
        /a = 1 <a> <1> <a: 1>
        mirrord.yaml:2:1: error[syntax]: a tab in the indentation; YAML indents by spaces: replace each tab by two <\t>
    "#]],
    );
    check(
        "a: 1\n---\nb: 2\n",
        &expect![[r#"
        /a = 1 <a> <1> <a: 1>
        mirrord.yaml:2:1: error[syntax]: a second document begins here; a configuration is one document: delete the rest from the `---` <--->
    "#]],
    );
    check(
        "1: a\n[x]: b\n",
        &expect![[r#"
        /1 = "a" <1> <a> <1: a>
        / = "b" <[x]> <b> <[x]: b>
        mirrord.yaml:1:1: error[wrong-type]: the key `1` is not text; write "1" <1>
        mirrord.yaml:2:1: error[wrong-type]: a key is text; a key with brackets stands in quotes <[x]>
    "#]],
    );
    check(
        "<<: 1\n",
        &expect![[r#"
        mirrord.yaml:1:1: error[wrong-type]: `<<` takes a mapping or a list of them; name an anchor of a mapping: <<: *name <<<>
    "#]],
    );
    check(
        "",
        &expect![[r#"
        root = broken <>
        mirrord.yaml:1:1: error[syntax]: the file is empty; write at least {} <>
    "#]],
    );
    check(
        "# only a comment\n",
        &expect![[r#"
        root = broken <>
        mirrord.yaml:2:1: error[syntax]: the file is empty; write at least {} <>
    "#]],
    );
}

#[test]
fn half_typed() {
    check(
        "target: pod/x\nfeature:\n  fs: read\n  net\nkey: a\n",
        &expect![[r#"
        /target = "pod/x" <target> <pod/x> <target: pod/x>
        /feature = object <feature> <fs: read\n  net> <feature:\n  fs: read\n  net>
        /feature/fs = "read" <fs> <read> <fs: read>
        /feature/net = broken <net> <> <net>
        /key = "a" <key> <a> <key: a>
        mirrord.yaml:4:3: error[syntax]: a `:` is missing after this key; write key: value <net>
    "#]],
    );
    check(
        "feature:\n  env: {include: [A, B\nkey: \"x\n",
        &expect![[r#"
        /feature = object <feature> <env: {include: [A, B> <feature:\n  env: {include: [A, B>
        /feature/env = object <env> <{include: [A, B> <env: {include: [A, B>
        /feature/env/include = list <include> <[A, B> <include: [A, B>
        /feature/env/include/0 = "A" <A>
        /feature/env/include/1 = "B" <B>
        /key = "x" <key> <\"x> <key: \"x>
        mirrord.yaml:3:4: error[syntax]: this is not YAML: illegal placement of ':' indicator; the mistake may stand a line earlier: look at indentation, quotes and colons <:>
    "#]],
    );
    check(
        "a:\n- b: 1\n  c\n-\n- [d, {e: f\ng: >\n  text\n  more\nh: &x y\n",
        &expect![[r#"
        /a = list <a> <- b: 1\n  c\n-\n- [d, {e: f> <a:\n- b: 1\n  c\n-\n- [d, {e: f>
        /a/0 = object <b: 1\n  c>
        /a/0/b = 1 <b> <1> <b: 1>
        /a/0/c = broken <c> <> <c>
        /a/1 = null <>
        /a/2 = list <[d, {e: f>
        /a/2/0 = "d" <d>
        /a/2/1 = object <{e: f>
        /a/2/1/e = "f" <e> <f> <e: f>
        /g = "text\n  more" <g> <>\n  text\n  more> <g: >\n  text\n  more>
        /h = "y" <h> <y> <h: &x y>
        mirrord.yaml:3:3: error[syntax]: a `:` is missing after this key; write key: value <c>
    "#]],
    );
}

#[test]
fn templates_are_scalars() {
    check(
        "a: pod/{{ key }}\n{% if x %}\nb: {{ git_branch | default(value=\"s\") }}\n{% endif %}\n\"{{ c }}\": 1\n",
        &expect![[r#"
        /a = template "pod/{{ key }}" <a> <pod/{{ key }}> <a: pod/{{ key }}>
        /b = template "{{ git_branch | default(value=\"s\") }}" <b> <{{ git_branch | default(value=\"s\") }}> <b: {{ git_branch | default(value=\"s\") }}>
        /{{ c }} = 1 <\"{{ c }}\"> <1> <\"{{ c }}\": 1>
    "#]],
    );
    check(
        "a: {{ git\nb: 1\n",
        &expect![[r#"
        /a = template "{{ git" <a> <{{ git> <a: {{ git>
        /b = 1 <b> <1> <b: 1>
    "#]],
    );
}

#[test]
fn comments_are_no_part_of_scalars() {
    check(
        "a: \"x\" # c\nb: 'it''s' # d\nc: &e \"y\\\"\" # f\ng: h # i\nj: |  # k\n  l\nm: [ \"n\" # o\n ]\n",
        &expect![[r#"
        /a = "x" <a> <\"x\"> <a: \"x\">
        /b = "it's" <b> <\'it\'\'s\'> <b: \'it\'\'s\'>
        /c = "y\"" <c> <&e \"y\\\"\"> <c: &e \"y\\\"\">
        /g = "h" <g> <h> <g: h>
        /j = "l\n" <j> <|  # k\n  l> <j: |  # k\n  l>
        /m = list <m> <[ \"n\" # o\n ]> <m: [ \"n\" # o\n ]>
        /m/0 = "n" <\"n\">
    "#]],
    );
}

#[test]
fn line_ends_and_byte_order_marks() {
    check(
        "\u{feff}a: é\r\nb:\r\n  c: |\r\n    t\r\n    u\r\n  d: 1\r\n",
        &expect![[r#"
        /a = "é" <a> <é> <a: é>
        /b = object <b> <c: |\r\n    t\r\n    u\r\n  d: 1> <b:\r\n  c: |\r\n    t\r\n    u\r\n  d: 1>
        /b/c = "t\nu\n" <c> <|\r\n    t\r\n    u> <c: |\r\n    t\r\n    u>
        /b/d = 1 <d> <1> <d: 1>
    "#]],
    );
}
