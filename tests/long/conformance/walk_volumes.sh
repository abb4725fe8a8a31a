# walk_volumes.sh - test/e2e/common/storage and the subpaths of test/e2e/storage: what pods see of their volumes.
# shellcheck shell=bash disable=SC2016,SC2154,SC2317

# The volumes and the source that is in them: config NAME, secret NAME, projected or by itself.  sources KIND NAME [FIELDS]
volume() {
	local shape=$1 kind=$2 name=$3 fields=${4:+, $4}
	case $shape.$kind in
	plain.config) echo "configMap: {name: $name$fields}" ;;
	plain.secret) echo "secret: {secretName: $name$fields}" ;;
	projected.config) echo "projected: {sources: [{configMap: {name: $name$fields}}]}" ;;
	projected.secret) echo "projected: {sources: [{secret: {name: $name$fields}}]}" ;;
	esac
}

# with_mode SHAPE KIND NAME MODE: the default mode stands beside the sources when they are projected.
with_mode() {
	case $1 in
	plain) volume "$1" "$2" "$3" "defaultMode: $4" ;;
	projected) volume "$1" "$2" "$3" | sed "s/projected: {/projected: {defaultMode: $4, /" ;;
	esac
}

source_of() {
	case $1 in
	config) k create configmap "$2" "${@:3}" ;;
	secret) k create secret generic "$2" "${@:3}" ;;
	esac > /dev/null
}

# file_says VOLUME FILE MODE WORDS [POD FIELDS] [CONTAINER FIELDS]
file_says() {
	prints "${5:+$5, }volumes: [{name: v, $1}], containers: [{$(does "stat -Lc 'mode %A' /etc/v/$2; cat /etc/v/$2"), volumeMounts: [{name: v, mountPath: /etc/v, readOnly: true}]}]" "mode $3" "$4"
}

three='--from-literal=data-1=value-1 --from-literal=data-2=value-2 --from-literal=data-3=value-3'

# source_read SHAPE KIND WHAT: the tests that read one file, by what is special.
source_read() {
	# shellcheck disable=SC2086
	source_of "$2" s $three
	local user='securityContext: {runAsUser: 1000}' item='items: [{key: data-2, path: path/to/data-2}]'
	case $3 in
	simple) file_says "$(volume "$1" "$2" s)" data-1 -rw-r--r-- value-1 ;;
	mode) file_says "$(with_mode "$1" "$2" s 0400)" data-1 -r-------- value-1 ;;
	user) file_says "$(volume "$1" "$2" s)" data-1 -rw-r--r-- value-1 "$user" ;;
	user-mode-group) file_says "$(with_mode "$1" "$2" s 0440)" data-1 -r--r----- value-1 'securityContext: {runAsUser: 1000, fsGroup: 1001}' ;;
	group) file_says "$(volume "$1" "$2" s)" data-1 -rw-r--r-- value-1 'securityContext: {runAsUser: 1000, fsGroup: 1001}' ;;
	map) file_says "$(volume "$1" "$2" s "$item")" path/to/data-2 -rw-r--r-- value-2 ;;
	map-mode) file_says "$(volume "$1" "$2" s 'items: [{key: data-2, path: path/to/data-2, mode: 0400}]')" path/to/data-2 -r-------- value-2 ;;
	map-user) file_says "$(volume "$1" "$2" s "$item")" path/to/data-2 -rw-r--r-- value-2 "$user" ;;
	map-user-group) file_says "$(volume "$1" "$2" s "$item")" path/to/data-2 -rw-r--r-- value-2 'securityContext: {runAsUser: 1000, fsGroup: 1001}' ;;
	twice)
		prints "volumes: [{name: v, $(volume "$1" "$2" s)}, {name: w, $(volume "$1" "$2" s)}], containers: [{$(does 'cat /etc/v/data-1 && cat /etc/w/data-1'), volumeMounts: [{name: v, mountPath: /etc/v, readOnly: true}, {name: w, mountPath: /etc/w, readOnly: true}]}]" value-1value-1
		;;
	other-namespace)
		"$kubectl_in_lab" create namespace "$ns-other"
		"$kubectl_in_lab" -n "$ns-other" create secret generic s --from-literal=data-1=other
		file_says "$(volume "$1" "$2" s)" data-1 -rw-r--r-- value-1
		"$kubectl_in_lab" delete namespace "$ns-other" --wait=false
		;;
	esac
}

source_binary() {
	printf 'dump: \336\312\376\272\320\376\377' > "$scratch/$ns.bin"
	k create configmap b --from-literal=data-1=value-1 --from-file=dump.bin="$scratch/$ns.bin"
	pod_with b "volumes: [{name: v, configMap: {name: b}}], containers: [{$waits, volumeMounts: [{name: v, mountPath: /v}]}]"
	ready b
	equal value-1 in_a b 'cat /v/data-1'
	in_a b 'cat /v/dump.bin' | cmp - "$scratch/$ns.bin"
}

