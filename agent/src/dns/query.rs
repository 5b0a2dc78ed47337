//! A DNS message of the program's own making: sent as it is, answered as it comes.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use protocol::{
    Errno,
    dns::{QUERY_LIMIT, Query, QueryAnswer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
};

use super::{Texts, resolv_conf::ResolvConf};

/// How long a name server may take: what resolvers wait by default. resolv.conf(5)
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// How long a query to the target's own servers may take with all of them and all attempts.
const OWN_LIMIT: Duration = Duration::from_secs(30);

/// Length of the header (RFC 1035, 4.1.1): identifier, flags, four counts.
const HEADER: usize = 12;

/// Port of name servers.
pub(super) const PORT: u16 = 53;

/// Flags in the header's third byte.
const IS_ANSWER: u8 = 0x80;
const TRUNCATED: u8 = 0x02;

/// The response code, in the header's fourth byte.
const CODE: u8 = 0x0F;
const SERVER_FAILURE: u8 = 2;
const NOT_IMPLEMENTED: u8 = 4;
const REFUSED: u8 = 5;

/// Performs a query. The texts are needed only when the target's own servers are meant.
pub(crate) async fn query(query: Query, texts: Option<Texts>) -> Result<QueryAnswer, Errno> {
    let Query { server, message } = query;
    if message.len() < HEADER || message.len() > QUERY_LIMIT {
        return Err(Errno(libc::EMSGSIZE));
    }
    let message = match texts {
        None => by_udp(server, &message, TIME_LIMIT, answers).await?,
        Some(texts) => {
            let conf = ResolvConf::parse(&texts.resolv_conf);
            let port = if server.port() == 0 { PORT } else { server.port() };
            let asked = tokio::time::timeout(OWN_LIMIT, of_own(&conf, 0, port, &message)).await;
            asked.unwrap_or(Err(Errno::ETIMEDOUT))?
        }
    };
    Ok(QueryAnswer { message })
}

/// Whether the target's own name servers are meant, which the query then does not name.
pub(crate) fn is_for_own(query: &Query) -> bool {
    query.server.ip().is_unspecified()
}

/// The first answer that is no failure; the last failure if there is none. As res_send(3) of glibc does it: a server that
/// refuses has not answered.
///
/// `first` is the server that is asked first, and `port` where.
pub(super) async fn of_own(conf: &ResolvConf, first: usize, port: u16, message: &[u8]) -> Result<Vec<u8>, Errno> {
    let mut last = Err(Errno::ETIMEDOUT);
    for turn in (0..conf.attempts).flat_map(|_| 0..conf.servers.len()) {
        let server = SocketAddr::new(conf.servers[(first + turn) % conf.servers.len()], port);
        match of_one(conf, server, message).await {
            Ok(answer) => match answer[3] & CODE {
                SERVER_FAILURE => last = Ok(answer),
                // An answer that says no is worth more than none.
                NOT_IMPLEMENTED | REFUSED if last.is_ok() => {}
                NOT_IMPLEMENTED | REFUSED => last = Err(Errno(libc::ECONNREFUSED)),
                _ => return Ok(answer),
            },
            Err(_) if last.is_ok() => {}
            Err(errno) => last = Err(errno),
        }
    }
    last
}

/// Over UDP, and over TCP when that is too long, or as the file wants it.
async fn of_one(conf: &ResolvConf, server: SocketAddr, message: &[u8]) -> Result<Vec<u8>, Errno> {
    if !conf.use_tcp {
        let answer = by_udp(server, message, conf.timeout, answers_question).await?;
        if answer[2] & TRUNCATED == 0 {
            return Ok(answer);
        }
    }
    by_tcp(server, message, conf.timeout).await
}

/// Sends `message` and waits for the datagram that answers it. What the network says of the server (ICMP) is the errno.
/// What is no answer is passed over.
async fn by_udp(
    server: SocketAddr,
    message: &[u8],
    limit: Duration,
    is_answer: fn(&[u8], &[u8]) -> bool,
) -> Result<Vec<u8>, Errno> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // A port of its own for each question: nobody can guess it, and no answer meets another question.
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(message).await?;
    let mut buffer = vec![0; QUERY_LIMIT + 1];
    let answered = async {
        loop {
            let len = socket.recv(&mut buffer).await?;
            if is_answer(&buffer[..len], message) {
                return Ok::<_, std::io::Error>(len);
            }
        }
    };
    let len = tokio::time::timeout(limit, answered).await.map_err(|_| Errno::ETIMEDOUT)??;
    if len > QUERY_LIMIT {
        buffer[2] |= TRUNCATED;
    }
    buffer.truncate(len.min(QUERY_LIMIT));
    Ok(buffer)
}

/// The same over TCP (RFC 7766): a length goes before each message.
async fn by_tcp(server: SocketAddr, message: &[u8], limit: Duration) -> Result<Vec<u8>, Errno> {
    let exchanged = async {
        let mut stream = TcpStream::connect(server).await?;
        let len = u16::try_from(message.len()).map_err(|_| Errno(libc::EMSGSIZE))?;
        stream.write_u16(len).await?;
        stream.write_all(message).await?;
        let mut answer = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut answer).await?;
        if answers_question(&answer, message) { Ok(answer) } else { Err(Errno::EIO) }
    };
    tokio::time::timeout(limit, exchanged).await.unwrap_or(Err(Errno::ETIMEDOUT))
}

/// Whether a message is an answer to `question`: its identifier says so.
fn answers(message: &[u8], question: &[u8]) -> bool {
    message.len() >= HEADER && message[..2] == question[..2] && message[2] & IS_ANSWER != 0
}

/// Whether it also repeats what was asked, as resolvers demand of servers: whoever guesses the number does not know that.
fn answers_question(message: &[u8], question: &[u8]) -> bool {
    answers(message, question)
        && match (asked(message), asked(question)) {
            (Some(repeated), Some(asked)) => repeated.eq_ignore_ascii_case(asked),
            (_, None) => true,
            (None, Some(_)) => false,
        }
}

/// The one question of a message, with type and class; nothing when it has none, or several.
fn asked(message: &[u8]) -> Option<&[u8]> {
    if message.get(4..6)? != [0, 1] {
        return None;
    }
    let mut end = HEADER;
    loop {
        match usize::from(*message.get(end)?) {
            0 => return message.get(HEADER..end + 5),
            // Compressed: there is nothing before it that it could stand for.
            64.. => return None,
            len => end += 1 + len,
        }
    }
}
