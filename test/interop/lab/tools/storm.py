#!/usr/bin/env python3
"""What nobody should send to a server at work. Loopback only; each prints one JSON object.

  storm.py media PID SECONDS RATE [SPARED-ADDRESS...]
        rubbish, RTP, RTCP, STUN and DTLS to every UDP socket of the process that is no port of SIP, RATE a second; and packets
        of its peers again with octets changed, under their own addresses, but for those that are spared. Needs raw sockets.
  storm.py web HOST:PORT SECONDS
        half requests, and WebSockets that misbehave, over and over; says how they ended
  storm.py patience HOST:PORT SECONDS
        one WebSocket of each kind that has to be noticed, and one that behaves; says when and how each ended"""
import asyncio, base64, json, os, random, resource, socket, struct, sys, time

dice = random.Random(1)


# --- datagrams

def udp_ports(pid):
    """Local addresses of the UDP sockets of a process."""
    ours = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        if link.startswith("socket:["):
            ours.add(link[8:-1])
    found = []
    for line in open(f"/proc/{pid}/net/udp").read().splitlines()[1:]:
        words = line.split()
        address, _, port = words[1].partition(":")
        if words[9] in ours and int(port, 16) != 5060:
            ip = socket.inet_ntoa(struct.pack("<I", int(address, 16)))
            found.append(("127.0.0.1" if ip == "0.0.0.0" else ip, int(port, 16)))
    return found


def rubbish():
    return dice.randbytes(dice.randrange(0, 1500))


def rtp():
    flags = dice.choice((0x80, 0x90, 0xB0, 0x8F, 0x9F, 0xA0))
    return struct.pack("!BBHII", flags, dice.randrange(256), dice.randrange(65536), dice.getrandbits(32), dice.getrandbits(32)) + dice.randbytes(
        dice.choice((0, 1, 4, 160, 172, 1400)))


def rtcp():
    words = dice.choice((0, 1, 6, 12, 65535))
    return struct.pack("!BBHI", 0x80 | dice.randrange(32), dice.randrange(192, 224), words, dice.getrandbits(32)) + dice.randbytes(dice.randrange(0, 200))


def stun():
    attributes = b""
    for _ in range(dice.randrange(0, 8)):
        kind = dice.choice((0x0006, 0x0008, 0x0020, 0x0024, 0x0025, 0x8028, 0x802A, dice.randrange(65536)))
        value = dice.randbytes(dice.choice((0, 1, 4, 8, 20, 500)))
        length = len(value) if dice.random() < 0.8 else dice.randrange(65536)
        attributes += struct.pack("!HH", kind, length) + value + b"\0" * (-len(value) % 4)
    length = len(attributes) if dice.random() < 0.8 else dice.randrange(65536)
    return struct.pack("!HHI", dice.choice((1, 0x101, 0x111, 0x11, dice.randrange(0x4000))), length, 0x2112A442) + dice.randbytes(12) + attributes


def dtls():
    body = dice.choice((
        struct.pack("!BBBBHBBBBBB", 1, 0, 4, 0, 0, 0, 0, 0, 0, 4, 0) + b"\xfe\xfd" + dice.randbytes(1020),     # a hello
        struct.pack("!BB", 2, dice.randrange(256)),                                                            # an alert
        dice.randbytes(dice.randrange(0, 1200)),
    ))
    length = len(body) if dice.random() < 0.8 else dice.randrange(65536)
    return struct.pack("!BHHHIH", dice.choice((20, 21, 22, 23, 25, 63)), dice.choice((0xFEFF, 0xFEFD, 0x0303)), dice.randrange(3), 0,
                       dice.getrandbits(32), length) + body


def changed(packet):
    """The UDP payload of an IPv4 packet, changed; without a checksum, which IPv4 allows."""
    header = 4 * (packet[0] & 15)
    payload = bytearray(packet[header + 8:])
    at = dice.randrange(len(payload))
    what = dice.randrange(3)
    if what == 0:
        payload[at] ^= 1 << dice.randrange(8)
    elif what == 1:
        payload = payload[:at]
    else:
        payload[at:at] = dice.randbytes(dice.randrange(1, 40))
    udp = packet[header:header + 4] + struct.pack("!HH", 8 + len(payload), 0)
    return packet[:2] + struct.pack("!H", header + 8 + len(payload)) + packet[4:header] + udp + bytes(payload)


