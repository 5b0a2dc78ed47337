//! Operations asked of the agent, by way of the session: one waiting place per number.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::Future,
    marker::PhantomData,
    rc::Rc,
};

use protocol::{
    Errno, codec,
    operation::{Operation, Request, decode_answer},
};
use tokio::sync::Notify;

use super::super::wire::{Moment, PRIME_BIT, ToSession, put};

/// What the session sends under one number.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    answer: RefCell<Vec<u8>>,
    /// When the agent was asked, if the session had the answer already.
    asked: Cell<Option<Moment>>,
    blob: RefCell<Vec<u8>>,
    /// How it ended, once it has.
    end: Cell<Option<Result<(), Errno>>>,
    changed: Notify,
}

impl Incoming {
    pub(super) fn set_answer(&self, answer: &[u8]) {
        self.answer.replace(answer.to_vec());
    }

    /// The answer to an earlier question.
    pub(super) fn set_remembered(&self, asked: Moment, answer: &[u8]) {
        self.asked.set(Some(asked));
        self.set_answer(answer);
    }

    pub(super) fn add(&self, bytes: &[u8]) {
        self.blob.borrow_mut().extend_from_slice(bytes);
        self.changed.notify_waiters();
    }

    pub(super) fn finish(&self, end: Result<(), Errno>) {
        self.end.set(Some(end));
        self.changed.notify_waiters();
    }

    /// Waits until the blob has `len` bytes or is over; fails as it failed.
    pub(super) async fn wait_for(&self, len: usize) -> Result<(), Errno> {
        loop {
            let changed = self.changed.notified();
            if self.blob.borrow().len() >= len {
                return Ok(());
            }
            if let Some(end) = self.end.get() {
                return end;
            }
            changed.await;
        }
    }

    /// Waits until nothing more comes.
    pub(super) async fn wait(&self) -> Result<(), Errno> {
        self.wait_for(usize::MAX).await
    }

    /// What has come of the blob so far.
    pub(super) fn with_blob<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        look(&self.blob.borrow())
    }

    pub(super) fn take_blob(&self) -> Vec<u8> {
        self.blob.take()
    }

    pub(super) fn is_over(&self) -> bool {
        self.end.get().is_some()
    }
}

/// Sends requests to the session, which passes them on.
#[derive(Debug, Default)]
pub(super) struct Caller {
    next: Cell<u32>,
    waiting: RefCell<HashMap<u32, Rc<Incoming>>>,
    /// Frames that the session has not taken yet. Bounded by the requests of the kernel, of which there are few at
    /// once, and by the windows of writers.
    out: RefCell<Vec<u8>>,
    /// There is something in `out`.
    pub(super) work: Notify,
}

/// A question that is on its way.
#[derive(Debug)]
pub(super) struct Sent<R> {
    number: u32,
    incoming: Rc<Incoming>,
    request: PhantomData<R>,
}

/// Somebody who waits for the answer; dropped before the end, the question is taken back.
struct Place<'a, R> {
    caller: &'a Caller,
    sent: Sent<R>,
}

impl<R> Drop for Place<'_, R> {
    fn drop(&mut self) {
        self.caller.waiting.borrow_mut().remove(&self.sent.number);
        if !self.sent.incoming.is_over() {
            self.caller.send(ToSession::Cancel, self.sent.number, &[]);
        }
    }
}

impl<R: Request> Place<'_, R> {
    fn reply(&self) -> Result<R::Reply, Errno> {
        decode_answer::<R>(&self.sent.incoming.answer.borrow()).map_err(|_| Errno::EIO)?
    }
}

impl Caller {
    /// Asks and waits for everything: the reply and the blob.
    pub(super) async fn ask<R: Request>(&self, request: R) -> Result<(R::Reply, Vec<u8>), Errno> {
        let sent = self.begin(request)?;
        self.answer_to(sent).await
    }

    /// Asks for what may be known already; the answer and when the agent was asked.
    pub(super) async fn ask_lately<R: Request>(&self, request: R) -> Result<(R::Reply, Moment), Errno> {
        let now = Moment::now();
        let place = self.place(self.begin(request)?);
        place.sent.incoming.wait().await?;
        Ok((place.reply()?, place.sent.incoming.asked.get().unwrap_or(now)))
    }

    /// Asks, and takes the question back at `given_up`. The answer counts even then if there is one: what it tells of has
    /// been done.
    pub(super) async fn ask_until<R: Request>(&self, request: R, given_up: impl Future) -> Result<R::Reply, Errno> {
        let place = self.place(self.begin(request)?);
        tokio::select! {
            biased;
            ended = place.sent.incoming.wait() => ended?,
            _ = given_up => {
                self.send(ToSession::Cancel, place.sent.number, &[]);
                place.sent.incoming.wait().await?;
            }
        }
        place.reply()
    }

    /// Asks: the question is behind those that were asked before when this returns. [`Self::answer_to`] is to follow.
    pub(super) fn begin<R: Request>(&self, request: R) -> Result<Sent<R>, Errno> {
        let operation: Operation = request.into();
        let encoded = codec::encode(&operation).map_err(|_| Errno(libc::ENAMETOOLONG))?;
        let number = self.free_number();
        let incoming = Rc::new(Incoming::default());
        self.waiting.borrow_mut().insert(number, incoming.clone());
        self.send(ToSession::Request, number, &encoded);
        Ok(Sent { number, incoming, request: PhantomData })
    }

    /// Waits for everything that answers a question.
    pub(super) async fn answer_to<R: Request>(&self, sent: Sent<R>) -> Result<(R::Reply, Vec<u8>), Errno> {
        let place = self.place(sent);
        place.sent.incoming.wait().await?;
        Ok((place.reply()?, place.sent.incoming.take_blob()))
    }

    /// Asks without waiting for the answer, and without minding it.
    pub(super) fn tell(&self, request: impl Request) {
        if let Ok(sent) = self.begin(request) {
            // The answer finds nobody under its number and is thrown away.
            self.place(sent).sent.incoming.finish(Ok(()));
        }
    }

    fn place<R: Request>(&self, sent: Sent<R>) -> Place<'_, R> {
        Place { caller: self, sent }
    }

    fn free_number(&self) -> u32 {
        loop {
            let number = self.next.get() & !PRIME_BIT;
            self.next.set(number.wrapping_add(1));
            if !self.waiting.borrow().contains_key(&number) {
                return number;
            }
        }
    }

    /// Who waits under `number`.
    pub(super) fn waiting(&self, number: u32) -> Option<Rc<Incoming>> {
        self.waiting.borrow().get(&number).cloned()
    }

    /// Queues a frame for the session.
    pub(super) fn send(&self, kind: ToSession, number: u32, payload: &[u8]) {
        put(&mut self.out.borrow_mut(), kind as u8, number, payload);
        self.work.notify_one();
    }

    /// Takes what is queued.
    pub(super) fn take_out(&self) -> Vec<u8> {
        self.out.take()
    }
}
