//! Requests over gRPC, on a real socket.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Extension;
use chassis::{Principal, RunError};
use context::saga::Reply;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use match_service::grpc::proto::matches_client::MatchesClient;
use match_service::grpc::proto::{CancelMatch, GetMatch, Match, RequestMatch, Requested, Status as Step, WatchMatch};
use match_service::{Watching, grpc};
use serde_json::{Value, json};
use test_stores::{eventually, on_each_store};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_types::StatusExt;

use crate::payments::declined;
use crate::whose::{person, student};
use crate::{World, id};

/// Longer than anything here takes; only a test that fails waits for it.
pub const PATIENCE: Duration = Duration::from_secs(20);

type Http = legacy::Client<HttpConnector, tonic::body::Body>;

/// The context on a port, with both doors open, for one who asks.
pub struct Served {
    pub address: SocketAddr,
    ending: CancellationToken,
    ended: JoinHandle<Result<(), RunError>>,
}

impl Served {
    pub async fn to(world: &World, principal: Principal) -> Self {
        let watching = Watching::new(Duration::from_millis(20), PATIENCE, 16);
        Self::with(world, principal, watching, chassis::Config::default()).await
    }

    pub async fn with(world: &World, principal: Principal, watching: Watching, config: chassis::Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ending, requests, host) = (CancellationToken::new(), world.requests.clone(), world.host.clone());
        let routes = world.routes();
        let told_to_end = ending.clone().cancelled_owned();
        let ended = tokio::spawn(async move {
            let build = async |host: chassis::Host| {
                let grpc = grpc::routes(requests, &host, watching)?;
                Ok(routes.merge(grpc).layer(Extension(principal)))
            };
            chassis::run_until(host, &config, listener, build, told_to_end).await
        });
        Self { address, ending, ended }
    }

    fn origin(&self) -> http::Uri {
        format!("http://{}", self.address).parse().unwrap()
    }

    pub fn client(&self) -> MatchesClient<Http> {
        MatchesClient::with_origin(http2(), self.origin())
    }

    /// What SIGTERM does.
    pub fn tell_to_end(&self) {
        self.ending.cancel();
    }

    pub async fn ended(self) {
        self.tell_to_end();
        timeout(PATIENCE, self.ended).await.expect("it does not end").unwrap().unwrap();
    }
}

fn http2() -> Http {
    legacy::Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}

/// A request, with its idempotency key.
fn asked(id: Option<i64>, price: Option<i64>, key: Option<&'static str>) -> tonic::Request<RequestMatch> {
    let mut request = tonic::Request::new(RequestMatch { id, price });
    if let Some(key) = key {
        request.metadata_mut().insert("idempotency-key", key.parse().unwrap());
    }
    request
}

async fn request(served: &Served, id: i64, price: i64) -> Result<Requested, Status> {
    served.client().request(asked(Some(id), Some(price), None)).await.map(tonic::Response::into_inner)
}

fn shown(id: i64, price: i64, step: Step) -> Match {
    Match { id, price, status: step.into() }
}

#[test]
fn each_outcome_has_its_answer_over_grpc() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let served = Served::to(&world, Principal::Unauthenticated).await;
        let asked_for = Some(shown(5000, 10, Step::MatchRequested));
        let established = request(&served, 5000, 10).await.unwrap();
        assert_eq!(established, Requested { r#match: asked_for, known: false });
        assert_eq!(request(&served, 5000, 10).await.unwrap(), Requested { r#match: asked_for, known: true });
        let got = served.client().get(GetMatch { id: 5000 }).await.unwrap().into_inner();
        assert_eq!(Some(got), asked_for);
        for _ in 0..2 {
            let canceled = served.client().cancel(CancelMatch { id: 5000 }).await.unwrap().into_inner();
            assert_eq!(canceled, shown(5000, 10, Step::MatchCanceled));
        }
        assert_eq!(world.said().await.len(), 2, "asked for once, cancelled once");

        world.payments.answer([Reply::Declined(declined("no money"))]);
        let declined = request(&served, 1, 10).await.unwrap_err();
        assert_eq!((declined.code(), declined.message()), (Code::FailedPrecondition, "no money"));
        world.payments.answer([Reply::NotSent(Duration::from_secs(7))]);
        let unavailable = request(&served, 1, 10).await.unwrap_err();
        assert_eq!(unavailable.code(), Code::Unavailable);
        assert_eq!(unavailable.get_details_retry_info().unwrap().retry_delay, Some(Duration::from_secs(7)));
        served.ended().await;
    });
}

#[test]
fn a_request_over_grpc_whose_client_hangs_up_is_finished_all_the_same() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let served = Served::to(&world, Principal::Unauthenticated).await;
        world.payments.open.send_replace(false);
        let mut client = served.client();
        let asking = tokio::spawn(async move { client.request(asked(Some(1), Some(10), None)).await });
        eventually("payment is asked", async || world.payments.asked().len() == 1).await;
        asking.abort();
        world.payments.open.send_replace(true);
        eventually("the match is established", async || world.shown(1).await.is_some()).await;
        served.ended().await;
    });
}

