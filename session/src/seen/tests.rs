use super::*;
use crate::view::{Latency, View};

fn address(port: u16) -> SocketAddr {
    ([10, 0, 0, 7], port).into()
}

fn shown(seen: &Seen) -> View {
    let mut view = View::default();
    seen.show(&mut view);
    view
}

#[test]
fn what_lasts_is_shown_until_it_ends() {
    let seen = Seen::default();
    let (port, connection) = (seen.port(80, address(1), Mode::Steal, None), seen.connection(address(2)));
    let (request, standing) = (seen.request(80, address(3), Mode::Steal), seen.standing());
    let view = shown(&seen);
    assert_eq!((view.ports.len(), view.connections.len(), view.requests[0].open, view.standing), (1, 1, true, true));
    drop((port, connection, request, standing));
    let view = shown(&seen);
    assert_eq!((view.ports.len(), view.connections.len(), view.requests[0].open, view.standing), (0, 0, false, false));
}

#[test]
fn a_file_is_shown_once_with_the_last_on_top() {
    let seen = Seen::default();
    for (path, writes) in [("/a", true), ("/b\u{1b}", false), ("/a", false)] {
        seen.file(path.as_bytes(), writes);
    }
    let files: Vec<_> = shown(&seen).files.into_iter().map(|file| (file.path, file.writes, file.times)).collect();
    assert_eq!(files, [("/a".to_owned(), true, 2), ("/b\\u{1b}".to_owned(), false, 1)]);
}

#[test]
fn memory_is_bounded_and_what_is_not_shown_is_counted() {
    let seen = Seen::default();
    let ports = 1..=1000;
    let open: Vec<_> =
        ports.map(|port| (seen.connection(address(port)), seen.request(1, address(port), Mode::Mirror))).collect();
    for number in 0..1000 {
        seen.file(format!("/{number}").as_bytes(), false);
        seen.ping(Duration::from_millis(number));
    }
    let view = shown(&seen);
    assert_eq!((view.connections.len(), view.more_connections), (CONNECTIONS, 500));
    assert_eq!((view.requests.len(), view.files.len()), (REQUESTS, FILES));
    assert_eq!(view.files[0].path, "/999");
    let latency = view.latency.unwrap();
    let Latency { median_micros, p99_micros, slowest_micros } = latency;
    assert_eq!((median_micros, p99_micros, slowest_micros), (850_000, 996_000, 999_000));
    drop(open);
    let view = shown(&seen);
    assert_eq!((view.connections.len(), view.more_connections), (0, 0));
    assert!(view.requests.iter().all(|request| !request.open));
}

#[test]
fn of_few_pings_the_slowest_is_one_in_a_hundred() {
    let of = |count: u64| Latency::of((1..=count).map(Duration::from_micros)).map(|latency| latency.p99_micros);
    assert_eq!(
        [0, 1, 2, 99, 100, 101, 200].map(of),
        [None, Some(1), Some(2), Some(99), Some(99), Some(100), Some(198)]
    );
}
