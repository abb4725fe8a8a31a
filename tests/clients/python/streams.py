#!/usr/bin/python3
"""streams.py KUBECONFIG - channels of WebSockets by Python's client and by hand: pods box and web are there."""

import base64
import ssl
import sys
import tempfile

import websocket
import yaml
from kubernetes import client, config
from kubernetes.stream import portforward, stream

config.load_kube_config(sys.argv[1])
core = client.CoreV1Api()
with open(sys.argv[1], encoding="utf-8") as file:
    place = yaml.safe_load(file)
server = place["clusters"][0]["cluster"]["server"].replace("https://", "wss://")
failed = []


def check(name, have, want):
    if have != want:
        failed.append(name)
        print(f"{name}: {have!r}, not {want!r}")


def secrets():
    user = place["users"][0]["user"]
    names = []
    for key in ("client-certificate-data", "client-key-data"):
        with tempfile.NamedTemporaryFile(delete=False) as out:
            out.write(base64.b64decode(user[key]))
            names.append(out.name)
    return names


cert, key = secrets()


def connect(path, protocols):
    return websocket.create_connection(
        server + path, subprotocols=protocols, timeout=10,
        sslopt={"cert_reqs": ssl.CERT_NONE, "certfile": cert, "keyfile": key})


def messages(path, protocols):
    """All messages until the close frame, and its code."""
    socket, found = connect(path, protocols), []
    while True:
        opcode, data = socket.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return found, int.from_bytes(data[:2], "big")
        found.append((opcode, data))


def exec_path(command, more=""):
    words = "&".join("command=" + word for word in command)
    return f"/api/v1/namespaces/default/pods/box/exec?stdout=true&stderr=true{more}&{words}"


# --- Python's client: v4, text messages ---
check("exec", stream(core.connect_get_namespaced_pod_exec, "box", "default", command=["echo", "hi"],
                     stdout=True, stderr=True, stdin=False, tty=False), "hi\n")
session = stream(core.connect_get_namespaced_pod_exec, "box", "default", command=["sh"], stdin=True,
                 stdout=True, stderr=True, tty=False, _preload_content=False)
session.write_stdin("echo to-$((40+2)); echo aside >&2; exit 9\n")
session.run_forever(timeout=10)
check("exec stdout", session.read_stdout(), "to-42\n")
check("exec stderr", session.read_stderr(), "aside\n")
check("exec code", session.returncode, 9)

forward = portforward(core.connect_get_namespaced_pod_portforward, "web", "default", ports="80")
http = forward.socket(80)
http.setblocking(True)
http.sendall(b"GET / HTTP/1.0\r\n\r\n")
answer = b""
while piece := http.recv(65536):
    answer += piece
check("port-forward", answer.endswith(b"one\n"), True)
check("port-forward error", forward.error(80), None)
refused = portforward(core.connect_get_namespaced_pod_portforward, "web", "default", ports="81")
refused.socket(81).recv(1)
check("port-forward refused", "Connection refused" in (refused.error(81) or ""), True)

# --- by hand: every protocol, and what its messages look like ---
for protocol in ("v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io",
                 "channel.k8s.io", None):
    found, code = messages(exec_path(["echo", "x"]), [protocol] if protocol else None)
    check(f"{protocol} code", code, 1000)
    check(f"{protocol} first", found[0][1], b"\x01")
    check(f"{protocol} output", b"".join(d[1:] for _, d in found if d[0] == 1), b"x\n")
    status = b"".join(d[1:] for _, d in found if d[0] == 3)
    check(f"{protocol} status", b"Success" in status, protocol in ("v5.channel.k8s.io", "v4.channel.k8s.io"))
found, _ = messages(exec_path(["false"]), ["channel.k8s.io"])
check("text status", [d for _, d in found if d[0] == 3],
      [b"\x03command terminated with non-zero exit code: exit status 1"])
for protocol in ("v4.base64.channel.k8s.io", "base64.channel.k8s.io"):
    found, code = messages(exec_path(["echo", "x"]), [protocol])
    check(f"{protocol} code", code, 1000)
    check(f"{protocol} output", b"".join(base64.b64decode(d[1:]) for _, d in found if d[:1] == b"1"), b"x\n")

# Input, its end (v5), and text that is no binary message.
socket = connect(exec_path(["cat"], "&stdin=true"), ["v5.channel.k8s.io"])
socket.send_binary(b"\x00one,")
socket.send("\x00two")
socket.ping("are you there")
socket.send_binary(b"\xff\x00")
output = b""
while True:
    opcode, data = socket.recv_data(control_frame=True)
    if opcode == websocket.ABNF.OPCODE_CLOSE:
        break
    if opcode == websocket.ABNF.OPCODE_PONG:
        check("pong", data, b"are you there")
    elif data[:1] == b"\x01":
        output += data[1:]
check("input", output, b"one,two")

# --- logs ---
LOG = "/api/v1/namespaces/default/pods/talks/log?tailLines=2"
for protocol, opcode in (("binary.k8s.io", 2), ("base64.binary.k8s.io", 1), (None, 2)):
    found, code = messages(LOG, [protocol] if protocol else None)
    check(f"log {protocol} code", code, 1000)
    check(f"log {protocol} kind", {op for op, _ in found}, {opcode})
    text = b"".join(base64.b64decode(d) if opcode == 1 else d for _, d in found)
    check(f"log {protocol}", text, b"line 4\nline 5\n")
try:
    connect("/api/v1/namespaces/default/pods/talks/log?container=none", ["binary.k8s.io"])
    check("log refused", "accepted", "refused")
except websocket.WebSocketBadStatusException as refusal:
    check("log refused", refusal.status_code, 400)

print("failed: " + ", ".join(failed) if failed else "all well")
sys.exit(1 if failed else 0)