/// What a client is told by either door, if it is refused: the words, the field, the seconds to wait.
#[derive(Debug, PartialEq)]
struct Told {
    words: String,
    field: Option<String>,
    wait: Option<u64>,
}

async fn told_by_rest(served: &Served, id: Option<i64>, price: Option<i64>, key: Option<&str>) -> (u16, Told) {
    let http: legacy::Client<HttpConnector, String> = legacy::Client::builder(TokioExecutor::new()).build_http();
    let mut body = json!({});
    for (name, value) in [("id", id), ("price", price)] {
        if let Some(value) = value {
            body[name] = value.into();
        }
    }
    let post = http::Request::post(format!("{}matches", served.origin())).header("content-type", "application/json");
    let post = key.into_iter().fold(post, |post, key| post.header("idempotency-key", key));
    let answer = http.request(post.body(body.to_string()).unwrap()).await.unwrap();
    let wait = answer.headers().get("retry-after").map(|wait| wait.to_str().unwrap().parse().unwrap());
    let status = answer.status().as_u16();
    let body = axum::body::to_bytes(axum::body::Body::new(answer.into_body()), 1 << 16).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let words = body["detail"].as_str().unwrap_or_default().to_owned();
    let field = body["errors"][0]["pointer"].as_str().map(|pointer| pointer.trim_start_matches("#/").to_owned());
    (status, Told { words, field, wait })
}

async fn told_by_grpc(served: &Served, id: Option<i64>, price: Option<i64>, key: Option<&'static str>) -> (Code, Told) {
    let status = match served.client().request(asked(id, price, key)).await {
        Ok(_) => Status::new(Code::Ok, ""),
        Err(status) => status,
    };
    let fields = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    let wait = status.get_details_retry_info().and_then(|retry| retry.retry_delay).map(|wait| wait.as_secs());
    let told = Told {
        words: status.message().to_owned(),
        field: fields.first().map(|violation| violation.field.clone()),
        wait,
    };
    (status.code(), told)
}

#[test]
fn the_same_rules_hold_by_both_doors() {
    const MAX: i64 = (1 << 53) - 1;
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.requests.request(id(7), &crate::whose::of("lee", 10), world.trace()).await.unwrap();
        let served = Served::to(&world, student("kim")).await;
        request(&served, 8, 10).await.unwrap();
        served.client().request(asked(None, Some(10), Some("used"))).await.unwrap();
        let long: &'static str = "k".repeat(256).leak();
        // What is asked for, and the answers.
        for (id, price, key, status, code) in [
            (Some(8), Some(10), None, 200, Code::Ok),
            (Some(8), Some(11), None, 409, Code::AlreadyExists),
            (Some(7), Some(10), None, 409, Code::AlreadyExists),
            (Some(7), Some(11), None, 409, Code::AlreadyExists),
            (Some(9), None, None, 422, Code::InvalidArgument),
            (None, None, None, 422, Code::InvalidArgument),
            (Some(9), Some(0), None, 422, Code::InvalidArgument),
            (Some(9), Some(-1), None, 422, Code::InvalidArgument),
            (Some(9), Some(MAX + 1), None, 422, Code::InvalidArgument),
            (Some(9), Some(i64::MIN), None, 422, Code::InvalidArgument),
            (Some(0), Some(1), None, 422, Code::InvalidArgument),
            (Some(-7), Some(1), None, 422, Code::InvalidArgument),
            (Some(MAX + 1), Some(1), None, 422, Code::InvalidArgument),
            (Some(0), Some(0), None, 422, Code::InvalidArgument),
            (None, Some(11), Some("used"), 422, Code::InvalidArgument),
            (None, Some(10), Some("used"), 200, Code::Ok),
            (Some(8), Some(10), Some("used"), 422, Code::InvalidArgument),
            (Some(10), Some(10), Some("used"), 422, Code::InvalidArgument),
            (Some(8), Some(10), Some("of-8"), 200, Code::Ok),
            (Some(9), Some(10), Some("of-8"), 422, Code::InvalidArgument),
            (None, Some(10), Some("of-8"), 422, Code::InvalidArgument),
            (Some(8), Some(11), Some("of-8"), 422, Code::InvalidArgument),
            (None, Some(10), Some(""), 400, Code::InvalidArgument),
            (Some(9), Some(10), Some("a b"), 400, Code::InvalidArgument),
            (None, Some(10), Some(long), 400, Code::InvalidArgument),
        ] {
            let what = format!("id {id:?}, price {price:?}, key {key:?}");
            let (answered, by_rest) = told_by_rest(&served, id, price, key).await;
            let (coded, by_grpc) = told_by_grpc(&served, id, price, key).await;
            assert_eq!((answered, coded), (status, code), "{what}: {by_rest:?} and {by_grpc:?}");
            assert_eq!(by_rest, by_grpc, "{what}");
        }
        // Each answer is for one request.
        for (answer, status, code) in [
            (Reply::Declined(declined("no money")), 402, Code::FailedPrecondition),
            (Reply::NotSent(Duration::from_secs(7)), 503, Code::Unavailable),
            (Reply::Unknown, 503, Code::Unavailable),
        ] {
            world.payments.answer([answer.clone(), answer]);
            let (answered, by_rest) = told_by_rest(&served, Some(101), Some(1), None).await;
            let (coded, by_grpc) = told_by_grpc(&served, Some(102), Some(1), None).await;
            assert_eq!((answered, coded), (status, code));
            assert_eq!(by_rest, by_grpc);
        }
        served.ended().await;
    });
}

