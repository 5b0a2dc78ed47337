//! One request after the other, or beside the other: whose it is, and the way there and back.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use http::{Method, Request, Response, StatusCode, Uri, Version as HttpVersion, header::HOST, request};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use tokio::{
    io::copy_bidirectional,
    sync::{Mutex as AsyncMutex, Notify},
};

use super::{
    RequestBody, Tasks, Version,
    answer::Answer,
    client::Breakage,
    upstream::{self, Sender},
};
use crate::incoming::{
    filter::Head,
    owners::{Owner, Owners, Share},
    pass,
    steer::Steering,
    stolen::Way,
};

/// A connection to a program, made when it is first needed.
type Slot = AsyncMutex<Option<Sender>>;

/// One client's connection, as far as requests are concerned.
#[derive(Debug)]
pub(crate) struct Exchange {
    peer: SocketAddr,
    /// The address that the client connected to.
    local: SocketAddr,
    version: Version,
    owners: Owners,
    steering: Arc<Steering>,
    tasks: Tasks,
    breakage: Breakage,
    original: Slot,
    original_left: Arc<Notify>,
    /// To programs of sessions, by owner.
    programs: Mutex<HashMap<u64, Arc<Slot>>>,
}

/// Why the client's connection, or its stream of HTTP/2, ends without an answer: as it would without us.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the target does not take the connection: {0}")]
    NotTaken(#[from] io::Error),
    #[error("the target's connection: {0}")]
    Broken(#[from] hyper::Error),
}

/// What became of a request that a session's filter picked.
enum Asked {
    Answered(Response<Incoming>),
    /// The program has it, or part of it, and is gone; why.
    Lost(String),
    /// Nobody has seen it.
    Unseen(Request<RequestBody>),
}

impl Exchange {
    /// Nothing is connected yet.
    pub(crate) fn new(
        peer: SocketAddr,
        local: SocketAddr,
        version: Version,
        way: Way,
        tasks: Tasks,
        breakage: Breakage,
    ) -> Self {
        let Way { owners, insiders: _, steering } = way;
        let (original, original_left, programs) = Default::default();
        Self { peer, local, version, owners, steering, tasks, breakage, original, original_left, programs }
    }

    /// Resolves when the original program has ended its connection; the client's may end, too.
    pub(crate) async fn original_has_left(&self) {
        self.original_left.notified().await;
    }

    /// The client sees a reset when its connection ends.
    pub(crate) fn break_off(&self) {
        self.breakage.break_off();
    }

    /// Answers a request, by way of whoever it is for.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Result<Response<Answer>, Error> {
        let answer = self.forward(request).await;
        if let Err(error) = &answer {
            tracing::debug!(%error, local = %self.local, "a request is not answered");
            if self.version == Version::Http1 {
                self.break_off();
            }
        }
        answer
    }

    async fn forward(&self, mut request: Request<Incoming>) -> Result<Response<Answer>, Error> {
        let client = hyper::upgrade::on(&mut request);
        let (mut parts, body) = request.into_parts();
        complete(&mut parts);
        let is_connect = parts.method == Method::CONNECT;
        let head = Head::of(&parts);
        let mut body = RequestBody::new(body);
        let owner = self.owner_of(&head, &mut body).await;
        let request = Request::from_parts(parts, body);
        let response = match owner {
            None => self.ask_original(request).await?,
            Some(owner) => match self.ask_program(&owner, request).await {
                Asked::Answered(response) => response,
                Asked::Lost(why) => return Ok(Answer::bad_gateway(why)),
                Asked::Unseen(request) => self.ask_original(request).await?,
            },
        };
        Ok(self.deliver(response, client, is_connect))
    }

    /// The oldest owner whose filter matches, if it has one.
    async fn owner_of(&self, head: &Head, body: &mut RequestBody) -> Option<Owner> {
        let owners = match self.owners.of(self.local.port()) {
            Share::Nobody => return None,
            Share::Whole(owner) => vec![owner], // all but the kubelet's
            Share::Requests(owners) => owners,
        };
        self.forget_all_but(&owners);
        for owner in owners {
            let subscriber = &owner.subscriber;
            if subscriber.ended.is_cancelled() || (subscriber.spared.any && head.is_probe()) {
                continue;
            }
            let wants = match &subscriber.filter {
                Some(filter) => filter.matches(head, body).await,
                None => true,
            };
            if wants {
                return Some(owner);
            }
        }
        None
    }

    async fn ask_original(&self, mut request: Request<RequestBody>) -> Result<Response<Incoming>, Error> {
        loop {
            let (sent, is_fresh) = {
                let mut slot = self.original.lock().await;
                let is_fresh = !is_usable(&mut slot).await;
                if is_fresh {
                    *slot = Some(self.connect_original().await?);
                }
                (slot.as_mut().expect("it was just made").send(request), is_fresh)
            };
            match sent.await {
                Ok(response) => return Ok(response),
                Err(mut error) => match error.take_message() {
                    // It has ended just now.
                    Some(unsent) if !is_fresh => request = unsent,
                    _ => return Err(Error::Broken(error.into_error())),
                },
            }
        }
    }

    async fn connect_original(&self) -> Result<Sender, Error> {
        let tcp = pass::connect(&self.steering, self.local).await?;
        let left = self.original_left.clone();
        let never = std::future::pending();
        Ok(Sender::connect(tcp, self.version, &self.tasks, never, move || left.notify_one()).await?)
    }

    async fn ask_program(&self, owner: &Owner, request: Request<RequestBody>) -> Asked {
        let slot = self.slot(owner);
        let sent = {
            let mut slot = slot.lock().await;
            if !is_usable(&mut slot).await {
                *slot = self.connect_program(owner).await;
            }
            match slot.as_mut() {
                Some(sender) => sender.send(request),
                None => return Asked::Unseen(request),
            }
        };
        match sent.await {
            Ok(response) => Asked::Answered(response),
            Err(mut error) => match error.take_message() {
                Some(unsent) => Asked::Unseen(unsent),
                None => Asked::Lost(lost(owner, &error.into_error())),
            },
        }
    }

    async fn connect_program(&self, owner: &Owner) -> Option<Sender> {
        let subscriber = &owner.subscriber;
        let connected = async {
            let Some(stream) = upstream::offer(subscriber, self.peer, self.local).await? else { return Ok(None) };
            let gone = subscriber.ended.clone().cancelled_owned();
            let sender = Sender::connect(stream, self.version, &self.tasks, gone, || {}).await;
            sender.map(Some).map_err(io::Error::other)
        };
        connected.await.unwrap_or_else(|error| {
            tracing::debug!(%error, "a session does not take a request");
            None
        })
    }

    /// What the client gets. After a change of protocol, bytes go both ways from now on.
    fn deliver(&self, mut response: Response<Incoming>, client: OnUpgrade, is_connect: bool) -> Response<Answer> {
        let is_tunnel = is_connect && response.status().is_success();
        if is_tunnel || response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let tunnel = tunnel(client, hyper::upgrade::on(&mut response), self.breakage.clone());
            self.tasks.spawn(tunnel);
        }
        let breakage = (self.version == Version::Http1).then(|| self.breakage.clone());
        response.map(|body| Answer::Passed { body, breakage })
    }

    fn slot(&self, owner: &Owner) -> Arc<Slot> {
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        programs.entry(owner.number).or_default().clone()
    }

    /// Closes the connections to programs whose sessions no longer own the port.
    fn forget_all_but(&self, owners: &[Owner]) {
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        programs.retain(|number, _| owners.iter().any(|owner| owner.number == *number));
    }
}

