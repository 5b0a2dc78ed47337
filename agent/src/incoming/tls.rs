//! Tells the kubelet's HTTPS probes from other TLS connections: they go to an address, so they name no server (SNI).

use rustls::server::Acceptor;

/// Type of the record that a TLS connection begins with. RFC 8446, 5.1.
const HANDSHAKE: u8 = 22;

/// Bytes that are looked at; a first message that is longer is no probe's.
const HELLO_LIMIT: usize = 16 * 1024;

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// TLS whose client names the server that it wants.
    Named,
    /// TLS whose client does not.
    Nameless,
    /// No TLS.
    Other,
    /// Still each of them.
    Unfinished,
}

/// Looks at the bytes that a client sent first.
pub(crate) fn classify(bytes: &[u8]) -> Opening {
    if bytes.first().is_some_and(|first| *first != HANDSHAKE) || bytes.len() > HELLO_LIMIT {
        return Opening::Other;
    }
    let (mut acceptor, mut rest) = (Acceptor::default(), bytes);
    while !rest.is_empty() {
        if acceptor.read_tls(&mut rest).is_err() {
            return Opening::Other;
        }
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) if accepted.client_hello().server_name().is_some() => return Opening::Named,
            Ok(Some(_)) => return Opening::Nameless,
            Err(_) => return Opening::Other,
        }
    }
    Opening::Unfinished
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{ClientConfig, ClientConnection, RootCertStore, pki_types::ServerName};

    use super::*;

    /// What a client says first to a server of this name, or at this address.
    fn hello(server: &str) -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("it has them").with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        let server = ServerName::try_from(server.to_owned()).expect("a name or an address");
        let mut client = ClientConnection::new(Arc::new(config), server).expect("a client");
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).expect("memory takes everything");
        bytes
    }

    #[test]
    fn clients_that_go_to_an_address_name_nobody() {
        for (bytes, expected) in [
            (hello("shop.example.org"), Opening::Named),
            (hello("10.1.2.3"), Opening::Nameless),
            (b"GET / HTTP/1.1\r\n".to_vec(), Opening::Other),
            (b"\x16GET / HTTP/1.1\r\n".to_vec(), Opening::Other),
            (Vec::new(), Opening::Unfinished),
            (hello("10.1.2.3")[..40].to_vec(), Opening::Unfinished),
        ] {
            assert_eq!(classify(&bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_something(mut bytes: Vec<u8>, is_tls: bool) {
            if is_tls && let Some(first) = bytes.first_mut() {
                *first = HANDSHAKE;
            }
            classify(&bytes);
        }

        #[test]
        fn a_hello_is_unfinished_until_it_is_whole(len in 1_usize..200) {
            let bytes = hello("shop.example.org");
            let len = len.min(bytes.len() - 1);
            proptest::prop_assert_eq!(classify(&bytes[..len]), Opening::Unfinished);
        }
    }
}
