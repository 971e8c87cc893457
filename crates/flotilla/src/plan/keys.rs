//! The key files of a fleet: generated once, kept across starts, readable by their owner only.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use identity::{Identity, KeyPair, PassKeyError, TokenSigner, USERS};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};

use crate::plan::keyring::{Keyring, OPERATOR};

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file contains no Ed25519 private key.
    #[error("{} has no Ed25519 private key (PEM, PKCS #8)", path.display())]
    Kind {
        /// The path of the file.
        path: PathBuf,
    },
    /// No key can be generated.
    #[error("no key can be made: {0}")]
    Make(#[source] PassKeyError),
}

/// A private key.
pub(crate) struct PrivateKey {
    public: String,
    encoding: EncodingKey,
}

/// Generates missing keys and writes all public keys.
pub fn make(keyring: &Keyring) -> Result<(), KeyError> {
    let folder = &keyring.folder;
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    // `create` does not change the mode of an existing folder.
    let private = made.and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o700)));
    private.map_err(file(folder))?;

    let token = PrivateKey::read_or_generate(&keyring.token_key())?;
    write(&keyring.jwks(), &token.jwk_set(&keyring.token_key())?)?;
    let pass = PrivateKey::read_or_generate(&keyring.pass_key())?;
    write(&keyring.pass_public(), &pass.public)?;
    for (called, callers) in keyring.callers() {
        let public = |caller| PrivateKey::read_or_generate(&keyring.call_key(caller)).map(|key| key.public);
        let all = callers.into_iter().map(public).collect::<Result<String, _>>()?;
        write(&keyring.caller_keys(called), &all)?;
    }
    Ok(())
}

/// Signs internal tokens with the key of the gateway, for requests that bypass it.
pub fn signer(pass_key: &Path) -> Result<TokenSigner, KeyError> {
    let text = fs::read_to_string(pass_key).map_err(file(pass_key))?;
    TokenSigner::new(&text, USERS).map_err(|_: PassKeyError| KeyError::Kind { path: pass_key.to_owned() })
}

/// The identity of this command at the services of a fleet.
pub fn operator() -> Identity {
    Identity::new("flotilla", [OPERATOR])
}

impl PrivateKey {
    /// Reads the key; generates and writes it if the file does not exist.
    fn read_or_generate(path: &Path) -> Result<Self, KeyError> {
        match Self::read(path) {
            Err(KeyError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
                write(path, &KeyPair::generate().map_err(KeyError::Make)?.private)?;
                Self::read(path)
            }
            read => read,
        }
    }

    pub(crate) fn read(path: &Path) -> Result<Self, KeyError> {
        let text = fs::read_to_string(path).map_err(file(path))?;
        let kind = || KeyError::Kind { path: path.to_owned() };
        let encoding = EncodingKey::from_ed_pem(text.as_bytes()).map_err(|_| kind())?;
        let KeyPair { public, .. } = KeyPair::read(&text).map_err(|_| kind())?;
        Ok(Self { public, encoding })
    }

    pub(crate) fn into_encoding(self) -> EncodingKey {
        self.encoding
    }

    /// The public key as a JWK (RFC 7517).
    pub(crate) fn jwk(&self, path: &Path) -> Result<Jwk, KeyError> {
        let kind = |_| KeyError::Kind { path: path.to_owned() };
        let mut jwk = Jwk::from_encoding_key(&self.encoding, Algorithm::EdDSA).map_err(kind)?;
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        // The key id is the thumbprint, so that a gateway with a cached key set notices a new key.
        jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).map_err(kind)?);
        Ok(jwk)
    }

    fn jwk_set(&self, path: &Path) -> Result<String, KeyError> {
        Ok(format!("{:#}\n", serde_json::json!(JwkSet { keys: vec![self.jwk(path)?] })))
    }
}

/// Writes a file atomically: a truncated key would block every later start.
fn write(path: &Path, text: &str) -> Result<(), KeyError> {
    let new = path.with_extension("new");
    let written = || {
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    written().map_err(file(path))
}

fn file(path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    |source| KeyError::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
