//! Lists in pages: newest first, continued by a cursor that only the store understands.

use serde::Serialize;
use sqlx::{QueryBuilder, Sqlite};

/// Which part of a list.
#[derive(Clone, Debug, Default)]
pub struct PageQuery {
    /// Rows at most; 0 means 50, and never more than 1,000.
    pub limit: u32,
    /// Continue with what is older than this cursor (an id, or `next` of the last page).
    pub after: Option<String>,
    /// Continue with what is newer than this cursor.
    pub before: Option<String>,
}

/// One part of a list, newest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Whether there is more in the direction asked for.
    pub has_more: bool,
    /// Cursor for `after` that continues with older rows.
    pub next: Option<String>,
}

impl PageQuery {
    pub(crate) fn rows(&self) -> usize {
        match self.limit {
            0 => 50,
            limit => usize::try_from(limit.min(1_000)).unwrap_or(1_000),
        }
    }

    /// Whether it runs towards newer rows.
    pub(crate) fn upwards(&self) -> bool {
        self.before.is_some() && self.after.is_none()
    }

    /// Ends a query over ids: the cursor, the order, and one row more than asked for.
    pub(crate) fn push_by_id(&self, query: &mut QueryBuilder<Sqlite>) {
        if let Some(after) = &self.after {
            query.push(" AND id < ").push_bind(after.clone());
        }
        if let Some(before) = &self.before {
            query.push(" AND id > ").push_bind(before.clone());
        }
        self.push_order(query);
    }

    /// Order and limit alone.
    pub(crate) fn push_order(&self, query: &mut QueryBuilder<Sqlite>) {
        query.push(if self.upwards() { " ORDER BY id ASC LIMIT " } else { " ORDER BY id DESC LIMIT " });
        query.push_bind(i64::try_from(self.rows()).unwrap_or(1_000) + 1);
    }
}

impl<T> Page<T> {
    /// From one row more than asked for, in the order they were read.
    pub(crate) fn cut(query: &PageQuery, mut rows: Vec<T>, cursor: impl Fn(&T) -> String) -> Self {
        let has_more = rows.len() > query.rows();
        rows.truncate(query.rows());
        if query.upwards() {
            rows.reverse();
        }
        let older = has_more || query.upwards();
        let next = rows.last().filter(|_| older).map(cursor);
        Self { data: rows, has_more, next }
    }
}
