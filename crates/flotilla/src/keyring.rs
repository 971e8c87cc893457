//! The keys of a fleet that asks who asks: which there are, where they are, and which process is told of which. Nothing is
//! read or written here; [`keys`](crate::keys) does that.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::manifest::Manifest;
use crate::plan::Role;

/// The folder of the keys, in that of the fleet.
pub const FOLDER: &str = "identity";
/// Who makes the tokens of a fleet that has no provider.
pub const ISSUER: &str = "flotilla";
/// The role of those who operate the fleet, as its services know it.
pub const OPERATOR: &str = "operator";

/// The keys of one fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyring {
    /// Where they are.
    pub folder: PathBuf,
    /// Whom the tokens are for: the fleet, by its name.
    pub audience: String,
    /// Who asks whom on its own behalf.
    calls: BTreeSet<(String, String)>,
}

impl Keyring {
    /// That of this fleet, in its folder.
    pub fn new(manifest: &Manifest, dir: &Path) -> Self {
        let calls = manifest.contexts.iter().flat_map(|context| {
            let called = |called: &String| (context.name.clone(), called.clone());
            context.calls.iter().map(called)
        });
        Self { folder: dir.join(FOLDER), audience: manifest.name.clone(), calls: calls.collect() }
    }

    /// The private key of the tokens.
    pub fn token_key(&self) -> PathBuf {
        self.folder.join("token.pem")
    }

    /// The public half of it, as a provider publishes it.
    pub fn published(&self) -> PathBuf {
        self.folder.join("jwks.json")
    }

    /// The private key of the passes that the gateway makes.
    pub fn pass_key(&self) -> PathBuf {
        self.folder.join("pass.pem")
    }

    /// The public half of it.
    pub fn pass_public(&self) -> PathBuf {
        self.folder.join("pass.pub.pem")
    }

    /// The private key of a context that asks others.
    pub fn call_key(&self, caller: &str) -> PathBuf {
        self.folder.join(format!("call-{caller}.pem"))
    }

    /// The public keys of those who ask a context.
    pub fn caller_keys(&self, called: &str) -> PathBuf {
        self.folder.join(format!("callers-{called}.pub.pem"))
    }

    /// The contexts that are asked by others, each with those who ask it.
    pub fn callers(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut callers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (caller, called) in &self.calls {
            callers.entry(called).or_default().push(caller);
        }
        callers
    }

    /// What a process is told.
    pub fn env(&self, name: &str, role: Role) -> BTreeMap<String, String> {
        let path = |path: PathBuf| path.display().to_string();
        let told = match role {
            Role::Broker => Vec::new(),
            Role::Gateway => vec![
                ("IDENTITY_ISSUER", ISSUER.to_owned()),
                ("IDENTITY_AUDIENCE", self.audience.clone()),
                ("IDENTITY_KEYS_FILE", path(self.published())),
                ("PASS_SIGNING_KEY_FILE", path(self.pass_key())),
                ("REQUIRE_IDENTITY", true.to_string()),
            ],
            Role::Context => {
                let mut told = vec![
                    ("PASS_KEY_FILE", path(self.pass_public())),
                    ("REQUIRE_IDENTITY", true.to_string()),
                    ("OPERATOR_ROLE", OPERATOR.to_owned()),
                ];
                if self.calls.iter().any(|(caller, _)| caller == name) {
                    told.push(("CALL_KEY_FILE", path(self.call_key(name))));
                }
                if self.calls.iter().any(|(_, called)| called == name) {
                    told.push(("CALLER_KEY_FILE", path(self.caller_keys(name))));
                }
                told
            }
        };
        told.into_iter().map(|(variable, value)| (variable.to_owned(), value)).collect()
    }
}
