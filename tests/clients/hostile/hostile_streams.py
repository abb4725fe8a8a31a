#!/usr/bin/python3
"""hostile_streams.py ADDRESS CERTIFICATE POD BOX - hostile pods behind a proxy, and clients that leave at every moment.

POD runs hostile_pod.py, BOX a shell.  Afterwards the server must be there, and answer.
"""

import random
import socket
import ssl
import struct
import sys
import threading
import zlib

HOST, CERTIFICATE, POD, BOX = sys.argv[1:5]
PODS = "/api/v1/namespaces/default/pods/"
failed = []
context = ssl._create_unverified_context()
context.load_cert_chain(CERTIFICATE)


def check(name, good, what=""):
    if not good:
        failed.append(name)
        print(f"{name}: {what!r}")


def connect():
    raw = socket.create_connection((HOST, 6443), timeout=20)
    return context.wrap_socket(raw)


def request(path, method="GET", more=""):
    return f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{more}\r\n".encode()


def read_until(it, mark):
    have = b""
    while mark not in have:
        piece = it.recv(65536)
        if not piece:
            break
        have += piece
    return have


def read_all(it):
    have = b""
    while piece := it.recv(65536):
        have += piece
    return have


def answer_of(port):
    """The proxy's answer, and then what the server says on the same connection."""
    with connect() as it:
        it.sendall(request(f"{PODS}{POD}:{port}/proxy/x") + request("/version", more="Connection: close\r\n"))
        return read_all(it)


def hostile_pods():
    for port, word in ((9001, b"503"), (9002, b"503"), (9003, b"503"), (9004, b"503"), (9005, b"503"), (9006, b"503")):
        have = answer_of(port)
        check(f"pod {port}", have.startswith(b"HTTP/1.1 " + word), have[:300])
        check(f"pod {port}, next", b'"gitVersion"' in have, have[-300:])
        check(f"pod {port}, cookie", b"Set-Cookie" not in have, have[:300])
    have = answer_of(9011)  # two headers, and what leaves us has whole line ends
    check("pod 9011", b"\r\nA: b\r\nSet-Cookie: c=d\r\n" in have, have[:300])
    check("pod 9011, line ends", have.count(b"\n") == have.count(b"\r\n"), have[:300])
    check("pod 9011, next", b'"gitVersion"' in have, have[-300:])
    for port in (9007, 9009):  # an answer that breaks ends the connection, and is no whole one
        have = answer_of(port)
        check(f"pod {port}", b"\r\n0\r\n\r\n" not in have and b"gitVersion" not in have, have[:300])
    have = answer_of(9010)
    check("pod 9010", b"X-End: 2" in have and b"X-Hop" not in have and have.count(b"HTTP/1.1 200") == 2, have)


def upgrade_of_a_node():
    """Commands and connections of a node are not to be had with nodes/proxy."""
    for path in ("dial/127.0.0.1/22", "dial/172.30.0.1/6443", f"exec/default/{BOX}/{BOX}?command=id"):
        for word in ("mote-forward", "mote-exec"):
            with connect() as it:
                it.sendall(request("/api/v1/nodes/n1/proxy/" + path, more=f"Connection: Upgrade\r\nUpgrade: {word}\r\n"))
                have = read_until(it, b"\r\n\r\n")
                check(f"node {path}", have.startswith(b"HTTP/1.1 403"), have[:200])


# --- SPDY by hand ---


def pack(packer, headers):
    plain = struct.pack(">I", len(headers))
    for name, value in headers:
        for text in (name.encode(), value.encode()):
            plain += struct.pack(">I", len(text)) + text
    return packer.compress(plain) + packer.flush(zlib.Z_SYNC_FLUSH)


def control(kind, body, flags=0):
    return struct.pack(">HHI", 0x8003, kind, flags << 24 | len(body)) + body


def open_stream(packer, number, headers):
    return control(1, struct.pack(">IIH", number, 0, 0) + pack(packer, headers))


def reset(number):
    return control(3, struct.pack(">II", number, 5))


def data(number, text, flags=0):
    return struct.pack(">II", number, flags << 24 | len(text)) + text


def spdy(path, protocol):
    it = connect()
    it.sendall(request(PODS + path, "POST", f"Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: {protocol}\r\n"))
    have = read_until(it, b"\r\n\r\n")
    check("spdy " + path, b" 101 " in have, have[:300])
    return it, zlib.compressobj()


