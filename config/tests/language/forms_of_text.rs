//! Formatting and conversion, with comments and templates.

use expect_test::{Expect, expect};

use crate::config::document::{Syntax, edit, print};

fn formatted(name: &str, text: &str, expected: &Expect) {
    let edits = print::format(name, text);
    expected.assert_eq(&edits.map_or_else(|| "none".to_owned(), |edits| edit::apply(text, &edits)));
}

fn converted(name: &str, text: &str, to: Syntax, expected: &Expect) {
    expected.assert_eq(&match print::convert(name, text, to) {
        Ok(converted) => converted,
        Err(problem) => problem.render(name, text) + "\n",
    });
}

const JSON: &str = "// A file.\n{\n  // who\n  \"target\": \"pod/{{ git_branch }}\", // this one\n  \"feature\": { // all\n    /* how */\n    \"fs\": {\"mode\": \"read\", \"local\": [\"\\\\.py$\", \"a\"]},\n    \"network\": {\"incoming\": {\"ports\": [\n      80, // web\n      // tls\n      443\n    ]}}\n  },\n  \"agent\": {\"ttl\": {{ get_env(name=\"TTL\") }}, \"json_log\": null}\n  // the end\n}\n";

#[test]
fn formats() {
    formatted(
        "m.json",
        "{\n\"a\":1 ,\n      \"b\" : {\"c\":[1,2 ,\n3], // c  \n\n\n\n\"{{  key  }}\":  \"{% if x %}  y\"  }}  ",
        &expect![[r#"
            {
              "a": 1,
              "b": {"c": [1, 2,
                  3], // c

                "{{  key  }}": "{% if x %}  y"  }}
        "#]],
    );
    formatted(
        "m.yaml",
        "a:\n    b:   1\n    # c\n    c:\n    -   d\n    -   e: |\n            t\n             u\n\n\n\n        f: \"x\n          y\"\n{% if x %}\ng:    {{  z  }}   \n{% endif %}\nh: [1,\n   2]",
        &expect![[r#"
            a:
              b: 1
              # c
              c:
              - d
              - e: |
                      t
                       u

                f: "x
                  y"
            {% if x %}
            g: {{  z  }}
            {% endif %}
            h: [1,
               2]
        "#]],
    );
    formatted(
        "m.toml",
        "  a=1\nb   = [1 ,2,\n3,\n      ]  # c\n\n\n\n [ c ]\n  # d\n  d = '''\n  x  \n'''\n  e.\"f g\"  ={{  x  }}\n",
        &expect![[r#"
            a = 1
            b = [1, 2,
              3,
            ]  # c

            [ c ]
            # d
            d = '''
              x  
            '''
            e."f g" = {{  x  }}
        "#]],
    );
    formatted("m.json", "{\"a\": ", &expect!["none"]);
    formatted("m.yaml", "a: [", &expect!["none"]);
    formatted("m.toml", "a = ", &expect!["none"]);
}

#[test]
fn comments_and_templates_come_along() {
    converted(
        "m.json",
        JSON,
        Syntax::Yaml,
        &expect![[r##"
        # A file.

        # who
        target: "pod/{{ git_branch }}" # this one
        feature: # all
          # how
          fs:
            mode: read
            local:
              - \.py$
              - a
          network:
            incoming:
              ports:
                - 80 # web
                # tls
                - 443
        agent:
          ttl: {{ get_env(name="TTL") }}
          json_log: null
        # the end
    "##]],
    );
    converted(
        "m.json",
        JSON,
        Syntax::Toml,
        &expect![[r##"
        # A file.

        # who
        target = "pod/{{ git_branch }}" # this one

        [feature] # all

        # how
        [feature.fs]
        mode = "read"
        local = ['\.py$', "a"]

        [feature.network.incoming]
        ports = [
          80, # web
          # tls
          443,
        ]

        [agent]
        ttl = {{ get_env(name="TTL") }}
        # the end
    "##]],
    );
    let yaml = print::convert("m.json", JSON, Syntax::Yaml).unwrap();
    converted(
        "m.yaml",
        &yaml,
        Syntax::Json,
        &expect![[r#"
        // A file.
        {
          // who
          "target": "pod/{{ git_branch }}", // this one
          "feature": { // all
            // how
            "fs": {
              "mode": "read",
              "local": ["\\.py$", "a"]
            },
            "network": {
              "incoming": {
                "ports": [
                  80, // web
                  // tls
                  443
                ]
              }
            }
          },
          "agent": {
            "ttl": {{ get_env(name="TTL") }},
            "json_log": null
          }
        }
        // the end
    "#]],
    );
    let toml = print::convert("m.json", JSON, Syntax::Toml).unwrap();
    converted(
        "m.toml",
        &toml,
        Syntax::Yaml,
        &expect![[r##"
        # A file.

        # who
        target: "pod/{{ git_branch }}" # this one
        feature: # all
          # how
          fs:
            mode: read
            local:
              - \.py$
              - a
          network:
            incoming:
              ports:
                - 80 # web
                # tls
                - 443
        agent:
          ttl: {{ get_env(name="TTL") }}
        # the end
    "##]],
    );
}

#[test]
fn what_cannot_be_converted_is_refused() {
    converted(
        "m.yaml",
        "{% if x %}\na: 1\n{% endif %}\n",
        Syntax::Json,
        &expect![[r#"
        m.yaml:1:1: error[syntax]: this template would be lost; only values, keys and comments can hold templates when the syntax changes
    "#]],
    );
    converted(
        "m.yaml",
        "a: 'it''s {{ x }}'\n",
        Syntax::Json,
        &expect![[r#"
        m.yaml:1:4: error[syntax]: this template would change its meaning; write the text around it without quotes, backslashes and line ends
    "#]],
    );
    converted(
        "m.yaml",
        "a: [null]\n",
        Syntax::Toml,
        &expect![[r#"
        m.yaml:1:5: error[syntax]: TOML has no null; delete this item
    "#]],
    );
    converted(
        "m.yaml",
        "a: [\n",
        Syntax::Toml,
        &expect![[r#"
        m.yaml:2:1: error[syntax]: this is not YAML: while parsing a node, did not find expected node content; the mistake may stand a line earlier: look at indentation, quotes and colons
    "#]],
    );
    converted(
        "m.yaml",
        "- a\n",
        Syntax::Toml,
        &expect![[r#"
        m.yaml:1:1: error[syntax]: a document of TOML is a table; wrap it in an object
    "#]],
    );
    converted(
        "m.yaml",
        "target: {{ x }}\nagent:\n  ttl: {{ x }}\n",
        Syntax::Json,
        &expect![[r#"
        {
          "target": "{{ x }}",
          "agent": {
            "ttl": {{ x }}
          }
        }
    "#]],
    );
}