# source_updated SHAPE: one ConfigMap, its new value is seen.
source_updated() {
	k create configmap u --from-literal=data-1=value-1
	pod_with u "volumes: [{name: v, $(volume "$1" config u)}], containers: [{$waits, volumeMounts: [{name: v, mountPath: /v}]}]"
	ready u
	equal value-1 in_a u 'cat /v/data-1'
	k patch configmap u -p '{"data":{"data-1":"value-2"}}'
	becomes 90 value-2 in_a u 'cat /v/data-1'
}

# source_optional SHAPE KIND: made, changed and deleted while the pod runs.
source_optional() {
	local resource=configmap
	[ "$2" = config ] || resource=secret
	source_of "$2" del --from-literal=data-1=value-1
	source_of "$2" upd --from-literal=data-1=value-1
	pod_with o "volumes: [{name: d, $(volume "$1" "$2" del 'optional: true')}, {name: u, $(volume "$1" "$2" upd 'optional: true')}, {name: c, $(volume "$1" "$2" cre 'optional: true')}], containers: [{$waits, volumeMounts: [{name: d, mountPath: /d}, {name: u, mountPath: /u}, {name: c, mountPath: /c}]}]"
	ready o
	equal value-1 in_a o 'cat /d/data-1'
	refuses "can't open '/c/data-1'" in_a o 'cat /c/data-1'
	refuses "can't open '/u/data-3'" in_a o 'cat /u/data-3'
	k delete "$resource" del
	k patch "$resource" upd --type=merge -p '{"data":{"data-1":null,"data-3":"dmFsdWUtMw=="}}'
	source_of "$2" cre --from-literal=data-1=value-1
	becomes 90 value-1 in_a o 'cat /c/data-1'
	if [ "$2" = secret ]; then third=value-3; else third=dmFsdWUtMw==; fi
	becomes 90 "$third" in_a o 'cat /u/data-3'
	absent() { ! in_a o 'cat /d/data-1' > /dev/null 2>&1; }
	await 90 absent
}

# source_immutable RESOURCE
source_immutable() {
	source_of "$2" i --from-literal=data-1=value-1
	k patch "$1" i --type=merge -p '{"data":{"data-4":"dmFsdWUtNA=="}}'
	k patch "$1" i --type=merge -p '{"immutable":true}'
	refuses 'field is immutable when `immutable` is set' k patch "$1" i --type=merge -p '{"data":{"data-4":"dmFsdWUtNQ=="}}'
	refuses 'immutable: Forbidden: field is immutable when `immutable` is set' k patch "$1" i --type=merge -p '{"immutable":false}'
	refuses 'immutable: Forbidden: field is immutable when `immutable` is set' k patch "$1" i --type=merge -p '{"immutable":null}'
	k label "$1" i label1=value1
	equal "value1 dmFsdWUtNA==" of "$1/i" '{.metadata.labels.label1} {.data.data-4}'
	k delete "$1" i
}

# source_missing VOLUME TEXT: the pod waits and says what is missing.
source_missing() {
	k create configmap have --from-literal=a=b
	k create secret generic have --from-literal=a=b
	pod_with m "volumes: [{name: v, $1}], containers: [{$waits, volumeMounts: [{name: v, mountPath: /v}]}]"
	await 60 told m FailedMount "$2"
	equal Pending of pod/m '{.status.phase}'
}

# --- downward API volumes ---

# items SHAPE ITEMS [FIELDS]
items() {
	case $1 in
	plain) echo "downwardAPI: {${3:+$3, }items: [$2]}" ;;
	projected) echo "projected: {${3:+$3, }sources: [{downwardAPI: {items: [$2]}}]}" ;;
	esac
}

podname='path: podname, fieldRef: {fieldPath: metadata.name}'

# about_pod SHAPE WHAT
about_pod() {
	case $2 in
	name) file_says "$(items "$1" "{$podname}")" podname -rw-r--r-- prints ;;
	mode) file_says "$(items "$1" "{$podname}" 'defaultMode: 0400')" podname -r-------- prints ;;
	item-mode) file_says "$(items "$1" "{$podname, mode: 0400}")" podname -r-------- prints ;;
	group) file_says "$(items "$1" "{$podname}")" podname -rw-r--r-- prints 'securityContext: {runAsUser: 1000, fsGroup: 1234}' ;;
	group-mode) file_says "$(items "$1" "{$podname, mode: 0440}")" podname -r--r----- prints 'securityContext: {runAsUser: 1000, fsGroup: 1234}' ;;
	esac
}

