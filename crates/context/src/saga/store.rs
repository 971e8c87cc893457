use std::marker::PhantomData;
use std::time::Duration;

use ambient::Timestamp;
use events::TraceContext;
use messaging::{Argument, Outbox, StagedEvents};
use store::Store;
use store::sqlx::any::AnyRow;
use store::sqlx::{AssertSqlSafe, Error, Row, query, query_scalar};

use crate::saga::{Definition, Phase, statements};

/// The attempts of a saga in the store of its context.
pub(crate) struct SagaStore<D> {
    store: Store,
    outbox: Outbox,
    definition: PhantomData<fn() -> D>,
}

/// An attempt as it is stored.
pub(crate) struct Stored<D: Definition> {
    pub(crate) attempt: D::Attempt,
    pub(crate) phase: Phase,
    /// The step that was reached.
    pub(crate) step: usize,
}

impl<D: Definition> SagaStore<D> {
    pub(crate) fn new(store: &Store, outbox: Outbox) -> Self {
        Self { store: store.clone(), outbox, definition: PhantomData }
    }

    /// Stores a pending attempt. `false`: the key is occupied.
    pub(crate) async fn begin(&self, attempt: &D::Attempt, retry_at: Timestamp) -> Result<bool, Error> {
        let (columns, values): (Vec<_>, Vec<_>) = D::parameters(attempt).into_iter().unzip();
        let values = [vec![Argument::Number(retry_at.as_micros())], values].concat();
        self.change(attempt, &statements::begin(&D::TABLE, &columns), &values).await
    }

    /// After a step is done: the next step, or the end. `false`: the attempt was taken over, and nothing has changed.
    pub(crate) async fn step_done(
        &self,
        attempt: &D::Attempt,
        at: (Phase, usize),
        retry_at: Timestamp,
        trace: TraceContext,
    ) -> Result<bool, Error> {
        if at.1 + 1 == D::STEPS.len() {
            return self.establish(attempt, at, trace).await;
        }
        let (columns, results): (Vec<_>, Vec<_>) = D::results(attempt).into_iter().unzip();
        let values = [vec![Argument::Number(retry_at.as_micros())], results].concat();
        self.change(attempt, &statements::move_to_step(&D::TABLE, at, at.1 + 1, &columns), &values).await
    }

    /// Establishes an attempt, and stages its event in the same transaction.
    async fn establish(&self, attempt: &D::Attempt, at: (Phase, usize), trace: TraceContext) -> Result<bool, Error> {
        let (columns, results): (Vec<_>, Vec<_>) = D::results(attempt).into_iter().unzip();
        let mut staged = StagedEvents::default();
        staged.count(D::ESTABLISHED_TOTAL, 1);
        self.outbox.stage(&mut staged, &D::event(attempt), Some(trace))?;
        let sql = statements::establish(&D::TABLE, at, &columns);
        self.outbox.execute_and_publish(&sql, &Self::arguments(attempt, &results), staged).await
    }

    /// After a compensation is confirmed: the step before, or the end. `false`: another replica has gone on.
    pub(crate) async fn step_compensated(
        &self,
        attempt: &D::Attempt,
        step: usize,
        retry_at: Timestamp,
    ) -> Result<bool, Error> {
        let at = (Phase::Compensating, step);
        let Some(before) = step.checked_sub(1) else {
            return self.change(attempt, &statements::void(&D::TABLE, at), &[]).await;
        };
        let sql = statements::move_to_step(&D::TABLE, at, before, &[]);
        self.change(attempt, &sql, &[Argument::Number(retry_at.as_micros())]).await
    }

    /// Deletes a pending attempt whose first step had no effect, or makes it void. `false`: it was taken over.
    pub(crate) async fn delete(&self, attempt: &D::Attempt) -> Result<bool, Error> {
        if let Some(keep) = statements::keep(&D::TABLE)
            && self.change(attempt, &keep, &[]).await?
        {
            return Ok(true);
        }
        self.change(attempt, &statements::delete(&D::TABLE), &[]).await
    }

    /// Leaves a pending attempt to the recovery. `false`: it is not pending.
    pub(crate) async fn hand_over(&self, attempt: &D::Attempt, to: Phase, now: Timestamp) -> Result<bool, Error> {
        self.change(attempt, &statements::hand_over(&D::TABLE, to), &[Argument::Number(now.as_micros())]).await
    }

    /// Compensates an attempt that was to be completed. `false`: another replica has gone on.
    pub(crate) async fn turn_back(
        &self,
        attempt: &D::Attempt,
        step: usize,
        retry_at: Timestamp,
    ) -> Result<bool, Error> {
        let sql = statements::move_to_phase(&D::TABLE, (Phase::Completing, step), Phase::Compensating);
        self.change(attempt, &sql, &[Argument::Number(retry_at.as_micros())]).await
    }

    /// Takes over attempts that are due. Other replicas leave them alone for `lease`.
    pub(crate) async fn take_over(&self, now: Timestamp, lease: Duration, limit: i64) -> Result<Vec<Stored<D>>, Error> {
        let sql = statements::take_over(&D::TABLE, D::RECOVERY);
        let query = query(AssertSqlSafe(sql)).bind(now.as_micros()).bind(now.plus(lease).as_micros()).bind(limit);
        query.fetch_all(self.store.writer()).await?.iter().map(Stored::read).collect()
    }

    /// The attempt, if it is the latest at its key.
    pub(crate) async fn find(&self, attempt: &D::Attempt) -> Result<Option<Stored<D>>, Error> {
        let query = D::key(attempt).bind(query(AssertSqlSafe(statements::find(&D::TABLE))));
        let row = query.bind(D::number(attempt)).fetch_optional(self.store.reader()).await?;
        row.as_ref().map(Stored::read).transpose()
    }

    /// The number of attempts that the recovery has to end.
    pub(crate) async fn in_recovery(&self) -> Result<i64, Error> {
        let sql = statements::count_in_recovery(&D::TABLE, D::RECOVERY);
        query_scalar(AssertSqlSafe(sql)).fetch_one(self.store.reader()).await
    }

    async fn change(&self, attempt: &D::Attempt, sql: &str, values: &[Argument<'_>]) -> Result<bool, Error> {
        self.outbox.execute_and_publish(sql, &Self::arguments(attempt, values), StagedEvents::default()).await
    }

    /// `$1`, `$2` and the others.
    fn arguments<'a>(attempt: &'a D::Attempt, values: &[Argument<'a>]) -> Vec<Argument<'a>> {
        [&[D::key(attempt), Argument::Number(D::number(attempt))], values].concat()
    }
}

impl<D: Definition> Stored<D> {
    fn read(row: &AnyRow) -> Result<Self, Error> {
        let name: String = row.try_get(D::TABLE.phase)?;
        let phase = D::TABLE.phase_named(&name);
        let phase = phase.ok_or_else(|| Error::Decode(format!("{} is {name:?}", D::TABLE.phase).into()))?;
        let step = match D::TABLE.step {
            Some(column) => usize::try_from(row.try_get::<i64, _>(column)?).ok(),
            None => Some(0),
        };
        let step = step.filter(|step| *step < D::STEPS.len());
        let step = step.ok_or_else(|| Error::Decode("the saga has no such step".into()))?;
        Ok(Self { attempt: D::read(row)?, phase, step })
    }
}
