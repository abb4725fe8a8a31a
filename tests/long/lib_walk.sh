# lib_walk.sh - what the walks through Kubernetes' end-to-end tests share: a cluster, one namespace for a test, rows.
# shellcheck shell=bash disable=SC2154,SC2034,SC2317
#
# conforms LIST NAME FUNCTION [ARGUMENTS] runs the function in a namespace of its own ($ns), several at once, and makes a row.
# LIST says where the name stands: C Conformance, N NodeConformance alone, E other end-to-end tests of the same folders.
# alone LIST NAME FUNCTION ... : nothing else runs at the time.  cannot LIST NAME REASON: it is not played here.  differs LIST
# NAME REASON: it would fail, on purpose.
# The images of the original cannot be fetched: busybox under each of its names does what their programs do.

at_once=${MOTE_CONFORMANCE_JOBS:-4}
rows=$scratch/rows
number=0
ns=default
mkdir -p "$rows"
mkfifo "$scratch/places"
exec 7<> "$scratch/places"
for _ in $(seq "$at_once"); do echo >&7; done

# Seconds for what starts or ends on a machine that has other work, too.
soon=90

k() {
	nsenter --target "$(cat "$lab/host-s.pid")" --net -- timeout "${k_seconds:-120}" "$kubectl" --namespace "$ns" "$@"
}

play() {
	local row=$1 name=$3
	ns=c$row
	{
		"$kubectl_in_lab" create namespace "$ns" && await 10 k get serviceaccount default
		( set -e; "${@:4}" )
	} > "$rows/$row.out" 2>&1 < /dev/null
	# Not in a condition: bash would go on after a failure in it.
	# shellcheck disable=SC2181
	if [ $? = 0 ]; then word=passes; else word=fails; fi
	printf '%s\t%s\t%s\t%s\n' "$word" "$2" "$name" "$4" > "$rows/$row.row"
	if [ "$word" = passes ]; then echo "passes  $name"; else
		echo "fails   $name"
		sed 's/^/    /' "$rows/$row.out"
	fi
	"$kubectl_in_lab" delete namespace "$ns" --wait=false > /dev/null 2>&1
}

conforms() {
	[[ $2 == *"${TEST:-}"* ]] || return 0
	number=$((number + 1))
	read -r -u 7
	{ play "$(printf %03d "$number")" "$@"; echo >&7; } &
}

alone() {
	[[ $2 == *"${TEST:-}"* ]] || return 0
	number=$((number + 1))
	for _ in $(seq "$at_once"); do read -r -u 7; done
	play "$(printf %03d "$number")" "$@"
	for _ in $(seq "$at_once"); do echo >&7; done
}

cannot() {
	unplayed "cannot run" "$@"
}

differs() {
	unplayed "differs" "$@"
}

unplayed() {
	[[ $3 == *"${TEST:-}"* ]] || return 0
	number=$((number + 1))
	printf '%s: %s\t%s\t%s\t\n' "$1" "$4" "$2" "$3" > "$rows/$(printf %03d "$number").row"
}

# Waits for all and sums up; MOTE_CONFORMANCE_TABLE: a file for the rows of the page's table.
rows_end() {
	for _ in $(seq "$at_once"); do read -r -u 7; done
	passed=$(cat "$rows"/*.row | grep -c '^passes')
	failures=$(cat "$rows"/*.row | grep -c '^fails')
	if [ -n "${MOTE_CONFORMANCE_TABLE:-}" ]; then
		awk -F '\t' '{ printf "| %s | %s | %s | %s |\n", $3, $2, $1, $4 == "" ? "" : "`" $4 "`" }' "$rows"/*.row > "$MOTE_CONFORMANCE_TABLE"
	fi
	echo "$1: $passed passed, $failures failed"
	[ "$failures" = 0 ] && [ "$passed" -gt 0 ]
}

# --- a cluster of a server and the node n1 ---

# image_config NAME:TAG JSON [DIGEST]: another configuration for an image made by image_make, and its last layer's digest.
image_config() {
	local work=$tar_image/${1/:/-}
	python3 - "$work/out/config.json" "$2" "${3:-}" <<- 'END'
	import json, sys
	with open(sys.argv[1]) as file: whole = json.load(file)
	whole["config"] = json.loads(sys.argv[2])
	if sys.argv[3]: whole["rootfs"]["diff_ids"][-1] = "sha256:" + sys.argv[3]
	with open(sys.argv[1], "w") as file: json.dump(whole, file)
	END
	tar -C "$work/out" -cf "$tar_image/${1/:/-}.tar" manifest.json config.json base page
}

# An image with a server of the gRPC health service for nc: what it says is the same for each question, as bytes of HTTP/2:
# settings, their acknowledgement, the answer's head, "serving", its trailers.
grpc_image() {
	image_make grpc:1 five
	python3 - "$tar_image/grpc-1/www/health" <<- 'END'
	import os, struct, sys
	def frame(kind, flags, stream, body):
	    return struct.pack(">I", len(body))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + body
	def field(name, value):
	    return b"\x00" + bytes((len(name),)) + name + bytes((len(value),)) + value
	words = (frame(4, 0, 0, b"") + frame(4, 1, 0, b"")
	         + frame(1, 4, 1, b"\x88" + field(b"content-type", b"application/grpc"))
	         + frame(0, 0, 1, b"\0\0\0\0\x02\x08\x01") + frame(1, 5, 1, field(b"grpc-status", b"0")))
	with open(sys.argv[1], "w") as file:
	    file.write("#!/bin/sh\nhead -c 24 > /dev/null\nprintf '" + "".join("\\%03o" % byte for byte in words) + "'\ncat > /dev/null\n")
	os.chmod(sys.argv[1], 0o755)
	END
	image_layer grpc:1
}

# An image with a program of root's that may become root.
who_image() {
	image_make who:1 six
	printf '#include <stdio.h>\n#include <unistd.h>\nint main(void) { printf("Effective uid: %%d\\n", (int)geteuid()); }\n' |
		cc -static -x c -o "$tar_image/who-1/www/who" -
	chmod 4755 "$tar_image/who-1/www/who"
	image_layer who:1
}

# image_layer NAME:TAG: its last layer is made anew of its www.
image_layer() {
	local work=$tar_image/${1/:/-}
	tar -C "$work" --owner=0 --group=0 --numeric-owner -cf "$work/out/page/layer.tar" www
	image_config "$1" '{"Cmd":["sh"],"Env":["PATH=/bin"],"WorkingDir":"/"}' "$(digest "$work/out/page/layer.tar")"
}

open_cluster() {
	( set -e; cluster_up )
	# shellcheck disable=SC2181
	[ $? = 0 ] || { cat "$lab"/*/log; exit 1; }
	export KUBECONFIG="$lab/kubeconfig"
	kubectl_in_lab=$scratch/kubectl
	printf '#!/bin/sh\nexec nsenter --target %s --net -- timeout 120 %s "$@"\n' "$(cat "$lab/host-s.pid")" "$kubectl" > "$kubectl_in_lab"
	chmod +x "$kubectl_in_lab"
}

