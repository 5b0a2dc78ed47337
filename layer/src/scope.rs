//! The way into the layer and out of it: once per thread at a time, `errno` kept, no panic past the border.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use libc::c_int;
use protocol::Errno;

use crate::instead::{Instead, Lent};
use crate::{cabi::Return, notice, state, state::Layer, sys, sys::signals};

thread_local! {
    /// Whether this thread runs the layer's own code, whose libc calls are not the program's.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// What a hook's body says when it has no value of its own to return.
#[derive(Debug)]
pub(crate) enum Otherwise {
    /// Run the real function with the program's arguments.
    Native,
    /// Run the real function with other paths.
    Instead(Instead),
    /// Fail with this `errno`.
    Fail(Errno),
}

impl Otherwise {
    /// What the function shall fail with, if it shall.
    pub(crate) fn errno(self) -> Option<Errno> {
        match self {
            Self::Fail(errno) => Some(errno),
            Self::Native | Self::Instead(_) => None,
        }
    }
}

impl From<Errno> for Otherwise {
    fn from(errno: Errno) -> Self {
        Self::Fail(errno)
    }
}

/// What a hook's body returns.
pub(crate) type Hooked<T> = Result<T, Otherwise>;

/// `Otherwise::Fail` with a number of libc's.
pub(crate) fn fail<T>(errno: c_int) -> Hooked<T> {
    Err(Otherwise::Fail(Errno(errno)))
}

/// Held while a thread runs the layer's own code: hooks pass through, and the thread cannot be cancelled
/// (pthread_cancel(3)), whose unwinding must not meet Rust frames with destructors. Once it is clear that a call concerns
/// the target, signals wait, too ([`signals::hold`]).
pub(crate) struct Scope {
    cancel_state: c_int,
    aside: signals::Aside,
}

impl Scope {
    /// Nothing when this thread is inside already.
    pub(crate) fn enter() -> Option<Self> {
        let was_inside = INSIDE.replace(true);
        (!was_inside)
            .then(|| Self { cancel_state: sys::set_cancel_state(sys::CANCEL_DISABLE), aside: signals::enter() })
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        sys::set_cancel_state(self.cancel_state);
        INSIDE.set(false);
        // Handlers that have waited run as the program's code does.
        signals::leave(&mut self.aside);
    }
}

/// Runs `body` as if this thread were outside: for a wait in which signal handlers of the program may run. Nothing of the
/// layer's may be under way in this thread that a hook could meet.
pub(crate) fn outside<T>(body: impl FnOnce() -> T) -> T {
    let was_inside = INSIDE.replace(false);
    let result = body();
    INSIDE.set(was_inside);
    result
}

/// Runs `body` inside, if there is an active layer and this thread is outside; keeps `errno` as it was.
/// A panic is told to the user and becomes `EIO`.
pub(crate) fn run<T>(body: impl FnOnce(&'static Layer) -> Hooked<T>) -> Hooked<T> {
    match state::active() {
        Some(layer) => run_with(layer, body),
        None => Err(Otherwise::Native),
    }
}

/// As [`run`], for processes that are attached but skipped, too.
pub(crate) fn run_attached<T>(body: impl FnOnce(&'static Layer) -> Hooked<T>) -> Hooked<T> {
    match state::attached() {
        Some(layer) => run_with(layer, body),
        None => Err(Otherwise::Native),
    }
}

fn run_with<T>(layer: &'static Layer, body: impl FnOnce(&'static Layer) -> Hooked<T>) -> Hooked<T> {
    let Some(_scope) = Scope::enter() else {
        return Err(Otherwise::Native);
    };
    let errno = sys::errno();
    let result = catch_unwind(AssertUnwindSafe(|| body(layer))).unwrap_or_else(|_| {
        notice::always("internal error in the layer; a call of the program fails with EIO");
        Err(Otherwise::Fail(Errno::EIO))
    });
    sys::set_errno(Errno(errno));
    result
}

/// What a hooked function does. Without destructors: the real function runs while this is alive.
#[derive(Clone, Copy)]
pub(crate) enum Decision<R> {
    /// It returns this.
    Value(R),
    /// It runs the real function with the program's arguments.
    Native,
    /// It runs the real function with these paths, and takes them back.
    Instead(Lent),
}

/// What a hooked function does by `body`.
pub(crate) fn decide<R: Return>(body: impl FnOnce(&'static Layer) -> Hooked<R>) -> Decision<R> {
    match run(body) {
        Ok(value) => Decision::Value(value),
        Err(Otherwise::Native) => Decision::Native,
        Err(Otherwise::Instead(instead)) => Decision::Instead(instead.lend()),
        Err(Otherwise::Fail(errno)) => Decision::Value(failed(errno)),
    }
}

/// Sets `errno` and gives the value by which a function reports failure.
pub(crate) fn failed<R: Return>(errno: Errno) -> R {
    sys::set_errno(errno);
    R::FAILED
}

/// Lets `body` improve what a real function has already given to the program; it cannot make it fail.
pub(crate) fn amend(body: impl FnOnce(&'static Layer) -> Hooked<()>) {
    // Whatever goes wrong, the kernel's own answer stands.
    let _ = run(body);
}
