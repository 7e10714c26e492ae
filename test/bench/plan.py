#!/usr/bin/env python3
"""What answers the calls of flows.py and served.py, in the words of each server: numbers that lead to a flow, or to lines of
a dial plan which do the same. `plan.py trunkline` also makes the trunk that the calls come by.

  asterisk    prints the context that a trunk's calls go through
  trunkline   gives all of it to the server, by its API
  speech      writes what is played and said: RUN/speech.wav, the same as A-law, and as packets for rtpgen"""
import argparse, math, os, struct, sys, wave

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/lib")
import api

CALLER = "127.0.0.9"
PLAY, PLAY_ALAW, RECORD, REFUSE, STEPS, WAIT = ("+1555" + number for number in ("1000", "1001", "1100", "3000", "3001", "4000"))
STEP_COUNT = 90       # a call may take a hundred a second
ROOMS = 40
PERIODS = 12          # of five seconds
HOUR_S = 3600


def room(number):
    return f"+15552{number:03}"


def asterisk(_):
    """The dial plan."""
    print("[bench]")
    for number, file in ((PLAY, "speech"), (PLAY_ALAW, "native/speech")):
        extension(number, "Answer()", ("again", f"Playback(${{RUN}}/{file})"), "Goto(again)")
    extension(RECORD, "Answer()", f"Record(${{KEPT}}/${{UNIQUEID}}.wav,0,{HOUR_S},qk)")
    for number in range(ROOMS):
        extension(room(number), "Answer()", f"ConfBridge({number})")
    extension(REFUSE, "Hangup(17)")
    pair = lambda at: (f"Set(said=step {at} of ${{CALLERID(num)}})", f'GotoIf($["${{said}}" = "step {at}"]?never)')
    extension(STEPS, *(step for at in range(STEP_COUNT // 2) for step in pair(at)), ("never", "Hangup(17)"))
    extension(WAIT, "Answer()", f"Read(key,,1,,1,{HOUR_S})")


def extension(number, *steps):
    """Lines of a dial plan; a step with a label is both in a pair."""
    for place, step in enumerate(steps):
        label, application = step if isinstance(step, tuple) else ("", step)
        head = "same => n" if place else f"exten => {number},1"
        print(f"{head}{f'({label})' if label else ''},{application}")


def trunkline(o):
    ask = api.Api(o.http, o.key)
    with open(f"{o.run}/speech.wav", "rb") as audio:
        ask("POST", "/sounds?name=speech", audio.read(), "audio/wav")
    ask("POST", "/connections", dict(kind="trunk", name="bench", peers=[dict(host=CALLER, port=5061)], allowed_sources=[CALLER + "/32"],
                                     dial_pattern="^[+]", probe=dict(options_s=0)))
    node = lambda name, verb, **settings: dict(id=name, type=verb, settings=settings)
    flow(ask, [PLAY, PLAY_ALAW], [node("play", "play", sounds=["speech"], times=0)])
    flow(ask, [RECORD], [node("record", "record", beep=False, max_s=HOUR_S)])
    for number in range(ROOMS):
        flow(ask, [room(number)], [node("room", "conference", room=str(number), tones=False)])
    busy = node("busy", "reject", code=486)
    flow(ask, [REFUSE], [busy])
    nodes = []
    for at in range(STEP_COUNT // 2):
        nodes += [node(f"set{at}", "set", variables=dict(said=f"step {at} of ${{caller}}")),
                  node(f"if{at}", "if", value="${said}", than=f"step {at}")]
    # Each leads to the next by what is not the end, and the last one to the refusal.
    lead = lambda one, outcome, other: {"from": one["id"], "outcome": outcome, "to": other["id"]}
    edges = [lead(one, "next" if one["type"] == "set" else "no", other) for one, other in zip(nodes, nodes[1:] + [busy])]
    edges += [lead(one, "yes", busy) for one in nodes if one["type"] == "if"]
    flow(ask, [STEPS], nodes + [busy], edges)
    flow(ask, [WAIT], [node("wait", "gather", first_s=120, tries=10)])


def flow(ask, numbers, nodes, edges=()):
    made = ask("POST", "/flows", dict(name=numbers[0], draft=dict(nodes=nodes, edges=list(edges))))
    ask("POST", f"/flows/{made['id']}/publish")
    for number in numbers:
        ask("POST", "/numbers", dict(e164=number, target=dict(flow=made["id"])))


def speech(o):
    """Five seconds of something like a voice, over and over, and five of a quiet line."""
    samples = []
    for n in range(5 * 8000):
        at = n / 8000
        voice = sum(math.sin(2 * math.pi * 140 * k * at) / k for k in range(1, 12))
        samples.append(int(3500 * max(0.0, math.sin(at * 9)) * voice))
    with wave.open(f"{o.run}/speech.wav", "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(PERIODS * struct.pack(f"<{len(samples)}h", *samples))
    octets = bytes(map(alaw, samples))
    os.makedirs(f"{o.run}/native", exist_ok=True)
    with open(f"{o.run}/native/speech.alaw", "wb") as out:
        out.write(PERIODS * octets)
    for name, said in (("speech", octets), ("quiet", b"\xd5\x55" * (len(octets) // 2))):
        with open(f"{o.run}/{name}.packets", "wb") as out:
            for at in range(0, len(said), 160):
                out.write((160).to_bytes(2, "big") + said[at:at + 160])


def alaw(sample):
    """An octet of G.711 A-law."""
    sign, magnitude = (0x80, sample) if sample >= 0 else (0, -sample - 1)
    magnitude = min(magnitude, 32767) >> 4
    segment = max(0, magnitude.bit_length() - 4)
    low = (magnitude >> max(0, segment - 1)) & 15
    return (sign | segment << 4 | low) ^ 0x55


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("what", choices=("asterisk", "trunkline", "speech"))
    add("--http", default="127.0.0.1:8081")
    add("--key")
    add("--run")
    return parser.parse_args()


if __name__ == "__main__":
    options = arguments()
    dict(asterisk=asterisk, trunkline=trunkline, speech=speech)[options.what](options)
