//! Streams through a conversion, from outside: packets in, packets out.

use std::f64::consts::TAU;

use codec::Codec;

use super::*;

/// One end of the conversion under test, as a phone that sends a tone and listens.
struct Phone {
    format: Format,
    encoder: Encoder,
    decoder: Decoder,
    rate: Rate,
    at: usize,
    sequence: u16,
    timestamp: u32,
}

const HZ: f64 = 1004.0;

impl Phone {
    fn new(format: Format, other: Codec) -> Self {
        let rate = format.codec.rate_towards(other);
        Self {
            format,
            encoder: Encoder::new(format.codec, rate, Tuning::default()).expect("a codec"),
            decoder: Decoder::new(format.codec, rate).expect("a codec"),
            rate,
            at: 0,
            sequence: 65_500,
            timestamp: u32::MAX - 5000,
        }
    }

    /// The next packet, of `ms`.
    fn packet(&mut self, ms: usize) -> Vec<u8> {
        let step = TAU * HZ / f64::from(self.rate.hz());
        let samples = ms * self.rate.per_ms();
        let tone: Vec<i16> =
            (self.at..self.at + samples).map(|n| (8000.0 * (step * n as f64).sin()) as i16).collect();
        self.at += samples;
        let mut payload = Vec::new();
        self.encoder.encode(&tone, &mut payload);
        let packet = self.wrap(self.format.payload_type, self.timestamp, &payload);
        self.pause(ms);
        packet
    }

    fn wrap(&mut self, payload_type: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        rtp::write_header(false, payload_type, self.sequence, timestamp, 77, &mut packet);
        packet.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        packet
    }

    fn event(&mut self, payload_type: u8, timestamp: u32, event: TelephoneEvent) -> Vec<u8> {
        let mut payload = Vec::new();
        event.write(&mut payload);
        self.wrap(payload_type, timestamp, &payload)
    }

    /// Time passes in silence.
    fn pause(&mut self, ms: usize) {
        self.timestamp = self.timestamp.wrapping_add(self.format.codec.clock() / 1000 * ms as u32);
    }

    /// How far noise lies below the tone in what these packets say, from the second quarter on; and its amplitude.
    fn hear(&mut self, packets: &[Vec<u8>]) -> (f64, f64) {
        let mut heard = Vec::new();
        for packet in packets {
            let header = RtpHeader::parse(packet).expect("well-formed");
            assert_eq!(header.payload_type, self.format.payload_type);
            assert!(self.decoder.decode(&packet[header.payload], &mut heard));
        }
        let heard = &heard[heard.len() / 4..];
        let step = TAU * HZ / f64::from(self.rate.hz());
        let n = heard.len() as f64;
        let part = |f: fn(f64) -> f64| {
            2.0 * heard.iter().enumerate().map(|(n, &s)| f64::from(s) * f(step * n as f64)).sum::<f64>() / n
        };
        let (sin, cos) = (part(f64::sin), part(f64::cos));
        let signal = (sin * sin + cos * cos) / 2.0;
        let whole = heard.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / n;
        (10.0 * (signal / (whole - signal).max(1e-9)).log10(), (2.0 * signal).sqrt())
    }
}

fn format(codec: Codec, ptime: u8) -> Format {
    let payload_type = codec.static_payload_type().unwrap_or(111);
    let clock = codec.clock();
    let dtmf = Dtmf::Events { payload_type: 101, heard_as: 101, clock };
    Format { codec, payload_type, heard_as: payload_type, ptime, fec: false, dtmf }
}

/// A conversion and the time in it.
struct Course {
    translator: Translator,
    now: Timestamp,
    sent: Vec<Vec<u8>>,
    dialled: Vec<(u8, u32)>,
}

impl Course {
    fn new(from: Format, to: Format) -> Self {
        let translator = Translator::new(from, to, 5, None, 0x1234_5678_9abc_def0).expect("codecs");
        Self { translator, now: Timestamp::from_secs(1000), sent: Vec::new(), dialled: Vec::new() }
    }

    fn arrive(&mut self, packet: &[u8]) {
        self.translator.on_packet(packet, self.now);
        self.collect();
    }

