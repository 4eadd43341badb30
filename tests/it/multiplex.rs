//! Many exchanges on one HTTP/2 connection: one that waits, is slow or has been given up stands in nobody's way, and
//! leaves nothing behind.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use candor::settings::{Protocol, Settings};
use h2::client::Builder;
use h2::{Reason, SendStream};
use http::{HeaderValue, Response};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::support::h2::{self as http2, After, Answered, Client, block_on, elsewhere, given_up, request};
use super::support::sidecar::Sidecar;
use super::support::upstream::Upstream;
use super::support::{NO_RULES, gate, json};

/// A time that is over soon.
const SOON: Duration = Duration::from_millis(150);

/// What is not over by then does not end.
const LONG: Duration = Duration::from_secs(10);

fn h2c(address: SocketAddr, change: impl FnOnce(&mut Settings)) -> Sidecar {
    Sidecar::with(address, NO_RULES, |settings| {
        settings.upstreams[0].protocol = Protocol::Http2;
        change(settings);
    })
}

/// A client that takes so many bytes of an answer before it has read them.
async fn taking(bytes: u32, address: SocketAddr) -> Client {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) =
        Builder::new().initial_window_size(bytes).handshake::<_, Bytes>(stream).await.unwrap();
    Client { sender, ended: spawn_local(connection) }
}

/// Waits for room; nothing where the stream is over.
async fn room(stream: &mut SendStream<Bytes>, wanted: usize) -> Option<usize> {
    stream.reserve_capacity(wanted);
    while stream.capacity() == 0 {
        poll_fn(|context| stream.poll_capacity(context)).await?.ok()?;
    }
    Some(stream.capacity().min(wanted))
}

/// Sends so many bytes and the end as fast as they are taken; nothing where they are not.
async fn send(stream: &mut SendStream<Bytes>, bytes: usize) -> Option<()> {
    let mut left = bytes;
    while left > 0 {
        let size = room(stream, left.min(16_384)).await?;
        left -= size;
        stream.send_data(vec![b'x'; size].into(), left == 0).ok()?;
    }
    Some(())
}

#[test]
fn uploads_that_wait_for_a_stream_do_not_stop_those_that_have_one() {
    let mut grants = h2::server::Builder::new();
    grants.max_concurrent_streams(10);
    let upstream = http2::Upstream::granting(grants, |request, mut answer| async move {
        let mut stream = answer.send_response(Response::new(()), false).unwrap();
        let mut body = request.into_body();
        while let Some(Ok(mut chunk)) = body.data().await {
            body.flow_control().release_capacity(chunk.len()).unwrap();
            while !chunk.is_empty() {
                let Some(size) = room(&mut stream, chunk.len()).await else { return After::KeepOpen };
                stream.send_data(chunk.split_to(size), false).unwrap();
            }
        }
        stream.send_data(Bytes::new(), true).unwrap();
        After::KeepOpen
    });
    let sidecar = h2c(upstream.address, |_| {});
    block_on(async {
        let client = Rc::new(Client::connect(sidecar.address).await);
        let mut all = JoinSet::new();
        for _ in 0..150 {
            let client = Rc::clone(&client);
            all.spawn_local(async move {
                let (answer, mut body) = client.open(request("POST", "/"), false).await;
                let sent = spawn_local(async move { send(&mut body, 20_000).await });
                assert_eq!(Answered::read(answer).await.unwrap().body.len(), 20_000);
                sent.await.unwrap().unwrap();
            });
        }
        while let Some(ended) = all.join_next().await {
            ended.unwrap();
        }
    });
}

#[test]
fn an_upload_that_nobody_takes_stops_no_other() {
    let mut grants = h2::server::Builder::new();
    grants.initial_connection_window_size(64 << 20);
    let upstream = http2::Upstream::granting(grants, |request, mut answer| async move {
        if request.uri().path() == "/stalled" {
            std::future::pending::<()>().await;
        }
        let read = http2::read(&mut request.into_body()).await.unwrap().0;
        answer.send_response(Response::new(()), false).unwrap().send_data(read.into(), true).unwrap();
        After::KeepOpen
    });
    let sidecar = h2c(upstream.address, |_| {});
    block_on(async {
        let client = Client::connect(sidecar.address).await;
        let mut stalled = Vec::new();
        for _ in 0..3 {
            let (answer, mut body) = client.open(request("POST", "/stalled"), false).await;
            // As much as is taken.
            let _ = timeout(SOON, send(&mut body, 8 << 20)).await;
            stalled.push((answer, body));
        }
        let (answer, mut body) = client.open(request("POST", "/"), false).await;
        send(&mut body, 1000).await.unwrap();
        assert_eq!(Answered::read(answer).await.unwrap().body.len(), 1000);
    });
}

