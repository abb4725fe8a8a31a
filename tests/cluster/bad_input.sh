#!/bin/bash
# bad_input.sh - what is wrong from the start is refused with words that help, and the node goes on.
#
# Goal: tokens, archives, images, volumes and disks that are wrong cost nobody else anything.
#
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

# join WITH-TOKEN: an agent of its own folder that is to fail; says what it said, then "code N".
join() {
	code=0
	on n1 timeout 20 "$lab/mote" agent --server https://172.30.0.1:6443 --token "$1" --node-name "${2:-n9}" \
		--data-dir "$lab/joins" --pod-logs-dir "$lab/joins/logs" 2>&1 || code=$?
	echo "code $code"
	rm -rf "$lab/joins"
}

log_says() {
	grep -q "$2" "$lab/$1/log"
}

works() {
	once=works-$1
	pod "$once" "$1"
	equal fine k exec "$once" -- echo fine
	gone "pod/$once"
}

test_wrong_token() {
	token=$(cat "$lab/s/data/server/node-token")
	said=$(join "${token}x")
	expect "token" echo "$said"
	expect "code 1" echo "$said"
	hash=${token%%::*}
	other=M10$(echo "${hash#M10}" | tr 0123456789abcdef 123456789abcdef0)
	said=$(join "$other::${token#*::}")
	expect "CA" echo "$said"
	expect "code 1" echo "$said"
	said=$(join "")
	expect "token" echo "$said"
	expect "code 1" echo "$said"
	# The name of a node that lives is not given to another.
	said=$(join "$token" n2)
	expect "n2" echo "$said"
	expect "code 1" echo "$said"
	expect "NotFound" k get node n9
	works n2
}

test_second_on_the_same_data() {
	code=0
	said=$(on n1 timeout 20 "$lab/mote" agent --server https://172.30.0.1:6443 --token-file "$lab/s/data/server/node-token" \
		--data-dir "$lab/n1/data" --node-name n1 --pod-logs-dir "$lab/n1/logs" 2>&1) || code=$?
	expect "another agent runs on $lab/n1/data" echo "$said"
	[ "$code" = 1 ]
	code=0
	said=$(on s timeout 20 "$lab/mote" server --data-dir "$lab/s/data" --write-kubeconfig "$lab/other" \
		--https-listen-port 7443 --disable-agent 2>&1) || code=$?
	expect "in use by another server (process $(cat "$lab/server.pid"))" echo "$said"
	[ "$code" = 1 ]
	works n1
}

# layers_archive NAME LAYER DIGEST: an image of one layer whose configuration says this digest.
layer_archive() {
	mkdir -p "$tar_image/$1"
	cp "$2" "$tar_image/$1/layer.tar"
	echo "{\"architecture\":\"$(machine_word)\",\"os\":\"linux\",\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$3\"]}}" \
		> "$tar_image/$1/config.json"
	echo "[{\"Config\":\"config.json\",\"RepoTags\":[\"$1:1\"],\"Layers\":[\"layer.tar\"]}]" > "$tar_image/$1/manifest.json"
	tar -C "$tar_image/$1" -cf "$tar_image/$1.tar" manifest.json config.json layer.tar
}

test_bad_archives() {
	mkdir -p "$tar_image/evil-root"
	echo evil > "$tar_image/evil-root/file"
	tar -C "$tar_image/evil-root" --absolute-names --transform 's|^file|../../../../../../escaped|' -cf "$tar_image/evil-layer.tar" file
	layer_archive leaves "$tar_image/evil-layer.tar" "$(digest "$tar_image/evil-layer.tar")"
	layer_archive lies "$tar_image/base.tar" "$(digest /dev/null)"
	ln -s /etc "$tar_image/evil-root/link"
	tar -C "$tar_image/evil-root" -cf "$tar_image/link-layer.tar" link
	tar -C "$tar_image/evil-root" --transform 's|^file|link/mote-escaped|' -rf "$tar_image/link-layer.tar" file
	layer_archive link "$tar_image/link-layer.tar" "$(digest "$tar_image/link-layer.tar")"
	head -c 3000 "$tar_image/web-1.tar" > "$tar_image/cut.tar"
	echo nonsense > "$tar_image/nonsense.tar"
	for name in leaves lies link cut nonsense; do
		image_give n1 "$tar_image/$name.tar"
	done
	for name in leaves lies cut nonsense; do
		await 10 log_says n1 "file=$name.tar"
		grep "file=$name.tar" "$lab/n1/log"
		grep "file=$name.tar" "$lab/n1/log" | grep -qE ' (error|warn) .*why="[^"]+'
	done
	grep "file=leaves.tar" "$lab/n1/log" | grep -q '\.\.'
	grep "file=lies.tar" "$lab/n1/log" | grep -q 'sha256'
	# A link is followed within the image only.
	[ ! -e /etc/mote-escaped ]
	[ -z "$(find "$lab" -name escaped)" ]
	works n1
}

