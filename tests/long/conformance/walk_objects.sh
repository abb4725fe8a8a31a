# walk_objects.sh - test/e2e/storage and test/e2e/instrumentation: lives of objects that no pod sees.
# shellcheck shell=bash disable=SC2016,SC2154,SC2317

# made KIND/VERSION... : flow style; $1 apiVersion, $2 kind, $3 name, $4 fields
made() {
	printf '# yaml\n{apiVersion: %s, kind: %s, metadata: {name: %s, labels: {e2e: %s}}, %s}\n' "$1" "$2" "$3" "$ns" "$4" | k create -f -
}

# updates OBJECT NAME=VALUE: a label by a PUT of the whole.
updates() {
	put() { k get "$1" -o json | python3 -c 'import json, sys; o = json.load(sys.stdin); o["metadata"].setdefault("labels", {})[sys.argv[1]] = sys.argv[2]; print(json.dumps(o))' "${2%=*}" "${2#*=}" | k replace -f -; }
	await 20 put "$@"
	equal "${2#*=}" of "$1" "{.metadata.labels.${2%=*}}"
}

patches() {
	k patch "$1" -p "{\"metadata\":{\"labels\":{\"${2%=*}\":\"${2#*=}\"}}}"
	equal "${2#*=}" of "$1" "{.metadata.labels.${2%=*}}"
}

names_of() {
	k get "$1" -l "e2e=$ns" -o 'jsonpath={.items[*].metadata.name}'
}

# collection_goes PATH RESOURCE
collection_goes() {
	k delete --raw "$1/$2?labelSelector=e2e%3D$ns" > /dev/null
	becomes 60 "" names_of "$2"
}

# storage_life RESOURCE KIND FIELDS: cluster-wide ones of storage.k8s.io.
storage_life() {
	expect "\"$1\"" k get --raw /apis/storage.k8s.io/v1
	made storage.k8s.io/v1 "$2" "$ns-a" "$3"
	equal "$ns-a" of "$1/$ns-a" '{.metadata.name}'
	patches "$1/$ns-a" "$ns=patched"
	equal "$ns-a" names_of "$1"
	updates "$1/$ns-a" "$ns=updated"
	k delete "$1" "$ns-a"
	refuses "not found" k get "$1" "$ns-a"
	made storage.k8s.io/v1 "$2" "$ns-b" "$3"
	made storage.k8s.io/v1 "$2" "$ns-c" "$3"
	updates "$1/$ns-b" "$ns=updated"
	updates "$1/$ns-c" "$ns=updated"
	equal "$ns-b $ns-c" names_of "$1"
	collection_goes /apis/storage.k8s.io/v1 "$1"
}

attachment='spec: {attacher: e2e-test.storage.k8s.io, source: {persistentVolumeName: e2e-pv}, nodeName: n1}'

attachment_status() {
	made storage.k8s.io/v1 VolumeAttachment "$ns" "$attachment"
	patches "volumeattachment/$ns" "$ns=patched"
	equal false k get volumeattachment "$ns" --subresource status -o 'jsonpath={.status.attached}'
	equal true k patch volumeattachment "$ns" --subresource status -p '{"status":{"attached":true}}' -o 'jsonpath={.status.attached}'
	k get volumeattachment "$ns" -o json | python3 -c 'import json, sys; o = json.load(sys.stdin); o["status"]["attached"] = False; print(json.dumps(o))' | k replace --subresource status -f -
	equal false of "volumeattachment/$ns" '{.status.attached}'
	k delete volumeattachment "$ns"
	refuses "not found" k get volumeattachment "$ns"
}

capacities() {
	local path=/apis/storage.k8s.io/v1/namespaces/$ns
	expect '"csistoragecapacities"' k get --raw /apis/storage.k8s.io/v1
	k get csistoragecapacities --watch --output-watch-events -o 'jsonpath={.type} {.object.metadata.name}{"\n"}' > "$scratch/$ns.watch" 2> /dev/null &
	watching=$!
	for i in 1 2 3; do made storage.k8s.io/v1 CSIStorageCapacity "c$i" 'storageClassName: fast, nodeTopology: {matchLabels: {zone: a}}, capacity: 100Gi, maximumVolumeSize: 10Gi'; done
	equal "c1 c2 c3" names_of csistoragecapacities
	equal "c1 c2 c3" k get csistoragecapacities -A -l "e2e=$ns" -o 'jsonpath={.items[*].metadata.name}'
	patches csistoragecapacity/c1 patched=true
	updates csistoragecapacity/c1 updated=true
	refuses 'field is immutable' k patch csistoragecapacity c1 --type=merge -p '{"storageClassName":"other"}'
	await 20 grep -q '^MODIFIED c1' "$scratch/$ns.watch"
	k delete csistoragecapacity c1
	await 20 grep -q '^DELETED c1' "$scratch/$ns.watch"
	kill $watching
	collection_goes "$path" csistoragecapacities
}

