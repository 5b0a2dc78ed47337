use std::{collections::BTreeMap, ffi::OsString, os::unix::ffi::OsStringExt};

use config::{
    Overrides,
    feature::env::{Origin, Sources, Variable, account},
};
use expect_test::{Expect, expect};

use super::{text::Style, *};

const CONFIG: &str = r#"{"target": "pod/x", "feature": {"env": {
    "exclude": ["OTEL_*"], "override": {"LOG_LEVEL": "debug"}, "mapping": {".+_TIMEOUT": "10000"}, "unset": ["aws_*"]}}}"#;

fn account_of(env: &Env) -> Account {
    let variable = |name: &str, value: &str, origin| (name.into(), Variable { value: value.into(), origin });
    let mut remote: BTreeMap<OsString, Variable> = BTreeMap::from([
        variable("DATABASE_URL", "postgres://shop:hunter2@db.prod/shop", Origin::Secret("db".into())),
        variable("LOG_LEVEL", "info", Origin::Spec),
        variable("READ_TIMEOUT", "3", Origin::ConfigMap("limits".into())),
        variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT_OF_THE_HOUSE", "http://otel", Origin::Spec),
        variable("PATH", "/usr/bin", Origin::Image),
        variable("PYTHON_VERSION", "3.12.1", Origin::Image),
        variable("BANNER", "two\nlines \x1b[31mred", Origin::Bulk(vec!["configmap/ui".into(), "secret/keys".into()])),
        variable("EMPTY", "", Origin::Field),
        variable("TZ", "UTC", Origin::Spec),
        variable("KUBERNETES_PORT", "tcp://10.0.0.1:443", Origin::Kubernetes),
        variable("KUBERNETES_SERVICE_HOST", "10.0.0.1", Origin::Kubernetes),
    ]);
    let odd = Variable { value: OsString::from_vec(b"caf\xe9".to_vec()), origin: Origin::Image };
    remote.insert(OsString::from_vec(b"N\xffME".to_vec()), odd);
    let local = [("PATH", "/bin"), ("HOME", "/me"), ("TZ", "UTC"), ("AWS_PROFILE", "me"), ("LOG_LEVEL", "warn")];
    let local = local.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    account::account(env, Sources { remote: &remote, file: &BTreeMap::new(), local: &local })
}