# changes_seen SHAPE labels|annotations
changes_seen() {
	pod_with c "volumes: [{name: v, $(items "$1" "{path: f, fieldRef: {fieldPath: metadata.$2}}")}], containers: [{$waits, volumeMounts: [{name: v, mountPath: /etc/v}]}]" "$2: {key1: value1, key2: value2}"
	ready c
	becomes 30 $'key1="value1"\nkey2="value2"' in_a c "grep ^key /etc/v/f"
	if [ "$2" = labels ]; then k label pod c key3=value3; else k annotate pod c key3=value3; fi
	becomes 90 $'key1="value1"\nkey2="value2"\nkey3="value3"' in_a c "grep ^key /etc/v/f"
}

# amount SHAPE RESOURCE WANTED [no-resources]
amount() {
	local sizes='resources: {requests: {cpu: 250m, memory: 32Mi}, limits: {cpu: 1250m, memory: 64Mi}}'
	[ -z "${4:-}" ] || sizes='resources: {}'
	wanted=$3
	case $3 in node-*) wanted=$(node_gives "${3#node-}") ;; esac
	prints "volumes: [{name: v, $(items "$1" "{path: f, resourceFieldRef: {containerName: a, resource: $2}}")}], containers: [{$(does 'echo "is $(cat /etc/v/f) now"'), $sizes, volumeMounts: [{name: v, mountPath: /etc/v}]}]" "is $wanted now"
}

all_projected() {
	k create configmap c --from-literal=configmap-data=configmap-value-1
	k create secret generic s --from-literal=secret-data=secret-value-1
	prints "volumes: [{name: v, projected: {sources: [{secret: {name: s}}, {configMap: {name: c}}, {downwardAPI: {items: [{$podname}]}}]}}], containers: [{$(does 'cat /all/podname /all/secret-data /all/configmap-data'), volumeMounts: [{name: v, mountPath: /all}]}]" printssecret-value-1configmap-value-1
}

# --- emptyDir, hostPath ---

empty_of() {
	if [ "$1" = tmpfs ]; then echo "emptyDir: {medium: Memory}"; else echo "emptyDir: {}"; fi
}

as_user() {
	if [ "$1" = non-root ]; then echo "securityContext: {runAsUser: 1001${2:+, $2}}"; else echo "securityContext: {${2:-}}"; fi
}

# empty_dir USER MODE MEDIUM: a new file of that mode.
empty_dir() {
	local letters
	case $2 in 0644) letters=-rw-r--r-- ;; 0666) letters=-rw-rw-rw- ;; 0777) letters=-rwxrwxrwx ;; esac
	kind=$(if [ "$3" = tmpfs ]; then echo "type tmpfs"; else echo "type"; fi)
	prints "$(as_user "$1"), volumes: [{name: v, $(empty_of "$3")}], containers: [{$(does "stat -fc 'type %T' /v; umask 0; echo 'mount-tester new file' > /v/f; chmod $2 /v/f; stat -c 'mode %A' /v/f; cat /v/f"), volumeMounts: [{name: v, mountPath: /v}]}]" "$kind" "mode $letters" 'mount-tester new file'
}

# empty_dir_mode MEDIUM WANTED [POD FIELDS]
empty_dir_mode() {
	prints "${3:+$3, }volumes: [{name: v, $(empty_of "$1")}], containers: [{$(does "stat -c 'mode %A %g' /v; stat -fc 'type %T' /v"), volumeMounts: [{name: v, mountPath: /v}]}]" "mode $2" "type $([ "$1" != tmpfs ] || echo tmpfs)"
}

# empty_dir_group USER: files are of the group of the volume.
empty_dir_group() {
	prints "$(as_user "$1" 'fsGroup: 123'), volumes: [{name: v, $(empty_of "$2")}], containers: [{$(does "echo x > /v/f; stat -c 'group %g' /v/f"), volumeMounts: [{name: v, mountPath: /v}]}]" "group 123"
}

empty_dir_sub_path() {
	prints "securityContext: {fsGroup: 123}, volumes: [{name: v, emptyDir: {}}], containers: [{$(does "stat -c 'mode %A %g' /v"), volumeMounts: [{name: v, mountPath: /v, subPath: test-sub}]}]" "mode drwxrwsrwx 123"
}

empty_dir_shared() {
	pod_with s "volumes: [{name: v, emptyDir: {}}], containers: [{name: a, image: 'web:1', command: [sh, -c, 'sleep 100000'], volumeMounts: [{name: v, mountPath: /usr/share/volumeshare}]}, {name: b, image: 'web:1', command: [sh, -c, 'echo Hello from the busy-box sub-container > /pod-data/shareddata.txt; sleep 100000'], volumeMounts: [{name: v, mountPath: /pod-data}]}]"
	ready s
	becomes 30 "Hello from the busy-box sub-container" in_a s 'cat /usr/share/volumeshare/shareddata.txt'
}

