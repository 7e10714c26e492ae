#!/usr/bin/env python3
"""https.py ADDRESS:PORT CERTIFICATE KEY FOLDER     serves the files of a folder over HTTPS"""
import functools, ssl, sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

address, certificate, key, folder = sys.argv[1:]
host, _, port = address.rpartition(":")
server = ThreadingHTTPServer((host, int(port)), functools.partial(SimpleHTTPRequestHandler, directory=folder))
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(certificate, key)
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