driver_volume() {
	made storage.k8s.io/v1 CSIDriver "inline-$ns" 'spec: {volumeLifecycleModes: [Ephemeral]}'
	pod_with inline "volumes: [{name: v, csi: {driver: inline-$ns}}], nodeSelector: {no: where}, containers: [{$waits, volumeMounts: [{name: v, mountPath: /mnt/test}]}]" "labels: {e2e: $ns}"
	equal inline names_of pods
	expect inline k get pods -A -l "e2e=$ns" -o name
	equal "inline-$ns" of pod/inline '{.spec.volumes[0].csi.driver}'
	k patch pod inline -p '{"metadata":{"labels":{"patched":"true"}}}'
	equal true of pod/inline '{.metadata.labels.patched}'
	k delete pod inline --timeout=60s
	k delete csidriver "inline-$ns"
}

pv() {
	made v1 PersistentVolume "$1" "spec: {storageClassName: $ns, capacity: {storage: 2Gi}, accessModes: [ReadWriteOnce], persistentVolumeReclaimPolicy: Retain, hostPath: {path: $lab/host-$1}}"
}

claim() {
	made v1 PersistentVolumeClaim "$1" "spec: {storageClassName: $ns, accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}}"
}

volumes_life() {
	pv "$ns-pv"
	claim pvc
	equal "$ns-pv" names_of pv
	equal pvc names_of pvc
	patches "pv/$ns-pv" "$ns=patched"
	patches pvc/pvc "$ns=patched"
	[ -n "$(of "pv/$ns-pv" '{.metadata.uid}')" ] && [ -n "$(of pvc/pvc '{.metadata.uid}')" ]
	becomes 30 Bound of pvc/pvc '{.status.phase}'
	k delete pvc pvc --timeout=60s
	k delete pv "$ns-pv" --timeout=60s
	pv "$ns-pv2"
	claim pvc2
	updates "pv/$ns-pv2" "$ns=updated"
	updates pvc/pvc2 "$ns=updated"
	collection_goes "/api/v1/namespaces/$ns" persistentvolumeclaims
	collection_goes /api/v1 persistentvolumes
}

volumes_status() {
	pv "$ns-pv"
	claim pvc
	expect '"phase"' k get --raw "/api/v1/namespaces/$ns/persistentvolumeclaims/pvc/status"
	expect '"phase"' k get --raw "/api/v1/persistentvolumes/$ns-pv/status"
	becomes 30 Bound of pvc/pvc '{.status.phase}'
	k patch pvc pvc --subresource status --type=merge -p '{"status":{"conditions":[{"type":"StatusPatched","status":"True","reason":"E2E patchedStatus","message":"Set from e2e test"}]}}'
	equal "StatusPatched True E2E patchedStatus" of pvc/pvc "{.status.conditions[*]['type','status','reason']}"
	equal "Set from e2e test E2E" k patch pv "$ns-pv" --subresource status --type=merge -p '{"status":{"message":"Set from e2e test","reason":"E2E"}}' -o 'jsonpath={.status.message} {.status.reason}'
	k get pvc pvc -o json | python3 -c 'import json, sys; o = json.load(sys.stdin); o["status"].setdefault("conditions", []).append({"type": "StatusUpdated", "status": "True", "reason": "E2E updateStatus", "message": "Set from e2e test", "lastTransitionTime": None, "lastProbeTime": None}); print(json.dumps(o))' | k replace --subresource status -f -
	equal "StatusPatched StatusUpdated" of pvc/pvc '{.status.conditions[*].type}'
	k get pv "$ns-pv" -o json | python3 -c 'import json, sys; o = json.load(sys.stdin); o["status"]["reason"] = "StatusUpdate"; o["status"]["message"] = "StatusUpdate"; print(json.dumps(o))' | k replace --subresource status -f -
	equal "StatusUpdate StatusUpdate" of "pv/$ns-pv" '{.status.reason} {.status.message}'
	k delete pvc pvc --timeout=60s
	k delete pv "$ns-pv" --timeout=60s
}

# --- events ---

