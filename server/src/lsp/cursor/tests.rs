//! Pictures with a caret, and what it stands on.
#![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use expect_test::{Expect, expect};

use super::*;

/// What the caret `‸` of a picture stands on, in a few words.
fn tell(name: &str, picture: &str) -> String {
    let offset = picture.find('‸').expect("the picture has a caret");
    let text = picture.replace('‸', "");
    let commas = |at: Option<usize>, after: bool| {
        let at = at.map(|at| format!(", comma at {at}")).unwrap_or_default();
        format!("{at}{}", if after { ", comma after" } else { "" })
    };
    let place = |layout: Layout| match layout {
        Layout::Yaml { column, margin, room } => format!(", {room:?} at {margin}/{column}"),
        Layout::TomlTable => ", table".to_owned(),
        Layout::TomlHeader => ", header".to_owned(),
        Layout::Json | Layout::YamlFlow | Layout::TomlInline => String::new(),
    };
    match locate(&Document::parse(name, &text), &text, offset) {
        None => "nothing".to_owned(),
        Some(Cursor::Empty) => "empty".to_owned(),
        Some(Cursor::Key(key)) => {
            let Key { object, present: _, replace, layout, has_value, comma_at, comma_after } = key;
            let typed = &text[replace.start..replace.end];
            let value = if has_value { " with value" } else { "" };
            format!("key in {object:?} for {typed:?}{value}{}{}", place(layout), commas(comma_at, comma_after))
        }
        Some(Cursor::Value(value)) => {
            let Place { pointer, replace, layout, present: _, comma_at, comma_after } = value;
            let typed = &text[replace.start..replace.end];
            format!("value {pointer:?} for {typed:?}{}{}", place(layout), commas(comma_at, comma_after))
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "tests read better with expect![…] in place")]
fn check(name: &str, pictures: &[&str], expected: Expect) {
    let lines = pictures.iter().map(|picture| format!("{:<55} {}\n", picture.replace('\n', "⏎"), tell(name, picture)));
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn json() {
    check(
        "mirrord.json",
        &[
            "‸",
            "‸{}",
            "{}‸",
            "{‸}",
            "{\"fea‸",
            "{fea‸\n}",
            "{\"feature\"‸: 1}",
            "{\"feature\": {}‸}",
            "{\"feature\": {} ‸}",
            "{\"feature\": {\"fs\": \"re‸ad\"}}",
            "{\"feature\": {\"fs\": \"‸\n}}",
            "{\"feature\": {\"fs\": ‸}}",
            "{\"feature\": {\"fs\": ‸ \"env\": true}}",
            "{\"feature\": {\"fs\": ‸ {}}}",
            "{\"feature\": {\"hostname\": tr‸}}",
            "{\"skip_processes\": [\"a\", \"‸b\"]}",
            "{\"skip_processes\": [\"a\" ‸]}",
            "{\"skip_processes\": [‸ \"a\"]}",
            "{\"a\": [[8080, ‸]]}",
            "{\"key\": \"{{ key }}\", ‸}",
            "{\"a\": [{{ x }}, ‸]}",
            "{ // here ‸\n}",
            "// note\n{\"a\": 1, ‸}",
            "{‸ \"target\": \"x\"}",
        ],
        expect![[r#"
            ‸                                                       empty
            ‸{}                                                     nothing
            {}‸                                                     nothing
            {‸}                                                     key in "" for ""
            {"fea‸                                                  key in "" for "\"fea"
            {fea‸⏎}                                                 key in "" for "fea"
            {"feature"‸: 1}                                         nothing
            {"feature": {}‸}                                        nothing
            {"feature": {} ‸}                                       key in "" for "", comma at 14
            {"feature": {"fs": "re‸ad"}}                            value "/feature/fs" for "\"read\""
            {"feature": {"fs": "‸⏎}}                                value "/feature/fs" for "\""
            {"feature": {"fs": ‸}}                                  value "/feature/fs" for ""
            {"feature": {"fs": ‸ "env": true}}                      value "/feature/fs" for "", comma after
            {"feature": {"fs": ‸ {}}}                               nothing
            {"feature": {"hostname": tr‸}}                          value "/feature/hostname" for "tr"
            {"skip_processes": ["a", "‸b"]}                         value "/skip_processes/1" for "\"b\""
            {"skip_processes": ["a" ‸]}                             value "/skip_processes/1" for "", comma at 23
            {"skip_processes": [‸ "a"]}                             value "/skip_processes/0" for "", comma after
            {"a": [[8080, ‸]]}                                      value "/a/0/1" for ""
            {"key": "{{ key }}", ‸}                                 key in "" for ""
            {"a": [{{ x }}, ‸]}                                     value "/a/1" for ""
            { // here ‸⏎}                                           nothing
            // note⏎{"a": 1, ‸}                                     key in "" for ""
            {‸ "target": "x"}                                       key in "" for "", comma after
        "#]],
    );
}

#[test]
fn yaml() {
    check(
        "mirrord.yaml",
        &[
            "‸",
            "fea‸",
            "feature‸: 1",
            "target: x\n‸",
            "target: x\n‸\n",
            "feature:‸",
            "feature: ‸",
            "feature: # ‸",
            "feature: x‸",
            "feature: x ‸",
            "feature:\n  ‸",
            "feature:\n  ‸\nagent: {}",
            "feature:\n‸  fs: read",
            "feature:\n  fs: read\n  ‸",
            "feature:\n  fs: read\n ‸",
            "feature:\n  fs: read\n    ‸",
            "feature:\n  fs: read\n‸",
            "feature:\n  f‸",
            "feature:\n  fs: read\n  en‸",
            "feature:\n  fs:\n    local:\n      - ‸",
            "feature:\n  fs:\n    local:\n    - a\n    - ‸b",
            "feature:\n  fs:\n    local:\n      - a\n      ‸",
            "feature:\n  fs:\n    local:\n    - a\n    ‸",
            "feature:\n  fs:\n    local:\n      - ‸a",
            "a:\n  - header: x\n    ‸",
            "a:\n  - hea‸",
            "a:\n  - header: ‸",
            "a:\n  - x: {b: ‸}",
            "a: {b: 1, ‸}",
            "a: [‸",
            "a: [\nb: ‸",
            "a: {\n  b: ‸\n}",
            "a: |\n  text ‸\nb: 1",
            "a: |\n  text\nb: ‸",
            "# note ‸",
            "a: \"x‸\"",
            "a: 'x'‸",
            "\"a\": ‸",
            "---\na: ‸",
            "a: \"{{ key }}\"\nb: {{ x }}\nc: ‸",
            "{\"a\": ‸}",
        ],
        expect![[r#"
            ‸                                                       empty
            fea‸                                                    value "" for "fea", Node at 0/0
            feature‸: 1                                             key in "" for "feature" with value, Node at 0/0
            target: x⏎‸                                             key in "" for "", Node at 0/0
            target: x⏎‸⏎                                            key in "" for "", Node at 0/0
            feature:‸                                               value "/feature" for "", AfterColon at 0/0
            feature: ‸                                              value "/feature" for "", Line at 0/0
            feature: # ‸                                            nothing
            feature: x‸                                             value "/feature" for "x", Line at 0/0
            feature: x ‸                                            nothing
            feature:⏎  ‸                                            value "/feature" for "", Node at 2/2
            feature:⏎  ‸⏎agent: {}                                  value "/feature" for "", Node at 2/2
            feature:⏎‸  fs: read                                    nothing
            feature:⏎  fs: read⏎  ‸                                 key in "/feature" for "", Node at 2/2
            feature:⏎  fs: read⏎ ‸                                  nothing
            feature:⏎  fs: read⏎    ‸                               nothing
            feature:⏎  fs: read⏎‸                                   key in "" for "", Node at 0/0
            feature:⏎  f‸                                           value "/feature" for "f", Node at 2/2
            feature:⏎  fs: read⏎  en‸                               key in "/feature" for "en", Node at 2/2
            feature:⏎  fs:⏎    local:⏎      - ‸                     value "/feature/fs/local/0" for "", Node at 6/8
            feature:⏎  fs:⏎    local:⏎    - a⏎    - ‸b              value "/feature/fs/local/1" for "b", Node at 4/6
            feature:⏎  fs:⏎    local:⏎      - a⏎      ‸             value "/feature/fs/local/1" for "", Item at 6/6
            feature:⏎  fs:⏎    local:⏎    - a⏎    ‸                 key in "/feature/fs" for "", Node at 4/4
            feature:⏎  fs:⏎    local:⏎      - ‸a                    value "/feature/fs/local/0" for "a", Node at 6/8
            a:⏎  - header: x⏎    ‸                                  key in "/a/0" for "", Node at 4/4
            a:⏎  - hea‸                                             value "/a/0" for "hea", Node at 2/4
            a:⏎  - header: ‸                                        value "/a/0/header" for "", Line at 2/4
            a:⏎  - x: {b: ‸}                                        value "/a/0/x/b" for ""
            a: {b: 1, ‸}                                            key in "/a" for ""
            a: [‸                                                   value "/a/0" for ""
            a: [⏎b: ‸                                               value "/b" for "", Line at 0/0
            a: {⏎  b: ‸⏎}                                           value "/a/b" for ""
            a: |⏎  text ‸⏎b: 1                                      nothing
            a: |⏎  text⏎b: ‸                                        value "/b" for "", Line at 0/0
            # note ‸                                                nothing
            a: "x‸"                                                 value "/a" for "\"x\"", Line at 0/0
            a: 'x'‸                                                 value "/a" for "'x'", Line at 0/0
            "a": ‸                                                  value "/a" for "", Line at 0/0
            ---⏎a: ‸                                                value "/a" for "", Line at 0/0
            a: "{{ key }}"⏎b: {{ x }}⏎c: ‸                          value "/c" for "", Line at 0/0
            {"a": ‸}                                                value "/a" for ""
        "#]],
    );
}

#[test]
fn toml() {
    check(
        "mirrord.toml",
        &[
            "‸",
            "fea‸",
            "key = ‸",
            "key =‸",
            "key‸ = 1",
            "key = tr‸ # note",
            "key = \"x‸\"",
            "key = \"x\" ‸",
            "key = \"x\"\n‸",
            "‸\nkey = \"x\"",
            "key = \"x\" # note ‸",
            "[‸",
            "[‸]",
            "[fea‸]",
            "[feature.‸]",
            "[feature.‸",
            "[feature.fs‸]",
            "[feature.fs]‸",
            "[feature.fs]\n‸",
            "[feature.fs]\nmode = ‸",
            "[feature.fs]\nmode = \"‸\"\n\n[agent]",
            "[feature.fs]\n‸\n[agent]",
            "[feature.fs]\n‸\nmode = 1",
            "feature.‸",
            "feature.fs.mo‸de = 1",
            "feature.fs.mode = ‸",
            "target = { ‸ }",
            "target = { path = ‸ }",
            "target = { path = \"x\", na‸",
            "target = { a.b = ‸ }",
            "a = [‸]",
            "a = [\n  1,\n  ‸\n]",
            "a = [\nb = ‸",
            "a = [\n[feature]\nfs = ‸",
            "a = \"\"\"\nx\n\"\"\"\nb = ‸",
            "[[feature.db]]\nx = 1\n[[feature.db]]\nx = ‸",
            "[[feature.db]]\n[feature.db.copy]\nx = ‸",
            "[[‸]]",
            "a = {{ x }}\nb = ‸",
        ],
        expect![[r#"
            ‸                                                       empty
            fea‸                                                    key in "" for "fea", table
            key = ‸                                                 value "/key" for ""
            key =‸                                                  value "/key" for ""
            key‸ = 1                                                key in "" for "key" with value, table
            key = tr‸ # note                                        value "/key" for "tr"
            key = "x‸"                                              value "/key" for "\"x\""
            key = "x" ‸                                             nothing
            key = "x"⏎‸                                             key in "" for "", table
            ‸⏎key = "x"                                             key in "" for ""
            key = "x" # note ‸                                      nothing
            [‸                                                      key in "" for "", header
            [‸]                                                     key in "" for "" with value, header
            [fea‸]                                                  key in "" for "fea" with value, header
            [feature.‸]                                             key in "/feature" for "" with value, header
            [feature.‸                                              key in "/feature" for "", header
            [feature.fs‸]                                           key in "/feature" for "fs" with value, header
            [feature.fs]‸                                           nothing
            [feature.fs]⏎‸                                          key in "/feature/fs" for "", table
            [feature.fs]⏎mode = ‸                                   value "/feature/fs/mode" for ""
            [feature.fs]⏎mode = "‸"⏎⏎[agent]                        value "/feature/fs/mode" for "\"\""
            [feature.fs]⏎‸⏎[agent]                                  key in "/feature/fs" for "", table
            [feature.fs]⏎‸⏎mode = 1                                 key in "/feature/fs" for ""
            feature.‸                                               key in "/feature" for ""
            feature.fs.mo‸de = 1                                    key in "/feature/fs" for "mode" with value
            feature.fs.mode = ‸                                     value "/feature/fs/mode" for ""
            target = { ‸ }                                          key in "/target" for ""
            target = { path = ‸ }                                   value "/target/path" for ""
            target = { path = "x", na‸                              key in "/target" for "na"
            target = { a.b = ‸ }                                    value "/target/a/b" for ""
            a = [‸]                                                 value "/a/0" for ""
            a = [⏎  1,⏎  ‸⏎]                                        value "/a/1" for ""
            a = [⏎b = ‸                                             value "/b" for ""
            a = [⏎[feature]⏎fs = ‸                                  value "/feature/fs" for ""
            a = """⏎x⏎"""⏎b = ‸                                     value "/b" for ""
            [[feature.db]]⏎x = 1⏎[[feature.db]]⏎x = ‸               value "/feature/db/1/x" for ""
            [[feature.db]]⏎[feature.db.copy]⏎x = ‸                  value "/feature/db/0/copy/x" for ""
            [[‸]]                                                   key in "" for "" with value, header
            a = {{ x }}⏎b = ‸                                       value "/b" for ""
        "#]],
    );
}
