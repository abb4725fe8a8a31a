#!/bin/bash
# registry.sh - images from a real registry: logins, mirrors, policies, private images on a shared node.
#
# Goal: who may have an image gets it, nobody else does, whatever is on the node already.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

registry=172.30.0.254:5000
reg=$scratch/registry

# registry_run NAME PORT [with-login]: a registry on the bridge, with TLS.
registry_run() {
	mkdir -p "$reg/$1"
	cat > "$reg/$1/conf.yml" <<- END
	version: 0.1
	log: {level: error}
	storage: {filesystem: {rootdirectory: $reg/$1/data}, delete: {enabled: true}}
	http: {addr: "172.30.0.254:$2", tls: {certificate: $reg/crt.pem, key: $reg/key.pem}}
	END
	[ $# -lt 3 ] || echo "auth: {htpasswd: {realm: t, path: $reg/htpasswd}}" >> "$reg/$1/conf.yml"
	# shellcheck disable=SC2016 # a hash: of s3cret
	printf '%s\n' 'alice:$2y$05$aaaaaaaaaaaaaaaaaaaaaOwN3kL1r/5tCX49L9FU8BMpbjRXGyPKS' \
		'bob:$2y$05$aaaaaaaaaaaaaaaaaaaaaOwN3kL1r/5tCX49L9FU8BMpbjRXGyPKS' > "$reg/htpasswd"
	nsenter --target "$(cat "$lab/host-lab.pid")" --net -- \
		"$(packaging/deps/clients.sh registry)" serve "$reg/$1/conf.yml" > "$reg/$1/log" 2>&1 &
	echo $! > "$reg/$1/pid"
	await 10 web "$2" /v2/
}

# web PORT PATH CURL-OPTIONS...
web() {
	in_lab curl -sS --fail --cacert "$reg/crt.pem" -u alice:s3cret "${@:3}" "https://172.30.0.254:$1$2"
}

# put_blob PORT REPOSITORY FILE: prints its digest.
put_blob() {
	place=$(web "$1" "/v2/$2/blobs/uploads/" -X POST -D - -o /dev/null | tr -d '\r' | sed -n 's/^[Ll]ocation: *//p')
	sum=sha256:$(digest "$3")
	in_lab curl -sS --fail --cacert "$reg/crt.pem" -u alice:s3cret -X PUT -H 'Content-Type: application/octet-stream' \
		--data-binary "@$3" "$place&digest=$sum"
	echo "$sum"
}

# push PORT REPOSITORY TAG PAGE: prints the digest of its manifest.
push() {
	local name=push-$RANDOM work base page config # image_make has names of its own
	[ -e "$tar_image/base.tar" ] || image_base
	( image_make "$name:1" "$4" )
	work=$tar_image/$name-1/out
	base=$(put_blob "$1" "$2" "$work/base/layer.tar")
	page=$(put_blob "$1" "$2" "$work/page/layer.tar")
	echo "${page#sha256:}" > "$reg/last-page" # for who wants to spoil it
	config=$(put_blob "$1" "$2" "$work/config.json")
	cat > "$work/manifest" <<- END
	{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
	"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"$config","size":$(stat -c %s "$work/config.json")},
	"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"$base","size":$(stat -c %s "$work/base/layer.tar")},
	{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"$page","size":$(stat -c %s "$work/page/layer.tar")}]}
	END
	web "$1" "/v2/$2/manifests/$3" -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
		--data-binary "@$work/manifest"
	echo "sha256:$(digest "$work/manifest")"
}

open_cluster() {
	set -e
	lab_open
	host_add s 172.30.0.1
	host_add n1 172.30.0.11
	mkdir -p "$reg"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=reg.test \
		-addext "subjectAltName=IP:172.30.0.254" -keyout "$reg/key.pem" -out "$reg/crt.pem" 2> /dev/null
	registry_run private 5000 with-login
	registry_run mirror 5001
	cat > "$reg/registries.yaml" <<- END
	mirrors:
	  docker.io: {endpoint: ["https://172.30.0.254:5001"], rewrite: {"^library/(.*)": "hub/\$1"}}
	configs:
	  "172.30.0.254:5000": {tls: {ca_file: $reg/crt.pem}}
	  "172.30.0.254:5001": {tls: {ca_file: $reg/crt.pem}}
	END
	# shellcheck disable=SC2119 # no options
	server_start
	agent_start n1 --private-registry "$reg/registries.yaml"
}

