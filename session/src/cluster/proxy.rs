//! Which proxy leads to the API server, by the rules of Go's `httpproxy` package, which kubectl follows.

use std::net::IpAddr;

use http::Uri;

use super::ClusterError;

/// The proxy to use for `server`, if any.
///
/// `written` is the kubeconfig's `proxy-url`: it wins, and `NO_PROXY` does not touch it. `from_environment` says
/// whether `HTTPS_PROXY` and `HTTP_PROXY` (upper or lower case) count.
pub(super) fn choose(
    server: &Uri,
    written: Option<&str>,
    from_environment: bool,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Uri>, ClusterError> {
    let variable = |upper: &str| {
        let value = environment(upper).or_else(|| environment(&upper.to_lowercase()));
        value.filter(|value| !value.is_empty())
    };
    if let Some(written) = written.filter(|written| !written.is_empty()) {
        return parse(written, "the kubeconfig's proxy-url").map(Some);
    }
    let name = if server.scheme_str() == Some("http") { "HTTP_PROXY" } else { "HTTPS_PROXY" };
    let Some(proxy) = variable(name).filter(|_| from_environment) else { return Ok(None) };
    let port = server.port_u16().unwrap_or(if name == "HTTP_PROXY" { 80 } else { 443 });
    if bypassed(server.host().unwrap_or_default(), port, &variable("NO_PROXY").unwrap_or_default()) {
        return Ok(None);
    }
    parse(&proxy, name).map(Some)
}

fn parse(proxy: &str, place: &str) -> Result<Uri, ClusterError> {
    let whole = if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
    // hyper-util's SOCKS connector lets the proxy resolve names, which is what the `h` asks for.
    let whole = whole.strip_prefix("socks5h://").map_or(whole.clone(), |rest| format!("socks5://{rest}"));
    let wrong = |cause: String| ClusterError::Proxy { place: place.to_owned(), cause };
    let uri: Uri = whole.parse().map_err(|error| wrong(format!("`{proxy}` is not a URL: {error}")))?;
    match uri.scheme_str() {
        Some("http" | "https" | "socks5") => Ok(uri),
        other => {
            Err(wrong(format!("`{}` is not a kind of proxy; write http, https or socks5", other.unwrap_or_default())))
        }
    }
}

/// Whether requests to `host` avoid the proxy: by `NO_PROXY`, or because it is this machine.
fn bypassed(host: &str, port: u16, no_proxy: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    no_proxy.split(',').map(|entry| entry.trim().to_ascii_lowercase()).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let Some((network, bits)) = entry.split_once('/') {
            return address.is_some_and(|address| within(address, network, bits));
        }
        let (name, wanted) = match entry.rsplit_once(':') {
            Some((name, wanted)) if !name.contains(':') => (name, wanted.parse().ok()),
            _ => (entry.as_str(), None),
        };
        if wanted.is_some_and(|wanted: u16| wanted != port) {
            return false;
        }
        let domain = name.trim_start_matches('*');
        match domain.strip_prefix('.') {
            Some(_) => host.ends_with(domain),
            None => host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
        }
    })
}

/// Whether `address` lies in `network/bits` (CIDR).
fn within(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if bits <= 32 => {
            (address.to_bits() ^ network.to_bits()).leading_zeros() >= bits
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if bits <= 128 => {
            (address.to_bits() ^ network.to_bits()).leading_zeros() >= bits
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(server: &str, written: Option<&str>, environment: &[(&str, &str)]) -> Option<String> {
        let environment =
            |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        choose(&server.parse().expect("a URL"), written, true, &environment)
            .expect("a proxy")
            .map(|uri| uri.to_string())
    }

    #[test]
    fn the_kubeconfig_wins_over_the_environment() {
        let environment = [("HTTPS_PROXY", "http://env:1"), ("NO_PROXY", "*")];
        assert_eq!(check("https://k:6443", Some("socks5h://kube:2"), &environment), Some("socks5://kube:2/".into()));
    }

    #[test]
    fn the_environment_counts_unless_excepted() {
        for (server, excepted, used) in [
            ("https://k.corp:6443", "", true),
            ("https://k.corp:6443", "corp", false),
            ("https://k.corp:6443", ".corp", false),
            ("https://k.corp:6443", "orp", true),
            ("https://corp:6443", ".corp", true),
            ("https://k.corp:6443", "k.corp:443, other", true),
            ("https://k.corp:6443", "k.corp:6443", false),
            ("https://10.1.2.3:6443", "10.0.0.0/8", false),
            ("https://11.1.2.3:6443", "10.0.0.0/8", true),
            ("https://[fd00::1]:6443", "fd00::/8", false),
            ("https://127.0.0.1:6443", "", false),
            ("https://localhost:6443", "", false),
        ] {
            let environment = [("https_proxy", "env:3128"), ("no_proxy", excepted)];
            assert_eq!(check(server, None, &environment).is_some(), used, "{server} {excepted}");
        }
    }

    #[test]
    fn an_unknown_kind_of_proxy_is_refused() {
        let server = "https://k".parse().expect("a URL");
        let error = choose(&server, Some("ftp://x"), true, &|_| None).expect_err("no such proxy");
        assert_eq!(
            error.to_string(),
            "the proxy for the API server cannot be used (the kubeconfig's proxy-url): `ftp` is not a kind of proxy; write http, https or socks5"
        );
    }
}
