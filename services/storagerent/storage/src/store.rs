use std::collections::BTreeMap;
use std::sync::Arc;

use ambient::{Clock, Subject};
use events::TraceContext;
use messaging::{Argument, Outbox, StagedEvents};
use storage_contract::StorageEvent;
use storage_domain::{Attempt, Hold, HoldRefusal, HoldRequest, OtherHold, ReviewRefusal, Room, hold, release, review};
use store::sqlx::{AssertSqlSafe, Error, query_scalar};
use store::{Row, Store, Tx};

use crate::rows::{HoldRow, ReviewRow, RoomRow};

/// Stores rooms, holds and reviews, with their events in the same transactions. Rooms are locked before holds.
#[derive(Debug, Clone)]
pub struct RoomStore {
    store: Store,
    outbox: Outbox,
    clock: Arc<dyn Clock>,
}

/// Why a room is not reviewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReviewed {
    /// There is none, or it is deleted.
    Unknown,
    /// The rules of reviews.
    Refused(ReviewRefusal),
}

/// A request to review a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewRequest {
    /// The room.
    pub storage_id: i64,
    /// The reservation. `None`: the latest one without a review.
    pub reservation_id: Option<i64>,
    /// The text.
    pub content: String,
    /// The customer. `None`: authentication is disabled.
    pub customer: Option<Subject>,
}

impl RoomStore {
    /// Rooms in `store`, whose outbox is `outbox`.
    pub fn new(store: &Store, outbox: Outbox, clock: Arc<dyn Clock>) -> Self {
        Self { store: store.clone(), outbox, clock }
    }

    /// Registers a new room. `false`: its id is in use, and nothing is changed.
    pub async fn register(&self, room: &Room, trace: TraceContext) -> Result<bool, Error> {
        let sql = "INSERT INTO storages (storage_id, description, price) VALUES ($1, $2, $3) \
                   ON CONFLICT (storage_id) DO NOTHING";
        let mut staged = StagedEvents::default();
        self.outbox.stage(&mut staged, &StorageEvent::from(room.registered()), Some(trace))?;
        let description = Argument::Text(room.registration.description.as_str());
        let price = Argument::OptionalNumber(room.registration.price);
        self.outbox.execute_and_publish(sql, &[Argument::Number(room.id), description, price], staged).await
    }

    /// Holds a room for an attempt of a reservation.
    pub async fn hold(&self, request: HoldRequest, trace: TraceContext) -> Result<Result<Hold, HoldRefusal>, Error> {
        let attempt = request.attempt;
        self.change_hold(attempt, trace, |room, known| hold(room, known, request).map(|()| None)).await
    }

    /// Releases the hold of an attempt of a reservation, whether it has arrived or not.
    pub async fn release(&self, attempt: Attempt, trace: TraceContext) -> Result<Result<Hold, OtherHold>, Error> {
        self.change_hold(attempt, trace, |room, known| Ok(release(room, known, attempt)?.map(Into::into))).await
    }

