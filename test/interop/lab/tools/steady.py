#!/usr/bin/env python3
"""steady.py make COUNT LIMITS           devices l0… with these limits (JSON), as the body of a batch
steady.py calls COUNT                  lines for SIPp: each calls the next one; "|" between them
steady.py users COUNT                  lines for SIPp: each registers
steady.py watch BASE KEY SECONDS       every second: calls in progress, and what is used beside each limit; exit 1 on a drift
steady.py free BASE KEY                exit 1 unless there is no call and nothing is used

Calls begin and end between two questions, so calls are listed before and after the limits are read: what is used of a limit lies
between the calls that are in both lists and the calls that are in any. A connection of which that is not true is asked
again, alone: a counter that has drifted stays wrong, a call that was refused meanwhile does not."""
import collections, json, sys, time, urllib.error, urllib.request

SIDES = {"concurrent_from": "connection_in", "concurrent_to": "connection_out"}
SETTLED = ("ringing", "early", "established")
TRIES = 10


class Api:
    def __init__(self, base, key):
        self.base, self.key = base, key

    def __call__(self, path):
        asked = urllib.request.Request(self.base + path, headers={"Authorization": "Bearer " + self.key})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)

    def all(self, path):
        """Every row, page by page."""
        rows, after = [], ""
        while True:
            page = self(f"{path}{'&' if '?' in path else '?'}limit=1000{after}")
            rows += page["data"]
            if not page["has_more"]:
                return rows
            after = f"&after={page['next']}"

    def shared(self):
        """Calls at once of the account and of the installation."""
        found = [self.all("/accounts")[0]["status"], self("/system/limits")["status"]]
        return [status["limits"]["concurrent"]["used"] for status in found]


def by_connection(calls, side):
    return collections.Counter(call[side] for call in calls if call[side])


def bounds(before, after):
    """{limit: (the fewest, the most)} by connection."""
    in_both = {call["id"]: call for call in before if call["state"] in SETTLED}
    sure = [call for call in after if call["state"] in SETTLED and call["id"] in in_both]
    union = list({call["id"]: call for call in after + before}.values())
    moved = [call for call in before if call["connection_out"]] + union
    found = {}
    for limit, side in SIDES.items():
        most = by_connection({(c["id"], c[side]): c for c in moved}.values(), side)
        found[limit] = by_connection(sure, side), most
    return found


def settles(api, id, limit):
    """A connection that seemed wrong is right when it is asked alone."""
    side = SIDES[limit]
    for _ in range(TRIES):
        before = {call["id"] for call in api(f"/calls?connection={id}")["data"] if call[side] == id}
        used = api(f"/connections/{id}/status")["limits"][limit]["used"]
        after = {call["id"] for call in api(f"/calls?connection={id}")["data"] if call[side] == id}
        if before == after and len(after) == used:
            return True
        time.sleep(0.1)
    return False


def sample(api, reached):
    """One look: a line of figures, and connections that have drifted."""
    before = api.all("/calls")
    shared = api.shared()
    rows = [row for row in api.all("/connections") if "concurrent_from" in row["status"]["limits"]]
    after = api.all("/calls")
    drifted, again, used = [], 0, collections.Counter()
    for limit, (fewest, most) in bounds(before, after).items():
        for row in rows:
            id, found = row["id"], row["status"]["limits"][limit]
            used[limit] += found["used"]
            reached.update([(id, limit)] if found["used"] >= found["max"] else [])
            if not fewest[id] <= found["used"] <= most[id]:
                again += 1
                if not settles(api, id, limit):
                    drifted.append(f"{row['name']} {limit}: {found['used']}, {fewest[id]} to {most[id]} calls")
    live = len(before), len(after)
    sure = sum(call["state"] in SETTLED for call in after if call["id"] in {call["id"] for call in before})
    for name, count in zip(("account", "installation"), shared):
        if not sure <= count <= len({call["id"] for call in before + after}) + BETWEEN:
            drifted.append(f"{name}: {count} used, {sure} calls in both lists, {live} in each")
    line = f"calls {live[0]}-{live[1]}, from {used['concurrent_from']}, to {used['concurrent_to']}, account {shared[0]}, all {shared[1]}, asked again {again}"
    return line, drifted, max(live)


def watch(api, seconds):
    end, samples, away, most, reached, wrong = time.monotonic() + seconds, 0, 0, 0, set(), []
    while time.monotonic() < end:
        next_one = time.monotonic() + 1
        try:
            line, drifted, live = sample(api, reached)
            samples, most = samples + 1, max(most, live)
            wrong += drifted
            print(line, *drifted, sep="; ", flush=True)
        except (OSError, KeyError, ValueError) as error:
            away += 1                  # it is being restarted
            print(f"no answer: {error}", flush=True)
        time.sleep(max(0, next_one - time.monotonic()))
    at_limit = len({id for id, limit in reached if limit == "concurrent_from"})
    print(f"{samples} samples, {away} without an answer, at most {most} calls, {at_limit} connections seen at their limit, {len(wrong)} drifts")
    return not wrong and samples >= seconds / 3


def free(api):
    calls, shared = api.all("/calls"), api.shared()
    rows = api.all("/connections")
    used = sum(limit["used"] for row in rows for name, limit in row["status"]["limits"].items() if name.startswith("concurrent"))
    print(f"{len(calls)} calls, {used} places of connections, {shared[0]} of the account, {shared[1]} of the installation")
    return not calls and not used and not any(shared)


def name(i, count):
    return f"l{i % count}"


def main(what, *a):
    if what == "make":
        count, limits = int(a[0]), json.loads(a[1])
        items = [dict(kind="device", name=name(i, count), user=name(i, count), password=f"pw-{name(i, count)}", limits=limits,
                      media={"mode": "bypass"}) for i in range(count)]
        print(json.dumps({"items": items}))
    elif what in ("calls", "users"):
        count = int(a[0])
        lines = []
        for i in range(count):
            user = name(i, count)
            callee = f";{name(i + 1, count)}" if what == "calls" else ""
            lines.append(f"{user};[authentication username={user} password=pw-{user}]{callee}")
        print("|".join(lines))
    elif what == "watch":
        sys.exit(not watch(Api(a[0], a[1]), float(a[2])))
    elif what == "free":
        sys.exit(not free(Api(a[0], a[1])))
    else:
        sys.exit(__doc__)


# Calls that were there only between the two lists: refused ones at a few hundred a second.
BETWEEN = 50
main(*(sys.argv[1:] or [""]))
