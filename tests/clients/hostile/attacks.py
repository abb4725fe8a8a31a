"""attacks.py - hostile clients on the wire: what they send is refused, and nobody else feels it.

usage: attacks.py KUBECONFIG PID [WORD]      PID: the server's.  The last line is "attacks: N passed, N failed".

What a request costs is read from the server's own counters, so that a busy machine does not count; the bounds are
far above what it should be and far below what an attack that works would take.
"""
import base64
import json
import os
import re
import socket
import ssl
import sys
import tempfile
import time

CPU_MS, FACTOR, SLACK_KB = 300, 12, 24 * 1024
MANY = 1500


class Server:
    def __init__(self, path, pid):
        text = open(path, encoding="utf-8").read()
        self.port = int(re.search(r"server: https://127.0.0.1:(\d+)", text)[1])
        self.pid = pid
        self.tls = ssl.create_default_context()
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for part in ("certificate", "key"):
                data = re.search(rf"client-{part}-data: (\S+)", text)[1]
                files.append(os.path.join(folder, part))
                with open(files[-1], "wb") as out:
                    out.write(base64.b64decode(data))
            self.tls.load_cert_chain(*files)

    def plain(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def open(self):
        return self.tls.wrap_socket(self.plain())

    def raw(self, data):
        """The status of the first answer and everything that came until the end of the connection or of the answer."""
        with self.open() as conn:
            try:
                conn.sendall(data)
            except OSError:
                pass  # refused before it was read to the end
            return answer_of(conn)

    def ask(self, method, path, body=b"", kind="application/json", more=""):
        head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: {kind}\r\n{more}" \
               f"Content-Length: {len(body)}\r\n\r\n"
        return self.raw(head.encode() + body)

    def cpu_ms(self):
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            try:
                total += int(open(f"/proc/{self.pid}/task/{task}/schedstat", encoding="ascii").read().split()[0])
            except OSError:
                pass
        return total / 1e6

    def memory_kb(self, word):
        status = open(f"/proc/{self.pid}/status", encoding="ascii").read()
        return int(re.search(rf"{word}:\s+(\d+)", status)[1])

    def is_well(self):
        begin = time.monotonic()
        status, _ = self.ask("GET", "/readyz")
        assert status == 200, f"it does not serve any more: {status}"
        assert time.monotonic() - begin < 5, "others wait"


def answer_of(conn):
    data = b""
    try:
        while True:
            more = conn.recv(65536)
            if not more:
                break
            data += more
            head, sep, rest = data.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            if sep and length and len(rest) >= int(length[1]):
                break
    except (TimeoutError, OSError):
        pass
    match = re.match(rb"HTTP/1.1 (\d+)", data)
    return int(match[1]) if match else 0, data


def bounded(server, size, what, call):
    """The call, and what it cost: processor time and memory at its worst."""
    with open(f"/proc/{server.pid}/clear_refs", "w", encoding="ascii") as out:
        out.write("5")
    cpu, memory = server.cpu_ms(), server.memory_kb("VmRSS")
    result = call()
    cpu, memory = server.cpu_ms() - cpu, server.memory_kb("VmHWM") - memory
    assert cpu < CPU_MS, f"{what}: {cpu:.0f} ms of the processor"
    assert memory < FACTOR * size / 1024 + SLACK_KB, f"{what}: {memory} KiB for {size} bytes"
    return result


def smuggled_requests_are_refused(server):
    get = b"GET /readyz HTTP/1.1\r\nHost: a\r\n"
    post = b"POST /api/v1/namespaces HTTP/1.1\r\nHost: a\r\n"
    hidden = b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n"
    for what, data in {
        "both lengths": post + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
        "two lengths": post + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + hidden,
        "a list of lengths": post + b"Content-Length: 5, 6\r\n\r\nhello" + hidden,
        "a signed length": post + b"Content-Length: +5\r\n\r\nhello" + hidden,
        "a negative length": post + b"Content-Length: -1\r\n\r\n" + hidden,
        "a huge length": post + b"Content-Length: 99999999999999999999\r\n\r\n" + hidden,
        "an unknown coding": post + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden,
        "chunked and something": post + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + hidden,
        "a chunk without a size": post + b"Transfer-Encoding: chunked\r\n\r\nx\r\n\r\n" + hidden,
        "a huge chunk": post + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n" + hidden,
        "a bare line feed": get + b"X: y\nContent-Length: 44\r\n\r\n" + hidden,
        "a bare line feed in a chunk": post + b"Transfer-Encoding: chunked\r\n\r\n0\n\r\n" + hidden,
        "a folded line": get + b"X: y\r\n Content-Length: 44\r\n\r\n" + hidden,
        "a blank before the colon": post + b"Content-Length : 5\r\n\r\nhello" + hidden,
        "a zero byte": get + b"X: a\0b\r\n\r\n" + hidden,
        "no host and an old version": b"GET /readyz HTTP/0.9\r\n\r\n" + hidden,
    }.items():
        status, data = server.raw(data)
        assert status in (400, 413, 501, 505), f"{what}: {status}"
        assert b"gitVersion" not in data, f"{what}: the hidden request was answered"
        server.is_well()


def paths_mean_one_thing(server):
    server.ask("POST", "/api/v1/namespaces", b'{"metadata":{"name":"paths"}}')
    for path in ("/api/v1/namespaces/paths/%2e%2e/default", "/api/v1/namespaces/paths/../default", "/api//v1/pods",
                 "/api/v1/namespaces/paths%2fconfigmaps", "/api/v1/namespaces/%2e/configmaps",
                 "/api/v1/namespaces/paths/configmaps/a%00b", "/api/v1/namespaces/paths/configmaps/%zz",
                 "/healthz/../api/v1/secrets", "/healthz%2f..%2fapi/v1/secrets", "\\api\\v1\\secrets"):
        status, data = server.ask("GET", path)
        assert status in (400, 404), f"{path}: {status}"
        assert b'"kind":"SecretList"' not in data, path


def bodies_that_blow_up(server):
    deep = 10000
    good = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"a":"%s"}}'
    bombs = b"a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    for before, name in zip("abcdefgh", "bcdefghi"):
        bombs += f"{name}: &{name} [{','.join(['*' + before] * 10)}]\n".encode()
    for what, body, kind in (
            ("deep lists", b'{"data":' + b"[" * deep + b"]" * deep + b"}", "application/json"),
            ("deep maps", b'{"a":' * deep + b"1" + b"}" * deep, "application/json"),
            ("open lists", b"[" * deep, "application/json"),
            ("deep flows", b"data: " + b"[" * deep + b"]" * deep, "application/yaml"),
            ("deep blocks", b"".join(b" " * i + b"a:\n" for i in range(1500)), "application/yaml"),
            ("an alias bomb", b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n" +
             b"".join(b"  " + line + b"\n" for line in bombs.splitlines()), "application/yaml"),
            ("not a number", b'{"metadata":{"name":"x"},"data":NaN}', "application/json"),
            ("infinity", b'{"metadata":{"name":"x","generation":1e400}}', "application/json"),
            ("invalid UTF-8", good % b"\xff\xfe", "application/json"),
            ("half a surrogate", good % b"\\ud800", "application/json"),
            ("a control character", good % b"\x01", "application/json"),
            ("no end", b'{"metadata":{"name":"x"', "application/json"),
            ("two values", b'{"metadata":{"name":"x"}}{}', "application/json"),
            ("a message of nonsense", b"k8s\0" + b"\xff" * 1000, "application/vnd.kubernetes.protobuf")):
        status, _ = bounded(server, len(body), what, lambda b=body, k=kind: server.ask(
            "POST", "/api/v1/namespaces/default/configmaps", b, k))
        assert status in (400, 413, 422), f"{what}: {status}"
    big = good % (b"x" * (3 * 1024 * 1024))
    assert server.ask("POST", "/api/v1/namespaces/default/configmaps", big)[0] == 413
    many = b'{"metadata":{"name":"x"},"data":{' + b",".join(b'"k%d":"v"' % i for i in range(150000)) + b"}}"
    bounded(server, len(many), "150,000 keys", lambda: server.ask("POST", "/api/v1/namespaces/default/configmaps", many))
    server.is_well()


