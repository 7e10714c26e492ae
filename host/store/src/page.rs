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

    /// The part of a list that is at hand, whole and newest first.
    pub fn of(query: &PageQuery, mut all: Vec<T>, id: impl Fn(&T) -> &str) -> Self {
        if let Some(after) = &query.after {
            all.retain(|row| id(row) < after.as_str());
        }
        if let Some(before) = &query.before {
            all.retain(|row| id(row) > before.as_str());
        }
        if query.upwards() {
            all.reverse();
        }
        Self::cut(query, all, |row| id(row).to_owned())
    }

    /// The same rows, each as something else.
    pub fn map<U>(self, shown: impl FnMut(T) -> U) -> Page<U> {
        Page { data: self.data.into_iter().map(shown).collect(), has_more: self.has_more, next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_in_either_direction_to_its_end() {
        let all = || vec!["e", "d", "c", "b", "a"];
        let ask = |after: Option<&str>, before: Option<&str>| {
            let (after, before) = (after.map(str::to_owned), before.map(str::to_owned));
            let page = Page::of(&PageQuery { limit: 2, after, before }, all(), |row| row);
            (page.data, page.has_more, page.next)
        };
        let next = |cursor: &str| Some(cursor.to_owned());
        assert_eq!(ask(None, None), (vec!["e", "d"], true, next("d")));
        assert_eq!(ask(Some("d"), None), (vec!["c", "b"], true, next("b")));
        assert_eq!(ask(Some("b"), None), (vec!["a"], false, None));
        assert_eq!(ask(None, Some("a")), (vec!["c", "b"], true, next("b")));
        assert_eq!(ask(None, Some("c")), (vec!["e", "d"], false, next("d")));
    }
}
