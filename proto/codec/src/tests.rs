//! Tones through every pair of codecs, losses, noise and digits.

use std::f32::consts::TAU;

use crate::dtmf::{Detector, Heard, Tones};
use crate::{Codec, ComfortNoise, Decoder, Encoder, Rate, Resampler, Tuning};

const AMPLITUDE: f32 = 8_000.0;

fn tone(hz: f32, rate: Rate, from: usize, samples: usize) -> Vec<i16> {
    let step = TAU * hz / rate.hz() as f32;
    (from..from + samples).map(|n| (AMPLITUDE * (step * n as f32).sin()) as i16).collect()
}

/// Amplitude of the tone in `samples`, and how far the rest is below it, in dB.
fn measure(samples: &[i16], hz: f32, rate: Rate) -> (f64, f64) {
    let step = f64::from(TAU * hz / rate.hz() as f32);
    let sum = |f: &dyn Fn(f64) -> f64| -> f64 {
        samples.iter().enumerate().map(|(n, &s)| f64::from(s) * f(step * n as f64)).sum()
    };
    let n = samples.len() as f64;
    let (sin, cos) = (2.0 * sum(&f64::sin) / n, 2.0 * sum(&f64::cos) / n);
    let rest: f64 = samples
        .iter()
        .enumerate()
        .map(|(n, &s)| {
            let phase = step * n as f64;
            (f64::from(s) - sin * phase.sin() - cos * phase.cos()).powi(2)
        })
        .sum();
    let signal = (sin * sin + cos * cos) / 2.0;
    (signal.mul_add(2.0, 0.0).sqrt(), 10.0 * (signal / (rest / n)).log10())
}

/// A second of a tone spoken in `from`, converted, and heard in `to`, in packets of `ms`.
fn through(from: Codec, to: Codec, hz: f32, ms: usize) -> (f64, f64) {
    let (rate, other) = (from.rate_towards(to), to.rate_towards(from));
    let mut speaker = Encoder::new(from, rate, Tuning::default()).expect("a rate of its own");
    let mut decoder = Decoder::new(from, rate).expect("a rate of its own");
    let mut resampler = Resampler::new(rate, other);
    let mut encoder = Encoder::new(to, other, Tuning::default()).expect("a rate of its own");
    let mut listener = Decoder::new(to, other).expect("a rate of its own");
    let (mut heard, frame) = (Vec::new(), ms * rate.per_ms());
    for n in 0..1000 / ms {
        let (mut sent, mut linear, mut converted, mut received) = (vec![], vec![], vec![], vec![]);
        speaker.encode(&tone(hz, rate, n * frame, frame), &mut sent);
        assert!(decoder.decode(&sent, &mut linear), "{from:?}");
        assert_eq!(linear.len(), frame);
        resampler.run(&linear, &mut converted);
        assert_eq!(converted.len(), ms * other.per_ms());
        encoder.encode(&converted, &mut received);
        assert!(listener.decode(&received, &mut heard), "{to:?}");
    }
    measure(&heard[heard.len() / 2..], hz, other)
}

#[test]
fn a_tone_passes_every_pair_of_codecs() {
    for from in Codec::ALL {
        for to in Codec::ALL {
            for ms in [10, 20, 40, 60] {
                let (amplitude, snr) = through(from, to, 1004.0, ms);
                let level = 20.0 * (amplitude / f64::from(AMPLITUDE)).log10();
                assert!(level.abs() < 1.5, "{from:?} to {to:?} in {ms} ms: {level:.2} dB");
                assert!(snr > 15.0, "{from:?} to {to:?} in {ms} ms: {snr:.1} dB");
            }
        }
    }
}

#[test]
fn wideband_is_wide() {
    for (from, to) in [(Codec::Opus, Codec::G722), (Codec::G722, Codec::Opus), (Codec::G722, Codec::G722)] {
        let (amplitude, snr) = through(from, to, 6000.0, 20);
        assert!(amplitude > 0.6 * f64::from(AMPLITUDE) && snr > 8.0, "{from:?} to {to:?}: {amplitude} {snr}");
    }
}

