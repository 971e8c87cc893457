//! A fleet with authentication, as `flotilla up --auth` starts it.

use anyhow::{Context as _, Result};
use flotilla::plan::Auth;
use flotilla::{folder, keys};
use identity::Identity;

use crate::fleet::credentials::Credentials;
use crate::fleet::fixture::Fleet;
use crate::observe::Api;

impl Fleet {
    /// Enables authentication in every process, from its next start on.
    pub fn require_identity(&mut self) -> Result<()> {
        self.plan.require_identity(Auth { token_command: "flotilla token".to_owned(), issuer: None });
        folder::lay_out(&self.plan)?;
        for process in self.processes.values_mut() {
            // A replica gets the variables of its context.
            let planned = self.plan.processes.iter().find(|spec| spec.program == process.spec.program);
            let spec = planned.with_context(|| format!("nothing is planned like {}", process.spec.name))?;
            process.spec.env.extend(self.plan.keyring.env(&spec.name, spec.role));
        }
        self.credentials = Some(Credentials::read(&self.plan.keyring)?);
        Ok(())
    }

    /// A token for a caller with one role.
    pub fn token(&self, role: &str, name: &str) -> Result<String> {
        self.credentials()?.token(&identity(role, name))
    }

    /// The client of the gateway, as a caller with one role.
    pub fn gateway_as(&self, role: &str, name: &str) -> Result<Api> {
        self.gateway_for(&identity(role, name))
    }

    /// The client of the gateway, as this caller.
    pub fn gateway_for(&self, identity: &Identity) -> Result<Api> {
        self.gateway()?.with_token(&self.credentials()?.token(identity)?)
    }

    /// The client of a process that bypasses the gateway, with the internal tokens of this caller.
    pub fn api_for(&self, process: &str, identity: Identity) -> Result<Api> {
        Ok(self.credentials()?.sign(&self.api(process)?, identity))
    }

    /// The client of a process that bypasses the gateway, with the internal tokens of a caller with one role.
    pub fn api_as(&self, process: &str, role: &str, name: &str) -> Result<Api> {
        self.api_for(process, identity(role, name))
    }

    /// The client of a process, as an operator.
    pub fn operated(&self, process: &str) -> Result<Api> {
        let api = self.api(process)?;
        Ok(match &self.credentials {
            Some(credentials) => credentials.sign(&api, keys::operator()),
            None => api,
        })
    }

    fn credentials(&self) -> Result<&Credentials> {
        self.credentials.as_ref().context("authentication is disabled: see Fleet::require_identity")
    }
}

