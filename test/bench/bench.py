#!/usr/bin/env python3
"""Signalling load on a SIP server through SIPp, and what the *server* spent on it. See README.md.
Loopback only; every run is bounded in count and time.

  register   REGISTER, 401, REGISTER, 200      call   INVITE … BYE with digest, to users that `register` registered
  options    OPTIONS to the server             held   calls held at once: memory per call
  ramp       calls at rising rates until two in a row are not kept"""
import argparse, csv, json, os, signal, statistics, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/lib")
import ping, proc

SCENARIO = dict(register=("register.xml", "register"), call=("call_uac.xml", "call"), options=("options.xml", None))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("test", choices=("register", "call", "options", "held", "ramp"))
    add("--name", required=True, help="of the server, in the results")
    add("--addr", default="127.0.0.1:5060")
    add("--pid", type=int, action="append", required=True, help="root process of the server")
    add("--run", required=True, help="scratch folder with the files of mkusers.py; results.jsonl is appended to")
    add("--domain", default="bench.test")
    add("--n", type=int, default=20000, help="operations in a repeat")
    add("--rate", type=float, default=1000, help="per second")
    add("--rates", default="500,1000,1500,2000,2500,3000", help="of the ramp")
    add("--secs", type=float, default=8, help="of a step of the ramp")
    add("--repeats", type=int, default=3)
    add("--held", type=int, default=10000, help="calls held at once")
    add("--uac-port", type=int, default=5061)
    add("--uas-port", type=int, default=5070, help="where every registered contact is, and where the callee listens")
    add("--note", default="")
    add("--memcmd", default="", help="shell command that prints the bytes in use inside the server")
    chosen = parser.parse_args()
    chosen.run = os.path.abspath(chosen.run)
    if not chosen.addr.startswith("127."):
        parser.error("loopback only")
    return chosen