#[test]
fn g722_is_as_good_as_the_standard_says() {
    for (hz, least) in [(300.0, 25.0), (1004.0, 25.0), (3000.0, 20.0), (6000.0, 12.0)] {
        let mut encoder = Encoder::new(Codec::G722, Rate::Wide, Tuning::default()).expect("wide");
        let mut decoder = Decoder::new(Codec::G722, Rate::Wide).expect("wide");
        let (mut octets, mut heard) = (Vec::new(), Vec::new());
        encoder.encode(&tone(hz, Rate::Wide, 0, 2880), &mut octets);
        assert_eq!(octets.len(), 1440);
        assert!(decoder.decode(&octets, &mut heard));
        let (amplitude, snr) = measure(&heard[1000..], hz, Rate::Wide);
        assert!((amplitude / f64::from(AMPLITUDE) - 1.0).abs() < 0.1, "{hz}: {amplitude}");
        assert!(snr > least, "{hz}: {snr}");
    }
}

#[test]
fn resampling_keeps_what_both_rates_can_carry_and_nothing_else() {
    let through = |from: Rate, to: Rate, hz: f32| {
        let (mut resampler, mut out) = (Resampler::new(from, to), Vec::new());
        tone(hz, from, 0, 320 * 25).chunks(320).for_each(|frame| resampler.run(frame, &mut out));
        out.split_off(out.len() / 2)
    };
    for hz in [100.0, 1000.0, 3300.0] {
        for (from, to) in [(Rate::Wide, Rate::Narrow), (Rate::Narrow, Rate::Wide)] {
            let (amplitude, snr) = measure(&through(from, to, hz), hz, to);
            assert!((amplitude / f64::from(AMPLITUDE) - 1.0).abs() < 0.03, "{from:?} {hz}: {amplitude}");
            assert!(snr > 46.0, "{from:?} {hz}: {snr}");
        }
    }
    let beyond = through(Rate::Wide, Rate::Narrow, 4800.0);
    assert!(beyond.iter().all(|sample| sample.abs() < 32), "nothing folds back");
}

#[test]
fn a_lost_packet_is_hardly_heard_and_a_long_loss_is_silent() {
    for codec in Codec::ALL {
        let rate = codec.rate_towards(codec);
        let mut encoder = Encoder::new(codec, rate, Tuning::default()).expect("a rate of its own");
        let mut decoder = Decoder::new(codec, rate).expect("a rate of its own");
        let frame = 20 * rate.per_ms();
        let (mut heard, mut length) = (Vec::new(), 0);
        for n in 0..100 {
            let mut payload = Vec::new();
            encoder.encode(&tone(400.0, rate, n * frame, frame), &mut payload);
            if n % 20 == 19 {
                decoder.conceal(frame, None, &mut heard);
            } else {
                assert!(decoder.decode(&payload, &mut heard));
            }
            length += frame;
            assert_eq!(heard.len(), length, "{codec:?}");
        }
        let (amplitude, snr) = measure(&heard[heard.len() / 2..], 400.0, rate);
        assert!(amplitude > 0.85 * f64::from(AMPLITUDE) && snr > 6.0, "{codec:?}: {amplitude} {snr}");
        heard.clear();
        (0..10).for_each(|_| decoder.conceal(frame, None, &mut heard));
        assert_eq!(heard.len(), 10 * frame);
        // libopus fades by a rule of its own.
        let silent = heard[8 * frame..].iter().all(|sample| *sample == 0);
        assert!(silent || codec == Codec::Opus, "{codec:?} falls silent");
    }
}