fn identity(role: &str, name: &str) -> Identity {
    Identity::new(name, [role])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use ambient::{Clock as _, SystemClock};

    use identity::{INTERNAL_TOKEN_HEADER, Keys, Rules, TokenVerifier, USERS, Verifier};
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    use super::*;
    use crate::fleet::{FleetTemplate, Parts};

    const HARBOUR: &str = "name = \"harbour\"\n[gateway]\nport = 1\nroutes = \"routes.toml\"\n\
        [[context]]\nname = \"crane\"\npackage = \"p\"\nbinary = \"crane\"\nport = 2\ncalls = [\"boat\"]\n\
        [[context]]\nname = \"boat\"\npackage = \"p\"\nbinary = \"boat\"\nport = 3\n";

    async fn harbour() -> Fleet {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("fleet.toml"), HARBOUR).unwrap();
        fs::write(folder.path().join("routes.toml"), "").unwrap();
        let template = FleetTemplate::new(&folder.path().join("fleet.toml"), "bin".into()).unwrap();
        template.fleet(&Parts::Embedded, "harbour").await.unwrap()
    }

    fn env(fleet: &Fleet, process: &str, variable: &str) -> Option<String> {
        fleet.process(process).unwrap().spec.env.get(variable).cloned()
    }

    /// Serves one request with a body. Returns the headers of the request.
    async fn serve_one(listener: TcpListener, body: &str) -> Vec<String> {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut lines = BufReader::new(&mut connection).lines();
        let mut headers = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap().filter(|line| !line.is_empty()) {
            headers.push(line);
        }
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        connection.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        headers
    }

    fn value<'a>(headers: &'a [String], name: &str) -> Option<&'a str> {
        headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    #[tokio::test]
    async fn a_fleet_has_no_authentication_until_it_is_enabled() {
        let mut fleet = harbour().await;
        assert!(fleet.token("clerk", "kim").is_err() && fleet.api_as("boat", "clerk", "kim").is_err());
        assert_eq!(env(&fleet, "boat", "INTERNAL_TOKEN_PUBLIC_KEY_FILE"), None);
        fleet.require_identity().unwrap();
        for (process, variable) in [
            ("crane", "INTERNAL_TOKEN_PUBLIC_KEY_FILE"),
            ("crane", "SERVICE_SIGNING_KEY_FILE"),
            ("boat", "SERVICE_PUBLIC_KEY_FILE"),
            ("gateway", "IDENTITY_KEYS_FILE"),
            ("gateway", "INTERNAL_TOKEN_SIGNING_KEY_FILE"),
        ] {
            let file = env(&fleet, process, variable).unwrap();
            assert!(Path::new(&file).is_file(), "{process} {variable}");
        }
        assert!(fleet.plan.replica("boat", 2, 9).unwrap().env.contains_key("SERVICE_PUBLIC_KEY_FILE"));
    }

    #[tokio::test]
    async fn the_gateway_gets_a_valid_token() {
        let mut fleet = harbour().await;
        fleet.require_identity().unwrap();
        let listener = TcpListener::bind(fleet.process("gateway").unwrap().spec.listen).await.unwrap();
        let api = fleet.gateway_as("clerk", "kim").unwrap().with_header("x-more", "1").unwrap();
        let (headers, response) = tokio::join!(serve_one(listener, "{}"), api.get("/"));
        response.unwrap().must_be(200).unwrap();
        assert_eq!(value(&headers, "x-more"), Some("1"));
        let token = value(&headers, "authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap();
        let keys = fs::read_to_string(env(&fleet, "gateway", "IDENTITY_KEYS_FILE").unwrap()).unwrap();
        let verifier = Verifier::new(Rules {
            issuer: env(&fleet, "gateway", "IDENTITY_ISSUER").unwrap(),
            audience: env(&fleet, "gateway", "IDENTITY_AUDIENCE").unwrap(),
            algorithms: vec![identity::Algorithm::EdDSA],
            leeway: Duration::from_secs(5),
            roles: "realm_access.roles".parse().unwrap(),
            claims: Vec::new(),
        });
        let claims =
            verifier.unwrap().verify(token, &Keys::read(&keys, identity::MAX_KEYS).unwrap(), SystemClock.now());
        assert_eq!(claims.unwrap().identity, identity("clerk", "kim"));
    }

    #[tokio::test]
    async fn the_messaging_status_is_requested_with_an_internal_token_of_an_operator() {
        let mut fleet = harbour().await;
        fleet.require_identity().unwrap();
        let listener = TcpListener::bind(fleet.process("boat").unwrap().spec.listen).await.unwrap();
        let status = "{\"context\":\"boat\",\"outboxDepth\":3,\"outboxAgeSeconds\":1.0,\"consumer\":null,\
                      \"deadLetterTopic\":\"d\"}";
        let (headers, response) = tokio::join!(serve_one(listener, status), fleet.status("boat"));
        assert_eq!(response.unwrap().outbox_depth, 3);
        let public = fs::read_to_string(env(&fleet, "boat", "INTERNAL_TOKEN_PUBLIC_KEY_FILE").unwrap()).unwrap();
        let passes = TokenVerifier::new(&public, USERS).unwrap();
        let caller = passes.read(value(&headers, INTERNAL_TOKEN_HEADER).unwrap(), SystemClock.now()).unwrap();
        assert!(caller.is("operator"), "{caller:?}");
    }
}
