#!/usr/bin/env python3
"""A name server for one test: records from its arguments, every question on stdout.

  dns.py ADDR[:PORT] [NAME TTL TYPE DATA]...      each record one argument, such as 'one.test 60 A 127.0.0.21'
    types: A AAAA SRV NAPTR (ORDER PREFERENCE FLAGS SERVICE REPLACEMENT)
  dns.py ADDR[:PORT] --zone FILE                  the same, one a line, read again before every answer

Names that have no records do not exist (NXDOMAIN, to be kept for five seconds). SIGSTOP makes it a black hole."""
import ipaddress, socket, struct, sys

TYPES = {"A": 1, "AAAA": 28, "SRV": 33, "NAPTR": 35}
NAMES = {number: name for name, number in TYPES.items()}


def wire(name):
    labels = [label.encode() for label in name.strip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def text(word):
    word = word.strip('"').encode()
    return bytes([len(word)]) + word


def data(kind, words):
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(words[0]).packed
    if kind == "SRV":
        return struct.pack(">HHH", *map(int, words[:3])) + wire(words[3])
    order, preference, flags, service, replacement = words
    return struct.pack(">HH", int(order), int(preference)) + text(flags) + text(service) + text("") + wire(replacement)


def question(packet):
    at, labels = 12, []
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode().lower())
        at += 1 + packet[at]
    return ".".join(labels), struct.unpack(">H", packet[at + 1 : at + 3])[0], at + 5


def answer(packet, zone):
    name, kind, end = question(packet)
    print(NAMES.get(kind, kind), name, flush=True)
    known = [line.split() for line in zone if line.split()[0].lower() == name]
    found = [words for words in known if TYPES[words[2]] == kind]
    records = b""
    for _, ttl, written, *rest in found:
        rdata = data(written, rest)
        records += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, int(ttl), len(rdata)) + rdata
    authority = b""
    if not found:
        soa = wire("ns." + name) + wire("admin." + name) + struct.pack(">IIIII", 1, 60, 60, 60, 5)
        authority = wire("test") + struct.pack(">HHIH", 6, 1, 5, len(soa)) + soa
    flags = 0x8580 | (0 if known else 3)
    head = packet[:2] + struct.pack(">HHHHH", flags, 1, len(found), 1 if authority else 0, 0)
    return head + packet[12:end] + records + authority


def main(at, *arguments):
    host, _, port = at.partition(":")
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((host, int(port or 53)))
    while True:
        packet, client = server.recvfrom(4096)
        zone = arguments
        if arguments[:1] == ("--zone",):
            with open(arguments[1]) as file:
                zone = [line for line in file if line.strip()]
        try:
            server.sendto(answer(packet, zone), client)
        except (IndexError, ValueError, KeyError) as fault:
            print("unusable", fault, flush=True)


main(*sys.argv[1:])
