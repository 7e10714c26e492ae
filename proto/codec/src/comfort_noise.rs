//! Comfort noise: RFC 3389.
//!
//! The noise is white, shaped by the reflection coefficients of the payload and as loud as it says. We only listen to
//! it: streams of ours are not interrupted.

/// Noise as the peer described it.
#[derive(Clone, Debug)]
pub struct ComfortNoise {
    /// Root mean square of the noise.
    amplitude: f32,
    reflections: [f32; MOST],
    order: usize,
    /// State of the lattice.
    backward: [f32; MOST],
    seed: u32,
}

impl Default for ComfortNoise {
    fn default() -> Self {
        Self { amplitude: 0.0, reflections: [0.0; MOST], order: 0, backward: [0.0; MOST], seed: 1 }
    }
}

impl ComfortNoise {
    /// Takes in a payload: the level, then the coefficients. Beyond the twelfth they change nothing one hears.
    pub fn describe(&mut self, payload: &[u8]) {
        let Some((&level, coefficients)) = payload.split_first() else { return };
        self.order = coefficients.len().min(MOST);
        let mut gain = 1.0;
        for (to, &octet) in self.reflections.iter_mut().zip(coefficients) {
            // §3.2: the octets lie around 127.
            *to = ((f32::from(octet) - 127.0) / 128.0).clamp(-0.99, 0.99);
            gain *= 1.0 - *to * *to;
        }
        // §3.1: dB below the overload; the filter makes noise louder by what its coefficients take away here.
        let loudness = f32::powf(10.0, -f32::from(level & 0x7f) / 20.0);
        self.amplitude = f32::from(i16::MAX) * loudness * gain.sqrt();
    }

    /// Appends noise.
    pub fn write(&mut self, samples: usize, out: &mut Vec<i16>) {
        for _ in 0..samples {
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Uniform over ±√3 has a mean square of one.
            let white = (self.seed >> 8) as f32 / (1 << 23) as f32 - 1.0;
            out.push(self.shape(white * 1.732 * self.amplitude) as i16);
        }
    }

    /// The all-pole lattice.
    fn shape(&mut self, input: f32) -> f32 {
        let mut forward = input;
        for at in (0..self.order).rev() {
            let (Some(&k), Some(&back)) = (self.reflections.get(at), self.backward.get(at)) else { continue };
            forward -= k * back;
            if let Some(next) = self.backward.get_mut(at + 1) {
                *next = back + k * forward;
            }
        }
        self.backward[0] = forward;
        forward
    }
}

/// Coefficients that are used.
const MOST: usize = 12;
