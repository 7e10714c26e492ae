#!/usr/bin/env python3
"""report.py RESULTS.jsonl [DOCUMENT [MARKER]] : medians of the repeats, each figure beside what is due. With a document (that is
docs/performance.md) the tables go to their place in it, too: that of `make bench`, or of a run of some parts (`flows`)."""
import contextlib, io, json, os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/lib")
import table

SERVED = 0.3          # of Asterisk's, for calls that the server itself talks to
# test, note, what it is called, its peer, the ratio due
COSTS = [
    ("register", "", "REGISTER refresh, 4,000/s", "kamailio", 0.6),
    ("call", "500/s", "call, 500/s", "kamailio", 0.9),
    ("call", "1500/s", "call, 1,500/s", "kamailio", 0.9),
    ("options", "", "OPTIONS, 4,000/s", "kamailio", 0.7),
    ("setup", "", "relaying, added to a call's set-up, 500/s", "rtpengine", 1.0),
    ("media", "100", "relayed packet, 100 streams", "rtpengine", 0.6),
    ("media", "500", "relayed packet, 500 streams", "rtpengine", 0.6),
    ("media", "1000", "relayed packet, 1,000 streams", "rtpengine", 0.6),
    ("media", "sdes500", "relayed packet, 500 streams, half of them SRTP by SDES", "rtpengine", 0.6),
    ("media", "dtls500", "relayed packet, 500 streams, half of them SRTP by DTLS", "rtpengine", 0.6),
    ("handshake", "dtls500", "check and handshake of a browser", "rtpengine", 0.8),
    ("convert", "pcma-pcma", "relayed packet, 50 streams of speech, one way", "rtpengine", None),
    ("convert", "pcma-opus", "packet converted from PCMA to Opus", "rtpengine", 1.0),
    ("convert", "opus-pcma", "packet converted from Opus to PCMA", "rtpengine", 1.0),
    ("convert", "g722-opus", "packet converted from G.722 to Opus", "rtpengine", 1.0),
    ("convert", "opus-g722", "packet converted from Opus to G.722", "rtpengine", 1.0),
    ("playback", "200", "a second of playback, 200 calls", "asterisk", SERVED),
    ("playback", "native200", "the same, a file in the call's codec", "asterisk", None),
    ("recording", "200", "a second of recording, 200 calls", "asterisk", SERVED),
    ("mixing", "10", "a participant's second, a room of 10", "asterisk", SERVED),
    ("mixing", "50", "a participant's second, a room of 50", "asterisk", SERVED),
    ("mixing", "40x4", "a participant's second, 40 rooms of 4", "asterisk", SERVED),
    ("steps", "", "a step of a call flow", "asterisk", SERVED),
]
NAMES = dict(kamailio="Kamailio", rtpengine="rtpengine", asterisk="Asterisk")
P50_MS, P99_MS, TICKED_P99_MS = 1, 5, 2.5
UNTIMED = ("setup", "convert", "handshake")
NOISE = 1.15          # a difference up to this is none


def main(path, document=None, marker="make bench"):
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        tables(table.Rows(json.loads(line) for line in open(path)))
    print(text.getvalue(), end="")
    if document:
        table.put(document, marker, text.getvalue())