( open_cluster ) || { cat "$lab"/*/log "$reg"/*/log; exit 1; }
export KUBECONFIG="$lab/kubeconfig"
# shellcheck disable=SC2031 # they were added there, for nobody
pids="$pids $(cat "$reg"/*/pid)"

login() {
	k create secret docker-registry "$1" --docker-server=$registry --docker-username="$2" --docker-password="$3"
}

# page NAME IMAGE POLICY [SECRET]: a pod that prints the image's page and ends.
page() {
	secret=
	[ $# -lt 4 ] || secret="{name: $4}"
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: $1}
	spec:
	  restartPolicy: Never
	  automountServiceAccountToken: false
	  imagePullSecrets: [$secret]
	  containers: [{name: a, image: "$2", imagePullPolicy: $3, command: [cat, /www/index.html]}]
	END
}

shows() {
	k wait --for=jsonpath='{.status.phase}'=Succeeded "pod/$1" --timeout=20s > /dev/null
	equal "$2" k logs "$1"
}

says() {
	of "pod/$1" '{.status.containerStatuses[0].state.waiting.reason}' | grep -qE "^($2)\$"
}

waits_for() {
	await 15 says "$1" "$2"
}

event() {
	k get events --field-selector "involvedObject.name=$1,reason=$2" -o 'jsonpath={.items[*].message}'
}

test_logins_decide_who_gets_what_is_here() {
	push 5000 team/app 1 secret-page > /dev/null
	login alice alice s3cret
	login wrong alice nonsense
	login bob bob s3cret
	page nobody $registry/team/app:1 IfNotPresent
	waits_for nobody 'ErrImagePull|ImagePullBackOff'
	page alice $registry/team/app:1 IfNotPresent alice
	shows alice secret-page
	await 5 expect "Successfully pulled image \"$registry/team/app:1\" in " event alice Pulled
	expect 'Image size: ' event alice Pulled
	# it is here now: not for who has no login, a wrong one, or says Never
	page late $registry/team/app:1 IfNotPresent
	page thief $registry/team/app:1 IfNotPresent wrong
	page never $registry/team/app:1 Never
	page id "$(of pod/alice '{.status.containerStatuses[0].imageID}' | sed 's/.*@//')" IfNotPresent
	page bob $registry/team/app:1 IfNotPresent bob
	shows bob secret-page
	for name in late thief; do
		await 15 expect "Failed to pull image \"$registry/team/app:1\"" event $name Failed
		await 5 expect 'Error: ErrImagePull' event $name Failed
	done
	waits_for never ErrImageNeverPull
	expect 'is not present with pull policy of Never' event never ErrImageNeverPull
	waits_for id 'ErrImagePull|ImagePullBackOff'
	# who had it runs again without a registry, also after the agent came again; others still do not
	kill -STOP "$(cat "$reg/private/pid")"
	stop agent-n1
	agent_start n1 --private-registry "$reg/registries.yaml"
	page again $registry/team/app:1 IfNotPresent alice
	shows again secret-page
	page still $registry/team/app:1 Never
	waits_for still ErrImageNeverPull
	kill -CONT "$(cat "$reg/private/pid")"
	k delete pod --all --now > /dev/null
}

