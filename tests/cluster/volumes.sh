#!/bin/bash
# volumes.sh - every type of volume on one node, as pods see it, with the real kubectl.
#
# Goal: files of the API change as a whole, modes and groups are those asked for, mounts go where they shall, memory is
# limited and given back, and what cannot be mounted is refused in the words of kubelets.
# shellcheck source=tests/cluster/lib.sh
# shellcheck disable=SC2016,SC2119
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

color="\"metadata.labels['color']\""

# pod_of NAME VOLUMES MOUNTS COMMAND [fields of its spec] [fields of its container]: it has one container, a.
pod_of() {
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: $1, labels: {color: blue}}
	spec:
	  restartPolicy: Never
	  terminationGracePeriodSeconds: 0
	  ${5:-}
	  volumes: [$2]
	  containers:
	  - {name: a, image: "web:1", volumeMounts: [$3], command: [sh, -c, "$4"]${6:+, $6}}
	END
}

# waits NAME VOLUMES MOUNTS [fields]: one that stays, and runs.
waits() {
	pod_of "$1" "$2" "$3" 'sleep 1000' "${@:4}"
	await 15 is Running "pod/$1" '{.status.phase}'
}

over() {
	case $(of "pod/$1" '{.status.phase}') in Succeeded | Failed) return 0 ;; esac
	return 1
}

said() {
	await 20 over "$1" > /dev/null && k logs "$1"
}

inside() {
	k exec "$1" -c a -- sh -c "$2"
}

# told OBJECT REASON TEXT: an event about it
told() {
	k get events --field-selector "involvedObject.name=$1,reason=$2" -o 'jsonpath={.items[*].message}' | grep -qF -- "$3"
}

# not_mounted NAME VOLUME TEXT: a pod with it waits, says why and can be deleted nonetheless.
not_mounted() {
	pod_of "$1" "$2" '{name: v, mountPath: /v}' true
	await 10 told "$1" FailedMount "$3" && is Pending "pod/$1" '{.status.phase}' && gone "pod/$1"
}

# refused NAME TEXT: its container is not made, and says why.
refused() {
	await 10 config_error "$1" "$2" && gone "pod/$1"
}

config_error() {
	is CreateContainerConfigError "pod/$1" '{.status.containerStatuses[0].state.waiting.reason}' &&
		of "pod/$1" '{.status.containerStatuses[0].state.waiting.message}' | grep -qF -- "$2"
}

# Goal: who reads in a loop sees all of the old or all of the new.
test_updates_are_whole() {
	k create configmap whole --from-literal=one=1 --from-literal=two=1 --from-literal=gone=1
	k create secret generic hidden --from-literal=one=1
	waits reader '{name: v, configMap: {name: whole}}, {name: s, secret: {secretName: hidden}},
	  {name: d, downwardAPI: {items: [{path: color, fieldRef: {fieldPath: '"$color"'}}]}},
	  {name: p, projected: {sources: [{configMap: {name: whole, items: [{key: one, path: deep/one, mode: 0400}]}},
	    {secret: {name: hidden}}, {downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}}]}}' \
		'{name: v, mountPath: /v}, {name: s, mountPath: /s}, {name: d, mountPath: /d}, {name: p, mountPath: /p},
	  {name: v, mountPath: /single, subPath: one}'
	k exec reader -- sh -c 'while [ ! -e /tmp/end ]; do d=$(readlink /v/..data)
		a=$(cat /v/$d/one) 2> /dev/null; b=$(cat /v/$d/two) 2> /dev/null
		[ "$d" != "$(readlink /v/..data)" ] || [ "$a" = "$b" ] || echo "mixed $a $b"; done' > "$lab/mixed" 2>&1 &
	loop=$!
	inside reader 'readlink /v/one; readlink /p/deep; stat -c %a /p/..data/deep/one; cat /p/name' > "$scratch/links"
	equal $'..data/one\n..data/deep\n400\nreader' cat "$scratch/links"
	for turn in 2 3 4; do
		k create configmap whole --from-literal=one=$turn --from-literal=two=$turn --dry-run=client -o yaml | k replace -f -
		k create secret generic hidden --from-literal=one=s$turn --dry-run=client -o yaml | k replace -f -
		k label pod reader --overwrite color=c$turn
		await 10 seen_all "$turn"
	done
	inside reader 'touch /tmp/end'
	wait "$loop"
	equal "" cat "$lab/mixed"
	equal 1 inside reader 'cat /single'
	expect 'No such file' inside reader 'cat /v/gone'
	gone pod/reader cm/whole secret/hidden
}

