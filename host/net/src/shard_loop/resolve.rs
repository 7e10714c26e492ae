//! Host names to addresses, by the system's resolver, on threads of their own: a dead name server delays the calls
//! that need it and nothing else.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::Builder;

use super::mail::{Mail, Post};

/// Hands names to the resolving threads.
pub(super) struct Resolver {
    names: Sender<(u64, Box<str>)>,
}

impl Resolver {
    pub(super) fn start(post: &Post) -> io::Result<Self> {
        let (names, queue) = channel::<(u64, Box<str>)>();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..THREADS {
            let (queue, post) = (Arc::clone(&queue), post.clone());
            Builder::new().name(format!("resolve-{number}")).spawn(move || work(&queue, &post))?;
        }
        Ok(Self { names })
    }

    /// The answer comes back as mail.
    pub(super) fn resolve(&self, id: u64, host: Box<str>) {
        // The threads live as long as this end does.
        let _ = self.names.send((id, host));
    }
}

fn work(queue: &Mutex<Receiver<(u64, Box<str>)>>, post: &Post) {
    loop {
        let next = match queue.lock() {
            Ok(queue) => queue.recv(),
            Err(_) => return,
        };
        let Ok((id, host)) = next else { return };
        let found = (&*host, 0).to_socket_addrs().map(|found| found.map(|a| a.ip()).collect::<Vec<IpAddr>>());
        let mut addresses = found.unwrap_or_default();
        addresses.sort_by_key(IpAddr::is_ipv6);
        addresses.dedup();
        post.send(Mail::Located(id, addresses));
    }
}

const THREADS: usize = 4;