#[test]
fn two_idempotency_keys_are_refused_by_either_door_and_a_key_of_one_is_that_of_the_other() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let served = Served::to(&world, student("kim")).await;
        let mut two = asked(Some(81), Some(10), Some("one"));
        two.metadata_mut().append("idempotency-key", "two".parse().unwrap());
        let refused = served.client().request(two).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, "Idempotency-Key must be there once"));
        assert_eq!((world.payments.asked().len(), world.traces().await), (0, 0));
        assert_eq!(told_by_rest(&served, Some(81), Some(10), Some("key")).await.0, 201);
        assert_eq!(told_by_grpc(&served, Some(81), Some(10), Some("key")).await.0, Code::Ok);
        assert_eq!(told_by_grpc(&served, Some(82), Some(10), Some("key")).await.0, Code::InvalidArgument);
        assert_eq!(world.payments.asked().len(), 1);
        served.ended().await;
    });
}

#[test]
fn each_role_may_do_over_grpc_what_it_may_do_over_rest() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.requests.request(id(1), &crate::whose::of("kim", 10), world.trace()).await.unwrap();
        let (ok, hidden, refused) = (Code::Ok, Code::NotFound, Code::PermissionDenied);
        // Who, and the answers to: a new match, kim's match, watching that, cancelling it.
        for (who, principal, expected) in [
            ("lee, a student", student("lee"), [ok, hidden, hidden, hidden]),
            ("a tutor", person("kim", &["tutor"]), [refused; 4]),
            ("an operator", person("kim", &["operator"]), [refused, ok, ok, refused]),
            ("without a role", person("kim", &[]), [refused; 4]),
            ("a service", Principal::Service, [refused; 4]),
            ("lee, student and operator", person("lee", &["student", "operator"]), [ok, ok, ok, hidden]),
            ("kim, a student", student("kim"), [ok; 4]),
            ("anybody, while it runs open", Principal::Unauthenticated, [ok; 4]),
        ] {
            let served = Served::to(&world, principal).await;
            let answers = [
                code(served.client().request(asked(None, Some(10), None)).await),
                code(served.client().get(GetMatch { id: 1 }).await),
                code(served.client().watch(WatchMatch { id: 1 }).await),
                code(served.client().cancel(CancelMatch { id: 1 }).await),
            ];
            assert_eq!(answers, expected, "{who}");
        }
    });
}

fn code<T>(answer: Result<tonic::Response<T>, Status>) -> Code {
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[test]
fn what_is_no_match_is_not_found_in_the_same_words_by_both_doors() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.requests.request(id(1), &crate::whose::of("kim", 10), world.trace()).await.unwrap();
        let served = Served::to(&world, student("lee")).await;
        for id in [1, 2, 0, -1, i64::MAX] {
            let words = format!("there is no match {id}");
            for refused in [
                served.client().get(GetMatch { id }).await.unwrap_err(),
                served.client().cancel(CancelMatch { id }).await.unwrap_err(),
                served.client().watch(WatchMatch { id }).await.unwrap_err(),
            ] {
                assert_eq!((refused.code(), refused.message()), (Code::NotFound, words.as_str()));
            }
        }
        served.ended().await;
    });
}