async fn is_usable(slot: &mut Option<Sender>) -> bool {
    match slot {
        Some(sender) => sender.is_usable().await,
        None => false,
    }
}

/// A request of HTTP/2 may name its host as one of HTTP/1 does; passed on, it has to be in its address.
fn complete(parts: &mut request::Parts) {
    if parts.version != HttpVersion::HTTP_2 || parts.uri.authority().is_some() {
        return;
    }
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    if let Ok(uri) = Uri::builder().scheme("http").authority(host).path_and_query(path).build() {
        parts.uri = uri;
    }
}

fn lost(owner: &Owner, error: &hyper::Error) -> String {
    let client = &owner.subscriber.client;
    let why = if owner.subscriber.ended.is_cancelled() {
        "the session ended before it was answered".to_owned()
    } else {
        format!("the program closed the connection without an answer ({error})")
    };
    format!("mirrord: this request was for the program of {client}, whose filter it matches: {why}\n")
}

/// Bytes both ways.
async fn tunnel(client: OnUpgrade, program: OnUpgrade, breakage: Breakage) {
    let relayed = async {
        let (client, program) = tokio::try_join!(client, program).map_err(io::Error::other)?;
        let (mut client, mut program) = (TokioIo::new(client), TokioIo::new(program));
        let relayed = copy_bidirectional(&mut client, &mut program).await;
        if relayed.is_err() {
            breakage.break_off();
        }
        relayed
    };
    if let Err(error) = relayed.await {
        tracing::debug!(%error, "an upgraded connection broke");
    }
}
