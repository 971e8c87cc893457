//! gRPC, by `contracts/matching/grpc/match.proto`.

use ambient::Positive;
use axum::Router;
use chassis::body::required;
use chassis::problem::Problem;
use chassis::trace::{Trace, correlate};
use chassis::{Host, Principal, Scope};
use context::saga::{Request as ValidRequest, Requests};
use context::{idempotency_key, store_problem};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use match_contract::Step;
use match_domain::{Established, Match as State, MatchId, Offer};
use tonic::{Request, Response, Status, async_trait};

use crate::http::{CANCEL, OPERATOR, STUDENT};
use crate::saga::RequestSaga;
use crate::watching::{Watching, unknown};

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
pub fn routes(requests: Requests<RequestSaga>, host: &Host, watching: Watching) -> anyhow::Result<Router> {
    let matches = MatchesServer::new(MatchesService { requests, host: host.clone(), watching });
    let routes = chassis::grpc::routes(&matches, &["Request", "Get", "Cancel", "Watch"], host);
    Ok(routes.merge(chassis::grpc::reflection(DESCRIPTOR)?))
}

struct MatchesService {
    requests: Requests<RequestSaga>,
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
        let (id, price) = (positive(id, "id")?, required(positive(price, "price")?, "price")?);
        let offer = Offer { price, student };
        let key = idempotency_key(request.metadata().as_ref())?;
        let (established, known) = self.requests.execute(ValidRequest { id, offer, key }, trace).await?;
        Ok(Response::new(Requested { r#match: Some(message(&established)), known }))
    }

    async fn get(&self, request: Request<GetMatch>) -> Result<Response<Match>, Status> {
        let scope = Principal::of(request.extensions()).scope(STUDENT, OPERATOR)?;
        let id = valid_id(request.get_ref().id)?;
        let found = self.requests.rows().find(&id.get(), &scope).await.map_err(store_problem)?;
        respond(id, found.as_ref())
    }

    async fn cancel(&self, request: Request<CancelMatch>) -> Result<Response<Match>, Status> {
        let student = Principal::of(request.extensions()).require_subject(STUDENT)?;
        let Trace(trace) = Trace::of(request.extensions())?;
        let id = valid_id(request.get_ref().id)?;
        let (rows, scope) = (self.requests.rows(), Scope::of(student.as_deref()));
        let canceled = rows.update(&id.get(), &scope, trace, CANCEL.total, |state| (CANCEL.apply)((), state)).await;
        respond(id, canceled.map_err(store_problem)??.as_ref())
    }

    async fn watch(&self, request: Request<WatchMatch>) -> Result<Response<Self::WatchStream>, Status> {
        let scope = Principal::of(request.extensions()).scope(STUDENT, OPERATOR)?;
        let id = valid_id(request.get_ref().id)?;
        let states = self.watching.begin(self.requests.clone(), id, scope, self.host.draining()).await?;
        let messages = states.map(|state| state.map(|state| message(&state)).map_err(Status::from));
        Ok(Response::new(messages.boxed()))
    }
}

fn positive(number: Option<i64>, name: &str) -> Result<Option<Positive>, Problem> {
    let number = number.map(Positive::new).transpose();
    number.map_err(|rule| Problem::unprocessable_field(name, rule.to_string()))
}

fn valid_id(id: i64) -> Result<MatchId, Status> {
    let valid = MatchId::new(id).map_err(|_| unknown(id))?;
    correlate(id);
    Ok(valid)
}

fn respond(id: MatchId, state: Option<&State>) -> Result<Response<Match>, Status> {
    let established = state.and_then(State::established).ok_or_else(|| unknown(id.get()))?;
    Ok(Response::new(message(established)))
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
