#!/usr/bin/env python3
"""smtp.py ADDRESS:PORT FOLDER [REFUSE]     a mail server (RFC 5321) that keeps what it gets: FOLDER/N.eml as it came, and in
FOLDER/log one JSON line each: from, to, subject, text, and of attachments the name, type and octets; the first is FOLDER/N.wav.
REFUSE: the first so many messages are refused for now (451)."""
import asyncio, email, email.policy, json, os, sys

folder, refuse, count = sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0, 0


def keep(sender, to, data):
    global count
    count += 1
    path = os.path.join(folder, str(count))
    with open(path + ".eml", "wb") as out:
        out.write(data)
    mail = email.message_from_bytes(data, policy=email.policy.default)
    files = []
    for part in mail.iter_attachments():
        content = part.get_content()
        if not files:
            with open(path + ".wav", "wb") as out:
                out.write(content)
        files.append({"name": part.get_filename(), "type": part.get_content_type(), "octets": len(content)})
    body = mail.get_body(("plain",))
    row = {"from": sender, "to": to, "subject": str(mail["subject"]), "text": body.get_content() if body else "",
           "html": mail.get_body(("html",)) is not None, "files": files, "id": str(mail["message-id"])}
    with open(os.path.join(folder, "log"), "a") as log:
        log.write(json.dumps(row) + "\n")


async def serve(reader, writer):
    global refuse
    sender, to = "", []

    def say(text):
        writer.write(text.encode() + b"\r\n")

    say("220 lab")
    while line := await reader.readline():
        words = line.decode().strip()
        verb = words[:4].upper()
        if verb == "EHLO":
            say("250-lab\r\n250 8BITMIME")
        elif verb == "MAIL":
            sender, to = words.split("<")[1].split(">")[0], []
            say("250 ok")
        elif verb == "RCPT":
            to.append(words.split("<")[1].split(">")[0])
            say("250 ok")
        elif verb == "DATA":
            say("354 go on")
            data = b""
            while (part := await reader.readline()) not in (b".\r\n", b""):
                data += part[1:] if part.startswith(b".") else part
            if refuse > 0:
                refuse -= 1
                say("451 try again")
            else:
                keep(sender, to, data)
                say("250 kept")
        elif verb == "QUIT":
            say("221 bye")
            break
        else:
            say("250 ok")
    writer.close()


async def main():
    host, port = sys.argv[1].rsplit(":", 1)
    os.makedirs(folder, exist_ok=True)
    server = await asyncio.start_server(serve, host, int(port), limit=64 << 20)
    async with server:
        await server.serve_forever()

asyncio.run(main())