#[test]
fn reflection_lists_the_service() {
    test_stores::on_sqlite(async |place| {
        let served = Served::to(&World::on(place).await, Principal::Unauthenticated).await;
        let mut client = ServerReflectionClient::with_origin(http2(), served.origin());
        let list = MessageRequest::ListServices(String::new());
        let list = ServerReflectionRequest { host: String::new(), message_request: Some(list) };
        let mut answers = client.server_reflection_info(futures_util::stream::iter([list])).await.unwrap().into_inner();
        let answer = timeout(PATIENCE, answers.message()).await.unwrap().unwrap().unwrap();
        let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else { panic!("{answer:?}") };
        for name in ["flotilla.matching.v1.Matches", "grpc.health.v1.Health"] {
            assert!(list.service.iter().any(|service| service.name == name), "{name}: {list:?}");
        }
        served.ended().await;
    });
}

#[test]
fn health_over_grpc_says_what_readyz_says_and_turns_when_the_process_is_told_to_end() {
    test_stores::on_sqlite(async |place| {
        let world = World::on(place).await;
        // As long as the test looks.
        let config = chassis::Config { drain_delay: PATIENCE, ..chassis::Config::default() };
        let watching = Watching::new(Duration::from_millis(20), PATIENCE, 16);
        let served = Served::with(&world, Principal::Unauthenticated, watching, config).await;
        let mut client = HealthClient::with_origin(http2(), served.origin());
        let mut check = async |service: &str| {
            let request = HealthCheckRequest { service: service.to_owned() };
            client.check(request).await.map(|answer| answer.into_inner().status())
        };
        for service in ["", "flotilla.matching.v1.Matches"] {
            assert_eq!(check(service).await.unwrap(), ServingStatus::Serving);
        }
        assert_eq!(check("flotilla.matching.v1.Others").await.unwrap_err().code(), Code::NotFound);
        served.tell_to_end();
        eventually("it is not ready any more", async || {
            check("flotilla.matching.v1.Matches").await.unwrap() == ServingStatus::NotServing
        })
        .await;
        assert_eq!(check("").await.unwrap(), ServingStatus::NotServing);
    });
}

#[test]
fn a_method_that_there_is_not_is_unimplemented() {
    test_stores::on_sqlite(async |place| {
        let served = Served::to(&World::on(place).await, Principal::Unauthenticated).await;
        let post = http::Request::post(format!("{}flotilla.matching.v1.Matches/Steal", served.origin()));
        let post = post.header("content-type", "application/grpc").body(tonic::body::Body::empty()).unwrap();
        let answer = http2().request(post).await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["grpc-status"]), (200, &"12".parse().unwrap()));
        served.ended().await;
    });
}

#[test]
fn what_is_not_one_message_of_grpc_pays_nothing() {
    test_stores::on_sqlite(async |place| {
        // For the match 1, at the price 10.
        const MESSAGE: &str = "\0\0\0\0\x04\x08\x01\x10\x0a";
        let world = World::on(place).await;
        let served = Served::to(&world, Principal::Unauthenticated).await;
        let path = format!("{}flotilla.matching.v1.Matches/Request", served.origin());
        for kind in [None, Some("text/plain"), Some("application/json"), Some("application/grpc-web")] {
            let http: legacy::Client<HttpConnector, String> =
                legacy::Client::builder(TokioExecutor::new()).build_http();
            let post =
                kind.into_iter().fold(http::Request::post(&path), |post, kind| post.header("content-type", kind));
            let answer = http.request(post.body(MESSAGE.to_owned()).unwrap()).await.unwrap();
            let accepted = answer.headers()["accept-post"].to_str().unwrap();
            assert_eq!((answer.status().as_u16(), accepted), (415, "application/grpc"), "{kind:?}");
        }
        let mut http2 = legacy::Client::builder(TokioExecutor::new());
        let http2: legacy::Client<HttpConnector, String> = http2.http2_only(true).build_http();
        for (body, code) in [(String::new(), "12"), (MESSAGE.repeat(2), "12"), ("\0\0\0\0\x01\x08".to_owned(), "3")] {
            let post = http::Request::post(&path).header("content-type", "application/grpc");
            let answer = http2.request(post.body(body).unwrap()).await.unwrap();
            assert_eq!(answer.headers()["grpc-status"], code);
        }
        assert!(world.payments.asked().is_empty());
        assert!(world.shown(1).await.is_none());
        served.ended().await;
    });
}
