//! What goes wrong on the way to the API server, and what it answers instead of what was asked for.

use std::{error::Error as StdError, io, time::Duration};

use http::Uri;
use kube::client::AuthError;

use super::{Call, trust};

/// Why the cluster cannot be used, or a call to it failed.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// There is no kubeconfig.
    #[error("no kubeconfig: looked at {looked}; set KUBECONFIG or `kubeconfig` in the configuration")]
    NoKubeconfig {
        /// Where one was looked for.
        looked: String,
    },
    /// A kubeconfig cannot be read or does not hold together.
    #[error("kubeconfig {place}: {cause}; check it with `kubectl config view`")]
    Kubeconfig {
        /// Its path.
        place: String,
        /// What is wrong.
        cause: String,
    },
    /// The kubeconfig has no such context, or none is current.
    #[error("{what}; {help}")]
    NoContext {
        /// Which one was asked for.
        what: String,
        /// What there is.
        help: String,
    },
    /// No credentials could be had.
    #[error("cannot get credentials for {context}{by}: {cause}; {help}")]
    Credentials {
        /// The context.
        context: String,
        /// The plugin, if one makes them.
        by: String,
        /// What went wrong.
        cause: String,
        /// What to do.
        help: String,
    },
    /// The proxy is not one.
    #[error("the proxy for the API server cannot be used ({place}): {cause}")]
    Proxy {
        /// Where it is written.
        place: String,
        /// What is wrong.
        cause: String,
    },
    /// No connection.
    #[error(
        "cannot reach the API server {server} ({context}): {cause}; is the cluster up, and this machine in its network or VPN?"
    )]
    Unreachable {
        /// Its URL.
        server: String,
        /// The context.
        context: String,
        /// What the operating system says.
        cause: String,
    },
    /// A connection, but no trust.
    #[error("no secure connection to the API server {server} ({context}): {cause}; {help}")]
    Tls {
        /// Its URL.
        server: String,
        /// The context.
        context: String,
        /// What is wrong.
        cause: String,
        /// What to do.
        help: String,
    },
    /// 401.
    #[error(
        "the API server {server} does not accept the credentials of {context}: {cause}; log in again, until `kubectl get pods` works"
    )]
    Unauthorized {
        /// Its URL.
        server: String,
        /// The context.
        context: String,
        /// Its own words.
        cause: String,
    },
    /// RBAC says no.
    #[error("not allowed to {call}: {cause}\nAsk for this rule{place}:\n{rule}")]
    Forbidden {
        /// What was attempted.
        call: String,
        /// The API server's own words.
        cause: String,
        /// ` in a Role of namespace x`.
        place: String,
        /// A rule of a Role, in YAML.
        rule: String,
    },
    /// Any other answer that is not the one asked for.
    #[error("the API server refuses to {call}: {} (code {})", .status.message, .status.code)]
    Refused {
        /// What was attempted.
        call: String,
        /// Its answer.
        status: Box<kube::core::Status>,
    },
    /// No answer.
    #[error("no answer within {} s from the API server {server} on the attempt to {call}", .limit.as_secs())]
    TimedOut {
        /// What was attempted.
        call: String,
        /// Its URL.
        server: String,
        /// How long it had.
        limit: Duration,
    },
    /// An answer that makes no sense.
    #[error("the API server's answer to the attempt to {call} cannot be used: {cause}")]
    Nonsense {
        /// What was attempted.
        call: String,
        /// What is wrong with it.
        cause: String,
    },
}

impl ClusterError {
    /// What `error` means for `call`.
    pub(super) fn of(error: kube::Error, call: &Call<'_>, server: &Uri, context: Option<&str>) -> Self {
        let status = match error {
            kube::Error::Api(status) => status,
            error => return Self::of_transport(&error, call, server, context),
        };
        // Without credentials the API server knows us as nobody in particular.
        let anonymous = status.code == 403 && status.message.contains("User \"system:anonymous\"");
        if status.code == 401 || anonymous {
            return Self::Unauthorized { server: server.to_string(), context: named(context), cause: status.message };
        }
        // Admission and quotas say 403 as well; only RBAC's refusal is cured by a rule.
        if status.code == 403 && status.message.contains(" cannot ") {
            let place = match call.namespace() {
                Some(namespace) => format!(" in a Role of namespace `{namespace}`"),
                None => " in a ClusterRole".into(),
            };
            return Self::Forbidden { call: call.to_string(), cause: status.message, place, rule: call.rule() };
        }
        Self::Refused { call: call.to_string(), status }
    }

    fn of_transport(error: &kube::Error, call: &Call<'_>, server: &Uri, context: Option<&str>) -> Self {
        if find::<AuthError>(error).is_some() {
            return Self::no_credentials(context, None, error, None);
        }
        let (server, context) = (server.to_string(), named(context));
        if let Some(tls) = find::<rustls::Error>(error) {
            let (cause, help) = trust::explain(tls);
            return Self::Tls { server, context, cause, help: help.into() };
        }
        if let Some(io) = find::<io::Error>(error) {
            return Self::Unreachable { server, context, cause: io.to_string() };
        }
        match error {
            kube::Error::Service(_) | kube::Error::HyperError(_) => {
                Self::Unreachable { server, context, cause: innermost(error) }
            }
            _ => Self::Nonsense { call: call.to_string(), cause: innermost(error) },
        }
    }

