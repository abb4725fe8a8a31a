"""checks.py - the API as programs written with Python's client see it.

usage: checks.py KUBECONFIG      The last line is "python: N passed, N failed".
"""
import json
import sys
import threading
import time

from kubernetes import client, config, dynamic, watch
from kubernetes.client.rest import ApiException

CONTAINERS = [{"name": "main", "image": "example.test/app:1"}]


def pod_template(app):
    # No node takes it: what is looked at is the API.
    return {"metadata": {"labels": {"app": app}},
            "spec": {"nodeSelector": {"nowhere": "yes"}, "containers": CONTAINERS}}


def deployment(name, replicas=1):
    return {"metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": pod_template(name)}}


def refused(status, call, *args, **named):
    try:
        call(*args, **named)
    except ApiException as err:
        assert err.status == status, err
        return err
    raise AssertionError(f"not refused with {status}")


def creates_without_kind(ns):
    core = client.CoreV1Api()
    made = core.create_namespaced_config_map(ns, {"metadata": {"name": "bare"}, "data": {"a": "1"}})
    assert made.data == {"a": "1"} and made.metadata.uid
    assert core.read_namespaced_config_map("bare", ns).data == {"a": "1"}
    err = refused(409, core.create_namespaced_config_map, ns, {"metadata": {"name": "bare"}})
    assert '"reason":"AlreadyExists"' in err.body.replace(" ", "")
    refused(404, core.read_namespaced_config_map, "none", ns)
    core.delete_namespaced_config_map("bare", ns)
    refused(404, core.read_namespaced_config_map, "bare", ns)


def typed_models(ns):
    core = client.CoreV1Api()
    core.create_namespaced_secret(ns, client.V1Secret(metadata=client.V1ObjectMeta(name="s"), string_data={"user": "me"}))
    secret = core.read_namespaced_secret("s", ns)
    assert secret.data == {"user": "bWU="} and secret.type == "Opaque", secret
    service = core.create_namespaced_service(ns, client.V1Service(
        metadata=client.V1ObjectMeta(name="web"),
        spec=client.V1ServiceSpec(selector={"app": "web"}, ports=[client.V1ServicePort(port=80, target_port="http")])))
    assert service.spec.cluster_ip and service.spec.ports[0].protocol == "TCP"


def patches_by_shape(ns):
    apps = client.AppsV1Api()
    apps.create_namespaced_deployment(ns, deployment("web"))
    more = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "example.test/side:1"}]}}}}
    assert len(apps.patch_namespaced_deployment("web", ns, more).spec.template.spec.containers) == 2
    changed = apps.patch_namespaced_deployment("web", ns, [{"op": "replace", "path": "/spec/replicas", "value": 3}])
    assert changed.spec.replicas == 3
    scale = apps.read_namespaced_deployment_scale("web", ns)
    scale.spec.replicas = 2
    scale.metadata.resource_version = None
    assert apps.replace_namespaced_deployment_scale("web", ns, scale).spec.replicas == 2
    refused(422, apps.create_namespaced_deployment, ns, {"metadata": {"name": "bad"}, "spec": {}})


def replaces_with_a_conflict(ns):
    core = client.CoreV1Api()
    first = core.create_namespaced_config_map(ns, {"metadata": {"name": "c"}, "data": {"n": "0"}})
    first.data["n"] = "1"
    core.replace_namespaced_config_map("c", ns, first)
    first.data["n"] = "2"
    refused(409, core.replace_namespaced_config_map, "c", ns, first)


def lists_in_pages(ns):
    core = client.CoreV1Api()
    for i in range(25):
        core.create_namespaced_config_map(ns, {"metadata": {"name": f"p-{i:02}", "labels": {"page": "yes"}}})
    names, token = [], None
    while True:
        page = core.list_namespaced_config_map(ns, label_selector="page=yes", limit=10, _continue=token)
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue
        if not token:
            break
    assert names == [f"p-{i:02}" for i in range(25)], names
    some = core.list_namespaced_config_map(ns, field_selector="metadata.name=p-07")
    assert [item.metadata.name for item in some.items] == ["p-07"]
    core.delete_collection_namespaced_config_map(ns, label_selector="page in (yes,no)")
    assert core.list_namespaced_config_map(ns, label_selector="page").items == []


