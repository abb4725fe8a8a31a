#!/usr/bin/python3
"""socket_messages.py KUBECONFIG PATH PROTOCOL - the payloads of a WebSocket until it is closed, in one: the first byte's number, then the words."""

import base64
import os
import socket
import ssl
import struct
import sys
import tempfile

import yaml

with open(sys.argv[1], encoding="utf-8") as file:
    place = yaml.safe_load(file)
host, port = place["clusters"][0]["cluster"]["server"].removeprefix("https://").split(":")
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
with tempfile.NamedTemporaryFile() as pair:
    user = place["users"][0]["user"]
    pair.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
    pair.flush()
    context.load_cert_chain(pair.name)
wire = context.wrap_socket(socket.create_connection((host, int(port)), timeout=20)).makefile("rwb")
key = base64.b64encode(os.urandom(16)).decode()
wire.write((f"GET {sys.argv[2]} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: https://{host}\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {sys.argv[3]}\r\n\r\n").encode())
wire.flush()
head = b""
while not head.endswith(b"\r\n\r\n"):
    byte = wire.read(1)
    if not byte:
        sys.exit("closed within the answer: " + head.decode())
    head += byte
if b" 101 " not in head.split(b"\r\n")[0] or sys.argv[3].encode() not in head:
    sys.exit(head.decode())
whole, first = b"", None
while True:
    start = wire.read(2)
    if len(start) < 2:
        break
    opcode, size = start[0] & 15, start[1] & 127
    if size == 126:
        size = struct.unpack(">H", wire.read(2))[0]
    elif size == 127:
        size = struct.unpack(">Q", wire.read(8))[0]
    data = wire.read(size)
    if opcode == 8:
        break
    if opcode not in (1, 2) or not data.strip() or (sys.argv[3] == "channel.k8s.io" and len(data) == 1):
        continue
    first = data[0] if first is None else first
    if sys.argv[3] == "channel.k8s.io":
        if data[0] != 1:
            sys.exit(f"not of stdout: {data!r}")
        data = data[1:]
    whole += data
print(first, whole.decode().strip())