# Attack case 32: the same image by its digest, as a volume, as a container that is added to a pod.
test_private_images_by_other_ways() {
	digest=$(push 5000 team/shy 1 shy-page)
	push 5001 hub/runs 1 anybody > /dev/null
	k get secret alice > /dev/null 2>&1 || login alice alice s3cret
	page alice $registry/team/shy:1 IfNotPresent alice
	shows alice shy-page
	page digest "$registry/team/shy@$digest" IfNotPresent
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: carries}
	spec:
	  volumes: [{name: v, image: {reference: "$registry/team/shy:1", pullPolicy: IfNotPresent}}]
	  containers: [{name: a, image: "runs:1", command: [sleep, "300"], volumeMounts: [{name: v, mountPath: /v}]}]
	---
	apiVersion: v1
	kind: Pod
	metadata: {name: host}
	spec: {terminationGracePeriodSeconds: 0, containers: [{name: a, image: "runs:1", command: [sleep, "300"]}]}
	END
	k wait --for=condition=Ready pod/host --timeout=20s > /dev/null
	k debug host --image="$registry/team/shy:1" --container=guest > /dev/null
	added() { of pod/host '{.status.ephemeralContainerStatuses[0].state.waiting.reason}' | grep -qE '^(ErrImagePull|ImagePullBackOff)$'; }
	await 15 added
	waits_for digest 'ErrImagePull|ImagePullBackOff'
	await 15 expect 'MountVolume.SetUp failed for volume "v"' event carries FailedMount
	k delete pod --all --now > /dev/null
}

test_secrets_of_the_account() {
	push 5000 team/account 1 of-the-account > /dev/null
	login account alice s3cret
	k create serviceaccount puller
	k patch serviceaccount puller -p '{"imagePullSecrets":[{"name":"account"}]}'
	k run account --image=$registry/team/account:1 --restart=Never \
		--overrides='{"spec":{"serviceAccountName":"puller"}}' --command -- cat /www/index.html
	equal account of pod/account '{.spec.imagePullSecrets[0].name}'
	shows account of-the-account
	k run lost --image=$registry/team/lost:1 --overrides='{"spec":{"imagePullSecrets":[{"name":"none"}]}}'
	await 10 expect 'Unable to retrieve some image pull secrets (none)' event lost FailedToRetrieveImagePullSecret
	k delete pod account lost --now > /dev/null
}

test_mirrors_and_rewrites() {
	push 5001 hub/web 7 of-the-mirror > /dev/null
	page mirrored web:7 Always
	shows mirrored of-the-mirror
	k delete pod mirrored --now > /dev/null
}

test_digests_and_tags_that_move() {
	first=$(push 5001 hub/moving latest first)
	page pinned "moving@$first" IfNotPresent
	shows pinned first
	push 5001 hub/moving latest second > /dev/null
	page always moving Always
	shows always second
	page again "moving@$first" Never
	shows again first
	equal "docker.io/library/moving@$first" of pod/again '{.status.containerStatuses[0].imageID}'
	k delete pod pinned always again --now > /dev/null
}

# The image of another processor in an index is passed over; one with nothing for us is told.
test_indexes_of_many_processors() {
	ours=$(push 5001 hub/many ours mine)
	size=$(web 5001 /v2/hub/many/manifests/ours -o /dev/null -w '%{size_download}' \
		-H 'Accept: application/vnd.oci.image.manifest.v1+json')
	entry() {
		echo "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"$ours\",\"size\":$size,\"platform\":{\"os\":\"linux\",\"architecture\":\"$1\"}}"
	}
	for index in "1 $(entry s390x),$(entry "$(machine_word)")" "2 $(entry s390x)"; do
		echo "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[${index#* }]}" > "$reg/index"
		web 5001 "/v2/hub/many/manifests/${index%% *}" -X PUT --data-binary "@$reg/index" \
			-H 'Content-Type: application/vnd.oci.image.index.v1+json'
	done
	page many many:1 Always
	shows many mine
	page none many:2 Always
	await 15 expect "nothing for this machine's processor" event none Failed
	k delete pod many none --now > /dev/null
}

# Two pods of two images at once; what is damaged on the disk of the registry is told, and mended by the next try.
test_damaged_blobs_are_refused_and_fetched_again() {
	push 5001 hub/broken 1 whole > /dev/null
	blob=$(find "$reg/mirror/data" -path "*/blobs/sha256/*/$(cat "$reg/last-page")/data")
	cp "$blob" "$reg/kept"
	tr 'w' 'W' < "$reg/kept" > "$blob"
	page broken broken:1 IfNotPresent
	await 20 expect 'have not that digest' event broken Failed
	cp "$reg/kept" "$blob"
	shows broken whole
	k delete pod broken --now > /dev/null
}

