//! Finding the objects of a list in its JSON while it comes, so that no more than one of them is held at a time.

/// Takes a list apart: `{"items":[{...},{...}],"metadata":{...}}`, in pieces as the network cuts them.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// What has come: the beginning of an object at most, and the latest piece.
    pending: Vec<u8>,
    /// How much of that was looked at.
    at: usize,
    /// Where the object begins that has not come whole yet.
    begins: Option<usize>,
    /// How many brackets are open.
    depth: usize,
    /// Whether one of them is that of the array that the objects are in.
    in_array: bool,
    text: Text,
    /// Everything but the objects: a list without any.
    envelope: Vec<u8>,
}

/// Brackets within text are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Text {
    #[default]
    Outside,
    Inside,
    AfterBackslash,
}

impl Items {
    /// Takes in the next piece. Every object that was whole must have been taken out.
    pub(super) fn push(&mut self, piece: &[u8]) {
        let begins = self.begins.unwrap_or(self.at);
        self.pending.drain(..begins);
        self.at -= begins;
        self.begins = self.begins.map(|_| 0);
        self.pending.extend_from_slice(piece);
    }

    /// The JSON of the next object, once it has come whole.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        while let Some(&byte) = self.pending.get(self.at) {
            self.at += 1;
            if self.step(byte) {
                return self.pending.get(self.begins.take()?..self.at);
            }
            if self.begins.is_none() && !(self.in_array && self.depth == 2 && byte != b'[') {
                self.envelope.push(byte);
            }
        }
        None
    }

    /// What is left once all has come.
    pub(super) fn envelope(self) -> Vec<u8> {
        self.envelope
    }

    /// Looks at one byte; says whether an object ends with it.
    fn step(&mut self, byte: u8) -> bool {
        match (self.text, byte) {
            (Text::Inside, b'\\') => self.text = Text::AfterBackslash,
            (Text::Inside, b'"') => self.text = Text::Outside,
            (Text::AfterBackslash, _) | (Text::Outside, b'"') => self.text = Text::Inside,
            (Text::Outside, b'{' | b'[') => {
                if self.in_array && self.depth == 2 && byte == b'{' {
                    self.begins = Some(self.at - 1);
                }
                self.depth += 1;
                // Of the members of a list, its objects alone are an array.
                self.in_array |= self.depth == 2 && byte == b'[';
            }
            (Text::Outside, b'}' | b']') => {
                self.depth = self.depth.saturating_sub(1);
                self.in_array &= self.depth >= 2;
                return self.depth == 2 && self.begins.is_some();
            }
            (Text::Inside | Text::Outside, _) => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use serde_json::{Value, json};

    use super::*;

    /// The objects and the rest of a list that comes in pieces of this size.
    fn apart(list: &str, size: usize) -> (Vec<Value>, Value) {
        let (mut items, mut found) = (Items::default(), Vec::new());
        for piece in list.as_bytes().chunks(size) {
            items.push(piece);
            while let Some(item) = items.next() {
                found.push(serde_json::from_slice(item).unwrap());
            }
        }
        (found, serde_json::from_slice(&items.envelope()).unwrap())
    }

    proptest! {
        #[test]
        fn whatever_the_pieces_every_object_is_found(
            texts in vec((".*", "[\\[\\]{}\",\\\\]*"), 0..6),
            size in 1_usize..40,
            metadata_first: bool,
        ) {
            let objects: Vec<Value> = texts
                .iter()
                .map(|(name, odd)| json!({ "metadata": { "name": name, odd.as_str(): [{}, [odd]] }, "n": 1 }))
                .collect();
            let metadata = json!({ "resourceVersion": "7", "continue": "]}\"" });
            let list = if metadata_first {
                json!({ "metadata": metadata, "kind": "UserList", "items": objects })
            } else {
                json!({ "items": objects, "kind": "UserList", "metadata": metadata })
            };
            let (found, rest) = apart(&list.to_string(), size);
            prop_assert_eq!(found, objects);
            prop_assert_eq!(rest, json!({ "items": [], "kind": "UserList", "metadata": metadata }));
        }
    }

    #[test]
    fn white_space_between_objects_is_none_of_them() {
        let (found, rest) = apart("{ \"items\": [ {\"a\":1} ,\n {} ], \"metadata\": {} }\n", 3);
        assert_eq!(found, [json!({ "a": 1 }), json!({})]);
        assert_eq!(rest, json!({ "items": [], "metadata": {} }));
    }
}
