//! The life of a client's connection: one exchange after another, until one of the two sides has had enough.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::mem::take;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Version};
use http_body::Body as _;
use tokio::sync::watch;
use tokio::time::timeout;

use super::super::body::Body;
use super::super::headers::lists;
use super::super::intake::Source;
use super::super::interims::Interims;
use super::super::refusal::Refusal;
use super::super::tunnel::Tunnel;
use super::super::worker::Current;
use super::super::{Carried, Downstream, Reply, Worker};
use super::client_body::ClientBody;
use super::framing::{Framing, ends_with_head};
use super::request::Head;
use super::session::{Next, Session};

/// How long a client whose request was not read to its end may take to read the answer. Closing at once would
/// reset the connection, and the answer could be lost with it (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// What becomes of a connection after an exchange.
enum After {
    /// It waits for the next one.
    Keep,
    /// It is closed in order.
    Close,
    /// The client is gone.
    Gone,
    /// It goes on in another protocol.
    Switch(Tunnel),
}

/// Carries exchanges until the connection is over, or a tunnel, each under the configuration that is in force when its
/// head is there. While the sidecar is draining an exchange is the last; when the connection is `stopping`, no other is
/// waited for. With a refusal there is nothing but the answer that says so.
pub(in crate::proxy) async fn serve(
    current: &Current,
    downstream: &Downstream,
    session: &Rc<RefCell<Session>>,
    refusal: Option<Refusal>,
    mut stopping: watch::Receiver<()>,
) -> Option<Tunnel> {
    let mut stopped = pin!(stopping.changed());
    let mut number = 0;
    let after = loop {
        let (worker, next) = match refusal {
            Some(refusal) => (current.worker(), Next::Refused(refusal)),
            None => poll_fn(|context| poll_next(current, session, stopped.as_mut(), context)).await,
        };
        number += 1;
        let after = match next {
            Next::Request(head) => exchange(&worker, downstream, session, head, number).await,
            Next::Refused(refusal) => refuse(&worker, downstream, session, refusal).await,
            Next::End => After::Gone,
        };
        match after {
            After::Keep => session.borrow_mut().rest(),
            after => break after,
        }
    };
    match after {
        After::Switch(tunnel) => return Some(tunnel),
        After::Close => close(session).await,
        After::Gone | After::Keep => session.borrow_mut().part(),
    }
    None
}

/// What the client does next, unless the connection is to stop before it has begun to do anything, and the worker that
/// carries it: the one to whose terms it was read.
fn poll_next(
    current: &Current,
    session: &RefCell<Session>,
    stopped: Pin<&mut impl Future>,
    context: &mut Context<'_>,
) -> Poll<(Rc<Worker>, Next)> {
    let worker = current.worker();
    let mut session = session.borrow_mut();
    session.agree(&worker.terms);
    let mut next = session.poll_next(context);
    if next.is_pending() && !session.has_begun() {
        next = stopped.poll(context).map(|_| Next::End);
    }
    next.map(|next| (worker, next))
}

/// One exchange, from the request's head to the last byte of the answer. When the client leaves, all that was begun
/// for it ends.
async fn exchange(
    worker: &Worker,
    downstream: &Downstream,
    session: &Rc<RefCell<Session>>,
    mut head: Box<Head>,
    number: u64,
) -> After {
    let Head { request, keep_alive, takes_trailers, .. } = &mut *head;
    let (method, version) = (request.method().clone(), request.version());
    let asked = Asked { method, version, keep_alive: *keep_alive, takes_trailers: *takes_trailers };
    if !session.borrow().is_body_over() {
        *request.body_mut() = Source::Http1(ClientBody::of(session));
    }
    let reply = {
        let mut handled = pin!(worker.handle(downstream, Interims::Http1(session), request, number));
        let reply = poll_fn(|context| match handled.as_mut().poll(context) {
            Poll::Ready(reply) => Poll::Ready(Some(reply)),
            Poll::Pending => session.borrow_mut().poll_gone(context).map(|()| None),
        });
        reply.await
    };
    // A body that nobody has begun to read is left.
    drop(take(head.request.body_mut()));
    session.borrow_mut().reuse(head);
    match reply {
        Some(reply) => send(worker, downstream, session, reply, &asked).await,
        None => After::Gone,
    }
}

/// Says no, whatever was asked.
async fn refuse(
    worker: &Worker,
    downstream: &Downstream,
    session: &Rc<RefCell<Session>>,
    refusal: Refusal,
) -> After {
    let (method, version) = (Method::GET, Version::HTTP_11);
    let reply = worker.refuse(downstream, &method, refusal);
    let asked = Asked { method, version, keep_alive: false, takes_trailers: false };
    send(worker, downstream, session, reply, &asked).await
}

