//! The key files of a fleet: made once, kept across starts, and read by nobody else.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use identity::{Identity, KeyPair, PERSONS, PassKeyError, Signer};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};

use crate::keyring::{Keyring, OPERATOR};

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It is of another kind, or broken.
    #[error("{} has no Ed25519 private key (PEM, PKCS #8)", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
    },
    /// No key can be made here.
    #[error("no key can be made: {0}")]
    Make(#[source] PassKeyError),
}

/// A private key, as it is in its file.
pub(crate) struct PrivateKey {
    public: String,
    encoding: EncodingKey,
}

/// Makes the keys that are not there yet, and writes the public halves of all.
pub fn make(keyring: &Keyring) -> Result<(), KeyError> {
    let folder = &keyring.folder;
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    // Also if it was there.
    let closed = made.and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o700)));
    closed.map_err(file(folder))?;

    let token = PrivateKey::kept(&keyring.token_key())?;
    write(&keyring.published(), &token.published(&keyring.token_key())?)?;
    let pass = PrivateKey::kept(&keyring.pass_key())?;
    write(&keyring.pass_public(), &pass.public)?;
    for (called, callers) in keyring.callers() {
        let public = |caller| PrivateKey::kept(&keyring.call_key(caller)).map(|key| key.public);
        let all = callers.into_iter().map(public).collect::<Result<String, _>>()?;
        write(&keyring.caller_keys(called), &all)?;
    }
    Ok(())
}

/// Makes passes as the gateway with this key does: for those who ask its services past it.
pub fn signer(pass_key: &Path) -> Result<Signer, KeyError> {
    let text = fs::read_to_string(pass_key).map_err(file(pass_key))?;
    Signer::new(&text, PERSONS).map_err(|_: PassKeyError| KeyError::Kind { path: pass_key.to_owned() })
}

/// Who this command is to the services of a fleet.
pub fn operator() -> Identity {
    Identity { subject: "flotilla".to_owned(), roles: [OPERATOR.to_owned()].into() }
}

impl PrivateKey {
    /// The one in the file; if there is no file, a new one.
    fn kept(path: &Path) -> Result<Self, KeyError> {
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

    /// The public half, as RFC 7517 has it.
    pub(crate) fn jwk(&self, path: &Path) -> Result<Jwk, KeyError> {
        let kind = |_| KeyError::Kind { path: path.to_owned() };
        let mut jwk = Jwk::from_encoding_key(&self.encoding, Algorithm::EdDSA).map_err(kind)?;
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        // Another key has another name: whoever keeps the old one learns of the new.
        jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).map_err(kind)?);
        Ok(jwk)
    }

    fn published(&self, path: &Path) -> Result<String, KeyError> {
        Ok(format!("{:#}\n", serde_json::json!(JwkSet { keys: vec![self.jwk(path)?] })))
    }
}

/// Writes a file whole or not at all: a key that is cut off would be in the way for ever.
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