waiting_is() {
	[ "$(of "pod/$1" '{.status.containerStatuses[0].state.waiting.reason}')" = "$2" ]
}

test_missing_image() {
	k run absent --image=registry.invalid/none:1
	k run never --image=none:1 --image-pull-policy=Never
	k create -f - <<< '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"wrong"},"spec":{"containers":[{"name":"a","image":"UPPER//bad"}]}}'
	await 30 waiting_is absent ImagePullBackOff
	expect 'registry.invalid' of pod/absent '{.status.containerStatuses[0].state.waiting.message}'
	expect 'cannot be resolved' of pod/absent '{.status.containerStatuses[0].state.waiting.message}'
	await 10 waiting_is never ErrImageNeverPull
	await 10 waiting_is wrong InvalidImageName
	expect ImagePullBackOff k get pod absent
	expect 'Failed to pull image "registry.invalid/none:1"' k get events --field-selector involvedObject.name=absent
	gone pod/absent pod/never pod/wrong
	works n1
}

test_unknown_volumes() {
	expect 'unknown field "spec.volumes[0].floppy"' k create -f - <<- 'END'
	{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"volumes":[{"name":"v","floppy":{}}],
	"containers":[{"name":"a","image":"web:1","volumeMounts":[{"name":"v","mountPath":"/v"}]}]}}
	END
	k create -f - <<- 'END'
	{"apiVersion":"v1","kind":"Pod","metadata":{"name":"nfs"},"spec":{"volumes":[{"name":"v","nfs":{"server":"a","path":"/"}}],
	"containers":[{"name":"a","image":"web:1","volumeMounts":[{"name":"v","mountPath":"/v"}]}]}}
	END
	said() { k get events --field-selector involvedObject.name=nfs | grep FailedMount | grep nfs; }
	await 20 said
	k create -f - <<- END
	{"apiVersion":"v1","kind":"Pod","metadata":{"name":"nopath"},"spec":{"volumes":[{"name":"v","hostPath":{"path":"$lab/none","type":"Directory"}}],
	"containers":[{"name":"a","image":"web:1","volumeMounts":[{"name":"v","mountPath":"/v"}]}]}}
	END
	said2() { k get events --field-selector involvedObject.name=nopath | grep FailedMount | grep "$lab/none"; }
	await 20 said2
	gone pod/nfs pod/nopath
	works n1
}

small() {
	on s timeout 60 "$kubectl" --kubeconfig "$lab/small-config" "$@"
}

small_server() {
	launch server-small s "$lab/mote" server --data-dir "$lab/s/small" --write-kubeconfig "$lab/small-config" \
		--advertise-address 172.30.0.1 --https-listen-port 7443 --disable-agent
	await 20 small get --raw /readyz || { tail -n 5 "$lab/s/log"; on s df "$lab/s/small"; false; }
}

test_full_disk() {
	mkdir -p "$lab/s/small"
	on s mount -t tmpfs -o size=8m small "$lab/s/small"
	small_server
	await 10 small get service kubernetes
	head -c 300000 /dev/urandom | base64 -w 0 > "$scratch/filling"
	refused=
	for i in $(seq 60); do
		if small create configmap "full-$i" --from-file="$scratch/filling" > "$scratch/said" 2>&1; then
			echo "configmap/full-$i" >> "$scratch/told"
		else
			refused=yes
			break
		fi
	done
	[ "$refused" = yes ]
	cat "$scratch/said"
	grep -qiE 'no space|disk|full' "$scratch/said"
	# What is there can be read and deleted, and then there is room again.
	small get configmaps -o name | grep full | sort > "$scratch/there"
	sort "$scratch/told" | diff - "$scratch/there"
	stop server-small -KILL
	small_server
	small get configmaps -o name | grep full | sort | diff "$scratch/there" -
	small delete configmap full-1 full-2 full-3
	await 20 small create configmap again --from-literal=a=b
	stop server-small
	on s umount "$lab/s/small"
}

open_two_nodes
run_tests bad_input
