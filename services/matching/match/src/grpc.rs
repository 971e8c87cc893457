//! Inbound: gRPC, by `contracts/matching/grpc/match.proto`.

use std::sync::Arc;

use axum::Router;
use chassis::trace::{Trace, about};
use chassis::{Asker, Host};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use match_contract::Step;
use match_domain::{Established, MatchId};
use tonic::{Request, Response, Status, async_trait};

use crate::app::{App, Canceled};
use crate::asking::{OPERATOR, STUDENT, Wish, match_id, student, unknown};
use crate::watching::Watching;

use proto::matches_server::{Matches, MatchesServer};
use proto::{CancelMatch, GetMatch, Match, RequestMatch, Requested, WatchMatch};

#[expect(clippy::allow_attributes, clippy::pedantic, unused_qualifications, reason = "generated: docs/contracts.md")]
pub mod proto {
    //! What is in `match.proto`, for servers and clients in Rust.
    include!("../../../../contracts/matching/grpc/flotilla.matching.v1.rs");
}

/// The same as `match.proto`, for reflection.
const DESCRIPTOR: &[u8] = include_bytes!("../../../../contracts/matching/grpc/match.binpb");

/// `flotilla.matching.v1.Matches`: who calls what. Reflection tells clients about it that have no .proto file.
pub fn routes(app: Arc<App>, host: &Host, watching: Watching) -> anyhow::Result<Router> {
    let matches = MatchesServer::new(Door { app, host: host.clone(), watching });
    let routes = chassis::grpc::routes(&matches, &["Request", "Get", "Cancel", "Watch"], host);
    Ok(routes.merge(chassis::grpc::reflection(DESCRIPTOR)?))
}

/// Where requests come in.
struct Door {
    app: Arc<App>,
    host: Host,
    watching: Watching,
}

#[async_trait]
impl Matches for Door {
    type WatchStream = BoxStream<'static, Result<Match, Status>>;

    async fn request(&self, request: Request<RequestMatch>) -> Result<Response<Requested>, Status> {
        let student = student(Asker::of(request.extensions()))?;
        let Trace(trace) = Trace::of(request.extensions())?;
        let &RequestMatch { id, price } = request.get_ref();
        let wish = Wish::new(student, id, price, request.metadata().as_ref())?;
        let (established, known) = wish.request(Arc::clone(&self.app), &self.host, trace).await?.told()?;
        Ok(Response::new(Requested { r#match: Some(shown(&established)), known }))
    }

    async fn get(&self, request: Request<GetMatch>) -> Result<Response<Match>, Status> {
        let scope = Asker::of(request.extensions()).scope(STUDENT, OPERATOR)?;
        let id = named(request.get_ref().id)?;
        let found = self.app.find(id, &scope).await.map_err(store::problem)?;
        let found = found.ok_or_else(|| unknown(id.get()))?;
        Ok(Response::new(shown(&found)))
    }

    async fn cancel(&self, request: Request<CancelMatch>) -> Result<Response<Match>, Status> {
        let student = student(Asker::of(request.extensions()))?;
        let Trace(trace) = Trace::of(request.extensions())?;
        let id = named(request.get_ref().id)?;
        match self.app.cancel(id, student.as_ref(), trace).await.map_err(store::problem)? {
            Canceled::Yes(established) => Ok(Response::new(shown(&established))),
            Canceled::Unknown => Err(unknown(id.get()).into()),
        }
    }

    async fn watch(&self, request: Request<WatchMatch>) -> Result<Response<Self::WatchStream>, Status> {
        let scope = Asker::of(request.extensions()).scope(STUDENT, OPERATOR)?;
        let id = named(request.get_ref().id)?;
        let states = self.watching.begin(Arc::clone(&self.app), id, scope, self.host.draining()).await?;
        let told = states.map(|state| state.map(|state| shown(&state)).map_err(Status::from));
        Ok(Response::new(told.boxed()))
    }
}

fn named(id: i64) -> Result<MatchId, Status> {
    let id = match_id(id)?;
    about(id.get());
    Ok(id)
}

fn shown(established: &Established) -> Match {
    let status = match established.step {
        Step::MatchRequested => proto::Status::MatchRequested,
        Step::PaymentApproved => proto::Status::PaymentApproved,
        Step::VisitAssigned => proto::Status::VisitAssigned,
        Step::MatchCanceled => proto::Status::MatchCanceled,
        Step::PaymentCanceled => proto::Status::PaymentCanceled,
        Step::VisitCanceled => proto::Status::VisitCanceled,
    };
    Match { id: established.case.id.get(), price: established.case.price.get(), status: status.into() }
}
