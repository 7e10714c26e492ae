#!/usr/bin/env python3
"""office.py load API KEY COUNT     the domain bench.test with COUNT devices u000000… (media bypassed) and 400 r000000… (relayed)
office.py ready BASE PID SECONDS   waits for /readyz; prints the ms since the process began"""
import json, os, sys, time, urllib.error, urllib.request

CHUNK = 10000
RELAYED = 400


def post(api, key, path, body):
    asked = urllib.request.Request(api + path, json.dumps(body).encode(), method="POST",
                                   headers={"Content-Type": "application/json", "Authorization": "Bearer " + key})
    try:
        with urllib.request.urlopen(asked, timeout=300) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{path}: {error.code} {error.read().decode()[:500]}")


def device(prefix, i, **more):
    return dict(kind="device", name=f"{prefix}{i:06}", user=f"{prefix}{i:06}", password=f"pw{i:06}", domain="bench.test", **more)


def load(api, key, count):
    post(api, key, "/domains", dict(host="bench.test", role="registrar", realm="bench.test"))
    devices = [device("u", i, media=dict(mode="bypass")) for i in range(count)]
    devices += [device("r", i, limits=dict(concurrent=RELAYED)) for i in range(RELAYED)]
    start = time.monotonic()
    for at in range(0, len(devices), CHUNK):
        results = post(api, key, "/connections/batch", dict(items=devices[at:at + CHUNK]))["results"]
        refused = [result for result in results if result["status"] >= 300]
        if refused:
            sys.exit(f"{len(refused)} refused, the first: {refused[0]}")
    print(f"{len(devices)} connections in {time.monotonic() - start:.1f} s", file=sys.stderr)


def ready(base, pid, seconds):
    while time.monotonic() < START + seconds:
        try:
            urllib.request.urlopen(base + "/readyz", timeout=5)
            ticks = int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[19])
            print(round((time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")) * 1000))
            return
        except OSError:
            time.sleep(0.01)
    sys.exit("not ready")


START = time.monotonic()
if sys.argv[1] == "load":
    load(sys.argv[2], sys.argv[3], int(sys.argv[4]))
else:
    ready(sys.argv[2], sys.argv[3], float(sys.argv[4]))
