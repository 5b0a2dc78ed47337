//! Who has set a variable of the target: told from the pod's specification, which is known since the target was found.
//!
//! Nothing is asked for it: ConfigMaps that a container takes whole are not read, Secrets never are.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
};

use config::feature::env::Origin;
use k8s_openapi::api::core::v1::{Container, EnvVar, Pod};

use crate::target::containers;

/// What a pod's specification says about the variables of one of its containers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origins {
    /// Variables with a line of their own.
    named: BTreeMap<String, Origin>,
    /// Prefix, and the object whose keys become variables behind it.
    bulk: Vec<(String, Origin)>,
}

impl Origins {
    /// Of the container of this name.
    pub(crate) fn of(pod: &Pod, container: &str) -> Self {
        containers(pod).find(|found| found.name == container).map(Self::of_container).unwrap_or_default()
    }

    fn of_container(container: &Container) -> Self {
        let named = container.env.iter().flatten();
        let bulk = container.env_from.iter().flatten().filter_map(|source| {
            let prefix = source.prefix.clone().unwrap_or_default();
            let config_map = source.config_map_ref.as_ref().map(|map| Origin::ConfigMap(map.name.clone()));
            let secret = || source.secret_ref.as_ref().map(|secret| Origin::Secret(secret.name.clone()));
            Some((prefix, config_map.or_else(secret)?))
        });
        Self {
            named: named.map(|variable| (variable.name.clone(), of_variable(variable))).collect(),
            bulk: bulk.collect(),
        }
    }

    /// Who has set `name`, one of the target's variables `all`.
    fn origin(&self, name: &OsStr, services: &BTreeSet<&str>) -> Origin {
        // Kubernetes takes no name that is not text.
        let Some(name) = name.to_str() else { return Origin::Image };
        if let Some(origin) = self.named.get(name) {
            return origin.clone();
        }
        // The last of several counts. (A prefix tells enough; without one every name may be meant.)
        let prefixed = self.bulk.iter().rfind(|(prefix, _)| !prefix.is_empty() && name.starts_with(prefix.as_str()));
        if let Some((_, origin)) = prefixed {
            return origin.clone();
        }
        if is_of_kubernetes(name, services) {
            return Origin::Kubernetes;
        }
        let bare = self.bulk.iter().filter(|(prefix, _)| prefix.is_empty());
        let bare: Vec<String> = bare.filter_map(|(_, origin)| object(origin)).collect();
        if bare.is_empty() { Origin::Image } else { Origin::Bulk(bare) }
    }

    /// Who has set each of `variables`.
    pub(super) fn of_all<'a>(&self, variables: impl Iterator<Item = &'a OsString> + Clone) -> Vec<Origin> {
        let text = variables.clone().filter_map(|name| name.to_str());
        let services: BTreeSet<&str> = text.filter_map(|name| name.strip_suffix("_SERVICE_HOST")).collect();
        variables.map(|name| self.origin(name, &services)).collect()
    }
}

/// `configmap/NAME`, `secret/NAME`
fn object(origin: &Origin) -> Option<String> {
    match origin {
        Origin::ConfigMap(name) => Some(format!("configmap/{name}")),
        Origin::Secret(name) => Some(format!("secret/{name}")),
        _ => None,
    }
}

fn of_variable(variable: &EnvVar) -> Origin {
    let Some(from) = &variable.value_from else { return Origin::Spec };
    match (&from.secret_key_ref, &from.config_map_key_ref) {
        (Some(secret), _) => Origin::Secret(secret.name.clone()),
        (None, Some(config_map)) => Origin::ConfigMap(config_map.name.clone()),
        (None, None) => Origin::Field,
    }
}

/// Whether kubelet or the container runtime gives every container a variable of this name: the host name, and for each
/// service `X_SERVICE_HOST`, `X_SERVICE_PORT`, `X_SERVICE_PORT_NAME`, `X_PORT`, `X_PORT_80_TCP…`
/// (<https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables>).
fn is_of_kubernetes(name: &str, services: &BTreeSet<&str>) -> bool {
    let of_service = |service: &&str| {
        let rest = name.strip_prefix(*service)?;
        Some(rest == "_SERVICE_HOST" || rest == "_PORT" || rest.starts_with("_SERVICE_PORT") || is_port(rest))
    };
    name == "HOSTNAME" || services.iter().any(|service| of_service(service).unwrap_or(false))
}

/// `_PORT_80_TCP`, and with `_PROTO`, `_PORT`, `_ADDR`.
fn is_port(rest: &str) -> bool {
    let Some(rest) = rest.strip_prefix("_PORT_") else { return false };
    let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let protocol = ["_TCP", "_UDP", "_SCTP"].iter().find_map(|protocol| digits.strip_prefix(protocol));
    digits.len() < rest.len() && protocol.is_some_and(|more| matches!(more, "" | "_PROTO" | "_PORT" | "_ADDR"))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_variable_has_an_origin() {
        let pod: Pod = serde_json::from_value(json!({ "spec": { "containers": [{ "name": "other" }, { "name": "app",
            "envFrom": [{ "configMapRef": { "name": "shared" }, "prefix": "S_" }, { "secretRef": { "name": "keys" } }],
            "env": [{ "name": "PLAIN", "value": "1" },
                    { "name": "S_OWN", "value": "1" },
                    { "name": "TOKEN", "valueFrom": { "secretKeyRef": { "name": "vault", "key": "token" } } },
                    { "name": "COLOR", "valueFrom": { "configMapKeyRef": { "name": "paint", "key": "c" } } },
                    { "name": "POD", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } }] }] } }))
        .expect("a pod");
        let names = [
            "PLAIN",
            "S_OWN",
            "S_ANY",
            "TOKEN",
            "COLOR",
            "POD",
            "HOSTNAME",
            "SHOP_SERVICE_HOST",
            "SHOP_SERVICE_PORT_HTTP",
            "SHOP_PORT",
            "SHOP_PORT_80_TCP_ADDR",
            "SHOP_PORT_X_TCP",
            "SHOPPING",
            "NODE_VERSION",
        ]
        .map(OsString::from);
        let shown = |container: &str| {
            let origins = Origins::of(&pod, container).of_all(names.iter());
            names.iter().zip(origins).fold(String::new(), |all, (name, origin)| format!("{all}{name:?} {origin:?}\n"))
        };
        expect![[r#"
            "PLAIN" Spec
            "S_OWN" Spec
            "S_ANY" ConfigMap("shared")
            "TOKEN" Secret("vault")
            "COLOR" ConfigMap("paint")
            "POD" Field
            "HOSTNAME" Kubernetes
            "SHOP_SERVICE_HOST" Kubernetes
            "SHOP_SERVICE_PORT_HTTP" Kubernetes
            "SHOP_PORT" Kubernetes
            "SHOP_PORT_80_TCP_ADDR" Kubernetes
            "SHOP_PORT_X_TCP" Bulk(["secret/keys"])
            "SHOPPING" Bulk(["secret/keys"])
            "NODE_VERSION" Bulk(["secret/keys"])
        "#]]
        .assert_eq(&shown("app"));
        assert!(shown("other").contains("\"PLAIN\" Image\n"), "containers do not share variables");
    }
}
