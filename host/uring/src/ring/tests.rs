use super::*;

const LONG: Duration = Duration::from_secs(5);

/// `None`, with the reason said, where the kernel refuses.
fn ring() -> Option<Ring> {
    Ring::new().inspect_err(|error| eprintln!("skipped, no io_uring here: {error}")).ok()
}

fn socket(ip: &str) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((ip, 0)).expect("a port");
    socket.set_read_timeout(Some(LONG)).expect("a timeout");
    let addr = socket.local_addr().expect("an address");
    (socket, addr)
}

fn datagram(ring: &mut Ring) -> Datagram {
    for _ in 0..2 {
        match ring.reap() {
            Some(Completion::Received(datagram)) => return datagram,
            Some(other) => panic!("{other:?}"),
            None => ring.wait(1, Some(LONG)),
        }
    }
    panic!("nothing came")
}

#[test]
fn a_datagram_is_sent_on_from_its_buffer() {
    let Some(mut ring) = ring() else { return };
    let ((phone, phone_addr), (ours, our_addr)) = (socket("127.0.0.1"), socket("127.0.0.1"));
    ring.add(7, ours);
    for round in 0..3 * u32::from(buffers::COUNT) {
        let sent = [&round.to_ne_bytes()[..], &[0x5a; 168]].concat();
        phone.send_to(&sent, our_addr).expect("sent");
        let datagram = datagram(&mut ring);
        assert_eq!((datagram.key, datagram.from), (7, phone_addr));
        assert_eq!(datagram.bytes(&ring), sent);
        assert!(ring.send_on(7, phone_addr, &datagram));
        ring.release(datagram);
        ring.wait(1, Some(Duration::ZERO));
        let mut heard = [0; 200];
        assert_eq!(phone.recv_from(&mut heard).expect("it came back"), (sent.len(), our_addr));
        assert_eq!(heard[..sent.len()], sent);
    }
}

#[test]
fn more_packets_than_buffers_wait_in_their_sockets() {
    let Some(mut ring) = ring() else { return };
    let (phone, _) = socket("127.0.0.1");
    let each = 200;
    for key in 0..3 {
        let (ours, our_addr) = socket("127.0.0.1");
        (0..each).for_each(|n: u16| assert_eq!(phone.send_to(&n.to_ne_bytes(), our_addr).ok(), Some(2)));
        ring.add(key, ours);
    }
    let mut next = [0; 3];
    let mut check = |datagram: &Datagram, ring: &Ring| {
        let expected = &mut next[datagram.key as usize];
        assert_eq!(datagram.bytes(ring), u16::to_ne_bytes(*expected), "socket {}", datagram.key);
        *expected += 1;
    };
    let kept: Vec<Datagram> = (0..buffers::COUNT).map(|_| datagram(&mut ring)).collect();
    ring.wait(1, Some(Duration::ZERO));
    assert!(ring.reap().is_none() && ring.figures().shortages > 0);
    for datagram in kept {
        check(&datagram, &ring);
        ring.release(datagram);
    }
    for _ in buffers::COUNT..3 * each {
        let datagram = datagram(&mut ring);
        check(&datagram, &ring);
        ring.release(datagram);
    }
    assert_eq!(next, [each; 3]);
}

#[test]
fn a_port_is_free_once_settled_and_late_packets_are_nobodys() {
    let Some(mut ring) = ring() else { return };
    let (phone, _) = socket("127.0.0.1");
    let (ours, our_addr) = socket("127.0.0.1");
    ring.add(3, ours);
    ring.wait(1, Some(Duration::ZERO));
    phone.send_to(b"late", our_addr).expect("sent");
    ring.wait(1, Some(LONG));
    ring.remove(3);
    ring.settle();
    let again = UdpSocket::bind(our_addr).expect("the port is free");
    ring.add(3, again);
    ring.wait(1, Some(Duration::ZERO));
    assert!(ring.reap().is_none(), "what came to the former socket is not this one's");
    phone.send_to(b"in time", our_addr).expect("sent");
    let datagram = datagram(&mut ring);
    assert_eq!(datagram.bytes(&ring), b"in time");
    ring.release(datagram);
}

#[test]
fn what_is_larger_than_a_buffer_is_counted_and_dropped() {
    let Some(mut ring) = ring() else { return };
    let ((phone, _), (ours, our_addr)) = (socket("127.0.0.1"), socket("127.0.0.1"));
    ring.add(0, ours);
    phone.send_to(&vec![1; buffers::SIZE - PAYLOAD + 1], our_addr).expect("sent");
    phone.send_to(&vec![2; buffers::SIZE - PAYLOAD], our_addr).expect("sent");
    let datagram = datagram(&mut ring);
    assert_eq!(datagram.bytes(&ring).first(), Some(&2));
    assert_eq!(ring.figures().oversized, 1);
    ring.release(datagram);
}

#[test]
fn a_failed_send_is_told_and_a_copy_outlives_the_original() {
    let Some(mut ring) = ring() else { return };
    let ((phone, phone_addr), (ours, our_addr)) = (socket("127.0.0.1"), socket("127.0.0.1"));
    ring.add(1, ours);
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    assert!(ring.send(1, nowhere, b"lost"));
    assert!(ring.send(1, phone_addr, &Vec::from(*b"kept")));
    assert!(!ring.send(2, phone_addr, b"no such socket"));
    ring.wait(1, Some(LONG));
    assert!(matches!(ring.reap(), Some(Completion::SendFailed(1))));
    let mut heard = [0; 10];
    assert_eq!(phone.recv_from(&mut heard).expect("it came"), (4, our_addr));
}

#[test]
fn more_sends_than_the_queue_holds_all_go() {
    let Some(mut ring) = ring() else { return };
    let ((phone, phone_addr), (ours, _)) = (socket("127.0.0.1"), socket("127.0.0.1"));
    ring.add(0, ours);
    let count = 2 * QUEUE as u32 + 100;
    let mut heard = [0; 200];
    for n in 0..count {
        assert!(ring.send(0, phone_addr, &[&n.to_ne_bytes()[..], &[1; 150]].concat()));
        if n % 100 == 99 {
            ring.wait(1, Some(Duration::ZERO));
            for m in n - 99..=n {
                phone.recv_from(&mut heard).expect("it came");
                assert_eq!(heard[..4], m.to_ne_bytes());
            }
        }
    }
}

#[test]
fn an_eventfd_rings_each_time() {
    let Some(mut ring) = ring() else { return };
    let (bell, bell_addr) = socket("127.0.0.1");
    let (other, _) = socket("127.0.0.1");
    ring.watch(&bell);
    for _ in 0..3 {
        other.send_to(b"!", bell_addr).expect("sent");
        ring.wait(1, Some(LONG));
        assert!(matches!(ring.reap(), Some(Completion::Rung)));
        bell.recv(&mut [0; 1]).expect("there");
    }
}

#[test]
fn both_families() {
    let Some(mut ring) = ring() else { return };
    if UdpSocket::bind("[::1]:0").is_err() {
        return eprintln!("skipped, no IPv6 here");
    }
    let ((phone, phone_addr), (ours, our_addr)) = (socket("::1"), socket("::1"));
    ring.add(0, ours);
    phone.send_to(b"six", our_addr).expect("sent");
    let datagram = datagram(&mut ring);
    assert_eq!((datagram.from, datagram.bytes(&ring)), (phone_addr, &b"six"[..]));
    ring.release(datagram);
}
