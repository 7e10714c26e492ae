#!/usr/bin/env python3
"""pairs.py calls BASE KEY FOLDER HOST AT-ONCE   calls from every caller to every callee of FOLDER/phones, AT-ONCE of them at
    a time; one line per call in FOLDER/results: caller, callee, the legs as history has them, what either heard
pairs.py check FOLDER A B            the pair of leg kinds A and B: fails unless every call of it is as it should be
pairs.py table FOLDER                all of them as a Markdown table
A line of FOLDER/phones: ROLE KIND CODEC USER CONTROL-PORT HZ RECORDINGS CONNECTION, e.g.
    caller sdes opus c-sdes-opus 4501 440 /lab/x con_1; those of DTLS are pages, which the command in PAGES opens
Every phone plays a tone of its own, so that a call with the wrong party is no success."""
import concurrent.futures, json, os, pathlib, subprocess, sys, time, urllib.request

TOOLS = pathlib.Path(__file__).parent
TALK = 4.0                                   # seconds of each call
KINDS = {"plain": "none", "sdes": "sdes", "dtls": "dtls"}
CODECS = ["opus", "g722", "pcma", "pcmu"]


def phones(folder):
    names = "role kind codec user control hz recordings connection".split()
    lines = (folder / "phones").read_text().split("\n")
    return [dict(zip(names, line.split())) for line in lines if line]


def command(phone, *words):
    subprocess.run([TOOLS / "netstring.py", phone["control"], *words], capture_output=True, timeout=10)


def is_page(phone):
    return phone["kind"] == "dtls"


def recordings(phone):
    return set(pathlib.Path(phone["recordings"]).glob("heard.wav" if is_page(phone) else "dump-*-dec.wav"))


def page(phone, host, *does):
    """Opens a page; what it hears is where a phone would have it."""
    folder = pathlib.Path(phone["recordings"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "heard.wav").unlink(missing_ok=True)
    codec = phone["codec"] if phone["codec"] == "opus" else phone["codec"].upper()
    options = dict(uri=f"sip:{phone['user']}@{host}", password="pw-" + phone["user"], tone=phone["hz"], codec=codec, wait=40,
                   record=folder / "heard.wav")
    words = [str(word) for name, value in options.items() for word in ("--" + name, value)]
    return subprocess.Popen([*os.environ["PAGES"].split(), *words, *does], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def asked(base, key, path):
    request = urllib.request.Request(base + path, headers={"Authorization": "Bearer " + key})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def is_there(base, key, phone):
    """Waits until a page has registered."""
    until = time.monotonic() + 30
    while not asked(base, key, f"/connections/{phone['connection']}/status")["registrations"] and time.monotonic() < until:
        time.sleep(0.2)


def share(phone, before, hz):
    """How much of what a phone heard since is this tone."""
    new = sorted(recordings(phone) - before, key=os.path.getmtime)
    if not new:
        return 0.0
    report = subprocess.run([TOOLS / "wav.py", "report", new[-1], hz], capture_output=True, text=True)
    found = json.loads(report.stdout or "{}")
    return found["share"][hz] if found.get("loud_seconds", 0) > TALK / 2 else 0.0


def call(a, b, host, base, key):
    answering = is_page(b) and page(b, host, "--answer", "--seconds", str(TALK + 5))
    before = [set() if is_page(phone) else recordings(phone) for phone in (a, b)]
    if answering:
        is_there(base, key, b)
    if is_page(a):
        page(a, host, "--call", f"sip:{b['user']}@{host}", "--seconds", str(TALK)).wait(60)
    else:
        command(a, "dial", f"sip:{b['user']}@{host}")
        time.sleep(TALK + 1)
        command(a, "hangup")
    if answering:
        answering.wait(60)
    time.sleep(0.7)
    return share(a, before[0], b["hz"]), share(b, before[1], a["hz"])


def legs(base, key, a, b):
    """What history has of the newest call between the two: protection, codec and conversion of each leg."""
    for record in asked(base, key, "/history?limit=40")["data"]:
        if a["user"] in json.dumps(record) and b["user"] in json.dumps(record):
            return [f"{leg['protection']},{leg['codec']},{json.dumps(leg['transcoded'])}" for leg in record["legs"][:2]]
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
                heard = list(pool.map(lambda pair: call(*pair, host, base, key), group))
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