    /// No credentials for `context`; `plugin` makes them, and `hint` is its `installHint`.
    pub(super) fn no_credentials(
        context: Option<&str>,
        plugin: Option<&str>,
        cause: &(dyn StdError + 'static),
        hint: Option<&str>,
    ) -> Self {
        let auth = find::<AuthError>(cause);
        let cause = match auth {
            // Its own message would show what the plugin wrote, secrets included.
            Some(AuthError::AuthExecRun { out, cmd: _ }) => {
                let said = String::from_utf8_lossy(&out.stderr);
                format!("it ended with {}: {}", out.status, said.trim())
            }
            Some(auth) => auth.to_string(),
            None => innermost(cause),
        };
        let missing = matches!(auth, Some(AuthError::AuthExecStart(_)));
        let help = match hint.filter(|_| missing) {
            Some(hint) => hint.trim(),
            None if missing => "install it, or put it into the PATH of whoever starts this program",
            None => "run `kubectl get pods` in a terminal first, where it can ask you to log in",
        };
        let by = plugin.map(|plugin| format!(" from `{plugin}`")).unwrap_or_default();
        Self::Credentials { context: named(context), by, cause, help: help.to_owned() }
    }

    /// The status code of the API server's answer; `None` when there was none.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Unauthorized { .. } => Some(401),
            Self::Forbidden { .. } => Some(403),
            Self::Refused { status, .. } => Some(status.code),
            _ => None,
        }
    }

    /// Whether the same call may succeed later: the server or the way to it is at fault, not the question.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::Refused { status, .. } => status.code >= 500 || status.code == 429,
            _ => false,
        }
    }
}

fn named(context: Option<&str>) -> String {
    context.map_or_else(|| "service account of this pod".into(), |context| format!("context `{context}`"))
}

/// The first error of type `E` among `error` and its causes. `io::Error` hides what it wraps from `source`.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|wrapped| find::<E>(wrapped)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// What the last cause says.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Resource;

    fn of(error: kube::Error) -> ClusterError {
        let call = Call::new("patch", Resource::PODS).within("shop").of("x").sub("ephemeralcontainers");
        ClusterError::of(error, &call, &"https://k:6443".parse().expect("a URL"), Some("dev"))
    }

    fn status(code: u16, message: &str) -> kube::Error {
        kube::Error::Api(kube::core::Status::failure(message, "").with_code(code).boxed())
    }

    #[test]
    fn a_missing_permission_names_its_rule() {
        let words = r#"pods "x" is forbidden: User "u" cannot patch resource "pods/ephemeralcontainers" in API group "" in the namespace "shop""#;
        assert_eq!(
            of(status(403, words)).to_string(),
            format!(
                "not allowed to patch pods/ephemeralcontainers `x` in namespace `shop`: {words}\n\
                 Ask for this rule in a Role of namespace `shop`:\n\
                 - apiGroups: [\"\"]\n  resources: [\"pods/ephemeralcontainers\"]\n  verbs: [\"patch\"]"
            )
        );
    }

    #[test]
    fn admission_is_not_a_missing_permission() {
        let error = of(status(403, r#"pods "x" is forbidden: violates PodSecurity "restricted:latest""#));
        assert!(matches!(error, ClusterError::Refused { .. }), "{error}");
        assert_eq!(error.code(), Some(403));
    }

    #[test]
    fn nobody_in_particular_is_told_to_log_in() {
        let error = of(status(403, r#"pods is forbidden: User "system:anonymous" cannot list resource "pods""#));
        assert!(matches!(error, ClusterError::Unauthorized { .. }), "{error}");
    }

    #[test]
    fn a_plugin_that_fails_tells_what_it_said_but_not_what_it_made() {
        let out = std::process::Output {
            status: std::os::unix::process::ExitStatusExt::from_raw(256),
            stdout: b"secret".to_vec(),
            stderr: b"token expired\n".to_vec(),
        };
        let error = kube::Error::Auth(AuthError::AuthExecRun { cmd: "aws".into(), out: Box::new(out) });
        let told = ClusterError::no_credentials(Some("dev"), Some("aws"), &error, None).to_string();
        assert_eq!(
            told,
            "cannot get credentials for context `dev` from `aws`: it ended with exit status: 1: token expired; \
             run `kubectl get pods` in a terminal first, where it can ask you to log in"
        );
    }

    #[test]
    fn the_cause_is_found_below_wrappers() {
        let refused = io::Error::from_raw_os_error(111);
        let wrapped = io::Error::other(refused);
        let error = of(kube::Error::Service(Box::new(wrapped)));
        assert!(
            error
                .to_string()
                .starts_with("cannot reach the API server https://k:6443/ (context `dev`): Connection refused"),
            "{error}"
        );
        assert!(error.is_transient());

        let tls = io::Error::other(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer));
        let error = of(kube::Error::Service(Box::new(tls)));
        assert!(matches!(error, ClusterError::Tls { .. }), "{error}");
    }
}
