//! HTTP/2 with prior knowledge: each stream finds its program.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Version};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::Frame,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

async fn connect(pod: &mut Pod) -> SendRequest<Body> {
    let tcp = TcpStream::connect(pod.original).await.expect("somebody listens");
    let (sender, connection) =
        http2::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(tcp)).await.expect("speaks HTTP/2");
    pod.tasks.spawn(async move { drop(connection.await) });
    sender
}

fn request(path: &str, user: &str, body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = format!("http://pod{path}").parse().expect("an address");
    request.headers_mut().insert("x-user", HeaderValue::from_str(user).expect("text"));
    request
}

fn empty() -> Body {
    Full::default().boxed_unsync()
}

/// Status, body and trailers.
async fn ask(sender: &mut SendRequest<Body>, request: Request<Body>) -> String {
    let response = match tokio::time::timeout(SOON, sender.send_request(request)).await.expect("an answer") {
        Ok(response) => response,
        Err(error) => return format!("{error}"),
    };
    let status = response.status();
    let body = match response.into_body().collect().await {
        Ok(body) => body,
        Err(error) => return format!("{status}, then {error}"),
    };
    let trailers = body.trailers().map(|trailers| format!(" {trailers:?}")).unwrap_or_default();
    format!("{}: {}{trailers}", status.as_u16(), String::from_utf8_lossy(&body.to_bytes()).trim_end())
}

#[test]
fn a_stream_that_hangs_holds_up_no_other() {
    in_pod(|| async {
        let mut pod = Pod::new("0.0.0.0:8080").await;
        let _ada = pod.developer("ada", header("^x-user: ada$")).await;
        let mut sender = connect(&mut pod).await;
        let mut hanging = sender.clone();
        // Uploads that a standing program does not read, as well.
        let upload = || Full::new(Bytes::from(vec![b'x'; 200_000])).boxed_unsync();
        let mut uploads = [sender.clone(), sender.clone(), sender.clone()];
        let gate = pod.gate.clone();
        let others = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            for round in 0..20 {
                let answer = ask(&mut sender, request("/o", "bob", upload())).await;
                assert_eq!(answer, "200: original POST /o 200000 bytes".replace("POST", "GET"), "{round}");
            }
            gate.open();
        };
        let [one, two, three] = &mut uploads;
        let (hung, one, two, three, ()) = tokio::join!(
            ask(&mut hanging, request("/hang", "ada", empty())),
            ask(one, request("/stop-reading", "ada", upload())),
            ask(two, request("/stop-reading", "ada", upload())),
            ask(three, request("/stop-reading", "ada", upload())),
            others
        );
        assert_eq!(hung, "200: ada GET /hang");
        for answer in [one, two, three] {
            assert_eq!(answer, "200: ada GET /stop-reading 200000 bytes");
        }
    });
}

/// What gRPC is made of.
#[test]
fn bodies_and_trailers_arrive_on_both_sides() {
    in_pod(|| async {
        let mut pod = Pod::new("0.0.0.0:8080").await;
        let _ada = pod.developer("ada", header("^x-user: ada$")).await;
        let mut sender = connect(&mut pod).await;
        for (user, name) in [("ada", "ada"), ("bob", "original")] {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", HeaderValue::from_static("2"));
            let frames = [Frame::data(Bytes::from_static(b"hi")), Frame::trailers(trailers)].map(Ok);
            let body = StreamBody::new(futures::stream::iter(frames)).boxed_unsync();
            let mut request = request("/pb.Shop/Buy", user, body);
            request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
            let expected = format!(r#"200: {name} GET /pb.Shop/Buy hi {{"x-sum": "2"}} {{"x-end": "{name}"}}"#);
            let answer = ask(&mut sender, request).await.replace('\n', "");
            assert_eq!(answer, expected);
        }
        // The host is matched as that of HTTP/1 is.
        let _bob = pod.developer("bob", header("^host: pod$")).await;
        assert_eq!(ask(&mut sender, request("/h", "eve", empty())).await, "200: bob GET /h");
    });
}

#[test]
fn streams_in_flight_are_told_of_the_sessions_end_and_later_ones_are_the_targets() {
    in_pod(|| async {
        let mut pod = Pod::new("0.0.0.0:8080").await;
        let ada = pod.developer("ada", header("^x-user: ada$")).await;
        let mut sender = connect(&mut pod).await;
        let (mut hanging, mut begun) = (sender.clone(), sender.clone());
        let end = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            ada.ended.cancel();
        };
        let (hung, broken, ()) = tokio::join!(
            ask(&mut hanging, request("/hang", "ada", empty())),
            ask(&mut begun, request("/endless", "ada", empty())),
            end
        );
        assert!(hung.starts_with("502: mirrord: ") && hung.contains("session ended"), "{hung}");
        assert!(broken.starts_with("200 OK, then "), "{broken}");
        assert_eq!(ask(&mut sender, request("/later", "ada", empty())).await, "200: original GET /later");
    });
}

#[test]
fn the_kubelets_calls_stay_with_the_target_of_a_port_that_is_stolen_whole() {
    in_pod(|| async {
        let mut pod = Pod::new("0.0.0.0:8080").await;
        let ada = pod.thief("ada", Probes { any: true, grpc: true, https: true }).await;
        let mut sender = connect(&mut pod).await;
        assert_eq!(ask(&mut sender, request("/a", "bob", empty())).await, "200: ada GET /a");
        let probe = || {
            let mut probe = request("/grpc.health.v1.Health/Check", "", empty());
            probe.headers_mut().insert(http::header::USER_AGENT, HeaderValue::from_static("kube-probe/1.34"));
            probe
        };
        let healthy = "200: original GET /grpc.health.v1.Health/Check";
        let mut other = sender.clone();
        let hanging = ask(&mut other, request("/hang", "bob", empty()));
        let probed = async {
            let answer = ask(&mut sender, probe()).await;
            pod.gate.open();
            answer
        };
        assert_eq!(tokio::join!(hanging, probed), ("200: ada GET /hang".to_owned(), healthy.to_owned()));
        assert_eq!(pod.client().await.ask(&get("/b", BOB)).await, "200 OK: ada GET /b");
        ada.ended.cancel();
        assert_eq!(ask(&mut connect(&mut pod).await, probe()).await, healthy);
    });
}