event() {
	printf '# yaml\n{apiVersion: v1, kind: Event, metadata: {name: %s, labels: {testevent-constant: "%s"}}, message: "This is %s", reason: Test, type: Normal, count: 1, involvedObject: {namespace: %s}}\n' "$1" "$ns" "$1" "$ns" | k create -f -
}

core_events_life() {
	event event-test
	equal event-test k get events -A -l "testevent-constant=$ns" -o 'jsonpath={.items[*].metadata.name}'
	k patch event event-test --type=strategic -p '{"message":"This is a test event - patched"}'
	equal "This is a test event - patched" of event/event-test '{.message}'
	k get event event-test -o json | python3 -c 'import json, sys; o = json.load(sys.stdin); o["series"] = {"count": 100, "lastObservedTime": "2024-05-06T07:08:09.123456Z"}; print(json.dumps(o))' | k replace -f -
	equal "100 2024-05-06T07:08:09.123456Z" of event/event-test "{.series.count} {.series.lastObservedTime}"
	k delete event event-test
	equal "" k get events -A -l "testevent-constant=$ns" -o name
}

core_events_collection() {
	for i in 1 2 3; do event test-event-$i; done
	equal "test-event-1 test-event-2 test-event-3" k get events -l "testevent-constant=$ns" -o 'jsonpath={.items[*].metadata.name}'
	k delete --raw "/api/v1/namespaces/$ns/events?labelSelector=testevent-constant%3D$ns" > /dev/null
	equal "" k get events -l "testevent-constant=$ns" -o name
}

new_event() {
	printf '# yaml\n{apiVersion: events.k8s.io/v1, kind: Event, metadata: {name: %s, labels: {testevent-set: "%s"}}, eventTime: "2024-01-02T03:04:05.000006Z", note: "This is %s", regarding: {namespace: %s}, action: Do, reason: Test, type: Normal, reportingController: test-controller, reportingInstance: test-node}\n' "$1" "$ns" "$1" "$ns" | k create -f -
}

new_events='events.events.k8s.io'
new_events_life() {
	local path=/apis/events.k8s.io/v1
	expect '"events.k8s.io"' k get --raw /apis
	expect '"events"' k get --raw $path
	new_event event-test
	equal event-test k get $new_events -A -l "testevent-set=$ns" -o 'jsonpath={.items[*].metadata.name}'
	equal event-test k get $new_events -A --field-selector "reportingController=test-controller,metadata.namespace=$ns" -o 'jsonpath={.items[*].metadata.name}'
	equal "This is event-test test-controller test-node Do" of "$new_events/event-test" '{.note} {.reportingController} {.reportingInstance} {.action}'
	k patch $new_events event-test --type=strategic -p '{"series":{"count":2,"lastObservedTime":"2024-01-02T03:04:05.000006Z"}}'
	equal "2 2024-01-02T03:04:05.000006Z" of "$new_events/event-test" '{.series.count} {.series.lastObservedTime}'
	k get $new_events event-test -o json | python3 -c 'import json, sys; o = json.load(sys.stdin); o["series"] = {"count": 100, "lastObservedTime": "2024-05-06T07:08:09.123456Z"}; print(json.dumps(o))' | k replace -f -
	equal "100 2024-05-06T07:08:09.123456Z" of "$new_events/event-test" '{.series.count} {.series.lastObservedTime}'
	# the same object by its other group
	equal "This is event-test" of event/event-test '{.message}'
	k delete $new_events event-test
	equal "" k get $new_events -A -l "testevent-set=$ns" -o name
}

new_events_collection() {
	for i in 1 2 3; do new_event test-event-$i; done
	equal "test-event-1 test-event-2 test-event-3" k get $new_events -l "testevent-set=$ns" -o 'jsonpath={.items[*].metadata.name}'
	k delete --raw "/apis/events.k8s.io/v1/namespaces/$ns/events?labelSelector=testevent-set%3D$ns" > /dev/null
	equal "" k get $new_events -l "testevent-set=$ns" -o name
}

# Scheduler and kubelet tell of a pod that is scheduled and runs.
events_are_sent() {
	pod_with sends "containers: [{$waits}]"
	ready sends
	by() { k get events --field-selector "involvedObject.kind=Pod,involvedObject.name=sends,involvedObject.namespace=$ns,$1" -o name | grep -q event; }
	by_scheduler() { by source=default-scheduler; }
	by_kubelet() { by source=kubelet; }
	await 30 by_scheduler
	await 30 by_kubelet
	for reason in Scheduled Pulled Created Started; do told sends $reason ""; done
}
