//! connect(2) that stays in progress until the cluster has answered: a one-sided TCP simultaneous open.
//!
//! The program's own socket A connects to a random loopback address, the token, at our hold port. Nobody answers its
//! SYN: the listener there drops it silently. Once the cluster has answered, we connect a socket B *from* token and
//! hold port *to* A's own address: the kernel sees two SYNs that cross (RFC 9293, 3.5) and both ends are established at
//! once. A failure is told by resetting B while A is still in SYN_RECV, so A was never writable; the errno travels in
//! the maximum segment size that B announced, where the layer finds it (TCP_INFO, `tcpi_snd_mss`).

#![expect(unsafe_code, reason = "two socket options that no safe wrapper offers")]

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    os::fd::AsRawFd,
    time::Duration,
};

use protocol::{Errno, link::HeldConnect};
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::TcpStream;

/// Added to 16 x errno in the announced segment size; beyond every size that loopback ever has.
const MSS_BASE: u32 = 30_000;

/// Pause between tries while a blocking program has announced its connect and not yet sent the SYN.
const EARLY_PAUSE: Duration = Duration::from_micros(200);

/// Tries with that pause: two seconds, then the program has changed its mind.
const EARLY_TRIES: u32 = 10_000;

/// How long B may take to be established; on loopback it takes microseconds.
const ESTABLISH_LIMIT: Duration = Duration::from_secs(2);

/// The listener that swallows SYNs. It never accepts anything; it must stay open.
#[derive(Debug)]
pub(crate) struct Hold {
    port: u16,
    _listener: Socket,
}

impl Hold {
    /// Sets the listener up and proves with one connection of our own that holding works on this kernel.
    pub(crate) async fn new() -> io::Result<Self> {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        listener.set_reuse_port(true)?;
        // Only loopback: nobody outside this machine can reach the port.
        listener.bind_device(Some(b"lo"))?;
        listener.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
        listener.listen(0)?;
        let port = listener.local_addr()?.as_socket_ipv4().map_or(0, |address| address.port());
        // First fence: one dead connection fills the accept queue of length 0 for ever.
        let filler = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        filler.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
        filler.set_linger(Some(Duration::ZERO))?;
        drop(filler);
        // Second fence: segments with a smaller time-to-live than any can have are dropped before the listener looks.
        set_option(&listener, libc::IPPROTO_IP, libc::IP_MINTTL, 255)?;
        let hold = Self { port, _listener: listener };
        hold.self_test().await?;
        Ok(hold)
    }

    /// Port that programs' sockets connect to.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Completes the program's connect: gives our end of the connection.
    pub(crate) async fn complete(&self, held: &HeldConnect) -> io::Result<TcpStream> {
        self.open(held, None).await
    }

    /// Fails the program's connect with `errno`.
    pub(crate) async fn refuse(&self, held: &HeldConnect, errno: Errno) -> io::Result<()> {
        let stream = self.open(held, Some(errno)).await?;
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))
    }

    async fn open(&self, held: &HeldConnect, errno: Option<Errno>) -> io::Result<TcpStream> {
        let tries = if held.early { EARLY_TRIES } else { 1 };
        let mut last = io::Error::from(io::ErrorKind::TimedOut);
        for _ in 0..tries {
            match self.try_open(held, errno).await {
                Ok(stream) => return Ok(stream),
                // A has not sent its SYN yet, so nobody is there.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => last = error,
                Err(error) => return Err(error),
            }
            if held.early {
                tokio::time::sleep(EARLY_PAUSE).await;
            }
        }
        Err(last)
    }

    async fn try_open(&self, held: &HeldConnect, errno: Option<Errno>) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_port(true)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddrV4::new(held.token, self.port).into())?;
        if let Some(errno) = errno {
            // A must not become writable before the reset: the final ACK is held back.
            set_option(&socket, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, 1)?;
            socket.set_tcp_mss(MSS_BASE + 16 * u32::try_from(errno.0.clamp(1, 133)).expect("clamped"))?;
        }
        socket.set_nonblocking(true)?;
        match socket.connect(&held.program.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        let stream = TcpStream::from_std(socket.into())?;
        tokio::time::timeout(ESTABLISH_LIMIT, stream.writable()).await.map_err(|_| io::ErrorKind::TimedOut)??;
        match stream.take_error()? {
            Some(error) => Err(error),
            None => Ok(stream),
        }
    }

    /// One connection of our own, held and completed: sysctls and packet filters can forbid it.
    async fn self_test(&self) -> io::Result<()> {
        let program = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        program.set_nonblocking(true)?;
        let token = crate::names::random_token();
        match program.connect(&SocketAddrV4::new(token, self.port).into()) {
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
            Ok(()) => return Err(io::Error::other("a connect that should have been held was answered at once")),
        }
        let address = program.local_addr()?.as_socket_ipv4().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let destination = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        self.complete(&HeldConnect { token, program: address, destination, early: false }).await.map(drop)
    }
}

/// setsockopt(2) with an `int`.
fn set_option(socket: &Socket, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let len = libc::socklen_t::try_from(size_of::<libc::c_int>()).expect("small");
    // SAFETY: the descriptor is open for the call and the kernel reads `len` bytes from a live `c_int`.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), len) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A program's socket that connects without blocking, and what its layer would tell us.
    fn program(hold: &Hold) -> (Socket, HeldConnect) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_nonblocking(true).expect("a flag");
        let token = crate::names::random_token();
        let error = socket.connect(&SocketAddrV4::new(token, hold.port()).into()).expect_err("held");
        assert_eq!(error.raw_os_error(), Some(libc::EINPROGRESS));
        let program = socket.local_addr().expect("bound").as_socket_ipv4().expect("IPv4");
        let destination = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        (socket, HeldConnect { token, program, destination, early: false })
    }

    #[tokio::test]
    async fn a_held_connect_is_writable_only_when_completed() {
        let hold = Hold::new().await.expect("loopback");
        let (socket, held) = program(&hold);
        let mut stream = TcpStream::from_std(socket.into()).expect("a socket");
        let early = tokio::time::timeout(Duration::from_millis(50), stream.writable()).await;
        assert!(early.is_err(), "nobody has answered yet");
        let mut ours = hold.complete(&held).await.expect("completed");
        stream.writable().await.expect("connected");
        assert_eq!(stream.peer_addr().expect("connected").ip(), held.token);
        stream.write_all(b"ping").await.expect("sent");
        let mut bytes = [0; 4];
        ours.read_exact(&mut bytes).await.expect("received");
        assert_eq!(&bytes, b"ping");
    }

    #[tokio::test]
    async fn a_refused_connect_fails_with_the_errno_in_its_segment_size() {
        let hold = Hold::new().await.expect("loopback");
        for errno in [Errno::ECONNREFUSED, Errno::ETIMEDOUT, Errno(113)] {
            let (socket, held) = program(&hold);
            hold.refuse(&held, errno).await.expect("told");
            let stream = TcpStream::from_std(socket.into()).expect("a socket");
            stream.ready(tokio::io::Interest::WRITABLE).await.expect("an event");
            let size = SockRef::from(&stream).tcp_mss().expect("an option");
            let error = stream.take_error().expect("an option").expect("an error");
            assert_eq!(error.raw_os_error(), Some(libc::ECONNRESET));
            assert_eq!((size.saturating_sub(MSS_BASE) + 12) / 16, u32::try_from(errno.0).expect("positive"));
        }
    }
}
