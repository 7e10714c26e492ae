"""listen.py PLAYED.wav RECORDED.wav : PESQ in narrowband and wideband, run by pesq.sh. Both are brought to 8 and 16 kHz, the
recording is moved to where it fits best, and eight seconds are compared.
listen.py --at RATE FILE.wav OUT.wav : the same sound at another rate."""
import sys, wave
import numpy
from pesq import pesq

SECONDS = 8


def read(path):
    with wave.open(path, "rb") as w:
        channels, rate, raw = w.getnchannels(), w.getframerate(), w.readframes(w.getnframes())
    return numpy.frombuffer(raw[:len(raw) // 2 * 2], dtype="<i2")[::channels].astype(float), rate


def at_rate(samples, rate, wanted):
    """The same sound at another rate, by its spectrum."""
    if rate == wanted:
        return samples
    count = len(samples) * wanted // rate
    spectrum = numpy.fft.rfft(samples)
    resized = numpy.zeros(count // 2 + 1, dtype=complex)
    both = min(len(spectrum), len(resized))
    resized[:both] = spectrum[:both]
    return numpy.fft.irfft(resized, count) * wanted / rate


def best_delay(played, recorded):
    size = 1 << (len(played) + len(recorded)).bit_length()
    found = numpy.fft.irfft(numpy.fft.rfft(recorded, size) * numpy.conj(numpy.fft.rfft(played, size)), size)
    at = int(numpy.argmax(found))
    return at if at < size // 2 else at - size


def scores(played_path, recorded_path):
    for rate, mode in ((8000, "nb"), (16000, "wb")):
        played, recorded = (at_rate(*read(path), rate) for path in (played_path, recorded_path))
        skip = rate                                     # the first second, in which a jitter buffer settles
        part = played[skip:skip + SECONDS * rate]
        delay = best_delay(part[:4 * rate], recorded)
        heard = recorded[max(0, delay):max(0, delay) + len(part)]
        yield pesq(rate, part[:len(heard)].astype("int16"), heard.astype("int16"), mode)


def resample(rate, path, out):
    sound = numpy.clip(at_rate(*read(path), rate), -32768, 32767)
    with wave.open(out, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes(sound.astype("<i2").tobytes())


if sys.argv[1] == "--at":
    resample(int(sys.argv[2]), *sys.argv[3:5])
else:
    print(*(f"{score:.2f}" for score in scores(*sys.argv[1:3])))
