use anyhow::Result;
use futures_util::future::LocalBoxFuture;

use crate::Fleet;

/// What a case does with a fleet that is not started yet.
pub type Run = for<'f> fn(&'f mut Fleet) -> LocalBoxFuture<'f, Result<()>>;

/// One test: what must hold on every kind of parts.
#[derive(Clone, Copy)]
pub struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: Run,
    pub(crate) kills_broker: bool,
}

impl Case {
    /// A case; the macro [`case!`](crate::case) gives it the name of its function.
    pub const fn new(name: &'static str, run: Run) -> Self {
        Self { name, run, kills_broker: false }
    }

    /// It kills the broker, which not every server allows.
    #[must_use]
    pub const fn that_kills_the_broker(mut self) -> Self {
        self.kills_broker = true;
        self
    }
}

/// The case that an `async fn(&mut Fleet) -> anyhow::Result<()>` is.
#[macro_export]
macro_rules! case {
    ($($path:ident)::+) => {
        $crate::Case::new(stringify!($($path)::+), |fleet| Box::pin($($path)::+(fleet)))
    };
}
