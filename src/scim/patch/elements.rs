//! Changes to multi-valued attributes: elements added, replaced and removed, by filter or by value.

use serde_json::{Map, Value};

use super::PatchOp;
use super::complex::overwrite;
use crate::scim::coerce::{
    check_length, coerce, coerce_elements, is_blank, is_only_labels, keep_one_primary,
};
use crate::scim::error::ScimError;
use crate::scim::filter::{Filter, Literal, Matcher};
use crate::scim::fold::is_same_folded;
use crate::scim::json::Limits;
use crate::scim::schema::Attribute;

/// What is to be done to the elements of one attribute.
pub(super) struct Change<'a> {
    pub(super) attribute: &'a Attribute,
    pub(super) at: &'a str,
    pub(super) limits: &'a Limits,
    pub(super) op: PatchOp,
    pub(super) filter: Option<&'a Filter>,
    pub(super) sub: Option<&'a Attribute>,
}

/// The new elements.
pub(super) fn change_elements(
    change: &Change<'_>,
    old: Vec<Value>,
    value: Option<Value>,
) -> Result<Vec<Value>, ScimError> {
    let new = match (change.filter, change.sub) {
        (Some(filter), _) => change.selected(filter, old, value)?,
        (None, Some(sub)) => change.sub_of_all(sub, old, value)?,
        (None, None) => match (change.op, value) {
            (PatchOp::Add, value) => change.add(old, value.unwrap_or_default())?,
            (PatchOp::Replace, value) => change.coerce(value.unwrap_or_default())?,
            (PatchOp::Remove, None | Some(Value::Null)) => Vec::new(),
            (PatchOp::Remove, Some(value)) => change.remove_listed(old, value)?,
        },
    };
    check_length(new.len(), change.at, change.limits)?;
    Ok(new)
}

