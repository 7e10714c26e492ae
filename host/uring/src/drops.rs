//! Datagrams that the kernel dropped at a socket: because its buffer was full, or their checksum was wrong.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// How many since the socket was made; the count wraps.
pub fn dropped(socket: impl AsFd) -> io::Result<u32> {
    let mut figures = [0u32; FIGURES];
    let mut len = size_of_val(&figures) as libc::socklen_t;
    // SAFETY: the descriptor is borrowed, and the kernel writes at most `len` bytes to `figures`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            figures.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    if result == 0 { Ok(figures[DROPS]) } else { Err(io::Error::last_os_error()) }
}

/// `SK_MEMINFO_VARS` and `SK_MEMINFO_DROPS` of linux/sock_diag.h.
const FIGURES: usize = 9;
const DROPS: usize = 8;

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn what_a_full_buffer_drops_is_counted() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        assert_eq!(dropped(&socket).expect("a count"), 0);
        let to = socket.local_addr().expect("an address");
        let sent = 10_000;
        for _ in 0..sent {
            socket.send_to(&[0; 1000], to).expect("sent");
        }
        socket.set_nonblocking(true).expect("set");
        let mut kept = 0;
        while socket.recv(&mut [0; 1000]).is_ok() {
            kept += 1;
        }
        assert_eq!(kept + dropped(&socket).expect("a count"), sent);
    }
}
