/// A page of rows, and whether more follow. Query [`Page::look_ahead`] rows and pass them to [`Page::cut`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, at most the page size.
    pub items: Vec<T>,
    /// Whether more items follow.
    pub more: bool,
}

impl<T> Page<T> {
    /// The page size plus one: the additional row shows whether more follow, without counting.
    pub const fn look_ahead(size: i64) -> i64 {
        size.saturating_add(1)
    }

    /// The first `size` of these rows, each converted by `read`.
    pub fn cut<R>(
        mut rows: Vec<R>,
        size: i64,
        read: impl FnMut(R) -> Result<T, sqlx::Error>,
    ) -> Result<Self, sqlx::Error> {
        let size = usize::try_from(size).unwrap_or(0);
        let more = rows.len() > size;
        rows.truncate(size);
        Ok(Self { items: rows.into_iter().map(read).collect::<Result<_, _>>()?, more })
    }

    /// The last item if more follow: the start of the next page.
    pub fn end(&self) -> Option<&T> {
        self.items.last().filter(|_| self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_somewhere_only_if_more_follows() {
        let cut = |rows: Vec<i32>| Page::cut(rows, 2, Ok).unwrap();
        assert_eq!((cut(vec![1, 2, 3]).items, cut(vec![1, 2, 3]).end()), (vec![1, 2], Some(&2)));
        assert_eq!((cut(vec![1, 2]).items, cut(vec![1, 2]).end()), (vec![1, 2], None));
        assert_eq!(cut(vec![]).end(), None);
    }
}