def media(pid, seconds, rate, spared):
    kinds, count = (rubbish, rtp, rtcp, stun, dtls), {}
    outs = []
    for host in range(66, 70):
        outs.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        outs[-1].bind((f"127.0.0.{host}", 0))
        outs[-1].setblocking(False)
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    tap.bind(("lo", 0x0800))
    tap.setblocking(False)
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    begun, sent, mine = time.monotonic(), 0, {("127.0.0.%d" % host) for host in range(66, 70)}
    places, looked = [], 0
    while (now := time.monotonic()) < begun + seconds:
        if now - looked > 1:
            places, looked = udp_ports(pid), now
        while sent < (now - begun) * rate:
            kind = dice.choice(kinds)
            try:
                dice.choice(outs).sendto(kind(), dice.choice(places))
            except OSError:
                pass
            sent += 1
            count[kind.__name__] = count.get(kind.__name__, 0) + 1
        for _ in range(200):
            try:
                packet, where = tap.recvfrom(4096)
            except BlockingIOError:
                break
            header = 4 * (packet[0] & 15)
            source, to = socket.inet_ntoa(packet[12:16]), (socket.inet_ntoa(packet[16:20]), *struct.unpack("!H", packet[header + 2:header + 4]))
            if where[2] == socket.PACKET_OUTGOING or packet[9] != socket.IPPROTO_UDP or source in mine or source in spared or to not in places:
                continue
            # What has no checksum is one of these itself.
            if packet[header + 6:header + 8] != b"\0\0" and len(packet) > header + 8 and dice.random() < 0.5:
                raw.sendto(changed(packet), (to[0], 0))
                count["changed"] = count.get("changed", 0) + 1
        time.sleep(0.005)
    print(json.dumps(dict(sockets=len(places), **count)))


# --- WebSockets

def frame(opcode, payload=b"", last=True, masked=True, reserved=0, length=None, key=None):
    length = len(payload) if length is None else length
    head = bytes([last << 7 | reserved << 4 | opcode])
    mask = masked << 7
    if length < 126:
        head += bytes([mask | length])
    elif length < 65536:
        head += bytes([mask | 126]) + struct.pack("!H", length)
    else:
        head += bytes([mask | 127]) + struct.pack("!Q", length)
    if not masked:
        return head + payload
    told = os.urandom(4)
    used = key or told
    return head + told + bytes(octet ^ used[i & 3] for i, octet in enumerate(payload))


def options(fill=""):
    unique = os.urandom(8).hex()
    return (f"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/WS storm.invalid;branch=z9hG4bK{unique}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:storm@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: {unique}\r\nCSeq: 1 OPTIONS\r\n{fill}\r\n").encode()


