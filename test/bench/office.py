#!/usr/bin/env python3
"""The server's configuration under test, and what changing it takes.

  load    the domain bench.test, COUNT devices u000000… (media bypassed) and 600 r000000… (relayed), and a trunk to the
          callee for numbers that begin with +; `--policies` puts every limit there is on all of them, on their account
          and on the installation, none of which a bench reaches
  patch   changes connections one after the other; beside it, what the disk takes to sync
  ready   waits for /readyz; prints the ms since the process began"""
import argparse, os, sys, time, urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/lib")
import api, results

CHUNK = 10000
RELAYED = 600
NEVER = 4000000       # a limit that no bench reaches
CALLER = "+37167000001"
WINDOWS = dict(concurrent=NEVER, concurrent_from=NEVER, concurrent_to=NEVER, per_second=NEVER, per_hour=NEVER, per_day=NEVER,
               per_week=NEVER, max_duration_s=14400)
POLICIES = dict(WINDOWS, countries=dict(allow=["LV", "DE", "GB"], deny=["CU"]),
                prefixes=dict(allow=["+371", "+49", "+44"], deny=["+4490", "+371900"]))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("what", choices=("load", "patch", "ready"))
    add("--http", default="127.0.0.1:8081")
    add("--key")
    add("--run", help="results.jsonl there is appended to")
    add("--count", type=int, default=100000, help="devices, or changes")
    add("--policies", action="store_true")
    add("--pid", type=int)
    return parser.parse_args()


CARRIER = dict(kind="trunk", name="carrier", peers=[dict(host="127.0.0.1", port=5070)], allowed_sources=["127.0.0.9/32"],
               dial_pattern="^[+]", media=dict(mode="bypass"), probe=dict(options_s=0))


def device(prefix, i, **more):
    return dict(kind="device", name=f"{prefix}{i:06}", user=f"{prefix}{i:06}", password=f"pw{i:06}", domain="bench.test", **more)


def load(o):
    ask, limits = api.Api(o.http, o.key), dict(limits=POLICIES, caller_ids=[CALLER], default_caller_id=CALLER) if o.policies else {}
    ask("POST", "/domains", dict(host="bench.test", role="registrar", realm="bench.test"))
    devices = [device("u", i, media=dict(mode="bypass"), **limits) for i in range(o.count)]
    devices.append(dict(CARRIER, **dict(limits=WINDOWS) if o.policies else {}))
    devices += [device("r", i, **limits or dict(limits=dict(concurrent=NEVER))) for i in range(RELAYED)]
    start = time.monotonic()
    for at in range(0, len(devices), CHUNK):
        answers = ask("POST", "/connections/batch", dict(items=devices[at:at + CHUNK]))["results"]
        refused = [answer for answer in answers if answer["status"] >= 300]
        if refused:
            sys.exit(f"{len(refused)} refused, the first: {refused[0]}")
    emit = results.Results(o.run, test="batch", server="trunkline", note="policies" if o.policies else "")
    emit(repeat=0, connections=len(devices), seconds=round(time.monotonic() - start, 1))
    if o.policies:
        ask("PATCH", "/system/limits", WINDOWS)
        account = ask("GET", "/accounts")["data"][0]["id"]
        ask("PATCH", f"/accounts/{account}", dict(limits=POLICIES))


def patch(o):
    ask = api.Api(o.http, o.key)
    ids, times = [item["id"] for item in ask("GET", "/connections?limit=200")["data"]], []
    for number in range(o.count + 10):
        start = time.perf_counter()
        ask("PATCH", "/connections/" + ids[number % len(ids)], dict(limits=dict(concurrent_from=2 + number)))
        times.append((time.perf_counter() - start) * 1000)
    for server, found in (("trunkline", times[10:]), ("disk", [synced(o.run) for _ in range(o.count)])):
        found.sort()
        results.Results(o.run, test="patch", server=server, note="")(
            repeat=0, n=len(found), p50_ms=round(found[len(found) // 2], 2), p99_ms=round(found[int((len(found) - 1) * 0.99)], 2))


def synced(folder):
    """Milliseconds that the disk takes to make 4 kB durable: no change of the configuration can be faster."""
    with open(folder + "/synced", "wb") as file:
        start = time.perf_counter()
        file.write(bytes(4096))
        file.flush()
        os.fsync(file.fileno())
        return (time.perf_counter() - start) * 1000


def ready(o):
    while time.monotonic() < START + 60:
        try:
            urllib.request.urlopen(f"http://{o.http}/readyz", timeout=5)
            ticks = int(open(f"/proc/{o.pid}/stat").read().rpartition(")")[2].split()[19])
            print(round((time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")) * 1000))
            return
        except OSError:
            time.sleep(0.01)
    sys.exit("not ready")


START = time.monotonic()
options = arguments()
dict(load=load, patch=patch, ready=ready)[options.what](options)
