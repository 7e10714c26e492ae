#!/usr/bin/env python3
"""pairs.py calls BASE KEY FOLDER HOST AT-ONCE   calls from every caller to every callee of FOLDER/phones, AT-ONCE of them at
    a time; one line per call in FOLDER/results: caller, callee, the legs as history has them, what either heard
pairs.py check FOLDER A B            the pair of leg kinds A and B: fails unless every call of it is as it should be
pairs.py table FOLDER                all of them as a Markdown table
A line of FOLDER/phones: ROLE KIND CODEC USER CONTROL-PORT HZ RECORDINGS, e.g. caller sdes opus c-sdes-opus 4501 440 /lab/x
Every phone plays a tone of its own, so that a call with the wrong party is no success."""
import concurrent.futures, json, os, pathlib, subprocess, sys, time, urllib.request

TOOLS = pathlib.Path(__file__).parent
TALK = 4.0                                   # seconds of each call
KINDS = {"plain": "none", "sdes": "sdes", "dtls": "dtls"}
CODECS = ["opus", "g722", "pcma", "pcmu"]


def phones(folder):
    names = "role kind codec user control hz recordings".split()
    lines = (folder / "phones").read_text().split("\n")
    return [dict(zip(names, line.split())) for line in lines if line]


def command(phone, *words):
    subprocess.run([TOOLS / "netstring.py", phone["control"], *words], capture_output=True, timeout=10)


def recordings(phone):
    return set(pathlib.Path(phone["recordings"]).glob("dump-*-dec.wav"))


def share(phone, before, hz):
    """How much of what a phone heard since is this tone."""
    new = sorted(recordings(phone) - before, key=os.path.getmtime)
    if not new:
        return 0.0
    report = subprocess.run([TOOLS / "wav.py", "report", new[-1], hz], capture_output=True, text=True)
    found = json.loads(report.stdout or "{}")
    return found["share"][hz] if found.get("loud_seconds", 0) > TALK / 2 else 0.0


def call(a, b, host):
    before = recordings(a), recordings(b)
    command(a, "dial", f"sip:{b['user']}@{host}")
    time.sleep(TALK + 1)
    command(a, "hangup")
    time.sleep(0.7)
    return share(a, before[0], b["hz"]), share(b, before[1], a["hz"])


def legs(base, key, a, b):
    """What history has of the newest call between the two: protection, codec and conversion of each leg."""
    asked = urllib.request.Request(base + "/history?limit=40", headers={"Authorization": "Bearer " + key})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        for record in json.load(answer)["data"]:
            found = record["legs"]
            if [leg.get("name") for leg in found[:2]] == [a["user"], b["user"]] or \
                    (a["user"] in json.dumps(record) and b["user"] in json.dumps(record)):
                return [f"{leg['protection']},{leg['codec']},{json.dumps(leg['transcoded'])}" for leg in found[:2]]
    return ["-,-,-", "-,-,-"]


def calls(base, key, folder, host, at_once):
    all_phones = phones(folder)
    callers = [p for p in all_phones if p["role"] == "caller"]
    callees = [p for p in all_phones if p["role"] == "callee"]
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool, open(folder / "results", "w") as results:
        for shift in range(len(callees)):
            # Of each round nobody is in two calls.
            pairs = [(a, callees[(i + shift) % len(callees)]) for i, a in enumerate(callers)]
            for at in range(0, len(pairs), at_once):
                group = pairs[at:at + at_once]
                heard = list(pool.map(lambda pair: call(*pair, host), group))
                time.sleep(0.5)
                for (a, b), (here, there) in zip(group, heard):
                    print(a["kind"], a["codec"], b["kind"], b["codec"], *legs(base, key, a, b),
                          f"{here:.2f}", f"{there:.2f}", file=results, flush=True)


def wrong(line):
    """What is not as it should be with a call."""
    kind_a, codec_a, kind_b, codec_b, leg_a, leg_b, here, there = line.split()
    converted = json.dumps(codec_a != codec_b)
    wanted = f"{KINDS[kind_a]},{codec_a},{converted}", f"{KINDS[kind_b]},{codec_b},{converted}"
    faults = [] if (leg_a, leg_b) == wanted else [f"legs {leg_a} {leg_b}"]
    if min(float(here), float(there)) < 0.5:
        faults.append(f"heard {here} {there}")
    return faults and f"{codec_a}->{codec_b}: {' '.join(faults)}"


def of_pair(folder, a, b):
    lines = (folder / "results").read_text().splitlines()
    return [line for line in lines if line.split()[0] == a and line.split()[2] == b]


def check(folder, a, b):
    lines = of_pair(folder, a, b)
    faults = [fault for fault in map(wrong, lines) if fault]
    print(f"{len(lines) - len(faults)} of {len(CODECS) ** 2} calls", *faults, sep="; ")
    sys.exit(bool(faults) or len(lines) != len(CODECS) ** 2)


def table(folder):
    print("| from, to | " + " | ".join(f"{kind} {codec}" for kind in KINDS for codec in CODECS) + " |")
    print("|---" * (1 + len(KINDS) * len(CODECS)) + "|")
    found = {tuple(line.split()[:4]): line for line in (folder / "results").read_text().splitlines()}
    for kind_a in KINDS:
        for codec_a in CODECS:
            cells = []
            for kind_b in KINDS:
                for codec_b in CODECS:
                    line = found.get((kind_a, codec_a, kind_b, codec_b))
                    ok = line and not wrong(line)
                    cells.append("**no**" if not ok else "=" if codec_a == codec_b else "⇄")
            print(f"| {kind_a} {codec_a} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "calls":
        base, key, folder, host, at_once = rest
        calls(base, key, pathlib.Path(folder), host, int(at_once))
    elif what == "check":
        check(pathlib.Path(rest[0]), *rest[1:])
    elif what == "table":
        table(pathlib.Path(rest[0]))
    else:
        sys.exit(__doc__)