#[test]
fn opus_finds_a_lost_packet_in_the_next() {
    let tuning = Tuning { fec: true, ..Tuning::default() };
    let mut encoder = Encoder::new(Codec::Opus, Rate::Narrow, tuning).expect("opus");
    encoder.expect_loss(20);
    let mut decoder = Decoder::new(Codec::Opus, Rate::Narrow).expect("opus");
    let payloads: Vec<Vec<u8>> = (0..50)
        .map(|n| {
            // Speech-like: what is steady needs no redundancy.
            let swell = if n % 10 < 5 { 400.0 } else { 900.0 };
            let mut payload = Vec::new();
            encoder.encode(&tone(swell, Rate::Narrow, n * 160, 160), &mut payload);
            payload
        })
        .collect();
    let mut heard = Vec::new();
    for (n, payload) in payloads.iter().enumerate() {
        if n == 40 {
            continue;
        }
        if n == 41 {
            decoder.conceal(160, Some((payload, 160)), &mut heard);
        }
        assert!(decoder.decode(payload, &mut heard));
    }
    assert_eq!(heard.len(), 50 * 160);
    // The fortieth begins with another tone: concealment would not know it.
    let (amplitude, _) = measure(&heard[40 * 160 + 60..41 * 160], 400.0, Rate::Narrow);
    assert!(amplitude > 0.4 * f64::from(AMPLITUDE), "{amplitude}");
}

#[test]
fn anything_may_be_a_payload() {
    for codec in Codec::ALL {
        let rate = codec.rate_towards(codec);
        let mut decoder = Decoder::new(codec, rate).expect("a rate of its own");
        let mut state = 7u32;
        for len in (0..400).chain([1500, 4000, 65_000]) {
            let payload: Vec<u8> = (0..len)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            let mut out = Vec::new();
            decoder.decode(&payload, &mut out);
            assert!(out.len() <= 200 * rate.per_ms(), "{codec:?} {len}");
            decoder.conceal(len, Some((&payload, 160)), &mut out);
        }
    }
}

#[test]
fn comfort_noise_is_as_loud_as_it_says() {
    for (payload, dbov) in [(&[40][..], 40.0), (&[60, 200, 90, 127], 60.0), (&[30, 20], 30.0)] {
        let mut noise = ComfortNoise::default();
        noise.describe(payload);
        let mut samples = Vec::new();
        noise.write(16_000, &mut samples);
        let power: f64 = samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / 16_000.0;
        let level = -20.0 * (power.sqrt() / 32_767.0).log10();
        assert!((level - dbov).abs() < 1.5, "{payload:?}: {level}");
    }
}

#[test]
fn digits_are_found_in_every_codec_and_speech_is_none() {
    for codec in [Codec::Pcma, Codec::Pcmu, Codec::G722] {
        let rate = codec.rate_towards(codec);
        for event in 0..16 {
            let mut encoder = Encoder::new(codec, rate, Tuning::default()).expect("a rate of its own");
            let mut decoder = Decoder::new(codec, rate).expect("a rate of its own");
            let mut detector = Detector::new(rate);
            let mut tones = Tones::new(event, rate).expect("a digit");
            let mut found = Vec::new();
            for n in 0..10 {
                let mut frame = vec![0; 20 * rate.per_ms()];
                if (2..6).contains(&n) {
                    tones.write(&mut frame);
                }
                let (mut payload, mut heard) = (Vec::new(), Vec::new());
                encoder.encode(&frame, &mut payload);
                decoder.decode(&payload, &mut heard);
                found.extend(detector.listen(&heard));
            }
            assert_eq!(found, [Heard::Began(event), Heard::Ended(event)], "{codec:?}");
        }
    }
    let mut detector = Detector::new(Rate::Narrow);
    for hz in [200.0, 697.0, 1000.0, 1209.0, 1477.0] {
        assert_eq!(detector.listen(&tone(hz, Rate::Narrow, 0, 8000)), None, "{hz}");
    }
    // A voice of 140 Hz with all its harmonics.
    let voice: Vec<i16> = (0..16_000)
        .map(|n| {
            let phase = TAU * 140.0 * n as f32 / 8000.0;
            (1..20).map(|k| 3000.0 / k as f32 * (phase * k as f32).sin()).sum::<f32>() as i16
        })
        .collect();
    assert_eq!(detector.listen(&voice), None);
    assert!(Tones::new(16, Rate::Narrow).is_none());
}
