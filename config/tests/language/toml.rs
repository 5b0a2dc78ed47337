//! TOML: what is read, and where it stands.

use expect_test::{Expect, expect};

use super::tree::picture;

fn check(text: &str, expected: &Expect) {
    expected.assert_eq(&picture("mirrord.toml", text));
}

#[test]
fn tables_and_dotted_keys() {
    check(
        "# head\nkey = \"é\" # who\ntarget.path = 'pod/x'\n\n[feature]\nfs = true\n\n[feature.network.dns]\nenabled = false\n\n[agent]\nttl = 0x10\n[feature.env]\nunset = [\n  \"A\",\n  \"B\",\n]\n",
        &expect![[r#"
            /key = "é" <key> <\"é\"> <key = \"é\">
            /target = object <target> <target.path = \'pod/x\'> <target.path = \'pod/x\'>
            /target/path = "pod/x" <path> <\'pod/x\'> <path = \'pod/x\'>
            /feature = object <feature> <[feature]\nfs = true\n\n[feature.network.dns]\nenabled = false\n\n[agent]\nttl = 0x10\n[feature.env]\nunset = [\n  \"A\",\n  \"B\",\n]> <[feature]\nfs = true\n\n[feature.network.dns]\nenabled = false\n\n[agent]\nttl = 0x10\n[feature.env]\nunset = [\n  \"A\",\n  \"B\",\n]>
            /feature/fs = true <fs> <true> <fs = true>
            /feature/network = object <network> <network.dns]\nenabled = false> <[feature.network.dns]\nenabled = false>
            /feature/network/dns = object <dns> <[feature.network.dns]\nenabled = false> <[feature.network.dns]\nenabled = false>
            /feature/network/dns/enabled = false <enabled> <false> <enabled = false>
            /feature/env = object <env> <[feature.env]\nunset = [\n  \"A\",\n  \"B\",\n]> <[feature.env]\nunset = [\n  \"A\",\n  \"B\",\n]>
            /feature/env/unset = list <unset> <[\n  \"A\",\n  \"B\",\n]> <unset = [\n  \"A\",\n  \"B\",\n]>
            /feature/env/unset/0 = "A" <\"A\">
            /feature/env/unset/1 = "B" <\"B\">
            /agent = object <agent> <[agent]\nttl = 0x10> <[agent]\nttl = 0x10>
            /agent/ttl = 16 <ttl> <0x10> <ttl = 0x10>
        "#]],
    );
}

#[test]
fn arrays_of_tables_and_inline_tables() {
    check(
        "[[a]]\nb = {c = 1, d.e = 2,}\n[[a]]\nb = {}\n[a.f]\ng = \"\"\"x\ny\"\"\"\n",
        &expect![[r#"
        /a = list <a> <[[a]]\nb = {c = 1, d.e = 2,}\n[[a]]\nb = {}\n[a.f]\ng = \"\"\"x\ny\"\"\"> <[[a]]\nb = {c = 1, d.e = 2,}\n[[a]]\nb = {}\n[a.f]\ng = \"\"\"x\ny\"\"\">
        /a/0 = object <[[a]]\nb = {c = 1, d.e = 2,}>
        /a/0/b = object <b> <{c = 1, d.e = 2,}> <b = {c = 1, d.e = 2,}>
        /a/0/b/c = 1 <c> <1> <c = 1,>
        /a/0/b/d = object <d> <d.e = 2,> <d.e = 2,>
        /a/0/b/d/e = 2 <e> <2> <e = 2,>
        /a/1 = object <[[a]]\nb = {}\n[a.f]\ng = \"\"\"x\ny\"\"\">
        /a/1/b = object <b> <{}> <b = {}>
        /a/1/f = object <f> <[a.f]\ng = \"\"\"x\ny\"\"\"> <[a.f]\ng = \"\"\"x\ny\"\"\">
        /a/1/f/g = "x\ny" <g> <\"\"\"x\ny\"\"\"> <g = \"\"\"x\ny\"\"\">
    "#]],
    );
}

#[test]
fn mistakes() {
    check(
        "a = 1979-05-27\nb = nan\nc = 99999999999999999999\n",
        &expect![[r#"
        /a = broken <a> <1979-05-27> <a = 1979-05-27>
        /b = broken <b> <nan> <b = nan>
        /c = broken <c> <99999999999999999999> <c = 99999999999999999999>
        mirrord.toml:1:5: error[wrong-type]: no key takes a date; write it as text, in quotes <1979-05-27>
        mirrord.toml:2:5: error[wrong-type]: no key takes this number; write a finite one <nan>
        mirrord.toml:3:5: error[syntax]: this number is too large; no key takes so large a number <99999999999999999999>
    "#]],
    );
    check(
        "[a]\nb = 1\n[a]\nc = 2\n",
        &expect![[r#"
        /a = object <a> <[a]\nb = 1\n[a]\nc = 2> <[a]\nb = 1\n[a]\nc = 2>
        /a/b = 1 <b> <1> <b = 1>
        /a/c = 2 <c> <2> <c = 2>
        mirrord.toml:3:2: error[duplicate-key]: `a` stands here twice; delete one of them <a>
    "#]],
    );
    check(
        "a = 1\n[a]\nb = 2\n[a.c]\nd = 3\n",
        &expect![[r#"
        /a = 1 <a> <1> <a = 1>
        mirrord.toml:2:2: error[duplicate-key]: `a` already has a value of another kind; delete one of them <a>
        mirrord.toml:4:2: error[duplicate-key]: `a` already has a value, and no table can be below it; delete one of them <a>
    "#]],
    );
    check(
        "a = {b = 1}\na.c = 2\na = 3\n",
        &expect![[r#"
        /a = object <a> <{b = 1}> <a = {b = 1}>
        /a/b = 1 <b> <1> <b = 1>
        /a = 3 <a> <3> <a = 3>
        mirrord.toml:2:1: error[duplicate-key]: `a` is a table or value already, to which nothing can be added here; delete one of them <a>
    "#]],
    );
    check("", &expect![[""]]);
}

#[test]
fn half_typed() {
    check(
        "target = \"pod/x\nfeat\nkey =\n[feature\nfs = \"read\"\n[feature.]\nx = [1, 2\ny = tru\n",
        &expect![[r#"
        /target = "pod/x" <target> <\"pod/x> <target = \"pod/x>
        /feat = broken <feat> <> <feat>
        /key = broken <key> <> <key =>
        /feature = object <feature> <[feature\nfs = \"read\"\n[feature.]\nx = [1, 2\ny = tru> <[feature\nfs = \"read\"\n[feature.]\nx = [1, 2\ny = tru>
        /feature/fs = "read" <fs> <\"read\"> <fs = \"read\">
        /feature/ = object <> <[feature.]\nx = [1, 2\ny = tru> <[feature.]\nx = [1, 2\ny = tru>
        /feature//x = list <x> <[1, 2\ny = tru> <x = [1, 2\ny = tru>
        /feature//x/0 = 1 <1>
        /feature//x/1 = 2 <2>
        /feature//x/2 = broken <y>
        /feature//x/3 = broken <tru>
        mirrord.toml:2:4: error[syntax]: key with no value; expected `=` <t>
        mirrord.toml:4:8: error[syntax]: unclosed table; expected `]` <e>
        mirrord.toml:8:1: error[syntax]: missing comma between array elements; expected `,` <y>
        mirrord.toml:8:3: error[syntax]: unexpected `=` in array; expected value, `]` <=>
        mirrord.toml:8:5: error[syntax]: missing comma between array elements; expected `,` <t>
        mirrord.toml:8:7: error[syntax]: unclosed array; expected `]` <u>
        mirrord.toml:1:15: error[syntax]: invalid basic string; expected `\"` <x>
        mirrord.toml:3:5: error[syntax]: a value is missing after this; write one <=>
        mirrord.toml:6:10: error[syntax]: unquoted keys cannot be empty; expected letters, numbers, `-`, `_` <]>
        mirrord.toml:8:1: error[syntax]: string values must be quoted; expected literal string <y>
        mirrord.toml:8:5: error[syntax]: invalid boolean; expected `true` <tru>
    "#]],
    );
    check(
        "a = {b = \nc = 1\n",
        &expect![[r#"
        /a = object <a> <{b = \nc = 1> <a = {b = \nc = 1>
        /a/b = broken <b> <c> <b = \nc>
        /a/1 = broken <1> <> <1>
        mirrord.toml:2:3: error[syntax]: extra assignment between key-value pairs; expected `,` <=>
        mirrord.toml:2:5: error[syntax]: missing comma between key-value pairs; expected `,` <1>
        mirrord.toml:2:5: error[syntax]: unclosed inline table; expected `}` <1>
        mirrord.toml:2:1: error[syntax]: string values must be quoted; expected literal string <c>
        mirrord.toml:2:5: error[syntax]: a value is missing after this; write one <1>
    "#]],
    );
}

#[test]
fn templates_are_scalars() {
    check(
        "a = \"pod/{{ get_env(name=\"X\") }}\"\n{% if x %}\nb = {{ port }}\n{% endif %}\nc = 80{{ x }}\n",
        &expect![[r#"
        /a = template "pod/{{ get_env(name=\"X\") }}" <a> <\"pod/{{ get_env(name=\"X\") }}\"> <a = \"pod/{{ get_env(name=\"X\") }}\">
        /b = template "{{ port }}" <b> <{{ port }}> <b = {{ port }}>
        /c = template "80{{ x }}" <c> <80{{ x }}> <c = 80{{ x }}>
    "#]],
    );
}

#[test]
fn line_ends_and_byte_order_marks() {
    check(
        "\u{feff}a = \"é\"\r\n[b]\r\nc = '''\r\nt'''\r\n",
        &expect![[r#"
        /a = "é" <a> <\"é\"> <a = \"é\">
        /b = object <b> <[b]\r\nc = \'\'\'\r\nt\'\'\'> <[b]\r\nc = \'\'\'\r\nt\'\'\'>
        /b/c = "t" <c> <\'\'\'\r\nt\'\'\'> <c = \'\'\'\r\nt\'\'\'>
    "#]],
    );
}

#[test]
fn deep_keys_are_refused() {
    let text = format!("[{}x]\na = 1\n", "a.".repeat(100_000));
    let deep = picture("mirrord.toml", &text);
    assert!(deep.contains("nested too deeply"));
    let text = format!("a = {}", "[".repeat(100_000));
    let deep = picture("mirrord.toml", &text);
    assert!(deep.contains("nested too deeply"), "{}", &deep[..deep.len().min(3000)]);
    let text = format!("a = {}", "{a = ".repeat(100_000));
    assert!(picture("mirrord.toml", &text).contains("nested too deeply"));
}