# An image's files as a volume, whose parts come of both layers.
test_volumes_of_images() {
	push 5001 hub/data 1 of-the-volume > /dev/null
	push 5001 hub/runs 1 of-the-container > /dev/null
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: carries}
	spec:
	  restartPolicy: Never
	  volumes: [{name: v, image: {reference: "data:1"}}]
	  containers:
	  - {name: a, image: "runs:1", command: [sh, -c, "cat /v/www/index.html /v/etc/group | head -n 2; touch /v/x || true; sleep 300"],
	     volumeMounts: [{name: v, mountPath: /v}]}
	END
	k wait --for=condition=Ready pod/carries --timeout=20s > /dev/null
	await 5 expect 'Read-only file system' k logs carries
	expect "of-the-volume
root:x:0:" k logs carries
	# the image is held for it, over a restart of the agent too; with the pod the mount goes
	expect v mounted_volumes
	stop agent-n1
	agent_start n1 --private-registry "$reg/registries.yaml"
	MOTE_DATA_DIR="$lab/n1/data" "$lab/mote" ctr images rm data:1
	expect 'of-the-volume' k exec carries -- cat /v/www/index.html
	k delete pod carries --now > /dev/null
	await 10 equal '' mounted_volumes
}

mounted_volumes() {
	on n1 cat /proc/self/mountinfo | grep -o '/data/agent/pods/[^ ]*/volumes/[^ ]*' | sed 's|.*/||' || true
}

# The kernel of this machine may have no NFS: the mount program of the node is the test's.
test_shares() {
	mkdir -p "$lab/bin" "$lab/share/exported"
	echo of-the-share > "$lab/share/exported/file"
	cat > "$lab/bin/mount" <<- END
	#!/bin/sh
	[ "\$2" = nfs ] || exec /bin/mount "\$@"
	echo "\$@" >> $lab/share/asked
	for last; do :; done
	exec /bin/mount --bind $lab/share/exported "\$last"
	END
	chmod +x "$lab/bin/mount"
	stop agent-n1
	PATH=$lab/bin:$PATH agent_start n1 --private-registry "$reg/registries.yaml"
	push 5001 hub/runs 1 of-the-container > /dev/null
	k apply -f - <<- END
	apiVersion: v1
	kind: PersistentVolume
	metadata: {name: share}
	spec:
	  capacity: {storage: 1Gi}
	  accessModes: [ReadWriteMany]
	  storageClassName: ""
	  mountOptions: [nfsvers=4.2]
	  nfs: {server: nas.test, path: /x}
	---
	apiVersion: v1
	kind: PersistentVolumeClaim
	metadata: {name: share}
	spec: {accessModes: [ReadWriteMany], storageClassName: "", resources: {requests: {storage: 1Gi}}}
	---
	apiVersion: v1
	kind: Pod
	metadata: {name: sharing}
	spec:
	  volumes: [{name: own, nfs: {server: nas.test, path: /x, readOnly: true}}, {name: claimed, persistentVolumeClaim: {claimName: share}}]
	  containers:
	  - {name: a, image: "runs:1", command: [sh, -c, "cat /own/file; touch /own/y; echo more > /claimed/made; sleep 300"],
	     volumeMounts: [{name: own, mountPath: /own}, {name: claimed, mountPath: /claimed}]}
	END
	k wait --for=condition=Ready pod/sharing --timeout=30s > /dev/null
	await 5 expect of-the-share k logs sharing
	await 5 expect 'Read-only file system' k logs sharing
	await 5 equal more cat "$lab/share/exported/made"
	grep -q -- '-t nfs -o ro nas.test:/x' "$lab/share/asked"
	grep -q -- '-t nfs -o nfsvers=4.2 nas.test:/x' "$lab/share/asked"
	k delete pod sharing --now > /dev/null
	k delete pvc,pv share > /dev/null
	await 10 equal '' mounted_volumes
	equal more cat "$lab/share/exported/made" # what was shared is left alone
}

run_tests registry
