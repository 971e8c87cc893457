//! A fleet that asks who asks: as `flotilla up --auth` runs it.

use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock as _, SystemClock};
use anyhow::{Context as _, Result};
use flotilla::plan::Auth;
use flotilla::token::Tokens;
use flotilla::{folder, keys};
use identity::{Identity, Signer};

use crate::{Api, Fleet};

/// Longer than any test.
const VALID: Duration = Duration::from_hours(1);

/// Says who asks.
pub(crate) struct Identified {
    tokens: Tokens,
    /// What the gateway says it with.
    signer: Arc<Signer>,
}

impl Fleet {
    /// Has every process ask who asks, from its next start on.
    pub fn require_identity(&mut self) -> Result<()> {
        self.plan.require_identity(Auth { token_command: "flotilla token".to_owned(), issuer: None });
        folder::lay_out(&self.plan)?;
        for member in self.members.values_mut() {
            // A replica is told what its context is told.
            let planned = self.plan.processes.iter().find(|spec| spec.program == member.spec.program);
            let spec = planned.with_context(|| format!("nothing is planned like {}", member.spec.name))?;
            member.spec.env.extend(self.plan.keyring.env(&spec.name, spec.role));
        }
        let signer = keys::signer(&self.plan.keyring.pass_key())?;
        self.identified = Some(Identified { tokens: Tokens::of(&self.plan.keyring)?, signer: Arc::new(signer) });
        Ok(())
    }

    /// A token for somebody in a role.
    pub fn token(&self, role: &str, name: &str) -> Result<String> {
        Ok(self.identified()?.tokens.token(&somebody(role, name), SystemClock.now(), VALID)?)
    }

    /// Asks the fleet as somebody in a role.
    pub fn gateway_as(&self, role: &str, name: &str) -> Result<Api> {
        self.gateway()?.with_token(&self.token(role, name)?)
    }

    /// Asks a process past the gateway, with passes like those that the gateway makes for somebody in a role.
    pub fn api_as(&self, process: &str, role: &str, name: &str) -> Result<Api> {
        Ok(self.api(process)?.with_pass(Arc::clone(&self.identified()?.signer), somebody(role, name)))
    }

    /// Asks a process as whoever operates it.
    pub fn operated(&self, process: &str) -> Result<Api> {
        let api = self.api(process)?;
        Ok(match &self.identified {
            Some(identified) => api.with_pass(Arc::clone(&identified.signer), keys::operator()),
            None => api,
        })
    }

    fn identified(&self) -> Result<&Identified> {
        self.identified.as_ref().context("this fleet does not ask who asks: see Fleet::require_identity")
    }
}

fn somebody(role: &str, name: &str) -> Identity {
    Identity { subject: name.to_owned(), roles: [role.to_owned()].into() }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use identity::{Keys, PASS_HEADER, PERSONS, Passes, Rules, Verifier};
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    use super::*;
    use crate::{Ground, Parts};

    const HARBOUR: &str = "name = \"harbour\"\n[gateway]\nport = 1\nroutes = \"routes.toml\"\n\
        [[context]]\nname = \"crane\"\npackage = \"p\"\nbinary = \"crane\"\nport = 2\ncalls = [\"boat\"]\n\
        [[context]]\nname = \"boat\"\npackage = \"p\"\nbinary = \"boat\"\nport = 3\n";

    async fn harbour() -> Fleet {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("fleet.toml"), HARBOUR).unwrap();
        fs::write(place.path().join("routes.toml"), "").unwrap();
        let ground = Ground::new(&place.path().join("fleet.toml"), "bin".into()).unwrap();
        ground.fleet(&Parts::Embedded, "harbour").await.unwrap()
    }

    fn told(fleet: &Fleet, process: &str, variable: &str) -> Option<String> {
        fleet.member(process).unwrap().spec.env.get(variable).cloned()
    }

    /// The headers of one request, which is answered with a body.
    async fn answer(listener: TcpListener, body: &str) -> Vec<String> {
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
    async fn a_fleet_is_open_until_it_requires_identity() {
        let mut fleet = harbour().await;
        assert!(fleet.token("clerk", "kim").is_err() && fleet.api_as("boat", "clerk", "kim").is_err());
        assert_eq!(told(&fleet, "boat", "PASS_KEY_FILE"), None);
        fleet.require_identity().unwrap();
        for (process, variable) in [
            ("crane", "PASS_KEY_FILE"),
            ("crane", "CALL_KEY_FILE"),
            ("boat", "CALLER_KEY_FILE"),
            ("gateway", "IDENTITY_KEYS_FILE"),
            ("gateway", "PASS_SIGNING_KEY_FILE"),
        ] {
            let file = told(&fleet, process, variable).unwrap();
            assert!(Path::new(&file).is_file(), "{process} {variable}");
        }
        assert!(fleet.plan.replica("boat", 2, 9).unwrap().env.contains_key("CALLER_KEY_FILE"));
    }

    #[tokio::test]
    async fn the_gateway_gets_a_token_that_it_believes() {
        let mut fleet = harbour().await;
        fleet.require_identity().unwrap();
        let listener = TcpListener::bind(fleet.member("gateway").unwrap().spec.listen).await.unwrap();
        let api = fleet.gateway_as("clerk", "kim").unwrap().with_header("x-more", "1").unwrap();
        let (headers, asked) = tokio::join!(answer(listener, "{}"), api.get("/"));
        asked.unwrap().must_be(200).unwrap();
        assert_eq!(value(&headers, "x-more"), Some("1"));
        let token = value(&headers, "authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap();
        let keys = fs::read_to_string(told(&fleet, "gateway", "IDENTITY_KEYS_FILE").unwrap()).unwrap();
        let verifier = Verifier::new(Rules {
            issuer: told(&fleet, "gateway", "IDENTITY_ISSUER").unwrap(),
            audience: told(&fleet, "gateway", "IDENTITY_AUDIENCE").unwrap(),
            algorithms: vec![identity::Algorithm::EdDSA],
            leeway: Duration::from_secs(5),
            roles: "realm_access.roles".to_owned(),
        });
        let believed = verifier.unwrap().verify(token, &Keys::read(&keys).unwrap(), SystemClock.now());
        assert_eq!(believed.unwrap().identity, somebody("clerk", "kim"));
    }

    #[tokio::test]
    async fn services_are_asked_how_they_stand_with_a_pass_of_an_operator() {
        let mut fleet = harbour().await;
        fleet.require_identity().unwrap();
        let listener = TcpListener::bind(fleet.member("boat").unwrap().spec.listen).await.unwrap();
        let status = "{\"context\":\"boat\",\"outboxDepth\":3,\"outboxAgeSeconds\":1.0,\"consumer\":null,\
                      \"deadLetterTopic\":\"d\"}";
        let (headers, asked) = tokio::join!(answer(listener, status), fleet.status("boat"));
        assert_eq!(asked.unwrap().outbox_depth, 3);
        let public = fs::read_to_string(told(&fleet, "boat", "PASS_KEY_FILE").unwrap()).unwrap();
        let passes = Passes::new(&public, PERSONS).unwrap();
        let who = passes.read(value(&headers, PASS_HEADER).unwrap(), SystemClock.now()).unwrap();
        assert!(who.is("operator"), "{who:?}");
    }
}
