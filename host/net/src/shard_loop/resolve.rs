//! Host names to addresses, by the system's resolver, on threads of their own: a dead name server delays the calls
//! that need it and nothing else.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::Builder;

use sip_stack::transport::{Protocol, Query, Target};

use super::mail::{Mail, Post};

/// Hands names to the resolving threads.
pub(super) struct Resolver {
    names: Sender<(u64, Query)>,
}

impl Resolver {
    pub(super) fn start(post: &Post) -> io::Result<Self> {
        let (names, queue) = channel::<(u64, Query)>();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..THREADS {
            let (queue, post) = (Arc::clone(&queue), post.clone());
            Builder::new().name(format!("resolve-{number}")).spawn(move || work(&queue, &post))?;
        }
        Ok(Self { names })
    }

    /// The answer comes back as mail.
    pub(super) fn resolve(&self, id: u64, query: Query) {
        // The threads live as long as this end does.
        let _ = self.names.send((id, query));
    }
}

fn work(queue: &Mutex<Receiver<(u64, Query)>>, post: &Post) {
    loop {
        let next = match queue.lock() {
            Ok(queue) => queue.recv(),
            Err(_) => return,
        };
        let Ok((id, query)) = next else { return };
        let protocol = query.transport.unwrap_or(Protocol::Udp);
        let port = query.port.unwrap_or_else(|| protocol.default_port());
        let found = (&*query.host, port).to_socket_addrs().map(Iterator::collect::<Vec<SocketAddr>>);
        let mut addresses = found.unwrap_or_default();
        addresses.sort_by_key(SocketAddr::is_ipv6);
        addresses.dedup();
        let targets = addresses.into_iter().map(|address| Target { protocol, address }).collect();
        post.send(Mail::Located(id, targets));
    }
}

const THREADS: usize = 4;