    /// Lets time pass, with the timers in it.
    fn wait(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while let Some(at) = self.translator.next_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.translator.handle_timeout(self.now);
            self.collect();
        }
        self.now = until;
    }

    fn collect(&mut self) {
        self.dialled.extend(self.translator.take_dialled());
        self.sent.extend(self.translator.packets().iter().map(<[u8]>::to_vec));
        self.translator.packets().clear();
    }

    fn headers(&self) -> Vec<RtpHeader> {
        self.sent.iter().filter_map(|packet| RtpHeader::parse(packet)).collect()
    }

    /// The numbers of what was sent follow each other.
    fn assert_unbroken(&self) {
        for pair in self.headers().windows(2) {
            assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
            assert_eq!(pair[1].ssrc, pair[0].ssrc);
        }
    }
}

#[test]
fn a_tone_passes_every_pair_at_every_packet_time() {
    for from in Codec::ALL {
        for to in Codec::ALL {
            for (there, here) in
                [(20, 20), (10, 20), (20, 10), (60, 20), (20, 60), (40, 20), (20, 40), (30, 20)]
            {
                if from == Codec::Opus && there == 30 {
                    continue;
                }
                let (from, to) = (format(from, there), format(to, here));
                let mut course = Course::new(from, to);
                let mut phone = Phone::new(from, to.codec);
                for _ in 0..1200 / usize::from(there) {
                    course.arrive(&phone.packet(there.into()));
                    course.wait(there.into());
                }
                let what = format!("{:?} {there} ms to {:?} {here} ms", from.codec, to.codec);
                course.assert_unbroken();
                assert_eq!(course.sent.len(), 1200 / usize::from(here), "{what}");
                let step = to.codec.clock() / 1000 * u32::from(here);
                let headers = course.headers();
                assert!(
                    headers.windows(2).all(|h| h[1].timestamp.wrapping_sub(h[0].timestamp) == step),
                    "{what}"
                );
                assert_eq!(headers.iter().filter(|header| header.marker).count(), 1, "{what}");
                let (snr, amplitude) = Phone::new(to, from.codec).hear(&course.sent);
                assert!(
                    snr > 15.0 && (6500.0..9500.0).contains(&amplitude),
                    "{what}: {snr:.1} dB {amplitude}"
                );
            }
        }
    }
}

#[test]
fn a_packet_leaves_when_it_comes() {
    let (from, to) = (format(Codec::Pcma, 20), format(Codec::Opus, 20));
    let (mut course, mut phone) = (Course::new(from, to), Phone::new(from, Codec::Opus));
    for n in 1..10 {
        course.arrive(&phone.packet(20));
        assert_eq!(course.sent.len(), n, "at once, without a timer");
        assert_eq!(course.translator.next_timeout(), None);
        course.now = course.now + Duration::from_millis(20);
    }
}