#[test]
fn a_client_that_reads_nothing_stops_no_other() {
    let upstream = http2::Upstream::scripted(|request, mut answer| async move {
        let mut stream = answer.send_response(Response::new(()), false).unwrap();
        send(&mut stream, if request.uri().path() == "/big" { 16 << 20 } else { 5 }).await;
        After::KeepOpen
    });
    let sidecar = h2c(upstream.address, |_| {});
    block_on(async {
        let mut idle = Vec::new();
        for _ in 0..4 {
            let client = Client::connect(sidecar.address).await;
            let (answer, _) = client.open(request("GET", "/big"), true).await;
            idle.push((answer.await.unwrap(), client));
        }
        sleep(2 * SOON).await;
        let client = Client::connect(sidecar.address).await;
        assert_eq!(client.exchange(request("GET", "/")).await.body, b"xxxxx");
    });
}

#[test]
fn bytes_one_by_one_for_a_client_that_reads_nothing_end_no_other_exchange() {
    let (open, wait) = gate();
    let wait = Arc::new(wait);
    let upstream = http2::Upstream::scripted(move |request, mut answer| {
        let wait = Arc::clone(&wait);
        async move {
            let mut stream = answer.send_response(Response::new(()), false).unwrap();
            if request.uri().path() == "/other" {
                stream.send_data("half".into(), false).unwrap();
                elsewhere(move || wait()).await;
                let _ = stream.send_data("half".into(), true);
                return After::KeepOpen;
            }
            // More than the connection would be spared for frames of this size.
            for _ in 0..30_000 {
                if room(&mut stream, 1).await.is_none() || stream.send_data("x".into(), false).is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            After::KeepOpen
        }
    });
    let sidecar = h2c(upstream.address, |_| {});
    block_on(async {
        let other = Client::connect(sidecar.address).await;
        let (answer, _) = other.open(request("GET", "/other"), true).await;
        let answer = answer.await.unwrap();
        let idle = taking(100, sidecar.address).await;
        let (ticks, _) = idle.open(request("GET", "/ticks"), true).await;
        let _ticks = ticks.await.unwrap();
        sleep(Duration::from_secs(2)).await;
        open();
        assert_eq!(http2::read(&mut answer.into_body()).await.unwrap().0, b"halfhalf");
    });
}

/// An upstream that takes nothing, answers at once, whole or not, and takes something when told.
fn without_room(is_whole: bool) -> (SocketAddr, impl Fn()) {
    const NO_WINDOW: [u8; 15] = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0];
    const ACKNOWLEDGED: [u8; 9] = [0, 0, 0, 4, 1, 0, 0, 0, 0];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (open, wait) = gate();
    thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.write_all(&NO_WINDOW).unwrap();
        stream.read_exact(&mut [0; 24]).unwrap();
        let id = loop {
            let mut frame = [0; 9];
            stream.read_exact(&mut frame).unwrap();
            stream.read_exact(&mut vec![0; usize::from(frame[1]) << 8 | usize::from(frame[2])]).unwrap();
            match frame[3..5] {
                [1, _] => break frame[5..9].to_vec(),
                [4, 0] => stream.write_all(&ACKNOWLEDGED).unwrap(),
                _ => {}
            }
        };
        let end = u8::from(is_whole);
        stream.write_all(&[&[0, 0, 1, 1, 4 | end][..], &id, &[0x88]].concat()).unwrap();
        wait();
        stream.write_all(&[&[0, 0, 4, 8, 0][..], &id, &[0, 0, 0x40, 0]].concat()).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    (address, open)
}

#[test]
fn nobody_is_told_to_go_on_behind_the_answer() {
    for is_whole in [false, true] {
        let (address, open) = without_room(is_whole);
        let sidecar = h2c(address, |_| {});
        block_on(async {
            let client = Client::connect(sidecar.address).await;
            let mut asked = request("POST", "/");
            asked.headers_mut().insert("expect", HeaderValue::from_static("100-continue"));
            let (answer, _body) = client.open(asked, false).await;
            let mut answer = answer.await.unwrap();
            open();
            match timeout(2 * SOON, http2::read(answer.body_mut())).await {
                Ok(read) => assert!(is_whole && read.is_ok(), "{read:?}"),
                Err(_) => assert!(!is_whole),
            }
            assert!(!client.ended.is_finished());
        });
    }
}

