//! Buffers that the kernel takes for what it receives: one slab, lent to it through a ring of descriptors that lies
//! in memory of ours (`IORING_REGISTER_PBUF_RING`).

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;

/// How many: what may arrive between two wake-ups, at 250,000 packets a second and a tick of 2 ms. More than that
/// waits in the sockets.
pub(crate) const COUNT: u16 = 512;

/// Size of each: a jumbo frame with its address before it, and an odd number of cache lines, so that the heads of
/// the packets do not all fall into the same set of the cache.
pub(crate) const SIZE: usize = 145 * 64;

/// Group number of the buffers in their ring.
pub(crate) const GROUP: u16 = 0;

/// The slab and the ring of descriptors.
#[derive(Debug)]
pub(crate) struct Buffers {
    descriptors: NonNull<BufRingEntry>,
    slab: NonNull<u8>,
    /// Descriptors written so far; those up to the published tail are the kernel's.
    tail: u16,
}

impl Buffers {
    /// All buffers ready to be lent; [`Self::publish`] lends them.
    pub(crate) fn new() -> Self {
        let mut buffers = Self { descriptors: zeroed(DESCRIPTORS), slab: zeroed(SLAB), tail: 0 };
        (0..COUNT).for_each(|buffer| buffers.give_back(buffer));
        buffers
    }

    /// Where the kernel is told that the descriptors are.
    pub(crate) fn descriptors(&self) -> u64 {
        self.descriptors.as_ptr() as u64
    }

    /// The first `len` bytes of a buffer, or all of it; nothing of one that does not exist.
    pub(crate) fn filled(&self, buffer: u16, len: usize) -> &[u8] {
        if buffer >= COUNT {
            return &[];
        }
        // SAFETY: inside the slab, which was zeroed when it was allocated and lives as long as `self`. The kernel
        // writes to it during system calls of `Ring` only, which take it as `&mut`.
        unsafe {
            let first = self.slab.as_ptr().add(usize::from(buffer) * SIZE);
            std::slice::from_raw_parts(first, len.min(SIZE))
        }
    }

    /// Makes a buffer the kernel's again, from the next [`Self::publish`] on.
    pub(crate) fn give_back(&mut self, buffer: u16) {
        if buffer >= COUNT {
            return;
        }
        // SAFETY: the index is below `COUNT`, which is how many descriptors there are; nobody else refers to them
        // in this process, and the kernel reads only those before the published tail.
        let descriptor = unsafe { self.descriptors.add(usize::from(self.tail % COUNT)).as_mut() };
        let first = self.slab.as_ptr() as u64 + u64::from(buffer) * SIZE as u64;
        descriptor.set_addr(first);
        descriptor.set_len(SIZE as u32);
        descriptor.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Lends what was given back.
    pub(crate) fn publish(&self) {
        // SAFETY: the tail lies in a field of the first descriptor that descriptors do not use; it is aligned for
        // 16 bits, only ever written here in this process, and only read by the kernel.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(self.descriptors.as_ptr()).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: allocated by `zeroed` with these layouts, and the ring that used them is gone: see `Ring`.
        unsafe {
            dealloc(self.descriptors.as_ptr().cast(), DESCRIPTORS);
            dealloc(self.slab.as_ptr(), SLAB);
        }
    }
}

fn zeroed<T>(layout: Layout) -> NonNull<T> {
    // SAFETY: neither layout is empty.
    let memory = unsafe { alloc_zeroed(layout) };
    NonNull::new(memory.cast()).unwrap_or_else(|| handle_alloc_error(layout))
}

const fn pages(size: usize) -> Layout {
    match Layout::from_size_align(size, 4096) {
        Ok(layout) => layout,
        Err(_) => panic!("a size that fits"),
    }
}

const DESCRIPTORS: Layout = pages(COUNT as usize * size_of::<BufRingEntry>());
const SLAB: Layout = pages(COUNT as usize * SIZE);
const _: () = assert!(COUNT.is_power_of_two(), "the kernel wants a power of two");