def watches(ns):
    core = client.CoreV1Api()
    begin = core.list_namespaced_config_map(ns).metadata.resource_version

    def write():
        core.create_namespaced_config_map(ns, {"metadata": {"name": "w", "labels": {"w": "1"}}})
        core.patch_namespaced_config_map("w", ns, {"data": {"a": "b"}})
        core.delete_namespaced_config_map("w", ns)

    writer = threading.Thread(target=write)
    writer.start()
    seen, stream = [], watch.Watch()
    for event in stream.stream(core.list_namespaced_config_map, ns, resource_version=begin, label_selector="w",
                               timeout_seconds=20):
        seen.append((event["type"], event["object"].metadata.name))
        if len(seen) == 3:
            stream.stop()
    writer.join()
    assert seen == [("ADDED", "w"), ("MODIFIED", "w"), ("DELETED", "w")], seen


def watch_of_an_old_revision(ns):
    core = client.CoreV1Api()
    stream = watch.Watch()
    count = 0
    for _ in stream.stream(core.list_namespaced_config_map, ns, resource_version="0", timeout_seconds=1):
        count += 1
    assert count >= 1, count  # kube-root-ca.crt


def dynamic_client(ns):
    dyn = dynamic.DynamicClient(client.ApiClient())
    jobs = dyn.resources.get(api_version="batch/v1", kind="Job")
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "work"},
            "spec": {"suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": CONTAINERS}}}}
    assert jobs.create(body=body, namespace=ns).spec.backoffLimit == 6
    assert [item.metadata.name for item in jobs.get(namespace=ns).items] == ["work"]
    jobs.patch(name="work", namespace=ns, body={"metadata": {"labels": {"a": "b"}}},
               content_type="application/merge-patch+json")
    assert jobs.get(name="work", namespace=ns).metadata.labels.a == "b"
    jobs.delete(name="work", namespace=ns)
    short = dyn.resources.search(short_names=["ing"]) or dyn.resources.search(kind="Ingress")
    assert short, "ingresses are not found"


def server_side_apply(ns):
    dyn = dynamic.DynamicClient(client.ApiClient())
    maps = dyn.resources.get(api_version="v1", kind="ConfigMap")

    def apply(data, manager):
        # This version of the client sends an applied text only.
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": data}
        return maps.server_side_apply(name="applied", body=json.dumps(body), namespace=ns, field_manager=manager)

    apply({"a": "1"}, "python")
    after = apply({"b": "2"}, "python")
    assert after.to_dict()["data"] == {"b": "2"}, after
    try:
        apply({"b": "3"}, "another")
    except dynamic.exceptions.ConflictError:
        return
    raise AssertionError("no conflict")


def every_group_answers(ns):
    groups = client.ApisApi().get_api_versions().groups
    assert {"apps", "batch", "policy", "autoscaling", "networking.k8s.io"} <= {g.name for g in groups}
    assert client.VersionApi().get_code().major == "1"
    for group in groups:
        for version in group.versions:
            path = f"/apis/{version.group_version}"
            answer = client.ApiClient().call_api(path, "GET", response_type="object", auth_settings=["BearerToken"])[0]
            assert answer["kind"] == "APIResourceList", answer
    assert ns


def typed_lists_of_all_kinds(ns):
    client.CoreV1Api().list_namespaced_persistent_volume_claim(ns)
    client.CoreV1Api().list_namespaced_resource_quota(ns)
    client.AppsV1Api().list_namespaced_stateful_set(ns)
    client.AppsV1Api().list_namespaced_daemon_set(ns)
    client.BatchV1Api().list_namespaced_cron_job(ns)
    client.AutoscalingV1Api().list_namespaced_horizontal_pod_autoscaler(ns)
    client.PolicyV1Api().list_namespaced_pod_disruption_budget(ns)
    client.NetworkingV1Api().list_namespaced_ingress(ns)
    client.NetworkingV1Api().list_namespaced_network_policy(ns)
    client.RbacAuthorizationV1Api().list_namespaced_role(ns)
    client.StorageV1Api().list_storage_class()
    client.SchedulingV1Api().list_priority_class()
    client.EventsV1Api().list_namespaced_event(ns)


CHECKS = [creates_without_kind, typed_models, patches_by_shape, replaces_with_a_conflict, lists_in_pages, watches,
          watch_of_an_old_revision, dynamic_client, server_side_apply, every_group_answers, typed_lists_of_all_kinds]


def main():
    config.load_kube_config(sys.argv[1])
    core = client.CoreV1Api()
    passed = failed = 0
    for check in CHECKS:
        if len(sys.argv) > 2 and sys.argv[2] not in check.__name__:
            continue
        ns = core.create_namespace({"metadata": {"generateName": "python-"}}).metadata.name
        deadline = time.monotonic() + 20
        while not core.list_namespaced_config_map(ns).items and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            check(ns)
            passed += 1
        except Exception as err:  # whatever it is, it is this check's failure
            print(f"python: {check.__name__}: {type(err).__name__}: {err}")
            failed += 1
        core.delete_namespace(ns)
    print(f"python: {passed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