def many_half_pairs():
    """Streams that are opened and reset, many times: the rest of them is bounded."""
    it, packer = spdy(POD + "/portforward", "portforward.k8s.io")
    answered = threading.Thread(target=lambda: swallow(it), daemon=True)
    answered.start()
    try:
        for first in range(0, 60000, 200):
            it.sendall(b"".join(
                open_stream(packer, 2 * n + 1, [("streamtype", "error"), ("port", "9008"), ("requestid", str(n))]) + reset(2 * n + 1)
                for n in range(first, first + 200)))
    except OSError as error:
        check("half pairs", False, str(error))
    it.shutdown(socket.SHUT_RDWR)
    answered.join()
    it.close()


def many_sizes():
    it, packer = spdy(BOX + "/exec?command=cat&stdin=1&stdout=1&tty=1", "v4.channel.k8s.io")
    for n, kind in enumerate(("error", "stdin", "stdout", "resize")):
        it.sendall(open_stream(packer, 2 * n + 1, [("streamtype", kind)]))
    for _ in range(64):
        it.sendall(data(7, b"}" * 16384))
    cut(it)


WEBSOCKET = ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n")


def many_frames():
    """Hundreds of thousands of empty messages are read as one piece after the other, and then a whole one."""
    with connect() as it:
        it.sendall(request(f"{PODS}{BOX}/exec?command=cat&stdin=1&stdout=1", more=WEBSOCKET + "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n"))
        read_until(it, b"\r\n\r\n")
        for _ in range(100):
            it.sendall(b"\x82\x80\0\0\0\0" * 5000)
        it.sendall(b"\x82\x86\0\0\0\0\0last\n" + b"\x82\x82\0\0\0\0\xff\0")
        check("many frames", b"last\n" in read_all(it))


def bomb():
    """Header blocks that unpack to more than is allowed, and damaged ones, end the connection."""
    for block in (zlib.compress(b"\0" * 10000000), b"\xff" * 50, b""):
        it, _ = spdy(POD + "/portforward", "portforward.k8s.io")
        it.sendall(control(1, struct.pack(">IIH", 1, 0, 0) + block))
        check("bomb", True, swallow(it))
        it.close()


def swallow(it):
    try:
        return len(read_all(it))
    except OSError:
        return -1


def cut(it):
    """As if the machine were gone: a reset in the middle."""
    it.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    it.close()


def leave(chance):
    """One of everything, left after some bytes."""
    what = chance.randrange(6)
    exec_path = f"{PODS}{BOX}/exec?command=sh&command=-c&command=head+-c+3000000+/dev/zero;cat&stdin=1&stdout=1&stderr=1"
    try:
        if what == 0:
            it = connect()
            it.sendall(request(exec_path, more=WEBSOCKET + "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n"))
        elif what == 1:
            it = connect()
            it.sendall(request(f"{PODS}{POD}/portforward?ports=80,9008,81", more=WEBSOCKET + "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n"))
        elif what == 2:
            it, packer = spdy(exec_path[len(PODS):], "v4.channel.k8s.io")
            for n, kind in enumerate(("error", "stdin", "stdout", "stderr")[:chance.randrange(5)]):
                it.sendall(open_stream(packer, 2 * n + 1, [("streamtype", kind)]))
            it.sendall(data(3, b"x" * 30000) + (data(3, b"", 1) if chance.randrange(2) else b""))
        elif what == 3:
            it, packer = spdy(POD + "/portforward", "portforward.k8s.io")
            for n in range(10):
                for k, kind in enumerate(("error", "data")):
                    it.sendall(open_stream(packer, 4 * n + 2 * k + 1, [("streamtype", kind), ("port", "80"), ("requestid", str(n))]))
                it.sendall(data(4 * n + 3, b"GET /large HTTP/1.0\r\n\r\n") + (reset(4 * n + 3) if n % 3 == 0 else b""))
        elif what == 4:
            it = connect()
            it.sendall(request(f"{PODS}{POD}:{chance.choice((80, 9008, 9009, 9001))}/proxy/large"))
        else:
            it = connect()
            it.sendall(request(f"{PODS}{POD}:9001/proxy/x", more=WEBSOCKET))
        it.settimeout(chance.random() / 5)
        try:
            for _ in range(chance.randrange(20)):
                it.recv(16384)
        except OSError:
            pass
        if chance.randrange(3):
            cut(it)
        else:
            it.close()
    except OSError as error:
        check("leave", False, str(error))


def leave_often(seed):
    chance = random.Random(seed)
    for _ in range(25):
        leave(chance)


def main():
    hostile_pods()
    upgrade_of_a_node()
    many_half_pairs()
    many_sizes()
    many_frames()
    bomb()
    threads = [threading.Thread(target=leave_often, args=(seed,)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with connect() as it:
        it.sendall(request("/readyz", more="Connection: close\r\n"))
        check("alive", read_all(it).endswith(b"ok"))
    print("failed: " + ", ".join(sorted(set(failed))) if failed else "all well")
    sys.exit(1 if failed else 0)


main()
