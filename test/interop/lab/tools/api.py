#!/usr/bin/env python3
"""api.py BASE KEY METHOD PATH [JSON | @FILE]   one request; prints the body; exit 1 on 4xx, 5xx or no answer
api.py pick PATH                     a value of the JSON on stdin, e.g. data.0.id
api.py expect PATH FIELD=VALUE...    the object at PATH has these values (FIELD may be a path; a|b = either)
api.py find PATH FIELD VALUE WANTED  WANTED of the object in the list at PATH whose FIELD is VALUE"""
import json, sys, urllib.error, urllib.request


def at(value, path):
    for part in filter(None, path.split(".")):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def text(value):
    return value if isinstance(value, str) else json.dumps(value)


def request(base, key, method, path, body=None):
    if body and body[0] == "@":
        with open(body[1:]) as file:
            body = file.read()
    headers = {"Content-Type": "application/json", **({"Authorization": "Bearer " + key} if key else {})}
    asked = urllib.request.Request(base + path, body.encode() if body else None, headers, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            sys.stdout.write(answer.read().decode())
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {path}: {error.code} {error.read().decode()}")
    except OSError as error:
        sys.exit(f"{method} {path}: {error}")


def expect(value, wanted):
    wrong = []
    for field, expected in (pair.split("=", 1) for pair in wanted):
        try:
            found = text(at(value, field))
        except (KeyError, IndexError, TypeError, ValueError):
            found = "(nothing)"
        print(f"{field}={found}", end=" ")
        if found not in expected.split("|"):
            wrong.append(f"{field} is not {expected}")
    print(*wrong, sep="; ")
    sys.exit(bool(wrong))


def main(a):
    try:
        if a[0] == "pick":
            print(text(at(json.load(sys.stdin), a[1])))
        elif a[0] == "expect":
            expect(at(json.load(sys.stdin), a[1]), a[2:])
        elif a[0] == "find":
            rows = at(json.load(sys.stdin), a[1])
            print(text(at(next(row for row in rows if row.get(a[2]) == a[3]), a[4])))
        else:
            request(*a)
    except (KeyError, IndexError, StopIteration, ValueError) as error:
        sys.exit(f"no {' '.join(a)}: {error!r}")


main(sys.argv[1:] or sys.exit(__doc__))
