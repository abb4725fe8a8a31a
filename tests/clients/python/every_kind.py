"""every_kind.py - each kind of the API through each of its verbs and forms.

usage: every_kind.py KUBECONFIG [WORD]      The last line is "every_kind: N passed, N failed".

The objects are the first bases of tests/objects/*.bad.
"""
import base64
import glob
import http.client
import json
import os
import re
import ssl
import sys
import tempfile
import threading

NAMESPACE = "every-kind"
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json"
PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
PROTOBUF = "application/vnd.kubernetes.protobuf"
# Controllers write to these.
LIVE = ("Deployment", "ReplicaSet", "Pod", "Node", "Namespace", "Endpoints", "ServiceAccount")
# Other faces of kinds that have a table.
MORE = [
    {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "one"},
     "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50, "scaleTargetRef": {"kind": "Deployment", "name": "web"}}},
    {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "one.1"}, "type": "Normal", "reason": "Tested",
     "involvedObject": {"kind": "Pod", "name": "p", "namespace": NAMESPACE}, "message": "it is tested"},
    {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "two.1"}, "type": "Normal", "reason": "Tested",
     "eventTime": "2026-01-01T00:00:00.000000Z", "action": "Testing", "reportingController": "test.example/a",
     "reportingInstance": "a", "regarding": {"kind": "Pod", "name": "p", "namespace": NAMESPACE}, "note": "it is tested"},
]


class Api:
    def __init__(self, path):
        text = open(path, encoding="utf-8").read()
        self.port = int(re.search(r"server: https://127.0.0.1:(\d+)", text)[1])
        self.tls = ssl.create_default_context()
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE
        with tempfile.TemporaryDirectory() as folder:
            names = []
            for part in ("certificate", "key"):
                names.append(os.path.join(folder, part))
                with open(names[-1], "wb") as out:
                    out.write(base64.b64decode(re.search(rf"client-{part}-data: (\S+)", text)[1]))
            self.tls.load_cert_chain(*names)
        self.conn = self.connect()

    def connect(self):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.tls, timeout=20)

    def send(self, method, path, body=None, kind="application/json", accept="application/json"):
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.conn.request(method, path, body, {"Content-Type": kind, "Accept": accept})
        answer = self.conn.getresponse()
        return answer.status, answer.read()

    def want(self, status, method, path, body=None, **named):
        got, data = self.send(method, path, body, **named)
        assert got == status, f"{method} {path}: {got}: {data[:400].decode(errors='replace')}"
        return json.loads(data) if data[:1] == b"{" else data


class Watch(threading.Thread):
    """The types of events about one name, until it is deleted."""

    def __init__(self, api, path, name):
        super().__init__(daemon=True)
        self.conn, self.name, self.seen = api.connect(), name, []
        self.conn.request("GET", path)
        self.answer = self.conn.getresponse()

    def run(self):
        for line in self.answer:
            event = json.loads(line)
            assert event["type"] != "ERROR", event
            if event["object"]["metadata"]["name"] == self.name:
                self.seen.append(event["type"])
                if event["type"] == "DELETED":
                    return


def strip(item):
    item = json.loads(json.dumps(item))
    for key in ("resourceVersion", "managedFields", "generation"):
        item["metadata"].pop(key, None)
    item.pop("status", None)
    return item


def reads_every_form(api, path, collection, name):
    item = api.want(200, "GET", path)
    found = [i for i in api.want(200, "GET", collection)["items"] if i["metadata"]["name"] == name]
    assert len(found) == 1 and found[0]["metadata"]["uid"] == item["metadata"]["uid"]
    table = api.want(200, "GET", path, accept=TABLE)
    assert table["kind"] == "Table" and len(table["rows"]) == 1, table
    assert len(table["rows"][0]["cells"]) == len(table["columnDefinitions"]) >= 2, table
    slim = api.want(200, "GET", path, accept=PARTIAL)
    assert slim["kind"] == "PartialObjectMetadata" and "spec" not in slim
    assert api.want(200, "GET", path, accept="application/yaml").startswith(b"apiVersion:")
    # The same object in the other encoding changes nothing.
    item, again = replace_newest(api, path, PROTOBUF)
    assert strip(again) == strip(item), f"protobuf: {json.dumps(strip(again))} is not {json.dumps(strip(item))}"


def replace_newest(api, path, kind="application/json"):
    """PUT of the newest, as JSON with one annotation more; a controller may write beside us, then it is asked for again."""
    for _ in range(50):
        now = api.want(200, "GET", path)
        if kind == PROTOBUF:
            body = api.want(200, "GET", path, accept=PROTOBUF)
            assert body[:4] == b"k8s\0"
            later = api.want(200, "GET", path)
            if later["metadata"]["resourceVersion"] != now["metadata"]["resourceVersion"]:
                continue  # both forms are to be of one revision
        else:
            now["metadata"].setdefault("annotations", {})["u"] = "1"
            body = now
        status, data = api.send("PUT", path, body, kind=kind)
        if status != 409:
            break
    assert status == 200, data
    return now, json.loads(data)