#[test]
fn what_was_one_packet_is_not_sent_in_a_burst() {
    let (from, to) = (format(Codec::Opus, 60), format(Codec::Pcmu, 20));
    let (mut course, mut phone) = (Course::new(from, to), Phone::new(from, Codec::Pcmu));
    let mut counts = Vec::new();
    for _ in 0..3 {
        course.arrive(&phone.packet(60));
        counts.push(course.sent.len());
        for _ in 0..2 {
            course.wait(20);
            counts.push(course.sent.len());
        }
        course.now = course.now + Duration::from_millis(19);
    }
    assert_eq!(counts, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // Packets that were late, and come together, are not made any later.
    course.arrive(&phone.packet(60));
    course.arrive(&phone.packet(60));
    assert_eq!(course.sent.len(), 13);
}

#[test]
fn losses_are_filled_and_long_ones_are_silence() {
    for codec in Codec::ALL {
        for (lost, filled) in [(1, 1), (3, 3), (10, 3)] {
            let to = if codec == Codec::Pcma { Codec::Pcmu } else { Codec::Pcma };
            let (from, to) = (format(codec, 20), format(to, 20));
            let (mut course, mut phone) = (Course::new(from, to), Phone::new(from, to.codec));
            for n in 0..40 {
                let packet = phone.packet(20);
                if !(20..20 + lost).contains(&n) {
                    course.arrive(&packet);
                }
                course.wait(20);
            }
            course.assert_unbroken();
            let headers = course.headers();
            assert_eq!(headers.len(), 40 - lost + filled, "{codec:?} {lost}");
            let whole = headers[headers.len() - 1].timestamp.wrapping_sub(headers[0].timestamp);
            assert_eq!(whole, 39 * 160, "{codec:?} {lost}: time is what it was");
            let breaks = headers.iter().filter(|header| header.marker).count();
            assert_eq!(breaks, if lost > filled { 2 } else { 1 }, "{codec:?} {lost}");
        }
    }
}

#[test]
fn a_jump_of_numbers_makes_no_flood() {
    let (from, to) = (format(Codec::Pcma, 20), format(Codec::Opus, 20));
    let (mut course, mut phone) = (Course::new(from, to), Phone::new(from, Codec::Opus));
    for n in 0..60 {
        if n == 20 {
            phone.sequence = phone.sequence.wrapping_add(20_000);
            phone.timestamp = phone.timestamp.wrapping_add(20_000 * 160);
        }
        if n == 40 {
            phone.timestamp = phone.timestamp.wrapping_add(0x4000_0000);
        }
        course.arrive(&phone.packet(20));
        course.wait(20);
    }
    course.assert_unbroken();
    assert_eq!(course.sent.len(), 59, "the first of the other numbers is waited upon by its successor");
    let headers = course.headers();
    let whole = headers[58].timestamp.wrapping_sub(headers[0].timestamp);
    assert!(whole < 48 * 2000, "{whole}: time does not run away");
}

#[test]
fn silence_is_silence_and_takes_its_time() {
    let (from, to) = (format(Codec::Pcma, 20), format(Codec::Opus, 20));
    let (mut course, mut phone) = (Course::new(from, to), Phone::new(from, Codec::Opus));
    for _ in 0..10 {
        course.arrive(&phone.packet(20));
        course.wait(20);
    }
    phone.pause(3000);
    course.wait(3000);
    for _ in 0..10 {
        course.arrive(&phone.packet(20));
        course.wait(20);
    }
    let headers = course.headers();
    assert_eq!(headers.len(), 20);
    assert_eq!(headers[10].timestamp.wrapping_sub(headers[9].timestamp), 48 * 3020);
    assert_eq!(headers.iter().map(|h| h.marker).collect::<Vec<_>>(), {
        let mut marks = [false; 20];
        (marks[0], marks[10]) = (true, true);
        marks
    });
}

#[test]
fn comfort_noise_is_heard_until_somebody_talks() {
    let (from, to) = (format(Codec::Pcma, 20), format(Codec::G722, 20));
    let (mut course, mut phone) = (Course::new(from, to), Phone::new(from, Codec::G722));
    course.arrive(&phone.packet(20));
    course.wait(20);
    let noise = phone.wrap(13, phone.timestamp, &[40]);
    course.arrive(&noise);
    phone.pause(1000);
    course.wait(1000);
    course.arrive(&phone.packet(20));
    course.wait(20);
    let headers = course.headers();
    assert!((51..=53).contains(&headers.len()), "{}", headers.len());
    let whole = headers[headers.len() - 1].timestamp.wrapping_sub(headers[0].timestamp);
    assert!(whole.abs_diff(160 * 51) <= 160, "{whole}");
    course.assert_unbroken();
    course.wait(60_000);
    assert_eq!(course.translator.next_timeout(), None);
}

/// Dials `digits` by events of 100 ms at `clock`, in a stream of audio.
fn dial(course: &mut Course, phone: &mut Phone, digits: &str, clock: u32) {
    for digit in digits.chars() {
        for _ in 0..5 {
            course.arrive(&phone.packet(20));
            course.wait(20);
        }
        let code = TelephoneEvent::code_of(digit).expect("a digit");
        let (at, step) = (phone.timestamp, (clock / 50) as u16);
        for n in 1..=7 {
            let event = TelephoneEvent { event: code, end: n >= 5, volume: 10, duration: step * n.min(5) };
            let packet = phone.event(101, at, event);
            course.arrive(&packet);
            course.wait(if n < 5 { 20 } else { 0 });
        }
        course.wait(20);
        phone.pause(100);
    }
    for _ in 0..5 {
        course.arrive(&phone.packet(20));
        course.wait(20);
    }
}

#[test]
fn digits_cross_clocks_without_doubling() {
    for (from, to) in [(Codec::Opus, Codec::Pcma), (Codec::Pcma, Codec::Opus), (Codec::G722, Codec::Pcmu)] {
        let (from, mut to) = (format(from, 20), format(to, 20));
        if let Dtmf::Events { payload_type, .. } = &mut to.dtmf {
            *payload_type = 126;
        }
        let (mut course, mut phone) = (Course::new(from, to), Phone::new(from, to.codec));
        dial(&mut course, &mut phone, "0123456789*#ABCD", from.codec.clock());
        course.assert_unbroken();
        let mut seen: Vec<(u32, char, u16, usize, usize)> = Vec::new();
        for packet in &course.sent {
            let header = RtpHeader::parse(packet).expect("well-formed");
            if header.payload_type != 126 {
                continue;
            }
            let event = TelephoneEvent::parse(&packet[header.payload]).expect("an event");
            if seen.last().is_none_or(|last| last.0 != header.timestamp) {
                assert!(header.marker);
                seen.push((header.timestamp, event.digit().expect("a digit"), 0, 0, 0));
            }
            let last = seen.last_mut().expect("just pushed");
            assert!(event.duration >= last.2);
            last.2 = event.duration;
            last.3 += usize::from(event.end);
            last.4 += 1;
        }
        let duration = (to.codec.clock() / 10) as u16;
        assert_eq!(seen.iter().map(|d| d.1).collect::<String>(), "0123456789*#ABCD");
        assert!(seen.iter().all(|d| (d.2, d.3, d.4) == (duration, 3, 7)), "{seen:?}");
        let headers = course.headers();
        let whole = headers[headers.len() - 1].timestamp.wrapping_sub(headers[0].timestamp);
        assert_eq!(whole, to.codec.clock() / 1000 * (16 * 200 + 80), "time is what it was");
    }
}

#[test]
fn a_long_event_outgrows_sixteen_bits() {
    let (from, to) = (format(Codec::Pcma, 20), format(Codec::Opus, 20));
    let (mut course, mut phone) = (Course::new(from, to), Phone::new(from, Codec::Opus));
    course.arrive(&phone.packet(20));
    let at = phone.timestamp;
    for n in 1..=150u16 {
        let event = TelephoneEvent { event: 5, end: n == 150, volume: 10, duration: 160 * n };
        let packet = phone.event(101, at, event);
        course.arrive(&packet);
        course.wait(20);
    }
    let events: Vec<(RtpHeader, TelephoneEvent)> = course
        .sent
        .iter()
        .skip(1)
        .map(|packet| {
            let header = RtpHeader::parse(packet).expect("well-formed");
            let event = TelephoneEvent::parse(&packet[header.payload.clone()]).expect("an event");
            (header, event)
        })
        .collect();
    let (first, last) = (&events[0], &events[events.len() - 1]);
    assert_eq!(events.iter().filter(|(header, _)| header.marker).count(), 1);
    assert_eq!(events.iter().filter(|(_, event)| event.end).count(), 3);
    let whole = last.0.timestamp.wrapping_sub(first.0.timestamp) + u32::from(last.1.duration);
    assert_eq!(whole, 150 * 160 * 6);
}

#[test]
fn an_event_whose_end_is_lost_ends() {
    let (from, to) = (format(Codec::Pcma, 20), format(Codec::Pcmu, 20));
    let (mut course, mut phone) = (Course::new(from, to), Phone::new(from, Codec::Pcmu));
    course.arrive(&phone.packet(20));
    let at = phone.timestamp;
    let packet = phone.event(101, at, TelephoneEvent { event: 1, end: false, volume: 10, duration: 160 });
    course.arrive(&packet);
    course.wait(1000);
    let ends = course.sent.iter().skip(1).filter(|packet| packet[13] & 0x80 != 0).count();
    assert_eq!((course.sent.len(), ends), (5, 3));
    assert_eq!(course.translator.next_timeout(), None);
}

#[test]
fn digits_become_tones_and_tones_become_digits() {
    let events = format(Codec::Opus, 20);
    let tones = Format { dtmf: Dtmf::Inband, ..format(Codec::Pcma, 20) };
    // Events to tones,
    let (mut course, mut phone) = (Course::new(events, tones), Phone::new(events, Codec::Pcma));
    dial(&mut course, &mut phone, "159*", 48_000);
    course.assert_unbroken();
    let mut decoder = Decoder::new(Codec::Pcma, Rate::Narrow).expect("G.711");
    let mut detector = Detector::new(Rate::Narrow);
    let mut heard = Vec::new();
    for packet in &course.sent {
        let mut linear = Vec::new();
        assert_eq!(packet[1] & 0x7f, 8);
        assert!(decoder.decode(&packet[12..], &mut linear));
        heard.extend(detector.listen(&linear));
    }
    let wanted = [1, 5, 9, 10].map(|code| [Heard::Began(code), Heard::Ended(code)]);
    assert_eq!(heard, wanted.concat());

    // and the same tones back to events.
    let (mut back, mut listener) = (Course::new(tones, events), Detector::new(Rate::Narrow));
    for packet in std::mem::take(&mut course.sent) {
        back.arrive(&packet);
        back.wait(20);
    }
    back.wait(1000);
    let codes: Vec<u8> = back.sent.iter().filter(|p| p[1] == 0x80 | 101).map(|p| p[12]).collect();
    assert_eq!(codes, [1, 5, 9, 10]);
    let mut opus = Decoder::new(Codec::Opus, Rate::Narrow).expect("Opus");
    for packet in back.sent.iter().filter(|p| p[1] & 0x7f == 111) {
        let mut linear = Vec::new();
        assert!(opus.decode(&packet[12..], &mut linear));
        assert_eq!(listener.listen(&linear), None, "no digit is heard twice");
    }
}

#[test]
fn digits_go_to_signalling_and_come_from_it() {
    let events = format(Codec::Opus, 20);
    let info = Format { dtmf: Dtmf::Info, ..format(Codec::Pcma, 20) };
    let (mut course, mut phone) = (Course::new(events, info), Phone::new(events, Codec::Pcma));
    dial(&mut course, &mut phone, "1#", 48_000);
    assert_eq!(course.dialled, [(1, 100), (11, 100)]);
    assert!(course.sent.iter().all(|packet| packet[1] & 0x7f == 8));
    let mut back = Course::new(info, events);
    back.translator.dial(7, 120, back.now);
    back.translator.dial(8, 120, back.now);
    back.collect();
    back.wait(1000);
    let begun: Vec<u8> = back.sent.iter().filter(|p| p[1] == 0x80 | 101).map(|p| p[12]).collect();
    let ended = back.sent.iter().filter(|p| p[13] & 0x80 != 0).count();
    assert_eq!((begun, ended), (vec![7, 8], 6));
}

#[test]
fn anything_may_arrive() {
    let mut state = 1u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    for from in Codec::ALL {
        let (from, to) = (format(from, 20), format(Codec::Opus, 20));
        let mut course = Course::new(from, to);
        for _ in 0..3000 {
            let number = [from.payload_type, 101, 13, 5][random() as usize % 4];
            let mut packet = Vec::new();
            rtp::write_header(
                random() % 2 == 0,
                number,
                random() as u16 % 64,
                random() << 12,
                random() % 2,
                &mut packet,
            );
            packet.extend((0..random() % 200).map(|_| random() as u8));
            course.arrive(&packet);
            course.wait(u64::from(random() % 30));
        }
        // A second of arrivals at their worst makes no more than what it could hold, and noise.
        let seconds = course.now.since(Timestamp::from_secs(1000)).as_secs() as usize;
        assert!(course.sent.len() < 3000 * 8 + seconds * 60, "{}", course.sent.len());
    }
}
