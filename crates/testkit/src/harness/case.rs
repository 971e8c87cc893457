//! One test.

use anyhow::Result;
use futures_util::future::LocalBoxFuture;

use crate::fleet::Fleet;

/// The body of a case. The fleet is not started yet.
pub type Run = for<'f> fn(&'f mut Fleet) -> LocalBoxFuture<'f, Result<()>>;

/// One test, which runs on all available parts.
#[derive(Clone, Copy)]
pub struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: Run,
    pub(crate) kills_broker: bool,
}

impl Case {
    /// A case. The macro [`case!`](crate::case) names it after its function.
    pub const fn new(name: &'static str, run: Run) -> Self {
        Self { name, run, kills_broker: false }
    }

    /// Marks a case that kills the broker. It is skipped where the broker cannot be killed.
    #[must_use]
    pub const fn that_kills_the_broker(mut self) -> Self {
        self.kills_broker = true;
        self
    }
}

/// Makes a [`Case`] of an `async fn(&mut Fleet) -> anyhow::Result<()>`.
#[macro_export]
macro_rules! case {
    ($($path:ident)::+) => {
        $crate::Case::new(stringify!($($path)::+), |fleet| Box::pin($($path)::+(fleet)))
    };
}