cluster_up() {
	lab_open
	host_add s 172.30.0.1
	host_add n1 172.30.0.11
	image_make web:1 one
	image_make web:2 two
	image_make entry:1 three
	image_config entry:1 '{"Entrypoint":["/bin/echo","/ep-2"],"Cmd":["override","arguments"],"Env":["PATH=/bin"],"User":"1000","WorkingDir":"/"}'
	image_make plain:1 four
	image_config plain:1 '{"Entrypoint":["/bin/echo","agnhost"],"Cmd":["pause"],"Env":["PATH=/bin"]}'
	grpc_image
	who_image
	for image in who-1 grpc-1 web-1 web-2 entry-1 plain-1; do image_give n1 "$tar_image/$image.tar"; done
	server_start
	agent_start n1
}

# --- what tests say often ---

# pod_with NAME SPEC [METADATA]: in YAML's flow style; it ends at once when it is deleted, if SPEC does not say another time.
pod_with() {
	local spec=$2
	[[ $spec == terminationGracePeriodSeconds* || $spec == *", terminationGracePeriodSeconds: "*containers:* ]] || spec="terminationGracePeriodSeconds: 0, $spec"
	printf '# yaml\n{apiVersion: v1, kind: Pod, metadata: {name: "%s"%s}, spec: {%s}}\n' "$1" "${3:+, $3}" "$spec" | k create -f -
}

# What a pod's one container is made of: an image and a program that waits; a program given as text.
waits='name: a, image: "web:1", command: [sh, -c, "trap exit TERM; sleep 100000 & wait"]'
does() {
	printf 'name: a, image: "web:1", command: [sh, -c, %s]' "$(json_text "$1")"
}

json_text() {
	python3 -c 'import json, sys; print(json.dumps(sys.argv[1]))' "$1"
}

ready() {
	k wait --for=condition=Ready "pod/$1" --timeout="${soon}s" > /dev/null || { k describe pod "$1"; return 1; }
}

# phase NAME WORD: waits for it.
phase() {
	k wait --for="jsonpath={.status.phase}=$2" "pod/$1" --timeout="${soon}s" > /dev/null || { k describe pod "$1"; return 1; }
}

# prints SPEC TEXT...: the pod made of it succeeds, and its first container's words have each of the texts.
prints() {
	pod_with prints "restartPolicy: Never, $1"
	phase prints Succeeded
	words=$(k logs prints)
	for text in "${@:2}"; do
		[[ $words == *"$text"* ]] || { echo "expected: $text"; echo "     got: $words"; return 1; }
	done
}

# in_a POD COMMAND: a shell's words in its container a.
in_a() {
	k exec "$1" -c "${3:-a}" -- sh -c "$2"
}

# becomes SECONDS WANTED COMMAND...: its output is that, in the end.
becomes() {
	local deadline=$((SECONDS + $1)) wanted=$2 have=
	shift 2
	while have=$("$@" 2>&1) || true; [ "$have" != "$wanted" ]; do
		[ "$SECONDS" -lt "$deadline" ] || { echo "expected: $wanted"; echo "     got: $have"; return 1; }
		sleep 0.5
	done
}

# refuses TEXT COMMAND...: it fails and says so.
refuses() {
	local text=$1 said status=0
	shift
	said=$("$@" 2>&1) || status=$?
	[ "$status" != 0 ] && [[ $said == *"$text"* ]] && return 0
	echo "expected a refusal: $text"
	echo "               got: $status $said"
	return 1
}

# told POD REASON TEXT: an event says so.
told() {
	k get events --field-selector "involvedObject.name=$1,reason=$2" -o 'jsonpath={range .items[*]}{.message}{"\n"}{end}' | grep -qF -- "$3"
}

restarts() {
	of "pod/$1" '{.status.containerStatuses[0].restartCount}'
}

# restarts_are MINIMUM POD: waits.
restarts_are() {
	local deadline=$((SECONDS + ${3:-$soon}))
	while [ "$(restarts "$2")" -lt "$1" ]; do
		[ "$SECONDS" -lt "$deadline" ] || { k describe pod "$2"; return 1; }
		sleep 0.5
	done
}
