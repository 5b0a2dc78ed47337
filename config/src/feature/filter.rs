//! The outgoing and the dns filter: which destinations are remote, and the grammar of their entries.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Splits destinations between the target and this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    /// The listed ones are remote, all others local.
    Remote(Vec<Destination>),
    /// The listed ones are local, all others remote.
    Local(Vec<Destination>),
}

impl Filter {
    /// Its entries, whichever side they are on.
    pub fn entries(&self) -> &[Destination] {
        match self {
            Filter::Remote(entries) | Filter::Local(entries) => entries,
        }
    }
}

/// One entry: `[tcp://|udp://][NAME|IP|[IPv6]|SUBNET/LEN][:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Only this protocol; `None`: both.
    pub protocol: Option<Protocol>,
    /// Whom.
    pub host: Host,
    /// Only this port; `None`: every port.
    pub port: Option<u16>,
}

/// Transport of a [`Destination`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Protocol {
    Tcp,
    Udp,
}

/// Whom a [`Destination`] means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// Everyone.
    Any,
    /// The addresses that a name stands for.
    Name(String),
    /// The addresses whose first `length` bits are those of `address`; a single address has all of its bits.
    Subnet {
        /// First address.
        address: IpAddr,
        /// Bits that count.
        length: u8,
    },
}

/// Why an entry is not a destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{entry}`: {reason}")]
pub struct DestinationError {
    /// The entry.
    pub entry: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(entry: &str) -> Result<Self, DestinationError> {
        let fail = |reason| DestinationError { entry: entry.to_owned(), reason };
        let (protocol, rest) = match entry.split_once("://") {
            None => (None, entry),
            Some(("tcp", rest)) => (Some(Protocol::Tcp), rest),
            Some(("udp", rest)) => (Some(Protocol::Udp), rest),
            Some(_) => return Err(fail("the protocol is neither tcp nor udp")),
        };
        let (host, port) = split_port(rest).map_err(fail)?;
        let port = match port {
            None | Some("0") => None,
            Some(port) => Some(port.parse().map_err(|_| fail("the port is not a number from 0 to 65535"))?),
        };
        let host = parse_host(host).map_err(fail)?;
        if rest.is_empty() {
            return Err(fail("it names nothing"));
        }
        Ok(Destination { protocol, host, port })
    }
}

/// Splits `HOST[:PORT]`, where an IPv6 host with a port stands in brackets.
fn split_port(text: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (host, after) = bracketed.split_once(']').ok_or("the `[` is not closed")?;
        // `[fd00::]/8` and `[fd00::/8]` are both in use.
        if let Some(port) = after.strip_prefix(':') {
            return Ok((host, Some(port)));
        }
        return if after.is_empty() { Ok((host, None)) } else { Err("after `]` comes `:PORT` or nothing") };
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => Ok((host, Some(port))),
        _ => Ok((text, None)),
    }
}

fn parse_host(text: &str) -> Result<Host, &'static str> {
    if text.is_empty() {
        return Ok(Host::Any);
    }
    if let Some((address, length)) = text.split_once('/') {
        let address: IpAddr = address.parse().map_err(|_| "what stands before the `/` is not an address")?;
        let length = length
            .parse()
            .ok()
            .filter(|length| *length <= bits(address))
            .ok_or("the length of the subnet is out of range")?;
        return Ok(Host::Subnet { address, length });
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(if address.is_unspecified() { Host::Any } else { Host::Subnet { address, length: bits(address) } });
    }
    let known = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if text.chars().all(known) { Ok(Host::Name(text.to_owned())) } else { Err("this is neither a name nor an address") }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, host, port } = self;
        match protocol {
            Some(Protocol::Tcp) => f.write_str("tcp://")?,
            Some(Protocol::Udp) => f.write_str("udp://")?,
            None => {}
        }
        let host = match host {
            Host::Any if port.is_some() => String::new(),
            Host::Any => "0.0.0.0".to_owned(),
            Host::Name(name) => name.clone(),
            Host::Subnet { address, length } if *length == bits(*address) => address.to_string(),
            Host::Subnet { address, length } => format!("{address}/{length}"),
        };
        match port {
            Some(port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Some(port) => write!(f, "{host}:{port}"),
            None => f.write_str(&host),
        }
    }
}

impl Serialize for Destination {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Destination {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The keys of a filter, for the schema.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("x-exclusive" = true))]
#[expect(dead_code, reason = "only its schema is used")]
struct Keys {
    /// These go through the target, all others stay on this machine:
    /// `[tcp://|udp://][NAME|IP|[IPv6]|SUBNET/LEN][:PORT]`.
    #[schemars(extend("x-core" = true, "x-short" = "list", "x-meaning" = "destination", "examples" = [["tcp://10.1.0.0/16:5432", "database"]]))]
    remote: Option<Vec<String>>,
    /// These stay on this machine, all others go through the target:
    /// `[tcp://|udp://][NAME|IP|[IPv6]|SUBNET/LEN][:PORT]`.
    #[schemars(extend("x-core" = true, "x-short" = "list", "x-meaning" = "destination", "examples" = [["localhost", ":6379"]]))]
    local: Option<Vec<String>>,
}

impl JsonSchema for Filter {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Filter".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Keys::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_printed() {
        for (written, printed) in [
            ("database", "database"),
            ("tcp://database:5432", "tcp://database:5432"),
            ("udp://:53", "udp://:53"),
            ("0.0.0.0:80", ":80"),
            ("0.0.0.0", "0.0.0.0"),
            ("tcp://0.0.0.0", "tcp://0.0.0.0"),
            ("10.0.0.0/8:443", "10.0.0.0/8:443"),
            ("1.2.3.4:0", "1.2.3.4"),
            ("::1", "::1"),
            ("[fd00::1]:80", "[fd00::1]:80"),
            ("fd00::/8", "fd00::/8"),
        ] {
            let read: Result<Destination, _> = written.parse();
            assert_eq!(read.map(|entry| entry.to_string()), Ok(printed.to_owned()), "{written}");
        }
    }

    #[test]
    fn malformed_entries_are_refused() {
        for written in ["", "sctp://x", "x:99999", "x:http", "10.0.0.0/40", "name/8", "[::1", "[::1]x", "a b"] {
            assert!(written.parse::<Destination>().is_err(), "{written}");
        }
    }
}