seen_all() {
	[ "$(inside reader 'cat /v/one /v/two /s/one /d/color /p/one /p/deep/one')" = "$1$1s$1c$1s$1$1" ]
}

test_files_of_the_api() {
	k create configmap fixed --from-literal=a=1 --from-literal=b=2
	k patch cm fixed -p '{"immutable":true}'
	expect 'field is immutable when `immutable` is set' k patch cm fixed -p '{"data":{"a":"2"}}'
	pod_of files '{name: v, configMap: {name: fixed, defaultMode: 0440, items: [{key: a, path: x/y}, {key: b, path: z, mode: 0600}]}},
	  {name: o, configMap: {name: none, optional: true}}, {name: k, secret: {secretName: none, optional: true}}' \
		'{name: v, mountPath: /v}, {name: o, mountPath: /o}, {name: k, mountPath: /k}' \
		'stat -Lc %a:%g /v/x/y /v/z; ls /o /k; touch /v/new'
	pod_of group '{name: v, configMap: {name: fixed}}' '{name: v, mountPath: /v}' 'stat -Lc %a:%g /v/a' 'securityContext: {fsGroup: 77}'
	equal $'440:0\n600:0\n/k:\n\n/o:\ntouch: /v/new: Read-only file system' said files
	equal '644:77' said group
	gone pod/files pod/group
	not_mounted no-map '{name: v, configMap: {name: none}}' 'MountVolume.SetUp failed for volume "v" : configmap "none" not found'
	not_mounted no-secret '{name: v, secret: {secretName: none}}' 'MountVolume.SetUp failed for volume "v" : secret "none" not found'
	not_mounted no-key '{name: v, configMap: {name: fixed, items: [{key: c, path: c}]}}' \
		'MountVolume.SetUp failed for volume "v" : references non-existent config key: c'
	# It begins as soon as what it waits for is there.
	pod_of late '{name: v, configMap: {name: late}}' '{name: v, mountPath: /v}' 'cat /v/a'
	await 10 told late FailedMount 'configmap "late" not found'
	k create configmap late --from-literal=a=came
	equal came said late
	gone pod/late cm/late cm/fixed
}

test_unknown_types() {
	not_mounted driver '{name: v, csi: {driver: x.example.com}}' 'driver name x.example.com not found in the list of registered CSI drivers'
	not_mounted disks '{name: v, iscsi: {targetPortal: 10.0.0.1, iqn: iqn.2001-04.com.example:x, lun: 0}}' \
		'MountVolume.SetUp failed for volume "v" : this node has no volumes of the type iscsi'
	not_mounted bundle '{name: v, projected: {sources: [{clusterTrustBundle: {name: x, path: x}}]}}' \
		'this node has no projected sources of the type clusterTrustBundle'
	not_mounted nowhere '{name: v, nfs: {server: 127.0.0.1, path: /none}}' 'MountVolume.SetUp failed for volume "v"'
}

