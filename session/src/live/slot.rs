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
    /// A list that is not complete yet.
    fresh: K,
    /// Whether nobody has looked since the connection was lost.
    doubted: bool,
    failing: Option<String>,
}

#[derive(Debug, PartialEq)]
enum Value<K> {
    Waiting,
    Open(K),
    Forbidden,
    Absent,
}

impl<K: Default> Default for Slot<K> {
    fn default() -> Self {
        Self { value: Value::Waiting, fresh: K::default(), doubted: false, failing: None }
    }
}

impl<K: Kept> Slot<K> {
    /// Takes news in; whether they change what is known.
    pub(super) fn hear(&mut self, news: News<K::Object>) -> bool {
        let Self { value, fresh, doubted, failing } = self;
        let changed = match (news, &mut *value) {
            (News::Failing(why), _) => return failing.replace(why).is_none(),
            (News::Begin, _) => {
                *fresh = K::default();
                return false;
            }
            (News::Part(objects), _) => {
                for object in objects {
                    fresh.set(object);
                }
                return false;
            }
            (News::Complete, value) => {
                let fresh = Value::Open(std::mem::take(fresh));
                let changed = *value != fresh;
                *value = fresh;
                changed
            }
            (News::Set(object), Value::Open(kept)) => kept.set(object),
            (News::Gone(object), Value::Open(kept)) => kept.remove(&object),
            (News::Forbidden, value) => std::mem::replace(value, Value::Forbidden) != Value::Forbidden,
            (News::Absent, value) => std::mem::replace(value, Value::Absent) != Value::Absent,
            (News::Set(_) | News::Gone(_) | News::Watching, _) => false,
        };
        let was_failing = failing.take().is_some();
        let was_doubted = std::mem::take(doubted);
        changed || was_failing || was_doubted
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

    /// The connection was lost: what is known may not be true any more.
    pub(super) fn doubt(&mut self) {
        self.doubted = true;
    }

    /// Whether there is no answer of any sort yet, or none that counts.
    pub(super) fn is_waiting(&self) -> bool {
        (self.value == Value::Waiting || self.doubted) && self.failing.is_none()
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
