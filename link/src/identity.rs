//! Who we are to the other side: an Ed25519 key pair, and its public half as text.

use std::{fmt, str::FromStr, sync::Arc};

use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    sign::CertifiedKey,
};

/// A key pair. Its private half never leaves this machine and is never printed.
#[derive(Clone)]
pub struct Identity {
    pkcs8: Vec<u8>,
    certified: Arc<CertifiedKey>,
    public: PublicKey,
}

/// Why bytes are not an identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The system's random number generator failed.
    #[error("no random numbers for a new key")]
    Random,
    /// Not an Ed25519 private key in PKCS#8 (RFC 8410).
    #[error("not an Ed25519 private key in PKCS#8")]
    Malformed,
}

impl Identity {
    /// Makes a new key pair.
    pub fn generate() -> Result<Self, IdentityError> {
        let document = ring::signature::Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new())
            .map_err(|_| IdentityError::Random)?;
        Self::from_pkcs8(document.as_ref())
    }

    /// Reads a key pair from PKCS#8 DER, as [`Self::pkcs8`] gives it.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, IdentityError> {
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8.to_vec()));
        let key = rustls::crypto::ring::sign::any_eddsa_type(match &der {
            PrivateKeyDer::Pkcs8(key) => key,
            _ => unreachable!("made as PKCS#8 above"),
        })
        .map_err(|_| IdentityError::Malformed)?;
        let spki = key.public_key().ok_or(IdentityError::Malformed)?;
        let public = PublicKey(spki.as_ref().to_vec());
        let certified = CertifiedKey::new(vec![CertificateDer::from(public.0.clone())], key);
        Ok(Self { pkcs8: pkcs8.to_vec(), certified: Arc::new(certified), public })
    }

    /// The private key as PKCS#8 DER: keep it in a file that only its owner may read.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        self.certified.clone()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.public)
    }
}

/// A public key: the DER of its `SubjectPublicKeyInfo` (RFC 5280, 4.1.2.7). As text it is lower-case hexadecimal.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey(pub(crate) Vec<u8>);

/// Why a text is not a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a public key in hexadecimal")]
pub struct PublicKeyError;

/// Longest encoding that we take for a key, in bytes; an Ed25519 SPKI has 44.
const KEY_LIMIT: usize = 128;

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        if text.is_empty() || !text.len().is_multiple_of(2) || text.len() > 2 * KEY_LIMIT || !text.is_ascii() {
            return Err(PublicKeyError);
        }
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| PublicKeyError))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_its_file_and_a_key_its_text() {
        let identity = Identity::generate().expect("random numbers");
        let again = Identity::from_pkcs8(identity.pkcs8()).expect("own encoding");
        assert_eq!(identity.public_key(), again.public_key());
        assert_eq!(identity.public_key().to_string().parse(), Ok(identity.public_key().clone()));
    }

    #[test]
    fn nonsense_is_no_key() {
        for text in ["", "a", "zz", "ä0", &"00".repeat(200)] {
            assert_eq!(text.parse::<PublicKey>(), Err(PublicKeyError), "{text}");
        }
        assert!(Identity::from_pkcs8(b"nonsense").is_err());
    }
}