test_host_paths() {
	mkdir -p "$lab/h/dir"
	touch "$lab/h/file"
	mknod "$lab/h/char" c 1 3
	mknod "$lab/h/block" b 7 99
	"$tar_image/base/bin/busybox" nc -l -U "$lab/h/socket" 2> /dev/null &
	listener=$!
	[ -S "$lab/h/socket" ] || { kill "$listener" 2> /dev/null || true; python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('$lab/h/socket')"; }
	good='' mounts=''
	for row in Directory:dir File:file CharDevice:char BlockDevice:block Socket:socket DirectoryOrCreate:new/dir FileOrCreate:fresh; do
		name=$(echo "${row%%:*}" | tr '[:upper:]' '[:lower:]')
		good+="{name: $name, hostPath: {path: $lab/h/${row#*:}, type: ${row%%:*}}}, "
		mounts+="{name: $name, mountPath: /h/$name}, "
	done
	pod_of hosts "$good{name: any, hostPath: {path: $lab/h/any}}" "$mounts{name: any, mountPath: /h/any, readOnly: true}" \
		'cd /h; for f in *; do stat -c %n:%F $f; done; touch any/x'
	equal 'any:directory
blockdevice:block special file
chardevice:character special file
directory:directory
directoryorcreate:directory
file:regular empty file
fileorcreate:regular empty file
socket:socket
touch: any/x: Read-only file system' said hosts
	gone pod/hosts
	equal $'755\n644' stat -c %a "$lab/h/new/dir" "$lab/h/fresh"
	for row in 'Directory:file:a directory' 'File:dir:a file' 'Socket:file:a socket file' 'CharDevice:block:a character device' \
		'BlockDevice:char:a block device' 'Directory:none:a directory' 'DirectoryOrCreate:file:a directory' 'FileOrCreate:dir:a file'; do
		IFS=: read -r type path words <<< "$row"
		name=bad-$(echo "$type-$path" | tr '[:upper:]' '[:lower:]')
		pod_of "$name" "{name: v, hostPath: {path: $lab/h/$path, type: $type}}" '{name: v, mountPath: /v}' true
		await 10 told "$name" FailedMount "MountVolume.SetUp failed for volume \"v\" : hostPath type check failed: $lab/h/$path is not $words"
		names+=" pod/$name"
	done
	# shellcheck disable=SC2086
	gone $names
}

test_sub_paths() {
	mkdir -p "$lab/sub"
	chmod 2771 "$lab/sub"
	chgrp 55 "$lab/sub"
	ln -s / "$lab/sub/out"
	ln -s "$lab" "$lab/sub/lab"
	echo text > "$lab/sub/file"
	volume="{name: v, hostPath: {path: $lab/sub}}"
	pod_of subs "$volume" '{name: v, mountPath: /new, subPath: made/here}, {name: v, mountPath: /one, subPath: file},
	  {name: v, mountPath: /expr, subPathExpr: "$(WHO)/$(COLOR)"}' 'touch /expr/x; cat /one; stat -c %a:%g /new' '' \
		'env: [{name: WHO, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: COLOR, valueFrom: {fieldRef: {fieldPath: '"$color"'}}}]'
	equal $'text\n2771:55' said subs
	[ -e "$lab/sub/subs/blue/x" ]
	gone pod/subs
	for row in out out/etc lab/pods-seen; do
		pod_of escape "$volume" "{name: v, mountPath: /v, subPath: $row}" 'ls /v'
		refused escape 'failed to prepare subPath for volumeMount "v" of container "a"'
	done
	pod_of escape "$volume" '{name: v, mountPath: /v, subPath: file/x}' 'ls /v'
	refused escape 'for volumeMount "v" of container "a"'
	pod_of escape "$volume" '{name: v, mountPath: /v, subPathExpr: "$(UP)"}' 'ls /v' '' 'env: [{name: UP, value: ../x}]'
	refused escape "unable to provision SubPath \`../x\`: must not contain '..'"
	expect "must not contain '..'" pod_of escape "$volume" '{name: v, mountPath: /v, subPath: ../x}' 'ls /v'
}

# A folder of the node whose mounts are seen by those who ask.
shared_folder() {
	mkdir -p "$1"
	on n1 mount -t tmpfs shared "$1"
	on n1 mount --make-shared "$1"
}

test_propagation() {
	shared_folder "$lab/spread"
	on n1 mkdir "$lab/spread/in" "$lab/spread/out"
	volume="{name: v, hostPath: {path: $lab/spread}}"
	waits none "$volume" '{name: v, mountPath: /v}'
	waits to "$volume" '{name: v, mountPath: /v, mountPropagation: HostToContainer}'
	waits both "$volume" '{name: v, mountPath: /v, mountPropagation: Bidirectional}' '' 'securityContext: {privileged: true}'
	on n1 mount -t tmpfs host "$lab/spread/in"
	inside both 'mount -t tmpfs pod /v/out'
	for row in none:0 to:2 both:2; do
		equal "${row#*:}" inside "${row%%:*}" 'grep -c " /v/" /proc/self/mountinfo || true'
	done
	on n1 findmnt "$lab/spread/out"
	# What a container mounts is its own otherwise.
	gone pod/none pod/to pod/both
	on n1 umount "$lab/spread/out" "$lab/spread/in"
	on n1 umount "$lab/spread"
	mkdir -p "$lab/alone"
	pod_of alone "{name: v, hostPath: {path: $lab/alone}}" '{name: v, mountPath: /v, mountPropagation: Bidirectional}' true '' \
		'securityContext: {privileged: true}'
	refused alone 'but it is not a shared mount'
	expect 'Bidirectional mount propagation is available only to privileged containers' \
		pod_of alone '{name: v, emptyDir: {}}' '{name: v, mountPath: /v, mountPropagation: Bidirectional}' true
}

test_read_only_recursion() {
	on n1 mkdir -p "$lab/deep/below"
	on n1 mount -t tmpfs below "$lab/deep/below"
	waits deep "{name: v, hostPath: {path: $lab/deep}}" '{name: v, mountPath: /plain, readOnly: true},
	  {name: v, mountPath: /off, readOnly: true, recursiveReadOnly: Disabled},
	  {name: v, mountPath: /maybe, readOnly: true, recursiveReadOnly: IfPossible},
	  {name: v, mountPath: /on, readOnly: true, recursiveReadOnly: Enabled}, {name: v, mountPath: /free}'
	equal 'free
free/below
off/below
plain/below' inside deep 'cd /; for d in free off plain maybe on; do for e in $d $d/below; do touch $e/x 2> /dev/null && echo $e; done; done | sort'
	equal 'Disabled Disabled Enabled Enabled' of pod/deep \
		'{.status.containerStatuses[0].volumeMounts[?(@.readOnly==true)].recursiveReadOnly}' ||
		of pod/deep '{.status.containerStatuses[0].volumeMounts}'
	equal true of node/n1 '{.status.runtimeHandlers[0].features.recursiveReadOnlyMounts}'
	gone pod/deep
	on n1 umount "$lab/deep/below"
}

memory_of() {
	on n1 grep -c "/$1/volumes/m tmpfs\|/$1/volumes/m .* tmpfs" /proc/self/mountinfo || true
}

is_given_back() {
	[ "$(memory_of "$1")" = 0 ] && [ ! -e "$lab/n1/data/agent/pods/$1/volumes" ]
}

test_empty_folders() {
	k apply -f - <<- 'END'
	apiVersion: v1
	kind: Pod
	metadata: {name: empty}
	spec:
	  terminationGracePeriodSeconds: 0
	  volumes: [{name: v, emptyDir: {}}, {name: m, emptyDir: {medium: Memory, sizeLimit: 1Mi}}, {name: w, emptyDir: {medium: Memory}}]
	  initContainers:
	  - {name: i, image: "web:1", volumeMounts: [{name: v, mountPath: /v}], command: [sh, -c, "echo init >> /v/log"]}
	  containers:
	  - name: a
	    image: web:1
	    volumeMounts: [{name: v, mountPath: /v}, {name: m, mountPath: /m}, {name: w, mountPath: /w}]
	    command: [sh, -c, "echo start >> /v/log; [ $(grep -c start /v/log) = 2 ] || exit 1; sleep 1000"]
	    resources: {limits: {memory: 32Mi}}
	  - {name: b, image: "web:1", volumeMounts: [{name: v, mountPath: /v}], command: [sleep, "1000"], resources: {limits: {memory: 16Mi}}}
	END
	await 20 is 1 pod/empty '{.status.containerStatuses[0].restartCount}'
	await 20 is true pod/empty '{.status.containerStatuses[0].ready}'
	equal $'init\nstart\nstart' k exec empty -c b -- cat /v/log
	equal '777' inside empty 'stat -c %a /v'
	expect 'No space' inside empty 'dd if=/dev/zero of=/m/x bs=1M count=2'
	equal 49152 inside empty 'df -k /w | tail -1 | tr -s " " | cut -d " " -f 2'
	# The memory that it holds is the container's.
	expect 'exit code 137' inside empty 'dd if=/dev/zero of=/w/x bs=1M count=40'
	# Ephemeral containers have the volumes, too.
	k patch pod empty --subresource=ephemeralcontainers -p '{"spec":{"ephemeralContainers":[{"name":"e","image":"web:1","volumeMounts":[{"name":"v","mountPath":"/e"}],"command":["cat","/e/log"]}]}}'
	await 10 expect init k logs empty -c e
	gone pod/empty
	# A pod that is over holds no memory.
	pod_of spent '{name: m, emptyDir: {medium: Memory}}, {name: v, emptyDir: {}}' '{name: m, mountPath: /m}, {name: v, mountPath: /v}' 'echo x > /m/x; echo said'
	equal said said spent
	uid=$(of pod/spent '{.metadata.uid}')
	await 5 is_given_back "$uid"
	equal said k logs spent
	gone pod/spent
}

# claim NAME CLASS MODE
claim() {
	k apply -f - <<- END
	apiVersion: v1
	kind: PersistentVolumeClaim
	metadata: {name: $1}
	spec: {accessModes: [$3], resources: {requests: {storage: 1Mi}}, storageClassName: "$2"}
	END
}

test_claims() {
	claim shared local-path ReadWriteOnce
	volume='{name: v, persistentVolumeClaim: {claimName: shared}}'
	waits first "$volume" '{name: v, mountPath: /v}'
	equal 777 inside first 'stat -c %a /v'
	inside first 'mkdir /v/d; echo x > /v/d/x; chmod 700 /v/d; chmod 600 /v/d/x'
	# A second on the same node; the group gets all, unless the top is its already.
	waits second "$volume" '{name: v, mountPath: /v}' 'securityContext: {fsGroup: 88}'
	equal $'2777:88\n2770:88\n660:88' inside second 'stat -c %a:%g /v /v/d /v/d/x'
	inside first 'chmod 600 /v/d/x; chgrp 0 /v/d/x'
	waits third "$volume" '{name: v, mountPath: /v}' 'securityContext: {fsGroup: 88, fsGroupChangePolicy: OnRootMismatch}'
	equal 600:0 inside third 'stat -c %a:%g /v/d/x'
	pod_of reads '{name: v, persistentVolumeClaim: {claimName: shared, readOnly: true}}' '{name: v, mountPath: /v}' 'cat /v/d/x; touch /v/y'
	equal $'x\ntouch: /v/y: Read-only file system' said reads
	k delete pvc shared --wait=false
	gone pod/first pod/second pod/third
	equal '["kubernetes.io/pvc-protection"]' of pvc/shared '{.metadata.finalizers}'
	gone pod/reads
	await 10 is_missing pvc/shared
}

is_missing() {
	[ -z "$(k get "$1" --ignore-not-found -o name)" ]
}

# local_volume NAME NODE: with a claim of that name.
local_volume() {
	k apply -f - <<- END
	apiVersion: v1
	kind: PersistentVolume
	metadata: {name: $1}
	spec:
	  accessModes: [ReadWriteOnce]
	  capacity: {storage: 1Mi}
	  storageClassName: $1
	  local: {path: $lab/$1}
	  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [$2]}]}]}}
	END
	claim "$1" "$1" ReadWriteOnce
	await 5 is Bound "pvc/$1" '{.status.phase}'
}