empty_dir_limited() {
	prints "volumes: [{name: v, emptyDir: {medium: Memory, sizeLimit: 10Mi}}], containers: [{$(does 'df -m /v | tail -n 1'), resources: {limits: {memory: 64Mi}}, volumeMounts: [{name: v, mountPath: /v}]}]" " 10 "
}

wrappers_do_not_conflict() {
	k create secret generic s --from-literal=data-1=value-1
	k create configmap c --from-literal=data-1=value-1
	pod_with w "volumes: [{name: s, secret: {secretName: s}}, {name: c, configMap: {name: c}}], containers: [{$waits, volumeMounts: [{name: s, mountPath: /etc/secret, readOnly: true}, {name: c, mountPath: /etc/config}]}]"
	ready w
}

# Fifty ConfigMaps in each of five pods, three times.
wrappers_do_not_race() {
	for i in $(seq 50); do printf -- '---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: racey-%s}, data: {data-1: value-1}}\n' "$i"; done | k create -f - > /dev/null
	volumes=$(for i in $(seq 50); do printf '{name: r%s, configMap: {name: racey-%s, items: [{key: data-1, path: data-1}]}},' "$i" "$i"; done)
	mounts=$(for i in $(seq 50); do printf '{name: r%s, mountPath: /etc/r%s},' "$i" "$i"; done)
	for turn in 1 2 3; do
		printf '# yaml\n{apiVersion: v1, kind: ReplicationController, metadata: {name: rc%s}, spec: {replicas: 5, selector: {name: rc%s}, template: {metadata: {labels: {name: rc%s}}, spec: {terminationGracePeriodSeconds: 0, volumes: [%s], containers: [{%s, volumeMounts: [%s]}]}}}}\n' \
			$turn $turn $turn "${volumes%,}" "$waits" "${mounts%,}" | k create -f -
		becomes 150 5 of "replicationcontroller/rc$turn" '{.status.readyReplicas}'
		k delete replicationcontroller "rc$turn" --timeout=60s
	done
}

host_path_mode() {
	mkdir -p "$lab/host-$ns"
	chmod 1777 "$lab/host-$ns"
	prints "volumes: [{name: v, hostPath: {path: $lab/host-$ns}}], containers: [{$(does "stat -c 'mode %A' /v"), volumeMounts: [{name: v, mountPath: /v}]}]" 'mode drwxrwxrwt'
}

host_path_written() {
	mkdir -p "$lab/host-$ns"
	prints "volumes: [{name: v, hostPath: {path: $lab/host-$ns}}], containers: [{$(does 'until cat /v/f 2> /dev/null; do sleep 1; done'), volumeMounts: [{name: v, mountPath: /v}]}, {name: b, image: 'web:1', command: [sh, -c, 'echo words > /v/f'], volumeMounts: [{name: v, mountPath: /v}]}]" words
}

host_path_sub() {
	mkdir -p "$lab/host-$ns"
	echo words > "$lab/host-$ns/f" # in the sub path's folder nothing is yet
	prints "volumes: [{name: v, hostPath: {path: $lab/host-$ns}}], containers: [{$(does 'echo sub > /v/g; cat /v/g'), volumeMounts: [{name: v, mountPath: /v, subPath: sub-path}]}]" sub
	equal sub cat "$lab/host-$ns/sub-path/g"
}

# host_path_type TYPE THERE [TEXT]: mounted, or refused with the text.
host_path_type() {
	mkdir -p "$lab/host-$ns"
	echo x > "$lab/host-$ns/afile"
	mkdir "$lab/host-$ns/adir"
	pod_with t "restartPolicy: Never, volumes: [{name: v, hostPath: {path: $lab/host-$ns/$2, type: '$1'}}], containers: [{$(does true), volumeMounts: [{name: v, mountPath: /v}]}]"
	if [ -n "${3:-}" ]; then await 60 told t FailedMount "$3"; else phase t Succeeded; fi
}

# --- subpaths of what is written as a whole ---

# sub_path VOLUME FILE WORDS [MOUNT]: an init container reads the file first, then the container, with the sub path.
sub_path() {
	k create configmap c --from-literal=configmap-key=configmap-value
	k create secret generic s --from-literal=secret-key=secret-value
	local at=${4:-/test-volume} mount="{name: v, mountPath: ${4:-/test-volume}, subPath: $2}"
	pod_with p "restartPolicy: Never, volumes: [{name: v, $1}], initContainers: [{name: i, image: 'web:1', command: [sh, -c, 'cat /probe/$2'], volumeMounts: [{name: v, mountPath: /probe}]}], containers: [{$(does "for i in 1 2 3 4 5; do cat $at; echo; sleep 1; done"), volumeMounts: [$mount]}]"
	phase p Succeeded
	equal 5 sh -c "echo '$(k logs p)' | grep -c '^$3$'"
}
