//! TLS 1.3 with raw public keys (RFC 7250): each side proves that it holds the key that the other one expects.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error as TlsError, ServerConfig,
    SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key},
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
    server::{
        AlwaysResolvesServerRawPublicKeys,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    version::TLS13,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use crate::{Identity, PublicKey};

/// A handshake that takes longer is given up: the other side is not one of ours, or the path is dead.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The other side took longer than [`HANDSHAKE_LIMIT`].
    #[error("no TLS handshake within {} s", HANDSHAKE_LIMIT.as_secs())]
    Timeout,
    /// The connection broke, or the other side could not prove who it is.
    #[error("TLS handshake: {0}")]
    Handshake(#[source] io::Error),
    /// Our own side cannot be set up.
    #[error("TLS configuration: {0}")]
    Configuration(#[from] TlsError),
}

/// Session's side: connects over `io`, proves `identity`, and wants `agent` on the other side, if it is known.
///
/// Gives the stream and the agent's key, which the caller compares when it learns of it on another way.
pub async fn connect<IO: AsyncRead + AsyncWrite + Unpin>(
    io: IO,
    identity: &Identity,
    agent: Option<&PublicKey>,
) -> Result<(client::TlsStream<IO>, PublicKey), Error> {
    let pin = Arc::new(Pin::new(agent.cloned()));
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(pin.clone())
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(identity.certified())));
    config.enable_sni = false;
    config.resumption = rustls::client::Resumption::disabled();
    // With raw public keys the name is not looked at; the type wants one.
    let name = ServerName::try_from("mirrord-agent").expect("a valid DNS name");
    let stream = in_time(TlsConnector::from(Arc::new(config)).connect(name, io)).await?;
    let key = pin.seen.lock().expect("no panic while held").take().expect("the handshake has verified a key");
    Ok((stream, key))
}

/// Agent's side: accepts over `io`, proves `identity`, and serves nobody but the holder of `client`.
pub async fn accept<IO: AsyncRead + AsyncWrite + Unpin>(
    io: IO,
    identity: &Identity,
    client: &PublicKey,
) -> Result<server::TlsStream<IO>, Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(Pin::new(Some(client.clone()))))
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(identity.certified())));
    config.send_tls13_tickets = 0; // nothing is ever resumed
    in_time(TlsAcceptor::from(Arc::new(config)).accept(io)).await
}

async fn in_time<T>(handshake: impl Future<Output = io::Result<T>>) -> Result<T, Error> {
    tokio::time::timeout(HANDSHAKE_LIMIT, handshake).await.map_err(|_| Error::Timeout)?.map_err(Error::Handshake)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Accepts one key, or any when none is given, and remembers which it was.
#[derive(Debug)]
struct Pin {
    wanted: Option<PublicKey>,
    seen: Mutex<Option<PublicKey>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pin {
    fn new(wanted: Option<PublicKey>) -> Self {
        Self { wanted, seen: Mutex::new(None), algorithms: provider().signature_verification_algorithms }
    }

    fn check(&self, key: &CertificateDer<'_>) -> Result<(), TlsError> {
        if self.wanted.as_ref().is_some_and(|wanted| wanted.0 != key.as_ref()) {
            return Err(TlsError::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
        }
        *self.seen.lock().expect("no panic while held") = Some(PublicKey(key.as_ref().to_vec()));
        Ok(())
    }

    fn check_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature_with_raw_key(
            message,
            &SubjectPublicKeyInfoDer::from(key.as_ref()),
            signed,
            &self.algorithms,
        )
    }

    fn no_tls12() -> TlsError {
        TlsError::General("only TLS 1.3 is spoken here".to_owned())
    }
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        key: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        self.check(key).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(Self::no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.check_signature(message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Pin {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        key: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        self.check(key).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(Self::no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.check_signature(message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