def deep_objects_are_read_again(server):
    where = "/apis/apps/v1/namespaces/default/controllerrevisions"
    made = 0
    for deep in range(116, 129):  # up to what a body may have, and beyond
        body = b'{"metadata":{"name":"deep"},"revision":1,"data":' + b'{"a":' * deep + b"1" + b"}" * deep + b"}"
        status, data = server.ask("POST", where, body)
        assert status in (201, 400), f"{deep} levels: {status}"
        if status == 201:
            made = deep
            label = b'{"metadata":{"labels":{"a":"b"}}}'
            status, data = server.ask("PATCH", where + "/deep", label, "application/merge-patch+json")
            assert status == 200, f"{deep} levels: {status} {data[-300:]}"
            assert server.ask("DELETE", where + "/deep")[0] == 200
        applied = b'{"apiVersion":"apps/v1","kind":"ControllerRevision",' + body[1:]
        status, _ = server.ask("PATCH", where + "/deep?fieldManager=m", applied, "application/apply-patch+yaml")
        assert status in (201, 400, 413), f"{deep} levels applied: {status}"
        if status == 201:
            assert server.ask("DELETE", where + "/deep")[0] == 200
    assert made == 127, f"{made} levels were taken at most"
    server.is_well()


def duplicate_keys(server):
    body = b'{"metadata":{"name":"twice"},"data":{"a":"1","a":"2"}}'
    where = "/api/v1/namespaces/default/configmaps"
    status, data = server.ask("POST", where + "?fieldValidation=Strict", body)
    assert status == 400 and b'duplicate field' in data, data
    status, data = server.ask("POST", where, body)
    assert status == 201 and b"Warning: 299" in data and b"duplicate field" in data, data
    assert server.ask("DELETE", where + "/twice")[0] == 200


