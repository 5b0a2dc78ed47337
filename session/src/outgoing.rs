//! Connections that the program opens: the agent connects, then the program's own socket is told how it went.

use std::sync::Arc;

use link::Link;
use protocol::{
    Errno,
    control::StreamHead,
    link::{HeldConnect, Names},
    outgoing::{Connect, Connected},
};

use crate::{hold::Hold, names::AddressBook, relay};

/// Carries one connection from the layer's message to its end.
pub(crate) async fn carry(held: HeldConnect, link: Link, hold: Arc<Hold>, book: AddressBook) {
    if let Err(error) = try_carry(&held, &link, &hold, &book).await {
        // The program has gone, or closed its socket before the answer came: nobody is left to tell.
        tracing::debug!(destination = %held.destination, %error, "held connect not completed");
    }
}

async fn try_carry(held: &HeldConnect, link: &Link, hold: &Hold, book: &AddressBook) -> std::io::Result<()> {
    let Ok(mut stream) = link.open(&StreamHead::Connect(Connect { destination: held.destination })) else {
        return hold.refuse(held, Errno(libc::ENETDOWN)).await;
    };
    // No limit of our own: the target's kernel gives up after its own number of SYNs, and the program may earlier.
    let answer: Result<Connected, Errno> = match stream.read_message().await {
        Ok(answer) => answer,
        Err(error) => Err(Errno::from(error)),
    };
    match answer {
        Err(errno) => hold.refuse(held, errno).await,
        Ok(connected) => {
            let _entry = book.enter(held.token, Names { local: connected.local, peer: held.destination });
            let program = hold.complete(held).await?;
            program.set_nodelay(true)?;
            relay::both_ways(program, stream).await;
            Ok(())
        }
    }
}