def changes_in_every_way(api, path, item):
    key = {"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": {"name": item["metadata"]["name"]}}
    api.want(200, "PATCH", path, {"metadata": {"labels": {"test": "merged"}}}, kind="application/merge-patch+json")
    api.want(200, "PATCH", path, {"metadata": {"annotations": {"s": "1"}}}, kind="application/strategic-merge-patch+json")
    api.want(200, "PATCH", path, [{"op": "add", "path": "/metadata/annotations/j", "value": "1"}],
             kind="application/json-patch+json")
    key["metadata"]["annotations"] = {"a": "1"}
    now = api.want(200, "PATCH", path + "?fieldManager=test", key, kind="application/apply-patch+yaml")
    assert now["metadata"]["annotations"].items() >= {"s": "1", "j": "1", "a": "1"}.items(), now["metadata"]
    assert any(m["manager"] == "test" and m["operation"] == "Apply" for m in now["metadata"]["managedFields"])
    _, after = replace_newest(api, path)
    same = api.want(200, "PATCH", path, {"metadata": {"annotations": {"u": "1"}}}, kind="application/merge-patch+json")
    if item["kind"] not in LIVE:
        assert same["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"], "no change made a revision"
    api.want(409, "PUT", path, item)


def status_is_apart(api, path, resource):
    if resource["name"] + "/status" not in resource["all"]:
        return
    before = api.want(200, "GET", path + "/status")
    api.want(200, "PATCH", path + "/status", {"metadata": {"annotations": {"x": "1"}}}, kind="application/merge-patch+json")
    spec = api.want(200, "PATCH", path + "/status", {"spec": {}}, kind="application/merge-patch+json").get("spec")
    assert spec == before.get("spec")


def run(api, base, resource):
    name, kind = base["metadata"]["name"], base["kind"]
    root = "/api/v1" if base["apiVersion"] == "v1" else "/apis/" + base["apiVersion"]
    collection = f"{root}/namespaces/{NAMESPACE}/{resource['name']}" if resource["namespaced"] else f"{root}/{resource['name']}"
    path = f"{collection}/{name}"
    if resource["namespaced"]:
        base["metadata"]["namespace"] = NAMESPACE
    base["metadata"].setdefault("labels", {})["test"] = "made"
    begin = api.want(200, "GET", collection)["metadata"]["resourceVersion"]
    watch = Watch(api, f"{collection}?watch=true&resourceVersion={begin}", name)
    watch.start()
    api.want(201, "POST", collection + "?dryRun=All", base)
    api.want(404, "GET", path)
    item = api.want(201, "POST", collection, base)
    assert item["kind"] == kind and item["metadata"]["uid"]
    api.want(409, "POST", collection, base)
    reads_every_form(api, path, collection, name)
    changes_in_every_way(api, path, item)
    status_is_apart(api, path, resource)
    if "deletecollection" in resource["verbs"]:
        api.want(200, "DELETE", collection + "?labelSelector=test%3Dmerged&propagationPolicy=Background&gracePeriodSeconds=0")
    else:
        api.want(200, "DELETE", path)
    api.send("PATCH", path, {"metadata": {"finalizers": None}}, kind="application/merge-patch+json")
    watch.join(20)
    assert watch.seen[:1] == ["ADDED"] and watch.seen[-1:] == ["DELETED"] and "MODIFIED" in watch.seen, watch.seen
    api.want(404, "GET", path)


def bases():
    first = {(base["apiVersion"], base["kind"]): base for base in MORE}
    for path in sorted(glob.glob("tests/objects/*.bad")):
        for line in open(path, encoding="utf-8"):
            if line.startswith("base "):
                base = json.loads(line[5:])
                first.setdefault((base["apiVersion"], base["kind"]), base)
    return first


def resources(api):
    found = {}
    groups = [v["groupVersion"] for g in api.want(200, "GET", "/apis")["groups"] for v in g["versions"]]
    for version in ["v1"] + groups:
        listed = api.want(200, "GET", "/api/v1" if version == "v1" else "/apis/" + version)["resources"]
        names = [r["name"] for r in listed]
        for r in listed:
            if "/" not in r["name"] and "create" in r["verbs"] and "list" in r["verbs"]:
                found[version, r["kind"]] = dict(r, all=names)
    return found


def main():
    api = Api(sys.argv[1])
    api.want(201, "POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    objects, passed, failed = bases(), 0, 0
    for key, resource in sorted(resources(api).items()):
        if len(sys.argv) > 2 and sys.argv[2].lower() not in key[1].lower():
            continue
        try:
            assert key in objects, "no good object in tests/objects"
            run(api, objects[key], resource)
            passed += 1
        except (AssertionError, KeyError, OSError, http.client.HTTPException) as err:
            print(f"every_kind: {key[0]} {key[1]}: {type(err).__name__}: {err}"[:500])
            failed += 1
            api.conn = api.connect()
    print(f"every_kind: {passed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
