"""registrations.py : connections that register at a SIPp registrar, the registrar's death and its return.

Run by `registrations`. Prints one JSON line per phase: spread of the REGISTERs, the latest refresh, CPU per
registration, memory per registration; after the outage how long it took and the highest rate."""
import argparse, collections, json, os, pathlib, signal, subprocess, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import proc

HERE = pathlib.Path(__file__).parent
REGISTRAR, HTTP = "127.0.0.61", "127.0.0.1:8082"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--run", required=True), add("--trunkline", required=True)
    add("--n", type=int, default=10000), add("--expires", type=int, default=300)
    add("--outage", type=int, default=600), add("--rounds", type=float, default=2, help="refreshes to watch before it")
    return parser.parse_args()


class Registrar:
    """SIPp; its log has a line per registration granted."""

    def __init__(self, run):
        self.run, self.number, self.granted = run, 0, []

    def start(self):
        self.number += 1
        self.log = self.run / f"registrar-{self.number}.log"
        self.log.unlink(missing_ok=True)
        out = open(self.run / "registrar.out", "w")
        self.process = subprocess.Popen(
            ["sipp", "-sf", str(HERE / "scenarios/registrar.xml"), "-i", REGISTRAR, "-p", "5060", "-nostdin", "-deadcall_wait", "0",
             "-trace_logs", "-log_file", str(self.log), "-buff_size", "8388608"], stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        self.began = time.monotonic()

    def stop(self):
        """Ends it; returns the grants as (seconds since its start, user, expires)."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        return self.grants()

    def grants(self):
        found = []
        for line in self.log.read_text().splitlines() if self.log.exists() else []:
            part = line.split()
            if len(part) == 4 and part[1] == "200":
                found.append((int(part[0]) / 1000, part[2], int(part[3])))
        return found


class Server:
    """Trunkline with COUNT connections of kind register_out."""

    def __init__(self, options, run):
        self.binary, self.data, self.run = options.trunkline, run / "registrations-data", run
        self.api = f"http://{HTTP}/api/v1"

    def start(self):
        out = open(self.run / "registrations.out", "a")
        self.process = subprocess.Popen([self.binary, "--data", str(self.data), "--http", HTTP, "--sip", "udp:127.0.0.1:5066"],
                                        stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)
        while subprocess.run(["curl", "-sf", "-o", "/dev/null", f"http://{HTTP}/readyz"]).returncode:
            if self.process.poll() is not None:
                sys.exit("the server ended: see registrations.out")
            time.sleep(0.05)
        self.key = subprocess.run([self.binary, "key", "create", "--data", str(self.data), "--scopes", "admin"],
                                  capture_output=True, text=True, check=True).stdout.strip()

    def stop(self):
        self.process.terminate()
        self.process.wait(60)

    def load(self, count, expires, enabled):
        items = [dict(kind="register_out", name=f"r{i:05}", user=f"u{i:05}", password=f"p{i:05}", enabled=enabled,
                      peers=[dict(host=REGISTRAR, port=5060)], register=dict(expires_s=expires), probe=dict(options_s=0))
                 for i in range(count)]
        body = self.run / "batch.json"
        body.write_text(json.dumps(dict(items=items)))
        answer = subprocess.run(["curl", "-sf", "-H", f"Authorization: Bearer {self.key}", "-H", "Content-Type: application/json",
                                 "-d", f"@{body}", f"{self.api}/connections/batch"], capture_output=True, text=True, check=True).stdout
        refused = [result for result in json.loads(answer)["results"] if result["status"] >= 300]
        if refused:
            sys.exit(f"{len(refused)} refused, the first: {refused[0]}")

    def cpu(self):
        return proc.cpu([self.process.pid])

    def pss(self):
        return proc.pss([self.process.pid])


def rates(grants):
    """REGISTERs granted per second: the highest and the mean of seconds with any."""
    seconds = collections.Counter(int(at) for at, _, _ in grants)
    return dict(most_per_s=max(seconds.values(), default=0), mean_per_s=round(len(grants) / max(len(seconds), 1), 1))


def lateness(grants):
    """Of each refresh, how much of the lifetime granted before was used: the highest share, and how many came too late."""
    last, most, late, refreshes = {}, 0.0, 0, 0
    for at, user, expires in sorted(grants):
        if user in last:
            share = (at - last[user][0]) / last[user][1]
            most, late, refreshes = max(most, share), late + (share > 1), refreshes + 1
        last[user] = (at, expires)
    return dict(refreshes=refreshes, latest_share=round(most, 3), late=late)


def wait_all(registrar, count, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if len({user for _, user, _ in registrar.grants()}) >= count:
            return round(time.monotonic() - registrar.began, 1)
        time.sleep(2)
    return None


def say(**line):
    print(json.dumps(line), flush=True)


def main():
    o = arguments()
    run = pathlib.Path(o.run)
    server, registrar = Server(o, run), Registrar(run)
    subprocess.run(["rm", "-rf", str(server.data)], check=True)
    server.start(), server.load(o.n, o.expires, False), server.stop()
    server.start(), time.sleep(10)
    bare = server.pss()
    server.stop()
    subprocess.run(["rm", "-rf", str(server.data)], check=True)
    registrar.start()
    server.start()
    server.load(o.n, o.expires, True)
    took = wait_all(registrar, o.n, 600)
    first = registrar.grants()
    say(phase="registered", n=o.n, expires_s=o.expires, all_after_s=took, **rates(first))
    server.stop()
    registrar.stop()
    registrar.start()
    server.start()
    took = wait_all(registrar, o.n, 600)
    say(phase="started again", all_after_s=took, **rates(registrar.grants()))
    time.sleep(10)
    memory, before, at, done = server.pss(), server.cpu(), time.monotonic(), len(registrar.grants())
    time.sleep(o.rounds * o.expires)
    grants = registrar.grants()
    cpu, refreshed = server.cpu() - before, len(grants) - done
    say(phase="refreshing", seconds=round(time.monotonic() - at), cpu_us_per_registration=round(cpu / max(refreshed, 1) * 1e6, 1),
        kb_per_registration=round((memory - bare) / o.n / 1000, 2), pss_mb=round(memory / 1e6), load=os.getloadavg()[0],
        **lateness(grants), **rates(grants[done:]))
    registrar.stop()
    before = server.cpu()
    time.sleep(o.outage)
    say(phase="registrar dead", seconds=o.outage, cpu_s=round(server.cpu() - before, 2))
    registrar.start()
    took = wait_all(registrar, o.n, 900)
    grants = registrar.grants()
    say(phase="registrar back", all_after_s=took, registered=len({user for _, user, _ in grants}), **rates(grants))
    registrar.stop()
    server.stop()


main()