#[test]
fn a_client_that_takes_a_little_and_no_more_is_given_up() {
    let upstream = Upstream::answering(json(&"x".repeat(1000)));
    let sidecar = Sidecar::with(upstream.address, NO_RULES, |settings| {
        settings.server.timeouts.answer_idle = SOON;
    });
    block_on(async {
        let client = taking(10, sidecar.address).await;
        let (answer, _) = client.open(request("GET", "/"), true).await;
        let mut body = answer.await.unwrap().into_body();
        assert_eq!(timeout(LONG, given_up(&mut body)).await.unwrap(), Some(Reason::CANCEL));
    });
}

#[test]
fn an_upstream_that_takes_no_more_hears_that_the_client_is_gone() {
    let (told, tell) = channel();
    let upstream = http2::Upstream::scripted(move |request, mut answer| {
        let told = told.clone();
        async move {
            let mut stream = answer.send_response(Response::new(()), false).unwrap();
            stream.send_data("first".into(), false).unwrap();
            let _unread = request.into_body();
            let reason = poll_fn(|context| stream.poll_reset(context)).await;
            let _ = told.send(reason.unwrap());
            After::KeepOpen
        }
    });
    let sidecar = h2c(upstream.address, |_| {});
    block_on(async {
        let client = Client::connect(sidecar.address).await;
        let (answer, mut body) = client.open(request("POST", "/"), false).await;
        let mut answer = answer.await.unwrap();
        assert_eq!(answer.body_mut().data().await.unwrap().unwrap(), "first");
        let _ = timeout(2 * SOON, send(&mut body, 4 << 20)).await;
        body.send_reset(Reason::CANCEL);
        drop(answer);
        let reason = elsewhere(move || tell.recv_timeout(LONG)).await;
        assert_eq!(reason, Ok(Reason::CANCEL));
    });
}

#[test]
fn an_upload_ends_some_time_behind_an_answer_that_wants_none_of_it() {
    let upstream = http2::Upstream::scripted(|request, mut answer| async move {
        answer.send_response(Response::new(()), false).unwrap().send_data("no".into(), true).unwrap();
        let _unread = request.into_body();
        std::future::pending().await
    });
    let sidecar = h2c(upstream.address, |settings| settings.upstreams[0].timeouts.response = 4 * SOON);
    block_on(async {
        let client = Client::connect(sidecar.address).await;
        let (answer, mut body) = client.open(request("POST", "/"), false).await;
        let sent = spawn_local(async move { send(&mut body, 4 << 20).await });
        assert_eq!(Answered::read(answer).await.unwrap().body, b"no");
        assert_eq!(timeout(LONG, sent).await.expect("told to stop").unwrap(), None);
    });
}

#[test]
fn an_upload_may_stand_still_while_its_answer_goes_on() {
    let (open, wait) = gate();
    let wait = Arc::new(wait);
    let upstream = http2::Upstream::scripted(move |request, mut answer| {
        let wait = Arc::clone(&wait);
        async move {
            let mut stream = answer.send_response(Response::new(()), false).unwrap();
            stream.send_data("first".into(), false).unwrap();
            elsewhere(move || wait()).await;
            let read = http2::read(&mut request.into_body()).await.unwrap().0.len();
            stream.send_data(read.to_string().into(), true).unwrap();
            After::KeepOpen
        }
    });
    let sidecar = h2c(upstream.address, |settings| settings.upstreams[0].timeouts.response = SOON);
    block_on(async {
        let client = Client::connect(sidecar.address).await;
        let (answer, mut body) = client.open(request("POST", "/"), false).await;
        let mut answer = answer.await.unwrap();
        assert_eq!(answer.body_mut().data().await.unwrap().unwrap(), "first");
        let sent = spawn_local(async move { send(&mut body, 1 << 20).await });
        sleep(4 * SOON).await;
        open();
        assert_eq!(http2::read(answer.body_mut()).await.unwrap().0, b"1048576");
        sent.await.unwrap().unwrap();
    });
}