class Bench:
    def __init__(self, options):
        self.o = options

    def emit(self, **values):
        line = json.dumps(dict(test=self.o.test, server=self.o.name, note=self.o.note, time=time.strftime("%H:%M:%S"),
                               load=round(os.getloadavg()[0], 1), **values))
        print(line, flush=True)
        with open(self.o.run + "/results.jsonl", "a") as out:
            out.write(line + "\n")

    def inner(self):
        return int(subprocess.check_output(self.o.memcmd, shell=True, text=True).split()[0]) if self.o.memcmd else None

    def sipp(self, kind, count, rate, hold=0, limit=None):
        """Starts SIPp as the caller; returns (process, statistics file)."""
        scenario, users = SCENARIO[kind]
        statistics_file = f"{self.o.run}/sipp.csv"
        if os.path.exists(statistics_file):
            os.unlink(statistics_file)
        command = ["sipp", self.o.addr, "-sf", f"{HERE}/scenarios/{scenario}", "-m", str(count), "-r", str(int(rate)),
                   "-l", str(limit or max(1000, int(rate * 4))), "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", str(self.o.uac_port),
                   "-key", "domain", self.o.domain, "-key", "contact", f"127.0.0.1:{self.o.uas_port}", "-key", "expires", "3600",
                   "-key", "uac_media_port", "46000", "-d", str(hold), "-nostdin", "-trace_stat", "-stf", statistics_file, "-fd", "1",
                   "-buff_size", "4000000", "-recv_timeout", "20000", "-max_retrans", "8",
                   "-timeout", str(int(count / rate * 3 + hold / 1000 + 40))]
        if users:
            command += ["-inf", self.slice(users, count)]
        with open(f"{self.o.run}/sipp.out", "w") as out:
            return subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=self.o.run), statistics_file

    def slice(self, users, count):
        """SIPp reads the whole file at its start: give it only what it needs."""
        path = f"{self.o.run}/{users}.slice.csv"
        with open(f"{self.o.run}/{users}.csv") as all_users, open(path, "w") as out:
            for _, line in zip(range(count + 1), all_users):
                out.write(line)
        return path

    def callee(self):
        with open(f"{self.o.run}/callee.out", "w") as out:
            process = subprocess.Popen(["sipp", "-sf", f"{HERE}/scenarios/call_uas.xml", "-i", "127.0.0.1", "-mi", "127.0.0.1",
                                        "-p", str(self.o.uas_port), "-nostdin", "-key", "uas_media_port", "47000",
                                        "-buff_size", "4000000", "-timeout", "900", "-l", "200000"],
                                       stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=self.o.run)
        time.sleep(0.5)
        assert process.poll() is None, "the callee did not start"
        return process

    def once(self, kind, count, rate, hold=0):
        prober = ping.Prober(self.o.addr, self.o.domain)
        with proc.Meter(self.o.pid) as meter:
            process, path = self.sipp(kind, count, rate, hold)
            process.wait()
        times = prober.stop()
        counted = outcome(path)
        done = counted["ok"] or 1
        return dict(rate=rate, n=count, **counted, wall=round(meter.wall, 2), cpu=round(meter.cpu, 2),
                    us_per_op=round(meter.cpu / done * 1e6, 1), ops_s=round(done / meter.wall, 1), **times)

    def measured(self, kind):
        results = []
        for repeat in range(self.o.repeats):
            pss, inner = proc.pss(self.o.pid), self.inner()
            result = self.once(kind, self.o.n, self.o.rate)
            result.update(pss_per_op=round((proc.pss(self.o.pid) - pss) / self.o.n, 1))
            if inner is not None:
                result.update(inner_per_op=round((self.inner() - inner) / self.o.n, 1))
            self.emit(repeat=repeat, **result)
            results.append(result)
        self.emit(summary=True, us_per_op=statistics.median(r["us_per_op"] for r in results), failed=sum(r["failed"] for r in results))

    def held(self):
        time.sleep(10)                  # what earlier calls left lapses
        pss, inner, rate = proc.pss(self.o.pid), self.inner(), self.o.rate
        ramp = self.o.held / rate
        process, path = self.sipp("call", self.o.held, rate, hold=int((ramp + 14) * 1000), limit=self.o.held + 10)
        time.sleep(ramp + 11)
        held, pss_held, inner_held = max(1, outcome(path)["peak"]), proc.pss(self.o.pid), self.inner()
        process.wait()
        counted = outcome(path)
        time.sleep(8)
        result = dict(held=held, ok=counted["ok"], failed=counted["failed"], pss_per_call=round((pss_held - pss) / held),
                      pss_left=proc.pss(self.o.pid) - pss)
        if inner is not None:
            result.update(inner_per_call=round((inner_held - inner) / held))
        self.emit(repeat=0, **result)

    def ramp(self):
        best = missed = 0
        for rate in map(float, self.o.rates.split(",")):
            result = self.once("call", int(rate * self.o.secs), rate)
            kept = result["failed"] < result["n"] / 1000 and result["ops_s"] >= 0.9 * rate
            self.emit(**result, kept=kept)
            best, missed = (rate, 0) if kept else (best, missed + 1)
            if missed == 2:
                break
            time.sleep(2)
        self.emit(summary=True, highest_kept=best)

    def run(self):
        callee = self.callee() if self.o.test in ("call", "held", "ramp") else None
        try:
            self.measured(self.o.test) if self.o.test in SCENARIO else getattr(self, self.o.test)()
        finally:
            if callee:
                callee.send_signal(signal.SIGTERM)
                try:
                    callee.wait(5)
                except subprocess.TimeoutExpired:
                    callee.kill()
                    callee.wait()


def outcome(path):
    with open(path) as file:
        head, *_, last = csv.reader(file, delimiter=";")
    row = dict(zip(head, last))
    return dict(ok=int(row["SuccessfulCall(C)"]), failed=int(row["FailedCall(C)"]), retrans=int(row["Retransmissions(C)"]),
                peak=int(row["CurrentCall"]))


Bench(arguments()).run()
