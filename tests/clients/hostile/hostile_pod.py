#!/usr/bin/python3
"""hostile_pod.py - what a hostile pod answers: one port for each trick; runs in the pod's network until it is killed."""

import selectors
import socket

TRICKS = {
    9001: b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    9002: b"HTTP/1.1 103 Early\r\nA: b\r\n\r\n" * 1000,  # and again as long as it is read
    9003: b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    9004: b"HTTP/1.1 200 OK\r\nA: b\rSet-Cookie: c=d\r\nContent-Length: 0\r\n\r\n",
    9005: b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    9006: b"HTTP/1.1 200 OK\r\n" + b"A: " + b"b" * 1000000,
    9007: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nabc",
    9008: b"",  # silent
    9009: b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",  # and the end
    9010: b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\n\r\nabcHTTP/1.1 200 OK\r\n\r\n",
    9011: b"HTTP/1.1 200 OK\r\nA: b\nSet-Cookie: c=d\nContent-Length: 0\n\n",  # as scripts behind small servers do
}
CLOSING = (9009,)


def accept(listener, waiting):
    client, _ = listener.accept()
    client.setblocking(False)
    waiting.register(client, selectors.EVENT_READ, listener.getsockname()[1])


def answer(client, port, waiting):
    try:
        if not client.recv(65536):
            raise ConnectionError
        if TRICKS[port]:
            client.setblocking(True)
            client.settimeout(2)
            client.sendall(TRICKS[port] * (100 if port == 9002 else 1))
            client.setblocking(False)
        if port in CLOSING:
            raise ConnectionError
    except OSError:
        waiting.unregister(client)
        client.close()


def main():
    waiting = selectors.DefaultSelector()
    for port in TRICKS:
        listener = socket.create_server(("", port))
        waiting.register(listener, selectors.EVENT_READ, None)
    print("ready", flush=True)
    while True:
        for key, _ in waiting.select():
            if key.data is None:
                accept(key.fileobj, waiting)
            else:
                answer(key.fileobj, key.data, waiting)


main()
