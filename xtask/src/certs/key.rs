//! Keys: ECDSA on P-256, which every browser and TLS library supports.

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use rcgen::{PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};

use crate::error::{Context, Error, Result};

pub(super) struct Key {
    secret: SigningKey,
    /// The uncompressed point: 0x04, X, Y.
    public: Vec<u8>,
}

impl Key {
    pub(super) fn generate() -> Result<Key> {
        // 1 in 2^32 random numbers is not a valid key.
        for _ in 0..8 {
            if let Ok(secret) = SigningKey::from_slice(&random::<32>()?) {
                return Ok(Key::of(secret));
            }
        }
        Err(Error::new("the system's random numbers are not random"))
    }

    pub(super) fn from_pem(pem: &str) -> Result<Key> {
        SigningKey::from_pkcs8_pem(pem).map(Key::of).context("read the key")
    }

    /// PKCS #8.
    pub(super) fn pem(&self) -> Result<String> {
        Ok(self.secret.to_pkcs8_pem(LineEnding::LF).context("write the key")?.to_string())
    }

    /// The key identifier. RFC 5280, 4.2.1.2, allows any unique number; these are bytes of X.
    pub(super) fn id(&self) -> Vec<u8> {
        self.public[1..21].to_vec()
    }

    fn of(secret: SigningKey) -> Key {
        let public = secret.verifying_key().to_encoded_point(false).as_bytes().to_vec();
        Key { secret, public }
    }
}

/// Random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("ask the system for random numbers")?;
    Ok(bytes)
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature: Signature = self.secret.sign(message);
        Ok(signature.to_der().as_bytes().to_vec())
    }
}
