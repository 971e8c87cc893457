//! The plan of a fleet.

use std::path::PathBuf;

use messaging::Security;

use crate::describe::role::Role;
use crate::plan::keyring::Keyring;
use crate::plan::process_spec::{ProcessSpec, readyz};
use crate::plan::settings::Auth;
use crate::plan::shell;
use manifest::{Claims, ExampleRequest};

/// All processes of a fleet and the files that they need.
#[derive(Clone, PartialEq, Eq)]
pub struct Plan {
    /// The name of the fleet.
    pub fleet: String,
    /// The folder of the fleet.
    pub dir: PathBuf,
    /// The number that was added to every port.
    pub port_offset: u16,
    /// The processes in the order of the start: the embedded broker if there is one, the contexts, the gateway.
    pub processes: Vec<ProcessSpec>,
    /// The files that the gateway reads, as path and text. The first is the routes file.
    pub gateway_files: Vec<(PathBuf, String)>,
    /// The value of `KAFKA_BROKERS`.
    pub brokers: String,
    /// Security of the connections to the brokers.
    pub security: Security,
    /// The base URL of the gateway.
    pub gateway: String,
    /// Example requests, with URLs filled in.
    pub tries: Vec<ExampleRequest>,
    /// Warnings about settings that are insecure in production.
    pub warnings: Vec<String>,
    /// The locations of its keys. They exist if authentication is enabled.
    pub keyring: Keyring,
    /// Authentication. `None` disables it.
    pub auth: Option<Auth>,
}

impl Plan {
    /// Enables authentication in every process, and adds a token to every example request.
    pub fn require_identity(&mut self, auth: Auth) {
        for process in &mut self.processes {
            process.env.extend(self.keyring.env(&process.name, process.role));
            if let (Role::Gateway, Some(issuer)) = (process.role, &auth.issuer) {
                process.env.insert("IDENTITY_ISSUER".to_owned(), issuer.clone());
                process.env.remove("IDENTITY_KEYS_FILE");
            }
        }
        for example in &mut self.tries {
            if let Some(Claims { name, role, claims }) = &example.caller {
                let (command, role, name) = (&auth.token_command, shell::word(role), shell::word(name));
                let further = claims
                    .iter()
                    .flat_map(|(claim, value)| [" --claim ".to_owned(), shell::word(&format!("{claim}={value}"))]);
                let further: String = further.collect();
                let token = match &auth.issuer {
                    Some(_) => "$TOKEN".to_owned(),
                    None => format!("$({command} --role {role}{further} --name {name})"),
                };
                example.curl = format!("{} \\\n    -H \"Authorization: Bearer {token}\"", example.curl);
            }
        }
        self.auth = Some(auth);
    }

    /// A replica of a context, on its own port and with the same store: `crane-2` beside `crane`. `None` if the plan has no
    /// such context.
    pub fn replica(&self, context: &str, number: u32, port: u16) -> Option<ProcessSpec> {
        let first = self.processes.iter().find(|process| process.name == context && process.role == Role::Context)?;
        let mut spec = first.clone();
        spec.name = format!("{context}-{number}");
        spec.folder = self.dir.join(&spec.name);
        spec.listen.set_port(port);
        spec.env.insert("LISTEN".to_owned(), spec.listen.to_string());
        spec.ready = readyz(spec.listen);
        Some(spec)
    }
}
