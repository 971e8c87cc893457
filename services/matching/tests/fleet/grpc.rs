//! The fleet by its second door: gRPC through the gateway, beside REST.

use anyhow::{Context as _, Result, ensure};
use matching_tests::grpc::proto::{CancelMatch, GetMatch, Match, RequestMatch, Status, WatchMatch};
use matching_tests::grpc::{Matches, matches};
use matching_tests::{LATER, PRICE, People, SOON};
use testkit::{Fleet, eventually};
use tokio::time::timeout;
use tonic::{Code, Response, Streaming};

async fn next(states: &mut Streaming<Match>) -> Result<Option<Status>> {
    let state = timeout(SOON, states.message()).await.context("the stream is silent")??;
    Ok(state.map(|state| state.status()))
}

/// Follows a match until this is its state.
async fn until(states: &mut Streaming<Match>, awaited: Status) -> Result<()> {
    while let Some(state) = next(states).await? {
        if state == awaited {
            return Ok(());
        }
    }
    anyhow::bail!("the stream has ended before {awaited:?}")
}

async fn request(matches: &mut Matches, id: i64) -> Result<bool, tonic::Status> {
    let wish = RequestMatch { id: Some(id), price: Some(PRICE) };
    matches.request(wish).await.map(|answer| answer.into_inner().known)
}

fn code<T>(answer: Result<Response<T>, tonic::Status>) -> Code {
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

pub async fn a_match_is_requested_watched_and_cancelled_by_grpc_and_seen_by_rest(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let (mut matches, people) = (matches(fleet, None)?, People::of(fleet)?);
    ensure!(!request(&mut matches, 5000).await?, "it was there before");
    people.request(5000).await?.must_be(200)?;
    ensure!(request(&mut matches, 5000).await?, "it was not there");
    assert_eq!(people.match_status(5000).await?, "matchRequested");

    let mut states = matches.watch(WatchMatch { id: 5000 }).await?.into_inner();
    assert_eq!(next(&mut states).await?, Some(Status::MatchRequested));
    eventually(SOON, "the page shows it, and the tutor sees it", async || {
        ensure!(people.page_status(5000).await? == "paymentApproved", "the page");
        ensure!(people.listed().await?.contains_key(&5000), "the list");
        Ok(())
    })
    .await?;
    people.assign(5000).await?.must_be(201)?;
    until(&mut states, Status::VisitAssigned).await?;
    let canceled = matches.cancel(CancelMatch { id: 5000 }).await?.into_inner();
    assert!(canceled.status() >= Status::MatchCanceled, "{canceled:?}");
    until(&mut states, Status::VisitCanceled).await?;
    assert_eq!(next(&mut states).await?, None, "nothing can follow");
    eventually(SOON, "the page shows it", async || {
        ensure!(people.page_status(5000).await? == "visitCanceled", "the page");
        Ok(())
    })
    .await?;
    fleet.settled(LATER).await
}

pub async fn what_is_refused_by_a_service_or_by_the_gateway_is_told_in_grpc(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let mut matches = matches(fleet, None)?;
    request(&mut matches, 1).await?;
    assert_eq!(code(matches.get(GetMatch { id: 2 }).await), Code::NotFound);
    let other =
        matches.request(RequestMatch { id: Some(1), price: Some(PRICE + 1) }).await.err().context("another price")?;
    assert_eq!((other.code(), other.message()), (Code::AlreadyExists, "this match exists with another price"));
    fleet.kill("payment").await?;
    let refused = request(&mut matches, 3).await.err().context("without payment")?;
    assert_eq!(refused.code(), Code::Unavailable);
    ensure!(refused.metadata().contains_key("x-trace-id"), "the trace is not told: {refused:?}");

    let mut states = matches.watch(WatchMatch { id: 1 }).await?.into_inner();
    assert_eq!(next(&mut states).await?, Some(Status::MatchRequested));
    fleet.kill("match").await?;
    let cut = timeout(SOON, states.message()).await?.err().context("the stream goes on")?;
    assert_eq!(cut.code(), Code::Unavailable, "{cut:?}");
    let away = matches.get(GetMatch { id: 1 }).await.err().context("match is away")?;
    assert_eq!(away.code(), Code::Unavailable, "{away:?}");
    fleet.start("match").await?;
    fleet.start("payment").await?;
    eventually(SOON, "match is asked again", async || {
        ensure!(code(matches.clone().get(GetMatch { id: 1 }).await) == Code::Ok, "not yet");
        Ok(())
    })
    .await?;
    let mut states = matches.watch(WatchMatch { id: 1 }).await?.into_inner();
    next(&mut states).await?;
    fleet.stop("gateway").await?;
    let ended = timeout(SOON, states.message()).await?.err().context("the stream goes on")?;
    assert_eq!(ended.code(), Code::Unavailable, "{ended:?}");
    fleet.start("gateway").await?;
    fleet.settled(LATER).await
}

pub async fn whose_a_match_is_holds_by_grpc_too(fleet: &mut Fleet) -> Result<()> {
    fleet.require_identity()?;
    fleet.start_all().await?;
    let token = |role, name| fleet.token(role, name);
    let mut nobody = matches(fleet, None)?;
    let mut kim = matches(fleet, Some(&token("student", "kim")?))?;
    let mut ada = matches(fleet, Some(&token("student", "ada")?))?;
    let mut lee = matches(fleet, Some(&token("tutor", "lee")?))?;
    let mut olga = matches(fleet, Some(&token("operator", "olga")?))?;
    let mut forger = matches(fleet, Some(&format!("{}x", token("student", "kim")?)))?;
    request(&mut kim, 5000).await?;
    let wish = RequestMatch { id: Some(5000), price: Some(PRICE) };
    for (who, matches, expected) in [
        ("nobody", &mut nobody, [Code::Unauthenticated; 4]),
        ("a forger", &mut forger, [Code::Unauthenticated; 4]),
        ("lee, a tutor", &mut lee, [Code::PermissionDenied; 4]),
        ("ada", &mut ada, [Code::AlreadyExists, Code::NotFound, Code::NotFound, Code::NotFound]),
        ("olga, an operator", &mut olga, [Code::PermissionDenied, Code::Ok, Code::Ok, Code::PermissionDenied]),
        ("kim", &mut kim, [Code::Ok; 4]),
    ] {
        let answers = [
            code(matches.request(wish).await),
            code(matches.get(GetMatch { id: 5000 }).await),
            code(matches.watch(WatchMatch { id: 5000 }).await),
            code(matches.cancel(CancelMatch { id: 5000 }).await),
        ];
        assert_eq!(answers, expected, "{who}");
    }
    let people = People { api: fleet.gateway_as("student", "kim")? };
    eventually(SOON, "kim is paid back", async || {
        ensure!(people.page_status(5000).await? == "paymentCanceled", "{}", people.page_status(5000).await?);
        Ok(())
    })
    .await?;
    fleet.settled(LATER).await
}