class Socket:
    """A WebSocket, or what is to become one."""

    @classmethod
    async def open(cls, server, upgrade=True, buffer=None):
        self, plain = cls(), socket.socket()
        if buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        plain.setblocking(False)
        plain.bind((f"127.0.2.{dice.randrange(1, 250)}", 0))
        await asyncio.get_running_loop().sock_connect(plain, server)
        self.plain = plain
        # Who is slow reads no further than that, or asyncio would read for it.
        self.reader, self.writer = await asyncio.open_connection(sock=plain, limit=buffer or 1 << 22)
        if upgrade:
            await self.say(b"GET /sip HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                           b"Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Key: " + base64.b64encode(os.urandom(16)) + b"\r\n\r\n")
            head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 20)
            assert head.startswith(b"HTTP/1.1 101"), head
        return self

    async def say(self, octets, patience=20):
        self.writer.write(octets)
        await asyncio.wait_for(self.writer.drain(), patience)

    async def hear(self):
        """The next frame: opcode and payload."""
        first, second = await self.reader.readexactly(2)
        length = second & 127
        if length == 126:
            length, = struct.unpack("!H", await self.reader.readexactly(2))
        elif length == 127:
            length, = struct.unpack("!Q", await self.reader.readexactly(8))
        return first & 15, await self.reader.readexactly(length)

    async def end(self, seconds, pongs=False):
        """How it ends within this time: a code, `closed`, or `open`."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    opcode, payload = await self.hear()
                    if opcode == 8:
                        return str(struct.unpack("!H", payload[:2])[0]) if len(payload) > 1 else "closed"
                    if opcode == 9 and pongs:
                        await self.say(frame(10, payload))
        except TimeoutError:
            return "open"
        except (asyncio.IncompleteReadError, OSError):
            return "closed"

    def drop(self, rudely=False):
        if rudely:
            self.plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.close()


async def fragments(web):
    await web.say(frame(1, b"OPTIONS", last=False))
    for _ in range(300):
        await web.say(b"".join(frame(0, b"x" * dice.choice((0, 1, 1, 2)), last=False) for _ in range(500)))


async def pings(web):
    for _ in range(40):
        await web.say(b"".join(frame(9, b"p" * 125) for _ in range(100)))
    await web.say(frame(8, struct.pack("!H", 1000)))


async def chatter(web):
    for _ in range(10):
        await web.say(b"".join(frame(1, options()) for _ in range(30)))
        await asyncio.sleep(0.05)
    await web.say(frame(8, struct.pack("!H", 1000)))


def says(*frames):
    async def say(web):
        for one in frames:
            await web.say(one() if callable(one) else one)
    return say


MISBEHAVING = dict(
    oversized=says(lambda: frame(1, b"OPTIONS", length=1 << 40)),
    too_long=says(lambda: frame(1, options("X: " + "x" * 70000 + "\r\n"))),
    unmasked=says(lambda: frame(1, options(), masked=False)),
    reserved=says(lambda: frame(1, options(), reserved=dice.randrange(1, 8))),
    unknown=says(lambda: frame(dice.choice((3, 7, 11, 15)), options())),
    orphan=says(lambda: frame(0, options())),
    interleaved=says(lambda: frame(1, options(), last=False), lambda: frame(1, options())),
    long_ping=says(lambda: frame(9, b"p" * 126)),
    half_ping=says(lambda: frame(9, b"p", last=False)),
    misread=says(lambda: frame(1, options(), key=b"abcd"), lambda: frame(2, options(), key=b"abcd")),
    nonsense=says(*[lambda: frame(dice.choice((1, 2)), bytes(dice.choices(b"SIP/2.0 \r\n:;<>x", k=dice.randrange(0, 3000)))) for _ in range(20)]),
    odd_close=says(lambda: frame(8, dice.choice((b"\0", struct.pack("!H", 5), struct.pack("!H", 1005), b"\x03\xe8\xff\xfe")))),
    fragments=fragments,
    pings=pings,
    chatter=chatter,
)


async def misbehave(server, kind, until, ends):
    while time.monotonic() < until:
        how = "refused"
        try:
            web = await Socket.open(server)
            try:
                await MISBEHAVING[kind](web)
                how = await web.end(dice.choice((0.2, 5)))
            except (OSError, TimeoutError):
                how = "closed"
            web.drop(rudely=how == "open" and dice.random() < 0.5)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            await asyncio.sleep(0.2)
        count(ends, kind, how)


async def half(server, octets, until, ends):
    """Part of a request, and then nothing."""
    while time.monotonic() < until:
        how = "refused"
        try:
            web = await Socket.open(server, upgrade=False)
            try:
                await web.say(octets)
                await asyncio.wait_for(web.reader.read(), 20)
                how = "closed"
            except (OSError, TimeoutError) as fault:
                how = "open" if isinstance(fault, TimeoutError) else "closed"
            web.drop()
        except OSError:
            await asyncio.sleep(0.2)
        count(ends, "half", how)


def count(ends, kind, how):
    ends.setdefault(kind, {})
    ends[kind][how] = ends[kind].get(how, 0) + 1


async def web(server, seconds):
    ends, until = {}, time.monotonic() + seconds
    heads = (b"", b"GET /sip HT", b"GET /sip HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n", b"\x16\x03\x01\x02\0\x01")
    jobs = [half(server, dice.choice(heads), until, ends) for _ in range(500)]
    jobs += [misbehave(server, kind, until, ends) for kind in MISBEHAVING for _ in range(2)]
    await asyncio.gather(*jobs)
    print(json.dumps(ends))


async def patience(server, seconds):
    begun, ends = time.monotonic(), {}

    async def watch(kind, said, pongs, buffer=None, flood=False, dribble=False):
        web = await Socket.open(server, buffer=buffer)
        if said:
            await web.say(frame(1, options()))
        how = None
        try:
            while flood:                 # asks and asks, and never reads
                await web.say(b"".join(frame(1, options()) for _ in range(50)), max(begun + seconds - time.monotonic(), 0.1))
            if dribble:
                await web.say(frame(1, b"", length=1000))
            while dribble:
                await web.say(b"x")
                how = await web.end(3)
                dribble = how == "open"
        except TimeoutError:
            how = "open"
        except OSError:
            how = "closed"
        how = how if how and how != "open" else await web.end(begun + seconds - time.monotonic(), pongs)
        ends[kind] = [round(time.monotonic() - begun), how]

    await asyncio.gather(watch("silent", False, True), watch("dead", True, False), watch("good", True, True),
                         watch("dribbling", True, False, dribble=True), watch("slow", True, False, buffer=4096, flood=True))
    print(json.dumps(ends))


resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
what, where, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
if what == "media":
    media(int(where), seconds, float(sys.argv[4]), set(sys.argv[5:]))
else:
    server = (where.rpartition(":")[0], int(where.rpartition(":")[2]))
    assert server[0].startswith("127."), "loopback only"
    asyncio.run(web(server, seconds) if what == "web" else patience(server, seconds))
