//! A backend that does exactly what a test says, byte by byte.

use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use super::PATIENCE;
use super::message::{Head, Payload};

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Received {
    /// Which connection it came on, from 0.
    pub connection: usize,
    /// Request line and headers.
    pub head: Head,
    /// Its body.
    pub payload: Payload,
}

/// What a script does with the connection when it has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The next request may come.
    KeepOpen,
    /// It is closed in order.
    Close,
    /// It is dropped, with a reset if one was asked for.
    Drop,
}

/// A scripted backend. It is there until the test's process ends.
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    received: Mutex<Receiver<Received>>,
    ended: Mutex<Receiver<usize>>,
}

impl Upstream {
    /// A backend that runs the script for every request.
    pub fn scripted(script: impl Fn(&Received, &mut TcpStream) -> After + Send + Sync + 'static) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = channel();
        let (end_sender, ended) = channel();
        let script: Arc<Script> = Arc::new(script);
        thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (script, sender, ended) = (Arc::clone(&script), sender.clone(), end_sender.clone());
                thread::spawn(move || {
                    serve(connection, stream.unwrap(), &*script, &sender);
                    // Nobody listens when the test is over.
                    let _ = ended.send(connection);
                });
            }
        });
        Upstream { address, received: Mutex::new(received), ended: Mutex::new(ended) }
    }

    /// A backend that is given each connection, numbered from 0, and keeps to no protocol.
    pub fn raw(script: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (_, received) = channel();
        let (end_sender, ended) = channel();
        let script = Arc::new(script);
        thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (script, ended) = (Arc::clone(&script), end_sender.clone());
                thread::spawn(move || {
                    script(connection, stream.unwrap());
                    // Nobody listens when the test is over.
                    let _ = ended.send(connection);
                });
            }
        });
        Upstream { address, received: Mutex::new(received), ended: Mutex::new(ended) }
    }

    /// A backend that answers every request with these bytes.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Upstream {
        let answer = answer.into();
        Upstream::scripted(move |_, stream| {
            stream.write_all(&answer).unwrap();
            After::KeepOpen
        })
    }

    /// A backend that answers with these bytes and closes the connection.
    pub fn answering_once(answer: impl Into<Vec<u8>>) -> Upstream {
        let answer = answer.into();
        Upstream::scripted(move |_, stream| {
            stream.write_all(&answer).unwrap();
            After::Close
        })
    }

    /// The next request, in the order they came.
    pub fn received(&self) -> Received {
        self.received.lock().unwrap().recv_timeout(PATIENCE).expect("a request in time")
    }

    /// All requests that have come in and were not yet asked for.
    pub fn seen(&self) -> Vec<Received> {
        self.received.lock().unwrap().try_iter().collect()
    }

    /// Waits until a connection has ended; its number.
    pub fn ended(&self) -> usize {
        self.ended.lock().unwrap().recv_timeout(PATIENCE).expect("the end of a connection in time")
    }
}

/// Makes the connection end with a reset when it is dropped.
pub fn reset(stream: &TcpStream) {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// A port where nobody takes connections, and nobody refuses them.
pub struct Deaf {
    /// Its address.
    pub address: SocketAddr,
    _listening: Socket,
    _waiting: TcpStream,
}

impl Deaf {
    /// Listens with no room for more than one connection, and makes that one.
    pub fn listen() -> Deaf {
        let listening = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listening.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        listening.listen(0).unwrap();
        let address = listening.local_addr().unwrap().as_socket().unwrap();
        let waiting = TcpStream::connect(address).unwrap();
        Deaf { address, _listening: listening, _waiting: waiting }
    }
}

/// A port that is taken and refuses every connection.
pub struct Nowhere {
    /// Its address.
    pub address: SocketAddr,
    _bound: Socket,
}

impl Nowhere {
    /// Takes one. A port that was only let go could become another test's.
    pub fn reserve() -> Nowhere {
        let bound = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        bound.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        let address = bound.local_addr().unwrap().as_socket().unwrap();
        Nowhere { address, _bound: bound }
    }
}

type Script = dyn Fn(&Received, &mut TcpStream) -> After + Send + Sync;

fn serve(connection: usize, stream: TcpStream, script: &Script, sender: &Sender<Received>) {
    stream.set_nodelay(true).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(head) = Head::read(&mut reader) {
        let has_body = head.header("content-length").is_some() || head.is_chunked();
        let payload = if has_body { Payload::read(&head, &mut reader) } else { Payload::none() };
        let received = Received { connection, head, payload };
        let _ = sender.send(received.clone());
        match script(&received, &mut writer) {
            After::KeepOpen => {}
            After::Close => {
                let _ = writer.shutdown(Shutdown::Both);
                return;
            }
            After::Drop => return,
        }
    }
}
