//! One page of a list: by number, or by the place of the resource that it begins after or ends before.

use crate::scim::cursor::{Cursor, Position};

/// One page of a list, and how long the whole list is.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// How many match in all.
    pub total: usize,
    /// The ones of this page, in the list's order.
    pub items: Vec<T>,
    /// Whether there are others before.
    pub has_previous: bool,
    /// Whether there are others after.
    pub has_next: bool,
}

/// Where a page is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// So many come before it.
    Skip(usize),
    /// It is beside another page, in the order of creation.
    At(Cursor),
}

impl<T> Page<T> {
    /// A list with nobody in it.
    pub fn empty() -> Self {
        Self { total: 0, items: Vec::new(), has_previous: false, has_next: false }
    }
}

/// Cuts a page out of a list, which for a cursor is in the order of creation.
pub(super) fn cut<T>(
    items: Vec<T>,
    start: &Start,
    count: usize,
    position: impl Fn(&T) -> Position,
) -> Page<T> {
    let total = items.len();
    let first = match start {
        Start::Skip(skip) => (*skip).min(total),
        Start::At(Cursor::After(place)) => items.partition_point(|item| position(item) <= *place),
        Start::At(Cursor::Before(place)) => {
            items.partition_point(|item| position(item) < *place).saturating_sub(count)
        }
    };
    let end = match start {
        Start::Skip(_) | Start::At(Cursor::After(_)) => first.saturating_add(count).min(total),
        // The first page going back may have fewer before it than a page holds.
        Start::At(Cursor::Before(place)) => items.partition_point(|item| position(item) < *place),
    };
    let items = items.into_iter().skip(first).take(end - first).collect();
    Page { total, items, has_previous: first > 0, has_next: end < total }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(id: &str) -> Position {
        Position { id: id.to_owned(), list: 0 }
    }

    fn page(start: &Start) -> (String, bool, bool) {
        let page = cut(vec!["a", "c", "e", "g", "i"], start, 2, |id| place(id));
        assert_eq!(page.total, 5);
        (page.items.concat(), page.has_previous, page.has_next)
    }

    #[test]
    fn a_page_by_number_begins_where_it_is_told_to() {
        assert_eq!(page(&Start::Skip(0)), ("ac".to_owned(), false, true));
        assert_eq!(page(&Start::Skip(4)), ("i".to_owned(), true, false));
        assert_eq!(page(&Start::Skip(usize::MAX)), (String::new(), true, false));
    }

    #[test]
    fn a_page_goes_on_after_a_resource_whether_that_is_still_there_or_not() {
        for id in ["c", "d"] {
            assert_eq!(page(&Start::At(Cursor::After(place(id)))), ("eg".to_owned(), true, true), "{id}");
        }
        assert_eq!(page(&Start::At(Cursor::After(place("g")))), ("i".to_owned(), true, false));
        assert_eq!(page(&Start::At(Cursor::After(place("z")))), (String::new(), true, false));
    }

    #[test]
    fn a_page_goes_back_before_a_resource_whether_that_is_still_there_or_not() {
        for id in ["f", "g"] {
            assert_eq!(page(&Start::At(Cursor::Before(place(id)))), ("ce".to_owned(), true, true), "{id}");
        }
        assert_eq!(page(&Start::At(Cursor::Before(place("c")))), ("a".to_owned(), false, true));
        assert_eq!(page(&Start::At(Cursor::Before(place("a")))), (String::new(), false, true));
    }
}
