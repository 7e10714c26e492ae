//! The local ends of a leg: their ports, their names, and when they are opened and closed.

use core::time::Duration;
use std::net::IpAddr;

use media::{Command, EndId};
use routing::reason::Reason;
use sip_stack::Slot;

use super::protection::is_demanded;
use crate::leg::Leg;
use crate::means::Means;

/// One local end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// Its name.
    pub id: EndId,
    /// Its RTP port; 0 for an m-line that is not relayed.
    pub port: u16,
}

/// Makes sure that the leg has an end for every m-line that is carried.
pub(super) fn open(leg: &mut Leg, carried: &[bool], call: Slot, means: &mut Means<'_>) -> Result<(), Reason> {
    let (bind, _) = means.book.media_for(leg.dialog.flow.remote.ip());
    let usual = if leg.media.inward { 0 } else { 60 };
    let seconds = leg.connection.as_ref().map_or(usual, |c| c.media.inactivity_s);
    let inactivity = (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)));
    for (index, &wanted) in carried.iter().enumerate().take(MOST_LINES) {
        if leg.media.ends.len() == index {
            leg.media.ends.push(End { id: end_id(means.shard, call, leg.number, index), port: 0 });
        }
        let head = leg.media.head();
        let Some(end) = leg.media.ends.get_mut(index) else { continue };
        if wanted
            && end.port == 0
            && let Some(webrtc) = &leg.media.webrtc
        {
            end.port = webrtc.place().port();
            webrtc.open(end.id, head, inactivity, means);
        } else if wanted && end.port == 0 {
            let port = lease(bind, means).ok_or(Reason::NoMediaPort)?;
            end.port = port;
            let id = end.id;
            means.media(Command::Open { end: id, bind, port, inactivity });
            if is_demanded(leg.connection.as_deref()) {
                means.media(Command::Demand { end: id });
            }
        }
    }
    Ok(())
}

/// A port that the system lets us have. One that it refuses, since another program has it, rests like one that was
/// used. When few are free and all are refused, one is taken as it is: a call that just ended is about to leave it.
fn lease(bind: IpAddr, means: &mut Means<'_>) -> Option<u16> {
    let free = means.ports.free();
    for _ in 0..free.min(MOST_REFUSED) {
        let port = means.ports.lease()?;
        if means.book.claim_media(bind, port) {
            return Some(port);
        }
        means.ports.give_back(port);
    }
    if free < MOST_REFUSED { means.ports.lease() } else { None }
}

pub(super) fn shown(leg: &Leg, means: &mut Means<'_>) -> IpAddr {
    let advertised = leg.connection.as_ref().and_then(|c| c.media.advertise);
    advertised.unwrap_or_else(|| means.book.media_for(leg.dialog.flow.remote.ip()).1)
}

/// Closes every end of a leg; returns how many closings the plane will report.
pub(crate) fn close(leg: &mut Leg, means: &mut Means<'_>) -> usize {
    let mut closing = 0;
    for end in leg.media.ends.drain(..).filter(|end| end.port != 0) {
        means.media(Command::Close { end: end.id });
        if leg.media.webrtc.is_none() {
            means.ports.give_back(end.port);
        }
        closing += 1;
    }
    leg.media.protection.forget_told();
    if let Some(webrtc) = &mut leg.media.webrtc {
        webrtc.forget_told();
    }
    closing
}

/// Name of an end: shard, slot, generation, leg and m-line of the call it belongs to; the upper half is the
/// same for all ends of a call.
pub(crate) fn end_id(shard: u8, call: Slot, leg: u8, line: usize) -> EndId {
    let line = u64::try_from(line & 0xff).unwrap_or(0);
    let call_bits = u64::from(shard) << 56 | u64::from(call.index & 0x00ff_ffff) << 32;
    EndId(call_bits | u64::from(call.generation & 0xffff) << 16 | u64::from(leg) << 8 | line)
}

/// What an end's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndOwner {
    /// The shard whose call it is.
    pub shard: u8,
    /// Slot index of the call.
    pub index: u32,
    /// Low bits of the slot's generation.
    pub generation: u16,
    /// The leg.
    pub leg: u8,
}

/// Whose end this is.
pub fn end_owner(end: EndId) -> EndOwner {
    let [shard, ..] = end.0.to_be_bytes();
    let index = u32::try_from(end.0 >> 32 & 0x00ff_ffff).unwrap_or(0);
    let generation = u16::try_from(end.0 >> 16 & 0xffff).unwrap_or(0);
    EndOwner { shard, index, generation, leg: u8::try_from(end.0 >> 8 & 0xff).unwrap_or(0) }
}

/// Ports tried for an end: enough to step over a program that sits in our range, few enough to refuse a call soon
/// when nothing can be bound.
const MOST_REFUSED: usize = 64;

/// M-lines per description that are carried.
const MOST_LINES: usize = 16;