impl Change<'_> {
    fn coerce(&self, value: Value) -> Result<Vec<Value>, ScimError> {
        coerce_elements(self.attribute, value, self.at, self.limits)
    }

    /// RFC 7644 section 3.5.2.1: "If the target location specifies a multi-valued attribute, a new value is
    /// added to the attribute"; "If the target location already contains the value specified, no changes
    /// SHOULD be made".
    fn add(&self, mut elements: Vec<Value>, value: Value) -> Result<Vec<Value>, ScimError> {
        let mut touched = Vec::new();
        for new in self.coerce(value)? {
            let index = elements.iter().position(|old| self.is_same(old, &new)).unwrap_or(elements.len());
            touched.push(index);
            match (elements.get_mut(index), new) {
                (Some(Value::Object(old)), Value::Object(new)) => overwrite(old, new),
                (Some(old), new) => *old = new,
                (None, new) => elements.push(new),
            }
        }
        settle_primary(&mut elements, &touched);
        Ok(elements)
    }

    /// Removes the elements that are listed and no others: without the list, or with a server that overlooks
    /// it, Entra ID's removal of one member would remove them all.
    fn remove_listed(&self, mut elements: Vec<Value>, value: Value) -> Result<Vec<Value>, ScimError> {
        let listed = self.coerce(value)?;
        elements.retain(|element| !listed.iter().any(|one| self.is_meant(element, one)));
        Ok(elements)
    }

    /// A sub-attribute without a filter is that of all elements; without any, of a new one.
    fn sub_of_all(
        &self,
        sub: &Attribute,
        mut elements: Vec<Value>,
        value: Option<Value>,
    ) -> Result<Vec<Value>, ScimError> {
        if elements.is_empty() && self.op != PatchOp::Remove {
            elements.push(Value::Object(Map::new()));
        }
        let all: Vec<usize> = (0..elements.len()).collect();
        self.set_sub(sub, elements, &all, value)
    }

    fn selected(
        &self,
        filter: &Filter,
        mut elements: Vec<Value>,
        value: Option<Value>,
    ) -> Result<Vec<Value>, ScimError> {
        let matcher = Matcher::for_elements(filter, self.attribute)?;
        let selected: Vec<usize> =
            (0..elements.len()).filter(|index| matcher.matches_element(&elements[*index])).collect();
        match (self.op, self.sub) {
            (PatchOp::Remove, None) => {
                let mut index = 0..;
                elements.retain(|_| index.next().is_some_and(|index| !selected.contains(&index)));
                Ok(elements)
            }
            (PatchOp::Add | PatchOp::Replace, _) if selected.is_empty() => {
                self.create(filter, elements, value.unwrap_or_default())
            }
            (PatchOp::Remove | PatchOp::Add | PatchOp::Replace, Some(sub)) => {
                self.set_sub(sub, elements, &selected, value)
            }
            (PatchOp::Add | PatchOp::Replace, None) => {
                self.overwrite_selected(filter, elements, &selected, value.unwrap_or_default())
            }
        }
    }

    /// Sets or clears a sub-attribute of some elements; one that has no value left goes.
    fn set_sub(
        &self,
        sub: &Attribute,
        mut elements: Vec<Value>,
        indexes: &[usize],
        value: Option<Value>,
    ) -> Result<Vec<Value>, ScimError> {
        let at = format!("{}.{}", self.at, sub.name);
        let value = value.filter(|value| self.op != PatchOp::Remove && !is_blank(value));
        let value = match value {
            Some(value) => coerce(sub, value, &at, self.limits)?,
            None => None,
        };
        for index in indexes {
            let Some(Value::Object(fields)) = elements.get_mut(*index) else { continue };
            if let Some(value) = &value {
                overwrite(fields, Map::from_iter([(sub.name.clone(), value.clone())]));
                continue;
            }
            fields.shift_remove(&sub.name);
            if sub.name == "value" && is_only_labels(fields) {
                fields.clear();
            }
        }
        settle_primary(&mut elements, indexes);
        elements.retain(|element| element.as_object().is_none_or(|fields| !fields.is_empty()));
        Ok(elements)
    }

    /// Replaces or completes the selected elements.
    ///
    /// RFC 7644 section 3.5.2.3: "If the target location is a multi-valued attribute and a value selection
    /// ("valuePath") filter is specified that matches one or more values of the multi-valued attribute, then
    /// all matching record values SHALL be replaced." What the filter asked for is kept where the value is
    /// silent, so that a work address does not stop to be one.
    fn overwrite_selected(
        &self,
        filter: &Filter,
        mut elements: Vec<Value>,
        indexes: &[usize],
        value: Value,
    ) -> Result<Vec<Value>, ScimError> {
        let mut given = self.coerce(value)?;
        let new = match (given.pop(), given.is_empty()) {
            (Some(new), true) => new,
            (None, _) if self.op == PatchOp::Replace => {
                let mut index = 0..;
                elements.retain(|_| index.next().is_some_and(|index| !indexes.contains(&index)));
                return Ok(elements);
            }
            (None, _) => return Ok(elements),
            (Some(_), false) => {
                return Err(ScimError::invalid_value(format!("{}: a filter takes one value", self.at)));
            }
        };
        for index in indexes {
            let Some(element) = elements.get_mut(*index) else { continue };
            match (element, &new) {
                (Value::Object(fields), Value::Object(new)) => {
                    if self.op == PatchOp::Replace {
                        let kept = self.asked_for(filter).unwrap_or_default();
                        fields.retain(|name, _| kept.contains_key(name));
                    }
                    overwrite(fields, new.clone());
                }
                (element, new) => *element = new.clone(),
            }
        }
        settle_primary(&mut elements, indexes);
        Ok(elements)
    }

    /// Adds the element that the filter looked for and did not find.
    ///
    /// RFC 7644 section 3.5.2.3 asks for noTarget where a filter matches nothing. But Entra ID sends `replace
    /// emails[type eq "work"].value` for a person who has no such address yet, and means it to be there
    /// afterwards; so where the filter says by equalities what the element is like, it is made.
    fn create(
        &self,
        filter: &Filter,
        mut elements: Vec<Value>,
        value: Value,
    ) -> Result<Vec<Value>, ScimError> {
        if is_blank(&value) {
            return Ok(elements);
        }
        let fields = match (self.op, self.sub) {
            (PatchOp::Replace, None) => None,
            (PatchOp::Add | PatchOp::Replace | PatchOp::Remove, _) => self.asked_for(filter),
        };
        let Some(mut fields) = fields else {
            return Err(ScimError::no_target(format!("no value of {} matches the filter", self.at)));
        };
        if let Some(sub) = self.sub {
            let at = format!("{}.{}", self.at, sub.name);
            if let Some(value) = coerce(sub, value, &at, self.limits)? {
                fields.insert(sub.name.clone(), value);
            }
        } else {
            for given in self.coerce(value)? {
                let Value::Object(given) = given else { continue };
                fields.extend(given);
            }
        }
        elements.push(Value::Object(fields));
        let last = elements.len() - 1;
        settle_primary(&mut elements, &[last]);
        Ok(elements)
    }

    /// The sub-attributes that an element must have to match a filter made of equalities.
    fn asked_for(&self, filter: &Filter) -> Option<Map<String, Value>> {
        let mut fields = Map::new();
        for (name, literal) in filter.element_equalities()? {
            let sub = self.attribute.sub(&name)?;
            let value = match literal {
                Literal::Null => return None,
                Literal::Bool(value) => Value::Bool(value),
                Literal::Number(value) => Value::Number(value),
                Literal::Text(value) => Value::String(value),
            };
            fields.insert(sub.name.clone(), coerce(sub, value, self.at, self.limits).ok()??);
        }
        Some(fields)
    }

    /// Whether two elements are the same value, perhaps with other labels.
    fn is_same(&self, old: &Value, new: &Value) -> bool {
        let has_value = old.get("value").is_some() && new.get("value").is_some();
        old == new || (has_value && self.is_equal(old, new, "value") && old.get("type") == new.get("type"))
    }

    /// Whether an element is the one that a removal lists: by its value, or else by all that is said of it.
    fn is_meant(&self, element: &Value, listed: &Value) -> bool {
        let Value::Object(fields) = listed else { return element == listed };
        if fields.contains_key("value") {
            let same_type = !fields.contains_key("type") || self.is_equal(element, listed, "type");
            return same_type && self.is_equal(element, listed, "value");
        }
        fields.keys().all(|name| self.is_equal(element, listed, name))
    }

    fn is_equal(&self, left: &Value, right: &Value, name: &str) -> bool {
        match (left.get(name), right.get(name)) {
            (Some(Value::String(left)), Some(Value::String(right))) => {
                let exact = self.attribute.sub(name).is_some_and(|sub| sub.case_exact);
                if exact { left == right } else { is_same_folded(left, right) }
            }
            (left, right) => left == right,
        }
    }
}

/// RFC 7644 section 3.5.2: "a PATCH operation that sets a value's "primary" sub-attribute to "true" SHALL
/// cause the server to automatically set "primary" to "false" for any other values in the array."
fn settle_primary(elements: &mut [Value], touched: &[usize]) {
    let is_primary =
        |index: &&usize| elements.get(**index).and_then(|one| one.get("primary")) == Some(&true.into());
    let preferred = touched.iter().find(is_primary).copied().unwrap_or(0);
    keep_one_primary(elements, preferred);
}
