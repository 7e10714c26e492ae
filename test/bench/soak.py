#!/usr/bin/env python3
"""A long load and what grows under it. Run by `soak`. Calls at a steady rate through SIPp; calls with media in groups,
each ended and set up again by turns; every ten seconds a sample of the server. The verdict is on the second half."""
import argparse, contextlib, csv, glob, io, json, os, subprocess, sys, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/lib")
import api, drops, proc, sipp, slope, table

EVERY_S = 10
GROUPS = 3
ROUND_S = 25          # media.py plays this twice for a group's calls, then ends them
REST_S = 40           # all timers of transactions have run out

# What is sampled, how it is written, and what growth counts as none: a share of the level, or this much.
FLAT = {
    "pss": ("memory (PSS), MB", 1e6, 0.03, 8e6),
    "rss": ("memory (RSS), MB", 1e6, 0.03, 8e6),
    "descriptors": ("descriptors", 1, 0.05, 64),
    "threads": ("threads", 1, 0, 1),
    "ports": ("media ports in use", 1, 0.08, 64),
    "calls": ("calls in progress", 1, 0.1, 50),
    "transactions": ("transactions", 1, 0.05, 500),
    "wal": ("write-ahead log, MB", 1e6, 0.1, 16e6),
    "generator": ("SIPp's own memory (RSS), MB", 1e6, 0.1, 32e6),
}
GAUGES = dict(ports='trunkline_media_ports{state="used"}', calls="trunkline_calls_active", transactions="trunkline_sip_transactions_active")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--pid", type=int, required=True), add("--run", required=True), add("--users", type=int, required=True)
    add("--addr", default="127.0.0.1:5064"), add("--http", default="127.0.0.1:8081")
    add("--minutes", type=float, default=30), add("--rate", type=float, default=2000), add("--calls", type=int, default=300)
    add("--document", help="the table goes to its place in this file, too")
    return parser.parse_args()


class Media(threading.Thread):
    """One group of calls, again and again; failed rounds are counted, packets lost are in results.jsonl."""

    def __init__(self, o, group):
        super().__init__(daemon=True)
        self.o, self.group, self.ended, self.rounds, self.failed = o, group, threading.Event(), 0, 0
        self.start()

    def run(self):
        each = self.o.calls // GROUPS
        self.ended.wait(self.group * 2 * ROUND_S / GROUPS)
        while not self.ended.is_set():
            command = [sys.executable, HERE + "/media.py", "--sip", self.o.addr, "--name", "trunkline", "--run", self.o.run,
                       "--calls", str(each), "--secs", str(ROUND_S), "--repeats", "1", "--group", str(self.group),
                       "--pid", str(self.o.pid)]
            with open(f"{self.o.run}/media.{self.group}.out", "a") as out:
                code = subprocess.run(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL).returncode
            self.rounds, self.failed = self.rounds + 1, self.failed + (code != 0)
            self.ended.wait(1 if code == 0 else 5)


class Soak:
    def __init__(self, o):
        self.o, self.sipp = o, sipp.Sipp(o.addr, o.run)
        self.samples, self.start = [], 0

    def sample(self, generators):
        gauges = api.metrics(api.Api(self.o.http).text("/metrics"))
        values = dict(t=round(time.monotonic() - self.start), pss=proc.pss([self.o.pid]), rss=proc.rss([self.o.pid]),
                      descriptors=proc.descriptors([self.o.pid]), threads=proc.threads([self.o.pid]),
                      wal=sum(map(os.path.getsize, glob.glob(self.o.run + "/trunkline-data/*-wal"))),
                      generator=proc.rss(generators), **{key: gauges[name] for key, name in GAUGES.items()})
        self.samples.append(values)
        with open(self.o.run + "/samples.csv", "a") as out:
            writer = csv.DictWriter(out, values)
            if len(self.samples) == 1:
                writer.writeheader()
            writer.writerow(values)
        return values

    def load(self):
        """-> what SIPp counted, the groups of media, what the kernel dropped, CPU seconds, and a last sample at rest."""
        seconds = self.o.minutes * 60
        callee = self.sipp.callee(int(seconds * 1.5 + 600))
        first, _ = self.sipp.start("register", self.o.users, 2000)
        first.wait()
        self.start, before, spent = time.monotonic(), drops.in_namespace(), proc.cpu([self.o.pid])
        groups = [Media(self.o, group) for group in range(GROUPS)] if self.o.calls else []
        caller, path = self.sipp.start("call", int(self.o.rate * seconds), self.o.rate)
        try:
            while caller.poll() is None:
                time.sleep(EVERY_S)
                self.sample([caller.pid, callee.pid])
            spent = proc.cpu([self.o.pid]) - spent
            for group in groups:
                group.ended.set()
            for group in groups:
                group.join(4 * ROUND_S)
            time.sleep(REST_S)
        finally:
            sipp.end(caller)
            sipp.end(callee)
        samples = self.samples[:-1]          # the last one may be after the end of the load
        at_rest = self.sample([])
        self.samples = samples
        return sipp.outcome(path), groups, drops.in_namespace() - before, spent, at_rest


def report(o, soak, counted, groups, dropped, spent, at_rest):
    """Prints the table; -> what is wrong."""
    with open(o.run + "/results.jsonl") as lines:
        lost = sum(line.get("lost", 0) for line in map(json.loads, lines))
    rounds, failed = sum(g.rounds for g in groups), sum(g.failed for g in groups)
    print(f"{counted['ok']} calls in {soak.samples[-1]['t'] / 60:.0f} minutes ({o.rate:.0f}/s), {counted['failed']} failed, "
          f"{counted['retrans']} retransmissions; {o.calls} calls with media at a time, {rounds * o.calls // GROUPS} in all, "
          f"{failed} rounds failed, {lost} packets lost; kernel drops {dropped}; CPU {spent / soak.samples[-1]['t'] * 100:.0f} % of a core\n")
    wrong = [what for what, bad in (("calls failed", counted["failed"]), ("media failed", failed), ("packets lost", lost)) if bad]
    print("| what | at the middle | at the end | growth in the second half | | flat up to |\n|---|---|---|---|---|---|")
    for key, (name, unit, share, least) in FLAT.items():
        points = [(sample["t"], sample[key]) for sample in soak.samples]
        growth, part, flat = slope.verdict(points, share, least)
        _, level = slope.line(slope.second_half(points))
        allowed = max(share * level, least)
        print(f"| {name} | {level / unit:.1f} | {(level + growth) / unit:.1f} | {growth / unit:+.1f} ({part:+.1%}) | "
              f"{'flat' if flat else '**grows**'} | {allowed / unit:.1f} |")
        wrong += [] if flat else [name + " grows"]
    print(f"\nAt rest {REST_S} s later: " + ", ".join(f"{at_rest[key]:.0f} {FLAT[key][0]}" for key in GAUGES))
    wrong += [FLAT[key][0] + " left" for key in GAUGES if at_rest[key]]
    return wrong


def main():
    o = arguments()
    soak = Soak(o)
    loaded, text = soak.load(), io.StringIO()
    with contextlib.redirect_stdout(text):
        wrong = report(o, soak, *loaded)
        print("\n" + ("Verdict: flat, nothing failed." if not wrong else "Verdict: " + "; ".join(wrong) + "."))
    print(text.getvalue(), end="")
    if o.document:
        table.put(o.document, "soak", text.getvalue())
    sys.exit(bool(wrong))


main()
