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
    /// It is the first one, or beside another page.
    At(Cursor),
}

impl<T> Page<T> {
    /// A list with nobody in it.
    pub fn empty() -> Self {
        Self { total: 0, items: Vec::new(), has_previous: false, has_next: false }
    }
}

/// Cuts a page out of a list, which is in the order of its positions.
pub(super) fn cut<T>(
    items: Vec<T>,
    start: &Start,
    count: usize,
    position: impl Fn(&T) -> Position,
) -> Page<T> {
    let total = items.len();
    let first = match start {
        Start::Skip(skip) => (*skip).min(total),
        Start::At(Cursor::First) => 0,
        Start::At(Cursor::After(place)) => items.partition_point(|item| position(item) <= *place),
        Start::At(Cursor::Before(place)) => {
            items.partition_point(|item| position(item) < *place).saturating_sub(count)
        }
    };
    let end = match start {
        Start::Skip(_) | Start::At(Cursor::First | Cursor::After(_)) => {
            first.saturating_add(count).min(total)
        }
        // The first page going back may have fewer before it than a page holds.
        Start::At(Cursor::Before(place)) => items.partition_point(|item| position(item) < *place),
    };
    let items = items.into_iter().skip(first).take(end - first).collect();
    Page { total, items, has_previous: first > 0, has_next: end < total }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use proptest::prelude::*;

    use super::*;
    use crate::scim::{
        cursor::CursorScope,
        path::AttrPath,
        schema::ResourceSchema,
        sort::{SortOrder, Sorter},
    };

    fn place(id: &str) -> Position {
        Position { id: id.to_owned(), ..Position::default() }
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
    fn the_first_page_by_cursor_begins_at_the_beginning() {
        assert_eq!(page(&Start::At(Cursor::First)), ("ac".to_owned(), false, true));
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

    /// Users by id, with a title or without, and the order in which they are walked through.
    type Titles = BTreeMap<u8, Option<String>>;

    fn sorted(users: &Titles, sorter: &Sorter) -> Vec<Position> {
        let place = |(id, title): (&u8, &Option<String>)| {
            let title = title.as_deref().map(|title| ("title".to_owned(), title.into()));
            let document = title.into_iter().collect();
            Position { key: sorter.key(&document), id: format!("{id:03}"), list: 0 }
        };
        let mut all: Vec<Position> = users.iter().map(place).collect();
        all.sort();
        all
    }

    fn titles() -> impl Strategy<Value = Option<String>> {
        let long = |end: &str| "b".repeat(1_000) + end;
        let some = ["a", "B", "b", "é", &long("a"), &long("z")].map(|title| Some(title.to_owned()));
        proptest::sample::select([&some[..], &[None]].concat())
    }

    proptest! {
        #[test]
        fn a_sorted_walk_meets_everybody_who_stays_once_and_in_order_whoever_comes_and_goes(
            begin in proptest::collection::btree_map(any::<u8>(), titles(), 0..30),
            changes in proptest::collection::vec((any::<u8>(), proptest::option::of(titles()), 0..4_usize), 0..30),
            order in proptest::sample::select(vec![SortOrder::Ascending, SortOrder::Descending]),
        ) {
            let sorter = Sorter::new(&AttrPath::parse("title").unwrap(), order, &ResourceSchema::user()).unwrap();
            let scope = CursorScope::new(&[], jiff::Timestamp::UNIX_EPOCH, Duration::from_hours(1));
            let (mut users, mut stay) = (begin.clone(), begin);
            let (mut met, mut next) = (Vec::new(), Some(Cursor::First));
            let mut changes = changes.into_iter();
            while let Some(cursor) = next {
                let (id, change, count) = changes.next().unwrap_or((0, None, 5));
                let all = sorted(&users, &sorter);
                let page = cut(all, &Start::At(cursor.clone()), count, Position::clone);
                next = page.has_next.then(|| page.items.last().cloned().map_or(cursor, Cursor::After));
                next = next.map(|cursor| scope.open(&scope.seal(cursor)).unwrap());
                met.extend(page.items);
                // Who is there already keeps their title: somebody else comes, or nobody.
                if let Some(title) = change {
                    users.entry(id).or_insert(title);
                } else {
                    users.remove(&id);
                    stay.remove(&id);
                }
            }
            prop_assert!(met.is_sorted_by(|one, next| one < next), "nobody twice, and all in order");
            for place in sorted(&stay, &sorter) {
                prop_assert!(met.contains(&place), "{} was there all the time", place.id);
            }
        }
    }
}
