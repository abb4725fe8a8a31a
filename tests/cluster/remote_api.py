"""remote_api.py - an API server of somebody else, for aggregate.sh: metrics for autoscalers, fortunes for kubectl.

usage: remote_api.py CERTIFICATE-AND-KEY REQUEST-HEADER-CA ALLOWED-NAME FOLDER

Listens on port 8443 of every address.  Who does not show a certificate of that authority with that name is refused, as
extension servers do.  Each request is a line of JSON in FOLDER/requests; FOLDER/pods has the names of the pods that
metrics are told of, FOLDER/refuse is there while every request is to fail, and the watch of fortunes tells one more when
FOLDER/more comes.
"""
import json
import os
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CERTIFICATE, AUTHORITY, ALLOWED, FOLDER = sys.argv[1:]
CUSTOM, EXTERNAL, FORTUNE = "custom.metrics.k8s.io", "external.metrics.k8s.io/v1beta1", "fortune.example.com/v1"
GREEDY = "greedy.example.com/v1"
READ = ["get", "list", "watch"]
lock = threading.Lock()


def there(name):
    return os.path.exists(os.path.join(FOLDER, name))


def resources(version, entries):
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": entries}


def resource(name, kind, namespaced=True, **more):
    return {"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get"], **more}


def fortune(name):
    return {"kind": "Fortune", "apiVersion": FORTUNE, "metadata": {"name": name, "namespace": "default", "resourceVersion": "1"}}


def value(version, kind, name, amount):
    metric = {"metricName": "hits"} if version == "v1beta1" else {"metric": {"name": "hits"}}
    return {"describedObject": {"kind": kind, "name": name, "namespace": "default"}, **metric,
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "value": amount}


def values(version, items):
    return {"kind": "MetricValueList", "apiVersion": f"{CUSTOM}/{version}", "metadata": {}, "items": items}


def pods():
    with open(os.path.join(FOLDER, "pods")) as file:
        return file.read().split()


def metrics(path):
    """What a path of the metrics' APIs answers, or None."""
    for version in ("v1beta1", "v1beta2"):
        base = f"/apis/{CUSTOM}/{version}"
        if path == base:
            return resources(f"{CUSTOM}/{version}", [resource("pods/hits", "MetricValueList"),
                                                     resource("services/hits", "MetricValueList")])
        if path == base + "/namespaces/default/services/shop/hits":
            return values(version, [value(version, "Service", "shop", "300m")])
        if path == base + "/namespaces/default/pods/*/hits":
            return values(version, [value(version, "Pod", pod, "30") for pod in pods()])
    if path == f"/apis/{EXTERNAL}":
        return resources(EXTERNAL, [resource("queue", "ExternalMetricValueList")])
    if path == f"/apis/{EXTERNAL}/namespaces/default/queue":
        return {"kind": "ExternalMetricValueList", "apiVersion": EXTERNAL, "metadata": {}, "items": [
            {"metricName": "queue", "metricLabels": {}, "timestamp": "2020-01-01T00:00:00Z", "value": "90"}]}
    return None


def fortunes(path):
    if path == f"/apis/{FORTUNE}":
        return resources(FORTUNE, [resource("fortunes", "Fortune", shortNames=["luck"], verbs=READ + ["create"]),
                                   resource("fortunes/status", "Fortune")])
    if path == f"/apis/{FORTUNE}/namespaces/default/fortunes":
        return {"kind": "FortuneList", "apiVersion": FORTUNE, "metadata": {"resourceVersion": "1"},
                "items": [fortune("good"), fortune("bad")]}
    if path == f"/apis/{FORTUNE}/namespaces/default/fortunes/good":
        return fortune("good")
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def caller(self):
        subject = dict(pair[0] for pair in (self.connection.getpeercert() or {}).get("subject", ()))
        return subject.get("commonName")

    def note(self, body):
        line = json.dumps({"method": self.command, "path": self.path, "by": self.caller(), "body": body,
                           "headers": [[name.lower(), text] for name, text in self.headers.items()]})
        with lock, open(os.path.join(FOLDER, "requests"), "a") as file:
            file.write(line + "\n")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def watch(self):
        self.stream()
        self.chunk(json.dumps({"type": "ADDED", "object": fortune("first")}).encode() + b"\n")
        while not there("more"):
            time.sleep(0.05)
        self.chunk(json.dumps({"type": "ADDED", "object": fortune("second")}).encode() + b"\n")
        self.wfile.write(b"0\r\n\r\n")

    def giant(self):
        """Tells in FOLDER/sent how much it got rid of."""
        self.stream()
        for sent in range(4096):
            self.chunk(b"x" * 65536)
            with open(os.path.join(FOLDER, "sent"), "w") as file:
                file.write(str(sent))
        self.wfile.write(b"0\r\n\r\n")

    def upgrade(self):
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "echo")
        self.end_headers()
        self.wfile.write(self.rfile.readline().upper())
        self.close_connection = True

    def special(self, path):
        """Paths that do more than answer; False: it is none."""
        name = path.rpartition("/")[2]
        if path == f"/apis/{GREEDY}":
            self.answer(200, b'{"kind":"APIResourceList","resources":[]' + b" " * (3 << 20) + b"}")
        elif name == "hang":
            time.sleep(3600)
        elif name == "giant":
            self.giant()
        elif name == "elsewhere":
            self.send_response(302)
            self.send_header("Location", "https://elsewhere.example.com/")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.headers.get("Upgrade") == "echo":
            self.upgrade()
        elif "watch=true" in self.path:
            self.watch()
        else:
            return False
        return True

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        path = self.path.partition("?")[0]
        self.note(body)
        if self.caller() != ALLOWED:
            self.answer(401, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 401, "reason": "Unauthorized"})
        elif there("refuse"):
            self.answer(500, b"out of order", "text/plain")
        elif self.special(path):
            pass
        elif self.command == "POST":
            self.answer(201, body.encode())
        else:
            made = metrics(path) or fortunes(path)
            self.answer(200 if made else 404, made or {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
                                                       "reason": "NotFound", "message": "no such fortune"})

    do_GET = do_POST = do_PUT = do_DELETE = serve


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def finish_request(self, request, client_address):
        """In the thread of the connection: a handshake that does not come holds nobody up."""
        super().finish_request(context.wrap_socket(request, server_side=True), client_address)

    def handle_error(self, request, client_address):
        print("connection:", sys.exc_info()[1], file=sys.stderr, flush=True)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE)
context.load_verify_locations(AUTHORITY)
context.verify_mode = ssl.CERT_OPTIONAL
Server(("0.0.0.0", 8443), Handler).serve_forever()
