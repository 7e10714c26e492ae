//! Waking a loop that sleeps in the kernel: an eventfd, written only when the loop has not been woken yet.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};

/// The bell of one worker.
#[derive(Debug)]
pub(crate) struct Wake {
    bell: OwnedFd,
    rung: AtomicBool,
    stopped: AtomicBool,
}

impl Wake {
    pub(crate) fn new() -> io::Result<Self> {
        let bell = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self { bell, rung: AtomicBool::new(false), stopped: AtomicBool::new(false) })
    }

    /// Wakes the loop, after the reason was put where it will look.
    pub(crate) fn wake(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // The counter cannot overflow: it is rung once per acknowledgement.
            let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
        }
    }

    /// Wakes the loop for the last time.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Called by the loop before it looks for reasons.
    pub(crate) fn acknowledge(&self) {
        let _ = rustix::io::read(&self.bell, &mut [0; 8]);
        // A swap and not a store: whoever found the bell rung, and so did not write, left its reason before
        // this point, and only an acquiring read of its mark makes that reason visible here.
        self.rung.swap(false, Ordering::AcqRel);
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}
