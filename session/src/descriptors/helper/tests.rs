//! The helper between a kernel and an agent that the tests play: what it asks when, and what it makes of the answers.

use std::{future::Future, os::unix::net::UnixStream};

use protocol::{
    Errno, codec,
    file::{Close, Content, Handle, Lock, Metadata, Opened, Stat, Write},
    operation::Operation,
};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use super::{
    mount::Owners,
    tree::{Node, tests::metadata},
    *,
};
use crate::descriptors::wire::{HEAD_LEN, Held, Moment, PRIME_BIT, Primed, ToSession, head};

/// A helper, and the frames that it has sent to the agent and nobody has looked at.
struct Played {
    helper: Rc<Helper>,
    frames: Vec<(ToSession, u32, Vec<u8>)>,
    /// The kernel's end.
    _kernel: UnixStream,
}

/// Plays with a helper in a runtime like its own.
fn play<T, F: Future<Output = T>>(game: impl FnOnce(Played) -> F) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, async {
        let (device, kernel) = UnixStream::pair().expect("a pair");
        device.set_nonblocking(true).expect("it can");
        let event = EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK).expect("an eventfd");
        let dirty = Dirty { event, set: Cell::new(false) };
        let helper = Helper::new(device.into(), Owners::Real, dirty).expect("it is registered");
        game(Played { helper, frames: Vec::new(), _kernel: kernel }).await
    })
}

impl Played {
    /// The next frame for the agent.
    async fn frame(&mut self) -> (ToSession, u32, Vec<u8>) {
        loop {
            if !self.frames.is_empty() {
                return self.frames.remove(0);
            }
            let out = self.helper.caller.take_out();
            let mut rest = out.as_slice();
            while let Some((start, behind)) = rest.split_first_chunk::<HEAD_LEN>() {
                let (kind, number, len) = head(start);
                self.frames.push((ToSession::from_byte(kind).expect("known"), number, behind[..len].to_vec()));
                rest = &behind[len..];
            }
            if self.frames.is_empty() {
                self.helper.caller.work.notified().await;
            }
        }
    }

    /// The next request, decoded.
    async fn asked(&mut self) -> (u32, Operation) {
        let (kind, number, payload) = self.frame().await;
        assert_eq!(kind, ToSession::Request);
        (number, codec::decode(&payload).expect("an operation"))
    }

    /// The agent's answer.
    fn answers<R: codec::Encode>(&self, number: u32, reply: R) {
        let place = self.helper.caller.waiting(number).expect("somebody waits");
        place.set_answer(&codec::encode(&Ok::<R, Errno>(reply)).expect("small"));
        place.finish(Ok(()));
    }

