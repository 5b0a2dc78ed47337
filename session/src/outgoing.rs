//! Connections that the program opens: the agent connects, then the program's own socket is told how it went.

use std::sync::Arc;

use link::Link;
use protocol::{
    Errno,
    control::StreamHead,
    link::{HeldConnect, Names},
    outgoing::{Connect, Connected},
};

use crate::{hold::Hold, names::AddressBook, proxy::Proxy, relay, seen::Seen};

/// What a connection needs of its session.
pub(crate) struct Ways {
    pub(crate) link: Link,
    pub(crate) hold: Arc<Hold>,
    pub(crate) book: AddressBook,
    pub(crate) seen: Seen,
}

impl Ways {
    /// Those of `proxy`'s session.
    pub(crate) fn of(proxy: &Proxy, hold: Arc<Hold>) -> Self {
        Self { link: proxy.link.clone(), hold, book: proxy.book.clone(), seen: proxy.seen.clone() }
    }
}

/// Carries one connection from the layer's message to its end. `told` hears how the connect ended, as soon as the
/// program's socket knows it; it is dropped unheard when that cannot be told any more.
pub(crate) async fn carry(held: HeldConnect, ways: Ways, told: impl FnOnce(Result<(), Errno>)) {
    if let Err(error) = try_carry(&held, &ways, told).await {
        // The program has gone, or closed its socket before the answer came: nobody is left to tell.
        tracing::debug!(destination = %held.destination, %error, "held connect not completed");
    }
}

async fn try_carry(held: &HeldConnect, ways: &Ways, told: impl FnOnce(Result<(), Errno>)) -> std::io::Result<()> {
    let Ways { link, hold, book, seen } = ways;
    let answer = match link.open(&StreamHead::Connect(Connect { destination: held.destination })) {
        // No limit of our own: the target's kernel gives up after its own number of SYNs, and the program may earlier.
        Ok(mut stream) => match stream.read_message::<Result<Connected, Errno>>().await {
            Ok(answer) => answer.map(|connected| (connected, stream)),
            Err(error) => Err(Errno::from(error)),
        },
        Err(_) => Err(Errno(libc::ENETDOWN)),
    };
    match answer {
        Err(errno) => {
            let refused = hold.refuse(held, errno).await;
            told(Err(errno));
            refused
        }
        Ok((connected, stream)) => {
            let _entry = book.enter(held.token, Names { local: connected.local, peer: held.destination });
            let program = hold.complete(held).await?;
            let _seen = seen.connection(held.destination);
            program.set_nodelay(true)?;
            told(Ok(()));
            relay::both_ways(program, stream).await;
            Ok(())
        }
    }
}