/// What an answer needs to know of its request.
struct Asked {
    method: Method,
    version: Version,
    keep_alive: bool,
    takes_trailers: bool,
}

async fn send(
    worker: &Worker,
    downstream: &Downstream,
    session: &Rc<RefCell<Session>>,
    reply: Reply,
    asked: &Asked,
) -> After {
    let Reply { carried, record } = reply;
    let Carried { mut head, phrase, content, tunnel } = *carried;
    let framing = framing(asked, &head, content.size_hint().exact());
    let keeps = asked.keep_alive
        && framing != Some(Framing::Close)
        && !worker.own.readiness.is_draining()
        && !downstream.is_leaving()
        && !session.borrow().is_body_left()
        && !lists(&head.headers, &header::CONNECTION, "close");
    if tunnel.is_none() {
        write_connection(&mut head.headers, asked.version, keeps);
    }
    head.headers.entry(header::DATE).or_insert_with(|| worker.own.date.now());
    {
        let mut session = session.borrow_mut();
        session.end_interim();
        let status = (head.status, phrase.as_deref());
        session.out.answer(asked.version, status, &head.headers, framing, asked.takes_trailers);
    }
    worker.own.buffers.give_headers(head.headers);
    let switched = {
        let mut body = Body::new(content, record);
        let mut ended = framing.is_none();
        let sent = poll_fn(|context| poll_send(session, &mut body, &mut ended, context)).await;
        // The record of a tunnel goes on with it; any other is written with the end of the body.
        sent.map(|()| tunnel.map(|end| end.recorded(body.take_record())))
    };
    match switched {
        Err(_) => After::Gone,
        Ok(Some(tunnel)) => After::Switch(tunnel),
        Ok(None) => {
            let whole = poll_fn(|context| session.borrow_mut().poll_body_over(context)).await;
            if keeps && whole { After::Keep } else { After::Close }
        }
    }
}

/// How the body of the answer ends; `None` where the answer ends with its head.
fn framing(asked: &Asked, head: &super::super::AnswerHead, length: Option<u64>) -> Option<Framing> {
    if ends_with_head(&asked.method, head.status) {
        return None;
    }
    Some(match length {
        Some(length) => Framing::Length(length),
        None if asked.version == Version::HTTP_10 => Framing::Close,
        None => Framing::Chunked,
    })
}

/// Says what becomes of the connection where the client would expect something else.
fn write_connection(headers: &mut HeaderMap, version: Version, keeps: bool) {
    match (version, keeps) {
        (Version::HTTP_10, true) => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
        }
        (Version::HTTP_11, false) => write_close(headers),
        _ => {}
    }
}

/// Makes the answer the connection's last.
pub(in crate::proxy) fn write_close(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// Writes the answer as its body comes, to the end.
fn poll_send(
    session: &RefCell<Session>,
    body: &mut Body,
    ended: &mut bool,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    loop {
        let waits = poll_gather(session, body, ended, context)?;
        let mut session = session.borrow_mut();
        ready!(session.poll_write(context))?;
        if *ended {
            return Poll::Ready(Ok(()));
        }
        if waits {
            ready!(session.poll_gone(context));
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
    }
}

/// Takes as much of the body as there is room for; says whether more of it has to be waited for.
fn poll_gather(
    session: &RefCell<Session>,
    body: &mut Body,
    ended: &mut bool,
    context: &mut Context<'_>,
) -> io::Result<bool> {
    let misfit = |_| io::Error::from(io::ErrorKind::InvalidData);
    while !*ended && session.borrow().out.has_room() {
        // Not while the session is borrowed: the body may be reading the request's.
        match Pin::new(&mut *body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => session.borrow_mut().out.frame_of_body(frame).map_err(misfit)?,
            Poll::Ready(Some(Err(error))) => return Err(io::Error::other(error)),
            Poll::Ready(None) => *ended = true,
            Poll::Pending => return Ok(true),
        }
        if *ended || body.is_end_stream() {
            *ended = true;
            session.borrow_mut().out.end_of_body().map_err(misfit)?;
        }
    }
    Ok(false)
}

/// Closes the connection so that the client can still read its answer.
async fn close(session: &RefCell<Session>) {
    let closed = poll_fn(|context| session.borrow_mut().poll_shutdown(context)).await;
    if closed.is_ok() && session.borrow().is_unread() {
        // A client that goes on sending has had its time.
        let _ = timeout(LINGER, poll_fn(|context| session.borrow_mut().poll_drain(context))).await;
    }
}
