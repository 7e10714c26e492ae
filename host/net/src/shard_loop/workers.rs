//! The media workers of a shard: commands on their way, and the sockets of ports that calls claimed.

use std::net::SocketAddr;
use std::sync::mpsc::Receiver;

use media::Command;

use crate::media_loop::{MediaSender, Order, PortPair, Undelivered};

/// Ways to the workers.
#[derive(Debug)]
pub(super) struct Workers {
    senders: Vec<MediaSender>,
    claims: Receiver<PortPair>,
    claimed: Vec<PortPair>,
    /// What did not fit into a queue; first in line for the next flush.
    delayed: Vec<(usize, Order)>,
}

impl Workers {
    /// These workers, and where the sockets of claimed ports come from.
    pub(super) fn new(senders: Vec<MediaSender>, claims: Receiver<PortPair>) -> Self {
        Self { senders, claims, claimed: Vec::new(), delayed: Vec::new() }
    }

    /// Whether something waits for room.
    pub(super) fn are_behind(&self) -> bool {
        !self.delayed.is_empty()
    }

    /// Tries again what waits.
    pub(super) fn catch_up(&mut self) {
        for (worker, order) in core::mem::take(&mut self.delayed) {
            self.order(worker, order);
        }
    }

    /// Gives a command to the worker of its call.
    pub(super) fn command(&mut self, command: Command) {
        let ports = self.claimed_for(&command);
        self.order(self.worker_of(&command), Order { command, ports });
    }

    /// Forgets claims: what is left was claimed by a call that came to nothing before it opened its ports.
    pub(super) fn forget_claims(&mut self) {
        self.claimed.clear();
    }

    fn worker_of(&self, command: &Command) -> usize {
        let end = match command {
            Command::Open { end, .. }
            | Command::OpenShared { end, .. }
            | Command::Authenticate { end, .. }
            | Command::Restart { end, .. }
            | Command::Sort { end, .. }
            | Command::Clear { end }
            | Command::Demand { end }
            | Command::Protect { end, .. }
            | Command::Remote { end, .. }
            | Command::Renumber { end, .. }
            | Command::Dial { end, .. }
            | Command::Await { end }
            | Command::Serve { end, .. }
            | Command::Play { end, .. }
            | Command::Press { end, .. }
            | Command::Listen { end, .. }
            | Command::Speak { end, .. }
            | Command::Mix { end, .. }
            | Command::Mute { end, .. }
            | Command::Announce { end, .. }
            | Command::Close { end } => end,
            Command::StopRecording { end, .. } => end,
            Command::Record(recording) => {
                match recording.tracks.iter().find_map(|track| track.end.as_ref()) {
                    Some(end) => end,
                    None => return 0,
                }
            }
            Command::Join { a, .. } | Command::Transcode { a: (a, _), .. } => a,
        };
        end.worker(self.senders.len())
    }

    /// The sockets of the ports that a command opens.
    fn claimed_for(&mut self, command: &Command) -> Option<PortPair> {
        let &Command::Open { bind, port, .. } = command else { return None };
        self.claimed.extend(self.claims.try_iter());
        let at = self.claimed.iter().position(|pair| pair.addr() == SocketAddr::new(bind, port))?;
        Some(self.claimed.swap_remove(at))
    }

    fn order(&mut self, worker: usize, order: Order) {
        let Some(sender) = self.senders.get(worker) else { return };
        if let Err(Undelivered::Full(order)) = sender.send(order) {
            self.delayed.push((worker, *order));
        }
    }
}

/// All ends of a call live with one worker.
pub(super) fn worker_of_call(call: u32, workers: usize) -> usize {
    call as usize % workers.max(1)
}