#[test]
fn addresses_of_services_do_not_drown_the_rest() {
    let variable = |number| {
        (format!("S{number}_SERVICE_HOST").into(), Variable { value: "10.0.0.1".into(), origin: Origin::Kubernetes })
    };
    let mut remote: BTreeMap<OsString, Variable> = (1..=9).map(variable).collect();
    remote.insert("OWN".into(), Variable { value: "1".into(), origin: Origin::Spec });
    let none = BTreeMap::new();
    let account = account::account(&Env::default(), Sources { remote: &remote, file: &none, local: &none });
    let shown = |all| {
        let report = Report { env: &Env::default(), account: &account, show: false, all };
        text::of(&report, Style { columns: 80, colour: false })
    };
    expect![[r#"
          NAME  LOCAL  POD  PROGRAM  FROM
        + OWN   -      ***  ***      pod specification

        + 9 addresses of services by Kubernetes, S1_SERVICE_HOST to S9_SERVICE_HOST;
        --all lists them

        10 variables come from the pod, 0 by the configuration, 0 removed, 0 of the
        pod's left out; --show shows values
    "#]]
    .assert_eq(&shown(false));
    assert_eq!(shown(true).lines().filter(|line| line.ends_with(" Kubernetes")).count(), 9);
}

fn check(columns: usize, show: bool, all: bool, expected: &Expect) {
    let env = env();
    let report = Report { env: &env, account: &account_of(&env), show, all };
    expected.assert_eq(&text::of(&report, Style { columns, colour: false }));
}

fn env() -> Env {
    let loaded = config::load(Some(config::Source { name: "m.json", text: CONFIG }), &Overrides::default());
    loaded.config.expect("it is sound").feature.env
}

#[test]
fn eighty_columns() {
    check(
        80,
        false,
        false,
        &expect![[r#"
              NAME                     LOCAL  POD  PROGRAM  FROM
            - AWS_PROFILE              ***    -    -        removed by feature.env.unset
                                                            `aws_*`
            + BANNER                   -      ***  ***      configmap/ui, secret/keys or
                                                            image
            + DATABASE_URL             -      ***  ***      secret/db
            + EMPTY                    -      ***  ***      pod specification (downward API)
            + KUBERNETES_PORT          -      ***  ***      Kubernetes
            + KUBERNETES_SERVICE_HOST  -      ***  ***      Kubernetes
            ~ LOG_LEVEL                ***    ***  ***      feature.env.override, instead of
                                                            pod specification
            + N\xffME                  -      ***  ***      image
            + READ_TIMEOUT             -      ***  ***      feature.env.mapping
                                                            `.+_TIMEOUT`, instead of
                                                            configmap/limits
              OTEL_EXPORTER_OTLP_TRACES_ENDPOINT_OF_THE_HOUSE
                                       -      ***  -        left out: feature.env.exclude
                                                            `OTEL_*` (pod specification)
              PATH                     ***    ***  ***      left out: by default, `PATH`
                                                            belongs to the machine (image)
              PYTHON_VERSION           -      ***  -        left out: by default,
                                                            `PYTHON_VERSION` belongs to the
                                                            image (image)

            7 variables come from the pod, 2 by the configuration, 1 removed, 3 of the pod's
            left out; --show shows values
        "#]],
    );
}

#[test]
fn two_hundred_columns_with_values() {
    check(
        200,
        true,
        true,
        &expect![[r#"
              NAME                     LOCAL  POD                                   PROGRAM                               FROM
            - AWS_PROFILE              me     -                                     -                                     removed by feature.env.unset `aws_*`
            + BANNER                   -      two\nlines \u{1b}[31mred              two\nlines \u{1b}[31mred              configmap/ui, secret/keys or image
            + DATABASE_URL             -      postgres://shop:hunter2@db.prod/shop  postgres://shop:hunter2@db.prod/shop  secret/db
            + EMPTY                    -      ""                                    ""                                    pod specification (downward API)
            + KUBERNETES_PORT          -      tcp://10.0.0.1:443                    tcp://10.0.0.1:443                    Kubernetes
            + KUBERNETES_SERVICE_HOST  -      10.0.0.1                              10.0.0.1                              Kubernetes
            ~ LOG_LEVEL                warn   info                                  debug                                 feature.env.override, instead of pod specification
            + N\xffME                  -      caf\xe9                               caf\xe9                               image
            + READ_TIMEOUT             -      3                                     10000                                 feature.env.mapping `.+_TIMEOUT`, instead of configmap/limits
              HOME                     /me    -                                     /me                                   this machine
              OTEL_EXPORTER_OTLP_TRACES_ENDPOINT_OF_THE_HOUSE
                                       -      http://otel                           -                                     left out: feature.env.exclude `OTEL_*` (pod specification)
              PATH                     /bin   /usr/bin                              /bin                                  left out: by default, `PATH` belongs to the machine (image)
              PYTHON_VERSION           -      3.12.1                                -                                     left out: by default, `PYTHON_VERSION` belongs to the image (image)
              TZ                       UTC    UTC                                   UTC                                   pod specification

            7 variables come from the pod, 2 by the configuration, 1 removed, 3 of the pod's left out
        "#]],
    );
}

#[test]
fn values_that_need_room_stand_below_one_another() {
    check(
        80,
        true,
        false,
        &expect![[r#"
            - AWS_PROFILE
                local    me
                pod      -
                program  -
                from     removed by feature.env.unset `aws_*`
            + BANNER
                local    -
                pod      two\nlines \u{1b}[31mred
                program  two\nlines \u{1b}[31mred
                from     configmap/ui, secret/keys or image
            + DATABASE_URL
                local    -
                pod      postgres://shop:hunter2@db.prod/shop
                program  postgres://shop:hunter2@db.prod/shop
                from     secret/db
            + EMPTY
                local    -
                pod      ""
                program  ""
                from     pod specification (downward API)
            + KUBERNETES_PORT
                local    -
                pod      tcp://10.0.0.1:443
                program  tcp://10.0.0.1:443
                from     Kubernetes
            + KUBERNETES_SERVICE_HOST
                local    -
                pod      10.0.0.1
                program  10.0.0.1
                from     Kubernetes
            ~ LOG_LEVEL
                local    warn
                pod      info
                program  debug
                from     feature.env.override, instead of pod specification
            + N\xffME
                local    -
                pod      caf\xe9
                program  caf\xe9
                from     image
            + READ_TIMEOUT
                local    -
                pod      3
                program  10000
                from     feature.env.mapping `.+_TIMEOUT`, instead of configmap/limits
              OTEL_EXPORTER_OTLP_TRACES_ENDPOINT_OF_THE_HOUSE
                local    -
                pod      http://otel
                program  -
                from     left out: feature.env.exclude `OTEL_*` (pod specification)
              PATH
                local    /bin
                pod      /usr/bin
                program  /bin
                from     left out: by default, `PATH` belongs to the machine (image)
              PYTHON_VERSION
                local    -
                pod      3.12.1
                program  -
                from     left out: by default, `PYTHON_VERSION` belongs to the image (image)

            7 variables come from the pod, 2 by the configuration, 1 removed, 3 of the pod's
            left out
        "#]],
    );
}

#[test]
fn hidden_values_leave_no_trace() {
    let env = env();
    let shown = |change: fn(&mut Account)| {
        let mut account = account_of(&env);
        change(&mut account);
        let report = Report { env: &env, account: &account, show: false, all: true };
        format!("{}{}", text::of(&report, Style { columns: 80, colour: true }), json::of(&report))
    };
    let before = shown(|_| {});
    assert!(!before.contains("hunter2") && !before.contains("3.12.1"), "{before}");
    let after = shown(|account| {
        let entry = account.get_mut(std::ffi::OsStr::new("DATABASE_URL")).expect("it is there");
        entry.effective = Some("x".into());
        entry.remote.as_mut().expect("it is there").value = "".into();
    });
    assert_eq!(before, after);
}

#[test]
#[expect(clippy::too_many_lines, reason = "what is expected is long")]
fn programs_get_everything() {
    let env = env();
    let mut account = account_of(&env);
    account.retain(|name, _| {
        ["DATABASE_URL", "PATH", "AWS_PROFILE"].iter().any(|wanted| name == *wanted) || name.to_str().is_none()
    });
    let json = json::of(&Report { env: &env, account: &account, show: true, all: true });
    expect![[r#"
        {
          "values_shown": true,
          "variables": [
            {
              "name": "AWS_PROFILE",
              "change": "removed",
              "local": {
                "value": "me"
              },
              "remote": null,
              "effective": null,
              "source": "unset",
              "origin": null,
              "rule": null,
              "reason": "removed by feature.env.unset `aws_*`"
            },
            {
              "name": "DATABASE_URL",
              "change": "added",
              "local": null,
              "remote": {
                "value": "postgres://shop:hunter2@db.prod/shop"
              },
              "effective": {
                "value": "postgres://shop:hunter2@db.prod/shop"
              },
              "source": "remote",
              "origin": {
                "kind": "secret",
                "name": "db"
              },
              "rule": {
                "kind": "default"
              },
              "reason": "secret/db"
            },
            {
              "name": "N�ME",
              "name_bytes": [
                78,
                255,
                77,
                69
              ],
              "change": "added",
              "local": null,
              "remote": {
                "value": "caf�",
                "value_bytes": [
                  99,
                  97,
                  102,
                  233
                ]
              },
              "effective": {
                "value": "caf�",
                "value_bytes": [
                  99,
                  97,
                  102,
                  233
                ]
              },
              "source": "remote",
              "origin": {
                "kind": "image"
              },
              "rule": {
                "kind": "default"
              },
              "reason": "image"
            },
            {
              "name": "PATH",
              "change": "kept",
              "local": {
                "value": "/bin"
              },
              "remote": {
                "value": "/usr/bin"
              },
              "effective": {
                "value": "/bin"
              },
              "source": "local",
              "origin": {
                "kind": "image"
              },
              "rule": {
                "kind": "excluded_by_default",
                "pattern": "PATH"
              },
              "reason": "left out: by default, `PATH` belongs to the machine (image)"
            }
          ]
        }
    "#]]
    .assert_eq(&format!("{json:#}\n"));
}
