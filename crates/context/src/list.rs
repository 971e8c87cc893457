use axum::http::Uri;
use chassis::Scope;
use chassis::problem::Problem;
use chassis::query::{Value, Values};
use sqlx::Row as _;
use sqlx::any::AnyRow;
use store::{Row, changes, sqlx};

/// The rows of a list, their order, and the parameters that narrow it down.
///
/// ```
/// use chassis::query::Values;
/// use context::{Filter, List};
///
/// const ARTICLES: List<1> = List::new("on_sale = 1", ["article_id"]).newest_first().filtered_by(&[Filter {
///     parameter: "shelfId",
///     column: "shelf_id",
///     values: Values::Positive,
///     about: "The shelf.",
/// }]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct List<const N: usize> {
    condition: &'static str,
    by: [&'static str; N],
    is_newest_first: bool,
    filters: &'static [Filter],
}

/// A parameter of the query string, with which a list has only the rows whose column has its value.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    /// The name of the parameter.
    pub parameter: &'static str,
    /// The column: BIGINT for [`Values::Positive`], else TEXT.
    pub column: &'static str,
    /// The values that it may have.
    pub values: Values,
    /// The description of the parameter, for the `OpenAPI` document.
    pub about: &'static str,
}

impl<const N: usize> List<N> {
    /// The rows that satisfy `condition`, in SQL, in the ascending order of the BIGINT columns `by`, the last one unique.
    pub const fn new(condition: &'static str, by: [&'static str; N]) -> Self {
        Self { condition, by, is_newest_first: false, filters: &[] }
    }

    /// The same rows in descending order: newest first.
    #[must_use]
    pub const fn newest_first(self) -> Self {
        Self { is_newest_first: true, ..self }
    }

    /// The same rows, narrowed down by those of these parameters that are given.
    #[must_use]
    pub const fn filtered_by(self, filters: &'static [Filter]) -> Self {
        Self { filters, ..self }
    }

    /// The filters that a query string has. 400 if one is invalid.
    pub(crate) fn given(&self, uri: &Uri) -> Result<Vec<(&'static Filter, Value)>, Problem> {
        let read =
            |filter: &'static Filter| Ok(filter.values.read(filter.parameter, uri)?.map(|value| (filter, value)));
        self.filters.iter().filter_map(|filter| read(filter).transpose()).collect()
    }

    /// The same rows in the order of their latest changes.
    pub(crate) const fn by_changes(&self) -> List<1> {
        let Self { condition, filters, .. } = *self;
        List { condition, by: [changes::COLUMN], is_newest_first: false, filters }
    }

    pub(crate) const fn filters(&self) -> &'static [Filter] {
        self.filters
    }

    /// The position before the first row.
    pub(crate) const fn start(&self) -> [i64; N] {
        [if self.is_newest_first { i64::MAX } else { i64::MIN }; N]
    }

    pub(crate) fn position(&self, row: &AnyRow) -> Result<[i64; N], sqlx::Error> {
        let mut position = [0; N];
        for (value, column) in position.iter_mut().zip(self.by) {
            *value = row.try_get(column)?;
        }
        Ok(position)
    }

    /// The first parameters are the position after which the page begins. Then follow the owner or the tenant, if the scope
    /// has one, the values of the filters, and the number of rows.
    pub(crate) fn sql<R: Row>(&self, scope: &Scope, filters: &[(&Filter, Value)]) -> String {
        let (columns, name, by) = (R::TABLE.names(), R::TABLE.name, self.by.join(", "));
        let (follows, direction) = if self.is_newest_first { ("<", " DESC") } else { (">", "") };
        let after = (1..=N).map(|index| format!("${index}")).collect::<Vec<_>>().join(", ");
        let narrowed = narrowed_by::<R>(scope, filters);
        let mut conditions = vec![format!("({by}) {follows} ({after})"), self.condition.to_owned()];
        conditions.extend((N + 1..).zip(&narrowed).map(|(index, column)| format!("{column} = ${index}")));
        let (conditions, limit) = (conditions.join(" AND "), N + narrowed.len() + 1);
        let order = self.by.map(|column| format!("{column}{direction}")).join(", ");
        format!("SELECT {columns} FROM {name} WHERE {conditions} ORDER BY {order} LIMIT ${limit}")
    }

    /// Counts the rows by a column. The parameters are the owner or the tenant, if the scope has one, and the values of the
    /// filters.
    pub(crate) fn totals_sql<R: Row>(&self, column: &str, scope: &Scope, filters: &[(&Filter, Value)]) -> String {
        let narrowed = narrowed_by::<R>(scope, filters);
        let mut conditions = vec![self.condition.to_owned()];
        conditions.extend((1..).zip(narrowed).map(|(index, narrowed)| format!("{narrowed} = ${index}")));
        let (name, conditions) = (R::TABLE.name, conditions.join(" AND "));
        format!("SELECT {column}, COUNT(*) FROM {name} WHERE {conditions} GROUP BY {column}")
    }
}

/// The columns by which a scope and filters narrow down a list.
fn narrowed_by<R: Row>(scope: &Scope, filters: &[(&Filter, Value)]) -> Vec<&'static str> {
    let scope = match scope {
        Scope::All => None,
        // A table without owners has no row of this one, and a table without tenants none of this one.
        Scope::Own(_) => Some(R::OWNER.unwrap_or("''")),
        Scope::Tenant(_) => Some(R::TENANT.unwrap_or("0")),
    };
    scope.into_iter().chain(filters.iter().map(|(filter, _)| filter.column)).collect()
}
