"""Somebody between a phone and the server: what the phone sends is sent again as it was, and once more with an octet
changed, under the phone's own address. Needs raw sockets.
  replay.py FROM-ADDRESS FIRST-PORT LAST-PORT COUNT    prints JSON: how many packets were taken, and of which length."""
import json, socket, struct, sys, time

source, first, last, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
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
    # Loopback shows every packet twice, on its way out and in.
    if where[2] != socket.PACKET_OUTGOING or packet[9] != socket.IPPROTO_UDP:
        continue
    header = 4 * (packet[0] & 15)
    port = struct.unpack(">H", packet[header + 2:header + 4])[0]
    rtp = packet[header + 8:]
    ours = socket.inet_ntoa(packet[12:16]) == source and first <= port <= last and port % 2 == 0
    if ours and len(rtp) > 12 and rtp[0] >> 6 == 2 and rtp not in (old for _, old in taken):
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
print(json.dumps({"taken": len(taken), "octets": sorted({len(rtp) for _, rtp in taken})}))
