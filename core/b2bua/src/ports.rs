//! The pool of media ports: pairs, given out round robin so that a port rests as long as possible.

use std::collections::VecDeque;

/// Free RTP ports; RTCP is on the next one.
#[derive(Clone, Debug, Default)]
pub struct PortPool {
    free: VecDeque<u16>,
    total: usize,
}

impl PortPool {
    /// Every even port of the range that has its odd neighbour in it, too.
    pub fn new(first: u16, last: u16) -> Self {
        let first = first.saturating_add(first % 2);
        let free: VecDeque<u16> = (first..last).step_by(2).collect();
        Self { total: free.len(), free }
    }

    /// Takes a port.
    pub fn lease(&mut self) -> Option<u16> {
        self.free.pop_front()
    }

    /// Gives one back.
    pub fn give_back(&mut self, port: u16) {
        self.free.push_back(port);
    }

    /// How many are free.
    pub fn free(&self) -> usize {
        self.free.len()
    }

    /// How many are in use.
    pub fn used(&self) -> usize {
        self.total - self.free.len()
    }

    /// How many there are.
    pub fn total(&self) -> usize {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::PortPool;

    #[test]
    fn pairs_within_the_range_and_the_longest_rest() {
        let mut pool = PortPool::new(20001, 20006);
        assert_eq!(pool.total(), 2);
        let (first, second) = (pool.lease(), pool.lease());
        assert_eq!((first, second, pool.lease()), (Some(20002), Some(20004), None));
        pool.give_back(20004);
        pool.give_back(20002);
        assert_eq!(pool.lease(), Some(20004));
        assert_eq!(pool.used(), 1);
    }
}
