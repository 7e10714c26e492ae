#!/usr/bin/env python3
"""torture.py HOST:PORT FOLDER [FILE...] : sends each message of expect.tsv from port 5060, as its bytes stand in FOLDER,
and holds the answer against the table. Prints one line per message that is outside; exit 1 if there is one.

Answers follow the top Via, so the ports that the messages name there are listened on too. Loopback only."""
import csv, os, select, socket, sys, time

SOURCE, PORTS, PATIENCE = "127.0.0.50", (5060, 5050, 5070, 6050, 19823), 0.4


def headers(text, *names):
    out = []
    for line in text.split("\r\n\r\n", 1)[0].replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.strip().lower() in names:
            out += [value.strip()]
    return out


def vias(text):
    return [part.strip() for value in headers(text, "via", "v") for part in value.split(",")]


def exchange(sockets, server, data):
    """The different answers that come within the time allowed."""
    sockets[0].sendto(data, server)
    answers, until = [], time.monotonic() + PATIENCE
    while (left := until - time.monotonic()) > 0:
        for ready in select.select(sockets, [], [], left)[0]:
            text = ready.recv(65535).decode("utf8", "replace")
            if text not in answers and text.split(" ")[1:2] != ["100"]:
                answers.append(text)
    return answers


def alive(server):
    ping = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ping.bind(("127.0.0.51", 0))
    ping.settimeout(2)
    host, port = ping.getsockname()
    branch = "z9hG4bK" + os.urandom(6).hex()
    ping.sendto((f"OPTIONS sip:{server[0]} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch={branch}\r\nMax-Forwards: 70\r\n"
                 f"From: <sip:t@{host}>;tag=1\r\nTo: <sip:{server[0]}>\r\nCall-ID: {branch}\r\nCSeq: 1 OPTIONS\r\n"
                 "Content-Length: 0\r\n\r\n").encode(), server)
    try:
        return ping.recv(65535).startswith(b"SIP/2.0 200")
    except OSError:
        return False


def outside(row, sent, answers):
    """Why the answers are not what the row allows, or nothing."""
    codes = [text.split(" ")[1] for text in answers]
    allowed, also = row["answers"].split(","), row["also"]
    if not codes:
        return "" if "-" in allowed else "no answer"
    if codes[0] not in allowed:
        return "answer " + answers[0].split("\r\n")[0]
    if also == "once" and len(codes) > 1:
        return "several answers: " + " ".join(codes)
    if also == "every-via" and len(vias(answers[0])) != len(vias(sent)):
        return f"{len(vias(answers[0]))} of {len(vias(sent))} Via values"
    if also.startswith("header:") and not headers(answers[0], also[7:]):
        return f"no {also[7:]} header"
    return "no Allow" if codes[0] == "405" and not headers(answers[0], "allow") else ""


def main(server, folder, *only):
    host, _, port = server.rpartition(":")
    assert host.startswith("127."), "loopback only"
    server, sockets, bad, count = (host, int(port)), [], 0, 0
    for local in PORTS:
        sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sockets[-1].bind((SOURCE, local))
    table = os.path.join(os.path.dirname(os.path.abspath(__file__)), "expect.tsv")
    for row in csv.DictReader(open(table), delimiter="\t"):
        if only and row["file"] not in only:
            continue
        data = open(os.path.join(folder, row["file"]), "rb").read()
        answers = exchange(sockets, server, data)
        wrong = outside(row, data.decode("utf8", "replace"), answers)
        if not alive(server):
            wrong = (wrong + "; " if wrong else "") + "the server is silent afterwards"
        count, bad = count + 1, bad + bool(wrong)
        if wrong:
            print(f"{row['file']}: {wrong}; allowed {row['answers']} ({row['why']})")
        elif only:
            print(*answers, sep="\n")
    print(f"{count} messages, {bad} outside")
    sys.exit(bool(bad))


main(*sys.argv[1:])