def patches_that_blow_up(server):
    where = "/api/v1/namespaces/default/configmaps/patched"
    body = {"metadata": {"name": "patched"}, "data": {"a": "x" * 1000}}
    assert server.ask("POST", where.rsplit("/", 1)[0], json.dumps(body).encode())[0] == 201
    copies = [{"op": "copy", "from": "/metadata", "path": "/metadata/annotations"}] + \
             [{"op": "copy", "from": "/metadata", "path": f"/metadata/labels/x{i}"} for i in range(60)]
    doubling = [{"op": "add", "path": "/data", "value": {"a": "x"}}] + \
               [{"op": "copy", "from": "/data", "path": f"/data/x{i}"} for i in range(40)]
    keyed = {"spec": {"template": {"spec": {"containers": [{"name": f"c{i}", "image": "x"} for i in range(5000)]}}}}
    for what, patch, kind in (("copies", copies, "json-patch"), ("doubling", doubling, "json-patch"),
                              ("tests of a big tree", [{"op": "test", "path": "", "value": {}}] * 9999, "json-patch")):
        text = json.dumps(patch).encode()
        status, _ = bounded(server, len(text) + 4096, what,
                            lambda t=text, k=kind: server.ask("PATCH", where, t, f"application/{k}+json"))
        assert status in (400, 413, 422), f"{what}: {status}"
    many = json.dumps([{"op": "add", "path": "/data/a", "value": "1"}] * 10001).encode()
    assert server.ask("PATCH", where, many, "application/json-patch+json")[0] == 413
    web = {"metadata": {"name": "patched"}, "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": {
        "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}}}
    where = "/apis/apps/v1/namespaces/default/deployments"
    assert server.ask("POST", where, json.dumps(web).encode())[0] == 201
    text = json.dumps(keyed).encode()
    bounded(server, len(text), "5,000 elements with keys",
            lambda: server.ask("PATCH", where + "/patched", text, "application/strategic-merge-patch+json"))
    assert server.ask("DELETE", where + "/patched")[0] == 200
    server.is_well()


def selectors_that_blow_up(server):
    names = ",".join(f"v{i}" for i in range(3000))
    for selector in (f"labelSelector=a+in+({names})", "labelSelector=" + ",".join(f"k{i}" for i in range(3000)),
                     "labelSelector=" + "(" * 10000, "fieldSelector=" + ",".join(["metadata.name=x"] * 2000)):
        status, _ = bounded(server, len(selector), selector[:40], lambda s=selector: server.ask("GET", "/api/v1/pods?" + s))
        assert status in (200, 400, 414, 431), f"{selector[:40]}: {status}"
    server.is_well()


def watchers_that_never_read(server):
    where = "/api/v1/namespaces/default/configmaps"
    conns = []
    memory = server.memory_kb("VmRSS")
    for _ in range(64):
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.settimeout(20)
        plain.connect(("127.0.0.1", server.port))
        conn = server.tls.wrap_socket(plain)
        conn.sendall(f"GET {where}?watch=true HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        conns.append(conn)
    body = json.dumps({"metadata": {"name": "loud"}, "data": {"a": "x" * 500000}}).encode()
    assert server.ask("POST", where, body)[0] == 201
    for i in range(40):
        text = json.dumps({"data": {"b": str(i)}}).encode()
        assert server.ask("PATCH", where + "/loud", text, "application/merge-patch+json")[0] == 200
    grown = server.memory_kb("VmRSS") - memory
    assert grown < 128 * 1024, f"{grown} KiB for 64 watchers that never read"
    server.is_well()
    for conn in conns:
        conn.close()
    assert server.ask("DELETE", where + "/loud")[0] == 200


def half_open_connections(server):
    server.is_well()
    memory = server.memory_kb("VmRSS")
    conns = [server.plain() for _ in range(MANY)]
    for conn in conns:
        conn.sendall(b"\x16\x03\x01")  # a handshake that has begun
    server.is_well()
    each = (server.memory_kb("VmRSS") - memory) / MANY
    for conn in conns:
        conn.close()
    assert each < 40, f"{each:.0f} KiB for a connection that is half open"


def begin_slowly(server):
    """Heads that do not end, sent before everything else."""
    conns = [server.open() for _ in range(8)]
    for conn in conns:
        conn.settimeout(60)
        conn.sendall(b"GET /readyz HT")
    return conns, time.monotonic()


def slow_heads(server):
    conns, begin = server.slow
    for conn in conns:
        while True:
            try:
                conn.sendall(b"T")
                conn.settimeout(1)
                assert not conn.recv(1000) or time.monotonic() - begin < 45
                break
            except TimeoutError:
                assert time.monotonic() - begin < 45, "a slow client keeps its place"
            except OSError:
                break
        conn.close()
    server.is_well()


CHECKS = [smuggled_requests_are_refused, paths_mean_one_thing, bodies_that_blow_up, deep_objects_are_read_again, duplicate_keys,
          patches_that_blow_up, selectors_that_blow_up, watchers_that_never_read, half_open_connections, slow_heads]


def main():
    server = Server(sys.argv[1], int(sys.argv[2]))
    server.slow = begin_slowly(server)
    passed = failed = 0
    for check in CHECKS:
        if len(sys.argv) > 3 and sys.argv[3] not in check.__name__:
            continue
        try:
            check(server)
            passed += 1
        except Exception as err:  # whatever it is, it is this check's failure
            print(f"attacks: {check.__name__}: {type(err).__name__}: {err}"[:600])
            failed += 1
    print(f"attacks: {passed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
