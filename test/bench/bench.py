#!/usr/bin/env python3
"""Signalling load on a SIP server through SIPp, and what the *server* spent on it. See README.md.
Loopback only; every run is bounded in count and time.

  register   REGISTER, 401, REGISTER, 200      call      INVITE … BYE with digest, to users that `register` registered
  options    OPTIONS to the server             relayed   the same from users whose media is relayed
  ramp       calls at rising rates             trunk     the same to numbers, out by a trunk
  setup      call and relayed by turns: what relaying adds to a call"""
import argparse, os, statistics, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/lib")
import meter, ping, results, sipp

PAUSE_S = 1           # between runs: what the last one left in flight ends outside the measure


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("test", choices=("register", "call", "relayed", "trunk", "options", "ramp", "setup"))
    add("--name", required=True, help="of the server, in the results")
    add("--addr", default="127.0.0.1:5060")
    add("--pid", type=int, action="append", required=True, help="root process of the server")
    add("--run", required=True, help="scratch folder with the files of mkusers.py; results.jsonl is appended to")
    add("--domain", default="bench.test")
    add("--n", type=int, default=20000, help="operations in a run")
    add("--rate", type=float, default=1000, help="per second")
    add("--rates", default="500,1000,1500,2000,2500,3000,3500,4000", help="of the ramp")
    add("--secs", type=float, default=8, help="of a step of the ramp")
    add("--repeats", type=int, default=3, help="runs that count; one more goes before them")
    add("--note", default="")
    chosen = parser.parse_args()
    chosen.run = os.path.abspath(chosen.run)
    if not chosen.addr.startswith("127."):
        parser.error("loopback only")
    return chosen


class Bench:
    def __init__(self, options):
        self.o, self.sipp = options, sipp.Sipp(options.addr, options.run, options.domain)
        self.emit = results.Results(options.run, test=options.test, server=options.name, note=options.note)

    def once(self, kind, count, rate):
        prober = ping.Prober(self.o.addr, self.o.domain)
        with meter.Meter(self.o.pid) as spent:
            process, path = self.sipp.start(kind, count, rate)
            process.wait()
        times = prober.stop()
        counted = sipp.outcome(path)
        done = counted["ok"] or 1
        time.sleep(PAUSE_S)
        return dict(rate=rate, n=count, **counted, wall=round(spent.wall, 2), cpu=round(spent.cpu, 2),
                    us_per_op=round(spent.cpu / done * 1e6, 1),
                    threads={name: round(spent / done * 1e6, 1) for name, spent in spent.threads.items() if spent > 0.02}, ops_s=round(done / spent.wall, 1), **times, **spent.lost())

    def repeated(self, kind):
        self.emit(discarded=True, **self.once(kind, self.o.n, self.o.rate))
        for repeat in range(self.o.repeats):
            self.emit(repeat=repeat, **self.once(kind, self.o.n, self.o.rate))

    def setup(self):
        """Each repeat is a run without and a run with relaying, so that both see the same machine."""
        for repeat in range(-1, self.o.repeats):
            bare, relayed = (self.once(kind, self.o.n, self.o.rate) for kind in ("call", "relayed"))
            result = dict(rate=self.o.rate, n=self.o.n, failed=bare["failed"] + relayed["failed"],
                          us_bare=bare["us_per_op"], us_relayed=relayed["us_per_op"],
                          us_per_op=round(relayed["us_per_op"] - bare["us_per_op"], 1),
                          p50_ms=relayed["p50_ms"], p99_ms=relayed["p99_ms"], drops=bare["drops"] + relayed["drops"])
            self.emit(**({"repeat": repeat} if repeat >= 0 else {"discarded": True}), **result)

    def ramp(self):
        """Up to the first rate that is not kept: a failure, or fewer than nine tenths of the rate done."""
        best = 0
        for rate in map(float, self.o.rates.split(",")):
            result = self.once("call", int(rate * self.o.secs), rate)
            kept = not result["failed"] and result["ops_s"] >= 0.9 * rate
            self.emit(step=rate, **result, kept=kept)
            if not kept:
                break
            best = rate
        self.emit(repeat=0, highest_kept=best)

    def run(self):
        callee = self.sipp.callee() if self.o.test in ("call", "relayed", "trunk", "setup", "ramp") else None
        try:
            getattr(self, self.o.test, lambda: self.repeated(self.o.test))()
        finally:
            if callee:
                sipp.end(callee)


Bench(arguments()).run()