    /// Lets everything go on that can.
    async fn rests(&self) {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    /// Opens a file that the agent creates.
    async fn opens(&mut self, name: &'static [u8], flags: i32) -> (Rc<Node>, Rc<File>) {
        let helper = self.helper.clone();
        let opening: JoinHandle<_> = spawn_local(async move {
            let root = helper.node(1).expect("the root");
            helper.create(&root, name, flags, 0o600).await
        });
        let (number, _) = self.asked().await;
        let path = [b"/", name].concat();
        self.answers(number, Opened { metadata: regular(0), path, content: Content::Beginning(Handle(7)) });
        let (node, opened) = opening.await.expect("no panic").expect("it is there");
        (node, self.helper.file(opened.number).expect("open"))
    }
}

fn regular(size: i64) -> Metadata {
    Metadata { size, ..metadata(5, libc::S_IFREG) }
}

#[test]
fn a_name_that_is_looked_up_while_its_file_is_written_to_shows_what_was_written() {
    play(async |mut played| {
        let (node, file) = played.opens(b"file", libc::O_RDWR).await;
        let helper = played.helper.clone();
        helper.write(&file, 0, b" and more").await.expect("room");
        let (write, operation) = played.asked().await;
        assert!(matches!(operation, Operation::Write { request: Write { .. } }));

        let looking = spawn_local(async move {
            let root = helper.node(1).expect("the root");
            helper.look_up(&root, b"other").await
        });
        let (stat, operation) = played.asked().await;
        assert!(matches!(operation, Operation::Stat { request: Stat { .. } }), "{operation:?}");
        // The agent looks before it writes, and its answers cross.
        played.answers(write, ());
        played.rests().await;
        played.answers(stat, regular(0));
        let (stat, _) = played.asked().await;
        played.answers(stat, regular(9));
        let found = looking.await.expect("no panic").expect("it is there");
        assert_eq!((found.id, found.fresh().map(|(metadata, _)| metadata.size)), (node.id, Some(9)));
    });
}

/// What the kernel asks for when a program wants all of a file to itself.
fn flock() -> locks::Wanted {
    let (file, owner, start, last) = (0_u64, 1_u64, 0_u64, u64::MAX >> 1);
    let body = abi::Body::default().u64(file).u64(owner).u64(start).u64(last);
    let body = body.u32(libc::F_WRLCK.cast_unsigned()).u32(0).u32(1);
    locks::Wanted::parse(abi::Fields::from(body.0.as_slice())).expect("whole")
}

#[test]
fn who_locks_a_file_after_its_last_close_finds_it_free() {
    play(async |mut played| {
        let (_, file) = played.opens(b"file", libc::O_RDWR).await;
        let number = played.helper.next_file.get() - 1;
        file.locked.set(true);
        let (_, other) = played.opens(b"file", libc::O_RDWR).await;
        spawn_local(played.helper.release(number));
        let helper = played.helper.clone();
        let locking = spawn_local(async move { helper.lock(&other, flock(), false, std::future::pending()).await });
        let (close, operation) = played.asked().await;
        assert!(matches!(operation, Operation::Close { request: Close { .. } }), "{operation:?}");
        played.rests().await;
        assert!(played.helper.caller.take_out().is_empty(), "the agent may still hold the lock");
        played.answers(close, ());
        let (lock, operation) = played.asked().await;
        assert!(matches!(operation, Operation::Lock { request: Lock { .. } }), "{operation:?}");
        played.answers(lock, ());
        assert_eq!(locking.await.expect("no panic"), Ok(()));
    });
}

#[test]
fn nobody_locks_a_file_of_which_the_session_has_a_descriptor() {
    play(async |mut played| {
        let (node, file) = played.opens(b"file", libc::O_RDWR).await;
        played.helper.lent.lend(9, &node);
        let helper = played.helper.clone();
        let locking = spawn_local(async move { helper.lock(&file, flock(), true, std::future::pending()).await });
        played.rests().await;
        assert!(played.helper.caller.take_out().is_empty());
        played.helper.lent.lend(10, &node); // whoever comes later does not hold it up
        played.helper.lent.give_back(9);
        let (lock, _) = played.asked().await;
        played.answers(lock, ());
        assert_eq!(locking.await.expect("no panic"), Ok(()));
    });
}

#[test]
fn a_lock_that_is_given_up_is_had_if_the_agent_has_granted_it() {
    for granted in [true, false] {
        play(async |mut played| {
            let (_, file) = played.opens(b"file", libc::O_RDWR).await;
            let (helper, signal) = (played.helper.clone(), Rc::new(Notify::new()));
            let given_up = signal.clone();
            let locking = spawn_local(async move {
                helper.lock(&file, flock(), true, async move { given_up.notified().await }).await
            });
            let (lock, _) = played.asked().await;
            signal.notify_one();
            assert_eq!(played.frame().await, (ToSession::Cancel, lock, Vec::new()));
            assert!(!locking.is_finished(), "the session decides");
            if granted {
                played.answers(lock, ());
            } else {
                played.helper.caller.waiting(lock).expect("waits").finish(Err(Errno(libc::EINTR)));
            }
            let expected = if granted { Ok(()) } else { Err(Errno(libc::EINTR)) };
            assert_eq!(locking.await.expect("no panic"), expected);
        });
    }
}

#[test]
fn what_was_announced_for_a_place_is_not_what_is_read_there() {
    play(async |mut played| {
        let (node, _) = played.opens(b"file", libc::O_RDWR).await;
        let (path, content) = (b"/file".to_vec(), Held::File(Handle(9)));
        let primed = Primed { path, metadata: regular(0), asked: Moment::now(), flags: libc::O_PATH, content };
        played.helper.primes.borrow_mut().add(PRIME_BIT, primed);
        played.helper.primes.borrow_mut().found(b"/file", node.id);
        let (helper, at) = (played.helper.clone(), node.clone());
        let opening = spawn_local(async move { helper.open(&at, libc::O_RDONLY).await });
        let (number, operation) = played.asked().await;
        assert!(matches!(operation, Operation::Open { .. }), "{operation:?}");
        let content = Content::Beginning(Handle(10));
        played.answers(number, Opened { metadata: regular(0), path: b"/file".to_vec(), content });
        let opened = opening.await.expect("no panic").expect("it is there");
        let file = played.helper.file(opened.number).expect("open");
        assert_eq!(file.handle_if_any(), Some(Handle(10)));
    });
}

#[test]
fn pieces_that_are_appended_leave_in_their_order_without_waiting() {
    play(async |mut played| {
        let (_, file) = played.opens(b"log", libc::O_WRONLY | libc::O_APPEND).await;
        played.helper.write(&file, 0, &vec![1; 3 * protocol::file::WRITE_LIMIT]).await.expect("room");
        let mut numbers = Vec::new();
        for _ in 0..3 {
            let (number, operation) = played.asked().await;
            assert!(matches!(operation, Operation::Write { .. }), "{operation:?}");
            numbers.push(number);
        }
        assert!(numbers.is_sorted());
        for number in numbers {
            played.answers(number, ());
        }
        assert_eq!(played.helper.flush(&file).await, Ok(()));
    });
}
