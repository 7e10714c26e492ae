#!/usr/bin/env python3
"""What call flows cost a server, through SIPp. See README.md. Loopback only; every run is bounded in count and time.

  steps      calls that are refused, at once and after so many cheap steps, by turns: what a step adds to a call
  waiting    calls that were answered and wait for a key: the memory of each"""
import argparse, os, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/lib")
import meter, plan, proc, results, sipp

PAUSE_S = 1           # between runs
REST_S = 36           # timers of transactions end after 32 s
LOOK_S = 2            # for looking; a call without media has a minute at most


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("test", choices=("steps", "waiting"))
    add("--name", required=True, help="of the server, in the results")
    add("--addr", required=True)
    add("--pid", type=int, action="append", required=True, help="root process of the server")
    add("--run", required=True, help="scratch folder; results.jsonl is appended to")
    add("--n", type=int, default=3000, help="calls in a run, or waiting at once")
    add("--rate", type=float, default=200, help="per second")
    add("--repeats", type=int, default=3, help="runs that count; one more goes before them")
    add("--note", default="")
    return parser.parse_args()


class Flows:
    def __init__(self, options):
        self.o, domain = options, options.addr.split(":")[0]
        self.sipp = sipp.Sipp(options.addr, os.path.abspath(options.run), domain, at=plan.CALLER)
        self.emit = results.Results(self.sipp.run, test=options.test, server=options.name, note=options.note)

    def once(self, number):
        """CPU of a call in µs, and how many failed."""
        with meter.Meter(self.o.pid) as spent:
            process, path = self.sipp.start("refused", self.o.n, self.o.rate, number=number)
            process.wait()
        counted = sipp.outcome(path)
        time.sleep(PAUSE_S)
        return spent.cpu / (counted["ok"] or 1) * 1e6, counted["failed"], spent.drops

    def steps(self):
        """Each repeat is a run without and a run with steps, so that both see the same machine."""
        for repeat in range(-1, self.o.repeats):
            (bare, *lost), (stepped, *more) = (self.once(number) for number in (plan.REFUSE, plan.STEPS))
            self.emit(**({"repeat": repeat} if repeat >= 0 else {"discarded": True}), rate=self.o.rate, n=self.o.n,
                      us_bare=round(bare, 1), us_stepped=round(stepped, 1), us_per_op=round((stepped - bare) / plan.STEP_COUNT, 3),
                      failed=lost[0] + more[0], drops=lost[1] + more[1])

    def waiting(self):
        ramp, before = self.o.n / self.o.rate, proc.pss(self.o.pid)
        process, path = self.sipp.start("answered", self.o.n, self.o.rate, hold=int((ramp + REST_S + LOOK_S) * 1000), limit=self.o.n + 10,
                                        number=plan.WAIT)
        time.sleep(ramp + REST_S)
        up = max(1, sipp.outcome(path)["peak"])
        each, threads = (proc.pss(self.o.pid) - before) / up, proc.threads(self.o.pid)
        process.wait()
        self.emit(repeat=0, n=self.o.n, up=up, failed=sipp.outcome(path)["failed"] + self.o.n - up, bytes_each=round(each), threads_up=threads)


if __name__ == "__main__":
    flows = Flows(arguments())
    getattr(flows, flows.o.test)()
