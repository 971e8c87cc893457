//! gRPC, by `contracts/matching/grpc/match.proto`.

use std::sync::Arc;

use axum::Router;
use chassis::trace::{Trace, correlate};
use chassis::{Host, Principal};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use match_contract::Step;
use match_domain::{Established, MatchId};
use tonic::{Request, Response, Status, async_trait};

use crate::commands::{self, OPERATOR, STUDENT, match_id, unknown};
use crate::use_cases::{CancelOutcome, UseCases};
use crate::watching::Watching;

use proto::matches_server::{Matches, MatchesServer};
use proto::{CancelMatch, GetMatch, Match, RequestMatch, Requested, WatchMatch};

#[expect(clippy::allow_attributes, clippy::pedantic, unused_qualifications, reason = "generated: docs/contracts.md")]
pub mod proto {
    //! The content of `match.proto`, for servers and clients in Rust.
    include!("../../../../contracts/matching/grpc/flotilla.matching.v1.rs");
}

/// The same as `match.proto`, for reflection.
const DESCRIPTOR: &[u8] = include_bytes!("../../../../contracts/matching/grpc/match.binpb");

/// `flotilla.matching.v1.Matches`, and reflection for clients without the .proto file.
pub fn routes(use_cases: Arc<UseCases>, host: &Host, watching: Watching) -> anyhow::Result<Router> {
    let matches = MatchesServer::new(MatchesService { use_cases, host: host.clone(), watching });
    let routes = chassis::grpc::routes(&matches, &["Request", "Get", "Cancel", "Watch"], host);
    Ok(routes.merge(chassis::grpc::reflection(DESCRIPTOR)?))
}

struct MatchesService {
    use_cases: Arc<UseCases>,
    host: Host,
    watching: Watching,
}

#[async_trait]
impl Matches for MatchesService {
    type WatchStream = BoxStream<'static, Result<Match, Status>>;

    async fn request(&self, request: Request<RequestMatch>) -> Result<Response<Requested>, Status> {
        let student = Principal::of(request.extensions()).require_subject(STUDENT)?;
        let Trace(trace) = Trace::of(request.extensions())?;
        let &RequestMatch { id, price } = request.get_ref();
        let command = commands::RequestMatch::new(student, id, price, request.metadata().as_ref())?;
        let outcome = command.execute(Arc::clone(&self.use_cases), &self.host, trace).await?;
        let (established, known) = outcome.into_result()?;
        Ok(Response::new(Requested { r#match: Some(message(&established)), known }))
    }

    async fn get(&self, request: Request<GetMatch>) -> Result<Response<Match>, Status> {
        let scope = Principal::of(request.extensions()).scope(STUDENT, OPERATOR)?;
        let id = valid_id(request.get_ref().id)?;
        let found = self.use_cases.find(id, &scope).await.map_err(context::store_problem)?;
        let found = found.ok_or_else(|| unknown(id.get()))?;
        Ok(Response::new(message(&found)))
    }

    async fn cancel(&self, request: Request<CancelMatch>) -> Result<Response<Match>, Status> {
        let student = Principal::of(request.extensions()).require_subject(STUDENT)?;
        let Trace(trace) = Trace::of(request.extensions())?;
        let id = valid_id(request.get_ref().id)?;
        let in_any_state = |_: &Established| true;
        let outcome = self.use_cases.cancel(id, student.as_ref(), in_any_state, trace).await;
        match outcome.map_err(context::store_problem)? {
            CancelOutcome::Canceled(established) => Ok(Response::new(message(&established))),
            CancelOutcome::NotAsExpected | CancelOutcome::Unknown => Err(unknown(id.get()).into()),
        }
    }

    async fn watch(&self, request: Request<WatchMatch>) -> Result<Response<Self::WatchStream>, Status> {
        let scope = Principal::of(request.extensions()).scope(STUDENT, OPERATOR)?;
        let id = valid_id(request.get_ref().id)?;
        let states = self.watching.begin(Arc::clone(&self.use_cases), id, scope, self.host.draining()).await?;
        let messages = states.map(|state| state.map(|state| message(&state)).map_err(Status::from));
        Ok(Response::new(messages.boxed()))
    }
}

fn valid_id(id: i64) -> Result<MatchId, Status> {
    let id = match_id(id)?;
    correlate(id.get());
    Ok(id)
}

fn message(established: &Established) -> Match {
    let status = match established.step {
        Step::MatchRequested => proto::Status::MatchRequested,
        Step::PaymentApproved => proto::Status::PaymentApproved,
        Step::VisitAssigned => proto::Status::VisitAssigned,
        Step::MatchCanceled => proto::Status::MatchCanceled,
        Step::PaymentCanceled => proto::Status::PaymentCanceled,
        Step::VisitCanceled => proto::Status::VisitCanceled,
    };
    Match { id: established.attempt.id.get(), price: established.attempt.price.get(), status: status.into() }
}
