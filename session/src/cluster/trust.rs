//! Why TLS with the API server came to nothing, and what to do about it.

use k8s_openapi::jiff::Timestamp;
use rustls::{CertificateError, Error, pki_types::UnixTime};

/// What is wrong, in words for people, and what to do.
pub(super) fn explain(error: &Error) -> (String, &'static str) {
    use CertificateError::{ExpiredContext, NotValidYetContext};
    let words = || error.to_string();
    match error {
        Error::InvalidCertificate(NotValidYetContext { time, not_before }) => (
            format!(
                "its certificate is valid from {} on, and this machine's clock says {}",
                at(*not_before),
                at(*time)
            ),
            "set the clock of this machine if it is wrong (`timedatectl` shows it)",
        ),
        Error::InvalidCertificate(ExpiredContext { time, not_after }) => (
            format!("its certificate was valid until {}, and this machine's clock says {}", at(*not_after), at(*time)),
            "set the clock of this machine if it is wrong (`timedatectl` shows it); if it is right, whoever runs the cluster has to renew the certificate",
        ),
        Error::InvalidCertificate(_) => (
            words(),
            "the kubeconfig's certificate-authority does not vouch for it: is this the right context, or is somebody in between? `accept_invalid_certificates: true` trusts anybody",
        ),
        Error::InvalidMessage(_) => (words(), "it does not speak TLS: is the port right, or does a proxy answer?"),
        Error::AlertReceived(_) => (
            words(),
            "it refuses us: is the client certificate of the kubeconfig still valid, and are both clocks right?",
        ),
        _ => (words(), "`kubectl get pods` must work first"),
    }
}

/// Universal time, as RFC 3339 writes it.
fn at(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    seconds.map_or_else(|| "a time beyond all calendars".to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;

    use super::*;

    #[test]
    fn a_wrong_clock_is_told_from_a_wrong_authority() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let errors = [
            CertificateError::NotValidYetContext { time: at(1_792_691_860), not_before: at(1_795_278_788) },
            CertificateError::ExpiredContext { time: at(u64::MAX), not_after: at(0) },
            CertificateError::UnknownIssuer,
        ];
        let told = errors.map(|error| {
            let (what, help) = explain(&Error::InvalidCertificate(error));
            format!("{what}; {help}\n")
        });
        expect![[r"
            its certificate is valid from 2026-11-21T16:33:08Z on, and this machine's clock says 2026-10-22T17:57:40Z; set the clock of this machine if it is wrong (`timedatectl` shows it)
            its certificate was valid until 1970-01-01T00:00:00Z, and this machine's clock says a time beyond all calendars; set the clock of this machine if it is wrong (`timedatectl` shows it); if it is right, whoever runs the cluster has to renew the certificate
            invalid peer certificate: UnknownIssuer; the kubeconfig's certificate-authority does not vouch for it: is this the right context, or is somebody in between? `accept_invalid_certificates: true` trusts anybody
        "]]
        .assert_eq(&told.concat());
    }
}
