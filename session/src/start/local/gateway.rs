//! The door into the pod's network: connects who comes over a Unix socket to an address inside.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, SocketAddrV4, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    thread,
};

use socket2::{Domain, Socket, Type};

use super::VISITOR_ADDRESS;

/// Longest first line, in bytes: an address and its end.
const ADDRESS_LIMIT: u64 = 64;

/// Serves for ever. First comes a line with the address, then four bytes go back (an errno, big endian, or 0), then
/// the connection's bytes go both ways, half-close included. Only the launcher can come here.
pub(super) fn serve(listener: &UnixListener) {
    for outside in listener.incoming().flatten() {
        thread::spawn(move || {
            // Whoever came sees the connection end; there is nobody else to tell.
            let _ = join(outside);
        });
    }
}

fn join(mut outside: UnixStream) -> io::Result<()> {
    let mut line = String::new();
    // Byte by byte: what follows the line is not ours to read.
    BufReader::with_capacity(1, (&outside).take(ADDRESS_LIMIT)).read_line(&mut line)?;
    let connected = line.trim_end().parse().map_err(io::Error::other).and_then(connect);
    let errno = connected.as_ref().err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EINVAL));
    outside.write_all(&errno.to_be_bytes())?;
    let inside = connected?;

    let (mut outside_read, mut inside_write) = (outside.try_clone()?, inside.try_clone()?);
    let there = thread::spawn(move || {
        let copied = io::copy(&mut outside_read, &mut inside_write);
        inside_write.shutdown(Shutdown::Write).and(copied)
    });
    let back = io::copy(&mut &inside, &mut outside);
    outside.shutdown(Shutdown::Write).and(back)?;
    // A panic over there has printed itself.
    let _ = there.join();
    Ok(())
}

/// Connects as another pod would, from an address of its own.
fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv4() && !address.ip().is_loopback() {
        socket.bind(&SocketAddrV4::new(VISITOR_ADDRESS, 0).into())?;
    }
    socket.connect(&address.into())?;
    Ok(socket.into())
}