def tables(rows):
    print("| work | Trunkline | peer | ratio | due | | p50 / p99 ms | of the peer | | failed or lost | kernel drops |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for test, note, name, peer, due in COSTS:
        row = (test, note)
        line(rows, name, row, "trunkline", peer, due)
        if test == "media":
            line(rows, name + ", tick of 2 ms", row, "trunkline, 2 ms", peer, 0.45)
            line(rows, name + ", epoll", row, "trunkline, epoll", peer, None)
    print()
    limits(rows)
    print()
    shards(rows)


def line(rows, name, row, server, peer, due):
    ours, theirs = rows.cost(row, server), rows.cost(row, peer)
    if ours is None:
        return
    ratio = ours / theirs if theirs else None
    cells = [name, f"{ours:.1f} µs", f"{NAMES[peer]} {table.shown(theirs, 1)} µs", table.shown(ratio, 2), f"≤ {due}" if due else "",
             table.met(ratio, due), rows.latency(row, server), rows.latency(row, peer), punctual(rows, row, server, peer),
             f"{rows.lost(row, server)}; {rows.lost(row, peer)}", f"{rows.drops(row, server)}; {rows.drops(row, peer)}"]
    print("| " + " | ".join(cells) + " |")


def punctual(rows, row, server, peer):
    """Whether latency is as it is due: no worse than the peer's at p99, or with a tick what the tick allows."""
    ours, theirs = rows.quantiles(row, server), rows.quantiles(row, peer)
    if row[0] in UNTIMED or None in ours or (None in theirs and "2 ms" not in server):
        return ""
    if "2 ms" in server:
        return table.met(ours[1], TICKED_P99_MS)
    return table.met(max(ours[0] / P50_MS, ours[1] / P99_MS, ours[1] / (theirs[1] * NOISE)), 1)


def limits(rows):
    """What is due as a figure of its own."""
    print("| what | measured | due | | beside it |\n|---|---|---|---|---|")

    def put(name, value, due, digits=1, scale=1, unit="", beside="", other=None, least=False):
        if value is not None:
            value /= scale
            beside = "" if other is None else f"{beside} {other / scale:.{digits}f} {unit}"
            print(f"| {name} | {value:.{digits}f} {unit} | {'≥' if least else '≤'} {due} | {table.met(value, due, least)} | {beside} |")

    us, them = "trunkline", "kamailio"
    put("highest rate at which no call failed", rows.median(("ramp", ""), us, "highest_kept"), 2500, 0, 1, "calls/s", "Kamailio",
        rows.median(("ramp", ""), them, "highest_kept"), least=True)
    for row, name, due in ((("binding", ""), "binding, of 100,000", 1.2), (("held", ""), "held call, bypassed, of 10,000", 10),
                           (("held", "relayed"), "held call, relayed, of 4,000", 24)):
        put(name, rows.median(row, us, "bytes_each"), due, 1, 1000, "kB", "Kamailio", rows.median(row, them, "bytes_each"))
        drift = rows.median(row, us, "drift")
        put("— all memory after rounds 2 and 3, over after round 1", drift and drift * 100, 5, 1, 1, "%")
    put("ready with 100,000 connections", rows.median(("ready", ""), us, "ms"), 3.0, 1, 1000, "s")
    for name in ("p50", "p99"):
        put(f"one PATCH among them, {name}", rows.median(("patch", ""), us, name + "_ms"), 5, 1, 1, "ms", "an fsync alone",
            rows.median(("patch", ""), "disk", name + "_ms"))
    put("the batch that loads them", rows.median(("batch", ""), us, "seconds"), 60, 1, 1, "s")
    put("browser's call, relayed, of 250", rows.median(("handshake", "dtls500"), us, "bytes_each"), 120, 1, 1000, "kB", "rtpengine",
        rows.median(("handshake", "dtls500"), "rtpengine", "bytes_each"))
    relayed = rows.cost(("convert", "pcma-pcma"), us)
    for test, pair, name, *_ in COSTS:
        whole, alone = rows.cost((test, pair), us), rows.cost(("bare", pair), "codecs")
        if test == "convert" and None not in (whole, alone, relayed):
            put(f"{name}, over its codecs alone and a relayed packet", whole / (alone + relayed), 1.15, 2)
    waits = rows.median(("waiting", ""), "asterisk", "bytes_each")
    if waits:
        put("call that waits in a flow, of 2,000", rows.median(("waiting", ""), us, "bytes_each"), round(SERVED * waits / 1000, 1), 1, 1000,
            "kB", "Asterisk", waits)
    put("recordings that are not whole, of 200", rows.median(("recorded", "200"), us, "lost"), 0, 0, 1, "", "Asterisk",
        rows.median(("recorded", "200"), "asterisk", "lost"))
    bare, checked = (rows.cost(("trunk", note), us) for note in ("none", "all"))
    put("a call with all policies, over one with none", bare and checked and checked / bare, 1.1, 2)


def shards(rows):
    """What two signalling threads share of the work of one."""
    lines = []
    for test, note, name, peer, _ in COSTS:
        for count, server in ((1, "trunkline"), (2, "trunkline, 2 shards")):
            row = (test, note)
            if peer == "kamailio" and rows.threads(row, server, "shard"):
                cells = [name, str(count), table.shown(rows.cost(row, server), 1) + " µs", table.shown(max(rows.threads(row, server, "shard")), 1) + " µs",
                         table.shown(sum(rows.threads(row, server, "office", "sqlx")), 1) + " µs", rows.latency(row, server)]
                lines.append("| " + " | ".join(cells) + " |")
    if lines:
        print("| work | shards | all CPU | busiest shard | office and SQLite | p50 / p99 ms |", "|---|---|---|---|---|---|", *lines, sep="\n")
    rates = [rows.median(("ramp", ""), server, "highest_kept") for server in ("trunkline", "trunkline, 2 shards")]
    if None not in rates:
        print(f"\nThe highest rate at which no call failed was {rates[0]:.0f} a second with one shard, {rates[1]:.0f} with two.")


if __name__ == "__main__":
    main(*sys.argv[1:])
