//! Establishes the cases of a fleet through its gateway.

use std::sync::Arc;

use ambient::Ids;
use anyhow::{Result, ensure};
use tokio::time::Instant;

use crate::declaration::{Case, Request, with_id};
use crate::http::{Client, post};

/// A case that was established.
pub struct Established {
    /// Its number.
    pub id: i64,
    /// When the request was sent.
    pub sent: Instant,
    /// When the response 201 had arrived.
    pub received: Instant,
}

/// Establishes cases with new ids.
#[derive(Clone)]
pub struct Cases {
    /// What is declared of them.
    pub case: Arc<Case>,
    ids: Arc<Ids>,
}

impl Cases {
    /// Of this kind.
    pub fn new(case: &Case, ids: &Arc<Ids>) -> Self {
        Self { case: Arc::new(case.clone()), ids: Arc::clone(ids) }
    }

    /// Establishes a new case.
    pub async fn establish(&self, client: &mut Client) -> Result<Established> {
        let id = self.ids.number();
        for request in &self.case.prepare {
            created(client, request, id).await?;
        }
        let sent = Instant::now();
        created(client, &self.case.establish, id).await?;
        Ok(Established { id, sent, received: Instant::now() })
    }
}

async fn created(client: &mut Client, request: &Request, id: i64) -> Result<()> {
    let response = client.send(&post(&with_id(&request.path, id), &with_id(&request.body, id))).await?;
    let status = response.status;
    ensure!(status == 201, "POST {} is answered {status}: {}", request.path, String::from_utf8_lossy(response.body));
    Ok(())
}
