//! The keys of a fleet with authentication: their files, and the processes that use them. [`keys`](crate::plan::keys)
//! reads and writes the files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::describe::role::Role;
use manifest::{KEY_FOLDER, Manifest};

/// The issuer of the tokens of a fleet without an identity provider.
pub const ISSUER: &str = "flotilla";
/// The role of operators.
pub const OPERATOR: &str = "operator";

/// The keys of one fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyring {
    /// The folder of the keys.
    pub folder: PathBuf,
    /// The audience of the tokens: the name of the fleet.
    pub audience: String,
    /// Pairs of contexts: the caller and the called one.
    calls: BTreeSet<(String, String)>,
}

impl Keyring {
    /// The keys of a fleet, in the folder `dir` of the fleet.
    pub fn new(manifest: &Manifest, dir: &Path) -> Self {
        let calls = manifest.contexts.iter().flat_map(|context| {
            let called = |called: &String| (context.name.clone(), called.clone());
            context.calls.iter().map(called)
        });
        Self { folder: dir.join(KEY_FOLDER), audience: manifest.name.clone(), calls: calls.collect() }
    }

    /// The private key that signs tokens.
    pub fn token_key(&self) -> PathBuf {
        self.folder.join("token.pem")
    }

    /// The public key of the tokens, as a JWK set.
    pub fn jwks(&self) -> PathBuf {
        self.folder.join("jwks.json")
    }

    /// The private key with which the gateway signs internal tokens.
    pub fn pass_key(&self) -> PathBuf {
        self.folder.join("pass.pem")
    }

    /// The public key of the internal tokens.
    pub fn pass_public(&self) -> PathBuf {
        self.folder.join("pass.pub.pem")
    }

    /// The private key of a context that calls others.
    pub fn call_key(&self, caller: &str) -> PathBuf {
        self.folder.join(format!("call-{caller}.pem"))
    }

    /// The public keys of the callers of a context.
    pub fn caller_keys(&self, called: &str) -> PathBuf {
        self.folder.join(format!("callers-{called}.pub.pem"))
    }

    /// The called contexts, each with its callers.
    pub fn callers(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut callers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (caller, called) in &self.calls {
            callers.entry(called).or_default().push(caller);
        }
        callers
    }

    /// The environment variables of a process.
    pub fn env(&self, name: &str, role: Role) -> BTreeMap<String, String> {
        let path = |path: PathBuf| path.display().to_string();
        let variables = match role {
            Role::Broker => Vec::new(),
            Role::Gateway => vec![
                ("IDENTITY_ISSUER", ISSUER.to_owned()),
                ("IDENTITY_AUDIENCE", self.audience.clone()),
                ("IDENTITY_KEYS_FILE", path(self.jwks())),
                ("INTERNAL_TOKEN_SIGNING_KEY_FILE", path(self.pass_key())),
                ("REQUIRE_IDENTITY", true.to_string()),
            ],
            Role::Context => {
                let mut variables = vec![
                    ("INTERNAL_TOKEN_PUBLIC_KEY_FILE", path(self.pass_public())),
                    ("REQUIRE_IDENTITY", true.to_string()),
                    ("OPERATOR_ROLE", OPERATOR.to_owned()),
                ];
                if self.calls.iter().any(|(caller, _)| caller == name) {
                    variables.push(("SERVICE_SIGNING_KEY_FILE", path(self.call_key(name))));
                }
                if self.calls.iter().any(|(_, called)| called == name) {
                    variables.push(("SERVICE_PUBLIC_KEY_FILE", path(self.caller_keys(name))));
                }
                variables
            }
        };
        variables.into_iter().map(|(variable, value)| (variable.to_owned(), value)).collect()
    }
}
