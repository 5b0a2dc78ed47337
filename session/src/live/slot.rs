//! A list as it is known: not yet, to this extent, or never.

use super::follow::News;

/// What is kept of the objects of a list.
pub(super) trait Kept: Default + PartialEq {
    /// As they arrive.
    type Object;

    /// New or changed.
    fn set(&mut self, object: Self::Object) -> bool;

    /// Gone.
    fn remove(&mut self, object: &Self::Object) -> bool;
}

/// A list as it is known.
#[derive(Debug)]
pub(super) struct Slot<K> {
    value: Value<K>,
    failing: Option<String>,
}

#[derive(Debug, PartialEq)]
enum Value<K> {
    Waiting,
    Open(K),
    Forbidden,
    Absent,
}

impl<K> Default for Slot<K> {
    fn default() -> Self {
        Self { value: Value::Waiting, failing: None }
    }
}

impl<K: Kept> Slot<K> {
    /// Takes news in; whether they change what is known.
    pub(super) fn hear(&mut self, news: News<K::Object>) -> bool {
        let was_failing = match news {
            News::Failing(why) => return self.failing.replace(why).is_none(),
            _ => self.failing.take().is_some(),
        };
        let changed = match (news, &mut self.value) {
            (News::All(objects), value) => {
                let mut fresh = K::default();
                for object in objects {
                    fresh.set(object);
                }
                let fresh = Value::Open(fresh);
                let changed = *value != fresh;
                *value = fresh;
                changed
            }
            (News::Set(object), Value::Open(kept)) => kept.set(object),
            (News::Gone(object), Value::Open(kept)) => kept.remove(&object),
            (News::Forbidden, value) => std::mem::replace(value, Value::Forbidden) != Value::Forbidden,
            (News::Absent, value) => std::mem::replace(value, Value::Absent) != Value::Absent,
            (News::Set(_) | News::Gone(_) | News::Watching | News::Failing(_), _) => false,
        };
        changed || was_failing
    }

    /// What is known, if it may be.
    pub(super) fn get(&self) -> Option<&K> {
        match &self.value {
            Value::Open(kept) => Some(kept),
            Value::Waiting | Value::Forbidden | Value::Absent => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self) -> Option<&mut K> {
        match &mut self.value {
            Value::Open(kept) => Some(kept),
            Value::Waiting | Value::Forbidden | Value::Absent => None,
        }
    }

    /// Whether there is no answer of any sort yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.value == Value::Waiting && self.failing.is_none()
    }

    /// Whether the cluster has no such list.
    pub(super) fn is_absent(&self) -> bool {
        self.value == Value::Absent
    }

    /// Why it cannot be kept up to date.
    pub(super) fn failing(&self) -> Option<&str> {
        self.failing.as_deref()
    }
}