    /// Applies a rule to a room and to the hold of a reservation, under their locks.
    async fn change_hold<F>(
        &self,
        Attempt { storage_id, reservation_id, .. }: Attempt,
        trace: TraceContext,
        rule: impl FnOnce(Option<&mut Room>, &mut Hold) -> Result<Option<StorageEvent>, F>,
    ) -> Result<Result<Hold, F>, Error> {
        let mut tx = self.store.begin().await?;
        let mut room = self.lock_rooms(&mut tx, &[storage_id]).await?.remove(&storage_id);
        let rows: Vec<HoldRow> =
            HoldRow::TABLE.lock_or_insert(&mut tx, self.store.dialect(), &[reservation_id]).await?;
        let known = rows.into_iter().next().map(Row::into_state).transpose()?;
        let mut hold = known.unwrap_or_else(|| Hold::none(reservation_id));
        let event = match rule(room.as_mut(), &mut hold) {
            Ok(event) => event,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.write(&mut tx, room, [hold.clone()]).await?;
        self.commit(tx, event, trace).await?;
        Ok(Ok(hold))
    }

    /// Reviews a room.
    pub async fn review(
        &self,
        request: ReviewRequest,
        trace: TraceContext,
    ) -> Result<Result<ReviewRow, NotReviewed>, Error> {
        let mut tx = self.store.begin().await?;
        let room = self.lock_rooms(&mut tx, &[request.storage_id]).await?.remove(&request.storage_id);
        let Some(mut room) = room.filter(|room| !room.is_deleted()) else { return Ok(Err(NotReviewed::Unknown)) };
        let reservation_id = match request.reservation_id {
            None => self.latest_reservation(&mut tx, &request).await?,
            given => given,
        };
        let mut hold = self.lock_holds(&mut tx, reservation_id.as_slice()).await?.into_values().next();
        let event = match review(&mut room, hold.as_mut(), request.customer.as_ref()) {
            Ok(event) => event,
            Err(refusal) => return Ok(Err(NotReviewed::Refused(refusal))),
        };
        let ReviewRequest { storage_id, content, .. } = request;
        let customer = hold.as_ref().and_then(|hold| hold.customer.clone());
        let (reservation_id, written_at) = (event.reservation_id, self.clock.now());
        let review = ReviewRow { reservation_id, storage_id, content, customer, written_at };
        ReviewRow::TABLE.write(&mut tx, self.store.dialect(), std::slice::from_ref(&review)).await?;
        self.write(&mut tx, [room], hold).await?;
        self.commit(tx, Some(event.into()), trace).await?;
        Ok(Ok(review))
    }

    /// The latest confirmed reservation of the caller, one without a review if there is any. The room is locked.
    async fn latest_reservation(&self, tx: &mut Tx, request: &ReviewRequest) -> Result<Option<i64>, Error> {
        let own = request.customer.as_ref().map_or("", |_| "AND customer = $2");
        let sql = format!(
            "SELECT reservation_id FROM holds WHERE storage_id = $1 AND state IN ('reserved', 'cancelled') {own} \
             ORDER BY reviewed, number DESC LIMIT 1"
        );
        let query = query_scalar(AssertSqlSafe(sql)).bind(request.storage_id);
        let query = request.customer.iter().fold(query, |query, customer| query.bind(customer.as_str().to_owned()));
        query.fetch_optional(&mut **tx).await
    }

    /// Locks the rooms with these ids.
    pub(crate) async fn lock_rooms(&self, tx: &mut Tx, ids: &[i64]) -> Result<BTreeMap<i64, Room>, Error> {
        let rows: Vec<RoomRow> = RoomRow::TABLE.lock(tx, self.store.dialect(), ids).await?;
        rows.into_iter().map(|row| Ok((*row.key(), row.into_state()?))).collect()
    }

    /// Locks the holds of these reservations.
    pub(crate) async fn lock_holds(&self, tx: &mut Tx, reservations: &[i64]) -> Result<BTreeMap<i64, Hold>, Error> {
        let rows: Vec<HoldRow> = HoldRow::TABLE.lock(tx, self.store.dialect(), reservations).await?;
        rows.into_iter().map(|row| Ok((*row.key(), row.into_state()?))).collect()
    }

    /// Writes rooms and holds that are locked.
    pub(crate) async fn write(
        &self,
        tx: &mut Tx,
        rooms: impl IntoIterator<Item = Room>,
        holds: impl IntoIterator<Item = Hold>,
    ) -> Result<(), Error> {
        let rooms: Vec<RoomRow> = rooms.into_iter().map(RoomRow::from).collect();
        let holds: Vec<HoldRow> = holds.into_iter().map(HoldRow::from).collect();
        RoomRow::TABLE.update(tx, self.store.dialect(), &rooms).await?;
        HoldRow::TABLE.update(tx, self.store.dialect(), &holds).await
    }

    async fn commit(&self, tx: Tx, event: Option<StorageEvent>, trace: TraceContext) -> Result<(), Error> {
        let mut staged = StagedEvents::default();
        if let Some(event) = event {
            self.outbox.stage(&mut staged, &event, Some(trace))?;
        }
        self.outbox.commit(tx, staged).await
    }
}
