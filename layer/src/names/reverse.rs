//! Names of addresses, asked of the target.

use std::fmt::Write;
use std::net::IpAddr;

use protocol::dns::{Family, Reverse, ReverseAnswer};
use rules::name::Resolver;

use super::{Found, Gai, Question, ask, resolver_of};
use crate::scope::{Hooked, Otherwise};
use crate::state::Layer;

/// Names of an address in plain form. The outer error is the link's, or says that this machine is to answer: the rules
/// for names are asked about the name that stands for the address in DNS.
pub(crate) fn names_of(layer: &Layer, address: IpAddr) -> Hooked<Result<Found, Gai>> {
    match resolver_of(layer, pointer_name(address).as_bytes()) {
        Resolver::Local => return Err(Otherwise::Native),
        Resolver::NoName => return Ok(Err(Gai(libc::EAI_NONAME))),
        Resolver::Remote => {}
    }
    Ok(match layer.link.perform(Reverse { address })? {
        ReverseAnswer::Found { names } => {
            let mut names = names.into_iter();
            let canonical = names.next().ok_or(Gai(libc::EAI_NONAME));
            canonical.map(|canonical| Found { addresses: vec![address], canonical, aliases: names.collect() })
        }
        ReverseAnswer::NoName => Err(Gai(libc::EAI_NONAME)),
        ReverseAnswer::TryAgain => Err(Gai(libc::EAI_AGAIN)),
        ReverseAnswer::Fail => Err(Gai(libc::EAI_FAIL)),
    })
}

/// The domain that the pod is in, as far as its own name tells: what `NI_NOFQDN` leaves out.
pub(crate) fn domain(layer: &Layer) -> Hooked<Option<String>> {
    let Some(own) = &layer.policy.host_name else { return Ok(None) };
    let own = String::from_utf8_lossy(own).into_owned();
    let domain = |name: &str| name.split_once('.').map(|(_, domain)| domain.to_owned());
    if let Some(domain) = domain(&own) {
        return Ok(Some(domain));
    }
    let found = ask(layer, own.as_bytes(), Question::Plain(Family::V4))?;
    Ok(found.ok().and_then(|found| domain(&found.canonical)))
}

/// The name that DNS has for an address: RFC 1035, 3.5, and RFC 3596, 2.5.
fn pointer_name(address: IpAddr) -> String {
    let mut name = String::new();
    let mut part = |part: std::fmt::Arguments<'_>| {
        name.write_fmt(part).expect("a String takes everything");
    };
    match address {
        IpAddr::V4(v4) => {
            v4.octets().iter().rev().for_each(|byte| part(format_args!("{byte}.")));
            part(format_args!("in-addr.arpa"));
        }
        IpAddr::V6(v6) => {
            v6.octets().iter().rev().for_each(|byte| part(format_args!("{:x}.{:x}.", byte & 15, byte >> 4)));
            part(format_args!("ip6.arpa"));
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_names_in_dns() {
        let name = |text: &str| pointer_name(text.parse().expect("an address"));
        assert_eq!(name("10.20.0.3"), "3.0.20.10.in-addr.arpa");
        let zeroes = "0.".repeat(23);
        assert_eq!(name("2001:db8::1f"), format!("f.1.{}8.b.d.0.1.0.0.2.ip6.arpa", &zeroes[..44]));
    }
}