test_local_volumes() {
	mkdir -p "$lab/near"
	local_volume near n1
	local_volume far n9
	local_volume lacks n1
	pod_of near '{name: v, persistentVolumeClaim: {claimName: near}}' '{name: v, mountPath: /v}' 'echo here > /v/x'
	pod_of far '{name: v, persistentVolumeClaim: {claimName: far}}' '{name: v, mountPath: /v}' true
	pod_of unbound '{name: v, persistentVolumeClaim: {claimName: none}}' '{name: v, mountPath: /v}' true
	pod_of lacks '{name: v, persistentVolumeClaim: {claimName: lacks}}' '{name: v, mountPath: /v}' true
	pod_of direct '{name: v, persistentVolumeClaim: {claimName: none}}' '{name: v, mountPath: /v}' true 'nodeName: n1'
	await 15 over near
	equal here cat "$lab/near/x"
	await 10 told far FailedScheduling '0/1 nodes are available: 1 node(s) had volume node affinity conflict'
	await 10 told unbound FailedScheduling 'persistentvolumeclaim "none" not found'
	await 10 told lacks FailedMount "path \"$lab/lacks\" does not exist"
	await 10 told direct FailedMount 'Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process volumes=[v]: error processing PVC default/none: failed to fetch PVC from API server: persistentvolumeclaims "none" not found'
	gone pod/near pod/far pod/unbound pod/lacks pod/direct
	gone pvc/near pvc/far pvc/lacks pv/near pv/far pv/lacks
}

one_node_up() {
	lab_open
	host_add s 172.30.0.1
	host_add n1 172.30.0.11
	image_make web:1 one
	image_give n1 "$tar_image/web-1.tar"
	server_start
	agent_start n1
}

# Not in a condition: bash would go on after a failure in it.
( set -e; one_node_up )
# shellcheck disable=SC2181
[ $? = 0 ] || { cat "$lab"/*/log; exit 1; }
export KUBECONFIG="$lab/kubeconfig"
run_tests volumes
