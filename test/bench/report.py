#!/usr/bin/env python3
"""report.py RESULTS.jsonl : the servers beside each other, medians of the repeats, as a Markdown table."""
import json, statistics, sys

PEER = dict(media="rtpengine")
TARGET = {("register", "refresh"): 0.5, ("call", "500/s"): 0.8, ("call", "1500/s"): 0.8, ("options", ""): 0.7, ("media", ""): 0.6}
COST = ("us_per_op", "us_per_packet")


def median(rows, *keys):
    values = [row[key] for row in rows for key in keys if row.get(key) is not None]
    return statistics.median(values) if values else None


def shown(value, digits=1):
    return "–" if value is None else f"{value:.{digits}f}"


def latency(rows):
    ms = [median(rows, key) for key in ("p50_ms", "p99_ms")]
    us = [median(rows, key) for key in ("p50", "p99")]
    return " / ".join(shown(v, 2) for v in (ms if ms[0] is not None else [v and v / 1000 for v in us]))


def memory(rows):
    of_call, inside = median(rows, "pss_per_call", "pss_per_op"), median(rows, "inner_per_call", "inner_per_op")
    return shown(of_call, 0) + (f" ({shown(inside, 0)} inside)" if inside is not None else "")


def main(path):
    rows = [json.loads(line) for line in open(path)]
    runs = {}
    for row in rows:
        if "repeat" in row or row["test"] == "ready":
            runs.setdefault((row["test"], row["note"]), {}).setdefault(row["server"], []).append(row)
    print("| work | server | µs CPU per operation | of the peer's | target | p50 / p99 ms | failed or lost | bytes per binding or call |")
    print("|---|---|---|---|---|---|---|---|")
    for (test, note), servers in runs.items():
        peer = median(servers.get(PEER.get(test, "kamailio"), []), *COST)
        for server, of_server in servers.items():
            if test == "ready":
                continue
            cost = median(of_server, *COST)
            ratio = shown(cost / peer, 2) if server == "trunkline" and cost and peer else ""
            target = TARGET.get((test, note), "") if server == "trunkline" else ""
            lost = f"{median(of_server, 'loss_pct'):.2f} %" if test == "media" else sum(row["failed"] for row in of_server)
            per = memory(of_server) if test == "held" or note == "first" else ""
            print(f"| {test} {note} | {server} | {shown(cost)} | {ratio} | {target} | {latency(of_server)} | {lost} | {per} |")
    for row in runs.get(("ready", ""), {}).get("trunkline", []):
        print(f"\nready {row['ms']} ms after its start")


main(sys.argv[1])
