#!/bin/bash
# run.sh - figures beside their bars and beside what the real Kubernetes measured on such a machine
# (1.20 with etcd, containerd, runc).  Never a test: machines differ and are shared.
#
# A server with its agent runs in a network, a mount and a process namespace of its own, so that all of
# it ends with this script.  MOTE_APIBENCH names the folder of the load tool (Go, for the API's rates).
# MOTE_BENCH_ONLY="pods hundred": these parts only, of those that stand alone: documents watches idle_writes idle_agent
# probes pods hundred schedule runtime.
set -u
unset MAKEFLAGS MFLAGS # a make of its own, with as many jobs as it finds good
cd "$(dirname "$0")/../.." || exit 1
main_folder=$PWD
. tests/bench/lib_cluster.sh

# --- the lines -------------------------------------------------------------------------------------

# row NAME FIGURE UNIT COMPARISON BAR PEER: COMPARISON is "<=" or ">="; an empty figure was not measured.
row() {
	verdict=$(awk -v f="$2" -v b="$5" -v c="$4" 'BEGIN {
		if (b == "") print "-"
		else if (f == "") print "NOT MEASURED"
		else print ((c == "<=" && f + 0 <= b + 0) || (c == ">=" && f + 0 >= b + 0)) ? "met" : "MISSED" }')
	printf '%-44s %12s  %-14s %-12s  %s\n' "$1" "${2:--} $3" "${5:+$4 $5 $3}" "$verdict" "$6"
}

note() { printf '    %s\n' "$*"; }

# wanted PART
wanted() { [ -z "${MOTE_BENCH_ONLY:-}" ] || [[ " $MOTE_BENCH_ONLY " = *" $1 "* ]]; }

# value NAME FILE: the figure of a line "NAME figure unit".
value() { sed -n "s/^$1 \([0-9.]*\) .*/\1/p" "$2" | head -n 1; }

# --- tools, made before the network is left ----------------------------------------------------------

build_tools() {
	make --no-print-directory build/bench/meter > "$scratch/make.log" 2>&1 ||
		{ cat "$scratch/make.log" >&2; exit 1; }
	! wanted runtime || bash $here/runtime.sh 90 > "$scratch/runtime" || note "runtimes cannot be measured"
	if [ -n "${MOTE_BENCH_ONLY:-}" ]; then
		cp build/mote "$scratch/mote"
		return
	fi
	source=${MOTE_APIBENCH:-../shared/bench/apibench}
	if [ ! -e "$source/main.go" ]; then
		echo "the load tool is not at $source" > "$scratch/no-apibench"
	elif ! go=$(packaging/deps/clients.sh client-go 2> "$scratch/go.log")/usr/lib/go-1.24; then
		echo "no Go: $(tail -n 1 "$scratch/go.log")" > "$scratch/no-apibench"
	elif ! ( cd "$source" && GOROOT=$go GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-mod=mod \
		GOCACHE=$main_folder/build/bench/go-cache "$go/bin/go" build -p 2 -trimpath -o "$main_folder/build/bench/apibench" . ) > "$scratch/go.log" 2>&1; then
		echo "the load tool cannot be built: $(tail -n 1 "$scratch/go.log")" > "$scratch/no-apibench"
	fi
	make --no-print-directory dist DIST="$scratch/dist" DIST_URL="$scratch/dist" DIST_ARCHS="$(uname -m)" \
		> "$scratch/make.log" 2>&1 || { cat "$scratch/make.log" >&2; exit 1; }
	bash $here/ota_delta.sh "$scratch/update" > "$scratch/delta" || note "what a small change costs cannot be measured"
	build/mote ota sign --key build/dist-key/throwaway.key "$scratch/update" > "$scratch/make.log" || exit 1
	# What is measured must not change under us.
	cp build/mote "$scratch/mote"
}

# --- what is measured --------------------------------------------------------------------------------

measure_start() {
	meter ready 1 "$begin"
	row "node Ready after exec, first start" "$(value node.ready "$scratch/meter")" ms "<=" 1500 "-"
}

measure_idle_memory() {
	sleep 10
	# shellcheck disable=SC2046
	read -r resident proportional anonymous <<< "$(memory_of "$server" $(agents))"
	row "server and agent idle, resident" "$(mebibytes "$resident")" MiB "<=" 24 \
		"about 970 MB"
	note "proportional $proportional KiB, anonymous $anonymous KiB"
}

# time_of WORDS PATH [options]: ms to the first byte of the answer, on a connection that is there.
time_of() {
	words=$1 path=$2
	shift 2
	ms=$(curl -s -m 5 --cacert "$scratch/data/server/tls/server-ca.crt" --cert "$scratch/admin.crt" --key "$scratch/admin.key" \
		-A bench "$@" -o /dev/null -o /dev/null -w '%{time_pretransfer} %{time_starttransfer} ' "$url/version" "$url$path" |
		awk '{ printf "%.1f", ($4 - $3) * 1000 }')
	row "$words" "$ms" ms "<=" 2 "-"
}

# Each is the first request of its kind.
measure_documents() {
	aggregated='Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
	time_of "discovery, first request" /apis -H "$aggregated" --compressed
	time_of "discovery, again" /apis -H "$aggregated" --compressed
	time_of "OpenAPI 3 index, first request" /openapi/v3 --compressed
	time_of "OpenAPI 3 of core/v1, first request" /openapi/v3/api/v1 --compressed
	time_of "Swagger 2 as protobuf, first request" /openapi/v2 --compressed \
		-H 'Accept: application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
}

groups_committed() {
	curl -s -m 5 --cacert "$scratch/data/server/tls/server-ca.crt" --cert "$scratch/admin.crt" --key "$scratch/admin.key" \
		$url/metrics | sed -n 's/^mote_store_groups_total //p'
}

# What an untouched node with one pod writes to its disk, and which files that is.
measure_idle_writes() {
	meter deployment 1
	sleep 10
	seconds=60
	[ -z "${MOTE_BENCH_QUICK:-}" ] || seconds=25 # two renewals of the lease at least
	touch "$scratch/stamp"
	# shellcheck disable=SC2046
	set -- "$(written "$server" $(agents) $(monitors))" "$(groups_committed)"
	sleep $seconds
	# shellcheck disable=SC2046
	set -- "$(($(written "$server" $(agents) $(monitors)) - $1))" "$(($(groups_committed) - $2))"
	row "idle writes with one pod, an hour" "$((($1 * 3600 / seconds + 1023) / 1024))" KiB "<=" 195 "-"
	note "in $seconds s: $1 bytes, $2 commits of the server; files written:" \
		"$(find "$scratch/data" "$scratch/logs" -type f -newer "$scratch/stamp" -printf '%P (%s) ' | grep . || echo none)"
	meter deployment-end 1
}

# The agent alone, with fifty pods that sleep, while nobody asks for anything.
measure_idle_agent() {
	meter deployment 50
	sleep 10
	node=$(agents)
	ticks=$(cpu_ticks "$node")
	sleep 60
	row "agent idle with 50 pods: processor" "$(awk -v t="$(($(cpu_ticks "$node") - ticks))" 'BEGIN { printf "%.2f", t / 60 }')" \
		% "<=" 0.3 "-"
	read -r resident proportional anonymous <<< "$(memory_of "$node")"
	row "agent idle with 50 pods: resident" "$(mebibytes "$resident")" MiB "<=" 16 "-"
	note "proportional $proportional KiB, anonymous $anonymous KiB"
	meter deployment-end 50
}

api() {
	curl -s -m 20 --cacert "$scratch/data/server/tls/server-ca.crt" --cert "$scratch/admin.crt" --key "$scratch/admin.key" \
		-H 'Content-Type: application/json' "$@"
}

# probed PATH-OF-PROBE: the agent's share of a processor while it asks a hundred pods each second.
probed() {
	path=$url/apis/apps/v1/namespaces/default/deployments
	api -o /dev/null -d '{"metadata":{"name":"probed"},"spec":{"replicas":100,"selector":{"matchLabels":{"app":"probed"}},
		"template":{"metadata":{"labels":{"app":"probed"}},"spec":{"terminationGracePeriodSeconds":0,"containers":[{"name":"a",
		"image":"'"$($here/image.sh)"'","command":["/bin/busybox","httpd","-f","-p","80","-h","/bin"],
		"readinessProbe":{'"$1"',"periodSeconds":1}}]}}}}' "$path"
	for _ in $(seq 300); do
		api "$path/probed" | grep -q '"readyReplicas": *100' && break
		sleep 0.2
	done
	sleep 3
	node=$(agents)
	ticks=$(cpu_ticks "$node")
	sleep 15
	awk -v t="$(($(cpu_ticks "$node") - ticks))" 'BEGIN { printf "%.2f", t / 15 }'
	api -o /dev/null -X DELETE "$path/probed"
	for _ in $(seq 100); do [ -n "$(monitors)" ] || break; sleep 0.2; done
}

measure_probes() {
	row "100 pods probed a second by HTTP: processor" "$(probed '"httpGet":{"path":"/sh","port":80}')" % "<=" 5 "-"
	row "100 pods probed a second by TCP: processor" "$(probed '"tcpSocket":{"port":80}')" % "<=" 5 "-"
	row "100 pods probed a second by exec: agent alone" "$(probed '"exec":{"command":["sh","-c",":"]}')" % "<=" "" "-"
}

# Each on a connection of its own, with TLS.
measure_watches() {
	meter watches 1000 "$server"
	row "1000 idle watches, resident" "$(value watches.memory "$scratch/meter")" MiB "<=" 16 "-"
}

measure_pods() {
	meter one-by-one 50
	row "pod create to Running, p50 of 50" "$(value pod.running.p50 "$scratch/meter")" ms "<=" 50 "1003 ms (to Ready)"
	row "pod create to Running, p99" "$(value pod.running.p99 "$scratch/meter")" ms "<=" 100 "1004 ms (to Ready)"
	row "pod create to Ready, p50" "$(value pod.ready.p50 "$scratch/meter")" ms "<=" "" "1003 ms"
	row "pod delete (no grace) to gone, p50" "$(value pod.gone.p50 "$scratch/meter")" ms "<=" "" "-"
	meter together 30
	row "30 pods at once, to Ready, p50" "$(value together.ready.p50 "$scratch/meter")" ms "<=" "" "13400 ms"
	row "30 pods at once, to Ready, max" "$(value together.ready.max "$scratch/meter")" ms "<=" "" "19000 ms (p99)"
}

# What each of them has alone: what is given back when it is gone.
private_of() { for p in "$@"; do cat "/proc/$p/smaps_rollup" 2> /dev/null; done | awk '/^Private_/ { k += $2 } END { print k + 0 }'; }

measure_hundred() {
	meter deployment 100
	row "Deployment of 100, readyReplicas" "$(value deployment.ready "$scratch/meter")" ms "<=" 4000 "-"
	row "Deployment of 100, all pods Ready" "$(value deployment.pods_ready "$scratch/meter")" ms "<=" 4000 "-"
	sleep 3
	# shellcheck disable=SC2046
	row "monitor, private memory a pod" "$(($(private_of $(monitors)) / 100))" KiB "<=" 400 "-"
	ticks=$(cpu_ticks "$server")
	sleep 30
	row "server idle with 100 pods: processor" "$(awk -v t="$(($(cpu_ticks "$server") - ticks))" 'BEGIN { printf "%.2f", t / 30 }')" \
		% "<=" "" "-"
	meter deployment-end 100
	row "Deployment of 100 deleted (no grace), pods gone" "$(value deployment.gone "$scratch/meter")" ms "<=" 2000 "-"
	for _ in $(seq 100); do [ -n "$(monitors)" ] || break; sleep 0.1; done
}

measure_deployment() {
	# shellcheck disable=SC2046
	read -r before before_pss _ <<< "$(memory_of "$server" $(agents))"
	meter deployment 30
	row "Deployment of 30, readyReplicas" "$(value deployment.ready "$scratch/meter")" ms "<=" 2000 "22400 ms (pods)"
	row "Deployment of 30, all pods Ready" "$(value deployment.pods_ready "$scratch/meter")" ms "<=" 2000 "22400 ms"
	sleep 3
	# shellcheck disable=SC2046
	read -r after after_pss _ <<< "$(memory_of "$server" $(agents))"
	# shellcheck disable=SC2046
	read -r beside beside_pss beside_anon <<< "$(memory_of $(monitors))"
	# Resident counts the program's pages once a process, as the peer's figure does; proportional counts
	# them once, and what server and agent have grown is added: that is what one more pod costs.
	row "memory per running pod, resident" "$(mebibytes $((beside / 30)))" MiB "<=" 1 "14.6 MB (shim, pause)"
	row "memory per running pod, all that it adds" \
		"$(mebibytes $(((beside_pss + after_pss - before_pss) / 30)))" MiB "<=" 1 "-"
	note "$(monitors | wc -l) monitors, a pod: resident $((beside / 30)) KiB, proportional $((beside_pss / 30)) KiB," \
		"anonymous $((beside_anon / 30)) KiB"
	note "server and agent have grown by $(((after - before) / 30)) KiB a pod"
}

cpu_ticks() { for p in "$@"; do sed 's/.*) //' "/proc/$p/stat" 2> /dev/null; done | awk '{ t += $12 + $13 } END { print t + 0 }'; }
written() { for p in "$@"; do cat "/proc/$p/io" 2> /dev/null; done | awk '/^write_bytes/ { w += $2 } END { print w + 0 }'; }
switches() { for p in "$@"; do cat /proc/"$p"/task/*/status 2> /dev/null; done | awk '/^voluntary/ { w += $2 } END { print w + 0 }'; }

# What all of it does within a minute in which nobody asks for anything.
measure_idle() {
	sleep 5
	node=$(agents)
	# shellcheck disable=SC2046
	set -- "$(cpu_ticks "$server" "$node" $(monitors))" "$(written "$server" "$node" $(monitors))" "$(switches "$server")" \
		"$(switches "$node")" "$(switches $(monitors))" "$(written "$server")"
	sleep 60
	# shellcheck disable=SC2046
	row "60 s idle with 30 pods: processor" "$((($(cpu_ticks "$server" "$node" $(monitors)) - $1) * 10))" ms "<=" "" \
		"4500 ms (20 pods)"
	# shellcheck disable=SC2046
	row "60 s idle with 30 pods: written" "$((($(written "$server" "$node" $(monitors)) - $2) / 1024))" KiB "<=" "" \
		"26500 KiB (20 pods)"
	# shellcheck disable=SC2046
	note "wake-ups a minute: server $(($(switches "$server") - $3)), agent $(($(switches "$node") - $4))," \
		"monitors together $(($(switches $(monitors)) - $5)); the server wrote $((($(written "$server") - $6) / 1024)) KiB"
}

measure_rates() {
	meter deployment-end 30
	row "Deployment of 30 deleted, pods gone" "$(value deployment.gone "$scratch/meter")" ms "<=" "" "-"
	for _ in $(seq 100); do [ -n "$(monitors)" ] || break; sleep 0.1; done
	sleep 2
	if [ -e "$scratch/no-apibench" ]; then
		verb_rows /dev/null
		note "$(cat "$scratch/no-apibench")"
		return
	fi
	meter lists 400
	cp "$scratch/meter" "$scratch/lists"
	meter lists 100 identity
	cp "$scratch/meter" "$scratch/lists-plain"
	build/bench/apibench -server $url -cert "$scratch/admin.crt" -key "$scratch/admin.key" -c 16 -n 3000 \
		-pid "$server" > "$scratch/rates" 2>&1 || note "the load tool failed"
	verb_rows "$scratch/rates"
	row "lists of 3000 a second" "$(value list_all.rate "$scratch/rates")" /s ">=" 195 "13/s"
	note "20 lists by a client that needs some 15 ms of processor for each; the server alone:"
	row "lists of 3000 a second, gzip" "$(value lists.rate "$scratch/lists")" /s ">=" 195 "-"
	row "lists of 3000 a second, uncompressed" "$(value lists.rate "$scratch/lists-plain")" /s ">=" "" "-"
	row "watch event to 200 watchers, p50" "$(value watch.p50 "$scratch/rates")" ms "<=" "" "10.5 ms"
	row "watch event to 200 watchers, p99" "$(value watch.p99 "$scratch/rates")" ms "<=" 5 "22.5 ms"
	row "server resident after the load" "$(sed -n 's/^proc\..* rss \([0-9]*\) kB.*/\1/p' "$scratch/rates" |
		awk '{ last = $1 } END { printf "%.1f", last / 1024 }')" MiB "<=" 64 "524 MB"
	grep -e '^proc\.' -e failed -e '^watch: ' "$scratch/rates" | head -n 8 | while read -r line; do note "$line"; done
}

# Nodes that are objects only; from the first create to the last binding, seen by a watch.
measure_schedule() {
	read -r _ _ before <<< "$(memory_of "$server")"
	meter schedule 5000 keep
	row "5,000 pods onto 500 nodes" "$(value schedule.bound "$scratch/meter")" ms "<=" 5000 "-"
	note "the last of them was created after $(value schedule.made "$scratch/meter") ms"
	sleep 3
	read -r _ _ after <<< "$(memory_of "$server")"
	row "server memory a pod of 2.2 KiB, with its event" "$(((after - before) / 5000))" KiB "<=" 8 "-"
	api -o /dev/null -X DELETE "$url/api/v1/namespaces/default/pods?labelSelector=flood%3D1&gracePeriodSeconds=0"
	api -o /dev/null -X DELETE "$url/api/v1/nodes?labelSelector=flood%3D1"
}

# verb_rows FILE: what the load tool says of each verb, 16 clients at once: five times the peer's rate, a third of its p99.
verb_rows() {
	while read -r name rate p99 words; do
		row "$words a second, 16 clients" "$(value "$name.rate" "$1")" /s ">=" $((rate * 5)) "$rate/s"
		[ "$p99" = - ] || row "$words, p99" "$(value "$name.p99" "$1")" ms "<=" \
			"$(awk -v p="$p99" 'BEGIN { printf "%.1f", p / 3 }')" "$p99 ms"
	done <<- END
	create 1444 28.5 creates
	get 3141 15.5 gets
	update 977 57.5 updates
	patch 836 65 strategic patches
	list_selector_1pct 44 - lists with a selector of 1 %
	delete 1215 - deletes
	pod_create 735 - pod creates
	pod_delete 371 - pod deletes
	END
}

runtimes() {
	row "mote oci: create until the program runs, p50" "$(value mote "$scratch/runtime")" ms "<=" 5 \
		"crun $(value crun "$scratch/runtime") ms, runc $(value runc "$scratch/runtime") ms in this run"
}

pod_groups() { find /sys/fs/cgroup -depth -type d -path '*/mote/pods/*'; }
running_here() { "$scratch/mote" ctr ps --data-dir "$scratch/data" 2> /dev/null | grep -ci running; }

# What a power cut leaves: the disk.
cut_power() {
	# shellcheck disable=SC2046
	kill -9 "$server" $(agents) $(monitors)
	wait "$server" 2> /dev/null
	pod_groups | while read -r folder; do
		# shellcheck disable=SC2046
		kill -9 $(cat "$folder/cgroup.procs") 2> /dev/null
		for _ in $(seq 100); do rmdir "$folder" 2> /dev/null && break; sleep 0.02; done
	done
	for link in $(ip -o link | cut -d : -f 2 | cut -d @ -f 1 | grep -vE '^ (lo|eth0)$'); do
		ip link del "$link" 2> /dev/null
	done
	nft flush ruleset
	grep -F " $scratch/data/" /proc/self/mountinfo | cut -d ' ' -f 5 | sort -r | while read -r point; do
		umount -l "$point"
	done
}

# An agent that starts while its server is away; the last figure, for the server does not come back.
measure_offline_boot() {
	meter deployment 20
	sleep 3 # what an agent keeps is on its disk within two seconds
	cut_power
	begin=$(now_ms)
	"$scratch/mote" agent --server $url --token-file "$scratch/data/server/node-token" --data-dir "$scratch/data" \
		--node-name bench --pod-logs-dir "$scratch/logs" >> "$scratch/log" 2>&1 &
	server=$!
	until [ "$(running_here)" -ge 20 ]; do
		alive
		[ $(($(now_ms) - begin)) -lt 60000 ] || break
		sleep 0.02
	done
	end=$(now_ms)
	row "offline boot of 20 pods, agent's start to all run" \
		"$([ "$(running_here)" -lt 20 ] || echo $((end - begin)))" ms "<=" 10000 "-"
}

# The installer, from a folder (all that is left out is the download), and then the server that it installed.
measure_install() {
	root=$scratch/installed
	mkdir "$root"
	begin=$(now_ms)
	if ! INSTALL_MOTE_ROOT=$root sh "$scratch/dist/install.sh" > "$scratch/install.log" 2>&1; then
		note "$(tail -n 3 "$scratch/install.log")"
		row "install.sh after the download, to node Ready" "" ms "<=" 5000 "-"
		return
	fi
	installed=$(now_ms)
	"$root/var/lib/mote/ota/launcher" server --data-dir "$root/var/lib/mote" --write-kubeconfig "$scratch/kubeconfig" \
		--advertise-address $address --node-name bench --pod-logs-dir "$scratch/logs" > "$scratch/log" 2>&1 &
	server=$!
	rm -f "$scratch/kubeconfig"
	read_credentials
	meter ready 1 "$begin"
	row "install.sh after the download, to node Ready" "$(value node.ready "$scratch/meter")" ms "<=" 5000 "-"
	note "install.sh itself: $((installed - begin)) ms"
}

# Asks without pause until $scratch/enough is there; prints the longest time without a good answer, in ms.
longest_silence() {
	last=$(now_ms) longest=0
	until [ -e "$scratch/enough" ]; do
		ask /api/v1/nodes/bench > "$scratch/answer" && grep -q '"kind": "Node"' "$scratch/answer" || continue
		now=$(now_ms)
		[ $((now - last)) -le "$longest" ] || longest=$((now - last))
		last=$now
	done
	echo "$longest"
}

ask() { curl -sk -m 5 --cert "$scratch/admin.crt" --key "$scratch/admin.key" "$url$1"; }
lives() { ask /api/v1/pods | grep -oE '"(containerID|startedAt|restartCount)": [^,}]*' | sort; }

# An update of what was installed, with 10 pods on it, until the new version has been found good.
measure_update() {
	root=$scratch/installed
	data=$root/var/lib/mote
	cp "$scratch/data/agent/images/bench.tar" "$data/agent/images/"
	meter deployment 10
	before=$(lives)
	longest_silence > "$scratch/silence" &
	asker=$!
	"$data/ota/launcher" ota apply --data-dir "$data" --gate-timeout 60 "$scratch/update" > "$scratch/update.log" 2>&1 ||
		note "$(tail -n 3 "$scratch/update.log")"
	touch "$scratch/enough"
	wait "$asker"
	row "update of server and node: API does not answer" "$(cat "$scratch/silence")" ms "<=" 1000 "-"
	row "update: containers that were started again" \
		"$(comm -13 <(echo "$before") <(lives) | wc -l)" "" "<=" 0 "-"
	note "$("$data/ota/launcher" version), $(echo "$before" | grep -c startedAt) containers"
}

# Those that are built: `make dist` builds all.
binaries() {
	for arch in x86_64 aarch64 armv7 armv6; do
		[ ! -e "build/$arch/mote" ] || row "binary, $arch" "$(wc -c < "build/$arch/mote")" B "<=" 6291456 "-"
	done
	row "a line changed: part of the packed program" \
		"$(value ota_delta "$scratch/delta")" % "<=" 20 "-"
	runtimes
}

inside() {
	scratch=$1
	make_network && mount_groups || exit 1
	ulimit -Sn "$(ulimit -Hn)" # a thousand watches
	start_cluster
	echo "processors: $(nproc); load when begun: $(cut -d ' ' -f 1-3 /proc/loadavg); mote $("$scratch/mote" --version)"
	printf '%-44s %12s  %-14s %-12s  %s\n' figure measured bar verdict "the real Kubernetes"
	measure_start
	if [ -n "${MOTE_BENCH_ONLY:-}" ]; then
		for part in documents watches idle_writes idle_agent probes pods hundred schedule; do
			! wanted $part || measure_$part
		done
		! wanted runtime || runtimes
		stop_cluster
		return
	fi
	measure_idle_memory
	measure_documents
	measure_watches
	measure_idle_writes
	[ -n "${MOTE_BENCH_QUICK:-}" ] || measure_idle_agent
	[ -n "${MOTE_BENCH_QUICK:-}" ] || measure_probes
	measure_pods
	measure_hundred
	measure_deployment
	[ -n "${MOTE_BENCH_QUICK:-}" ] || measure_idle
	measure_rates
	measure_schedule
	binaries
	measure_offline_boot
	cut_power
	measure_install
	measure_update
	stop_cluster
}

stop_cluster() {
	# shellcheck disable=SC2046
	kill "$server" $(monitors)
	wait "$server"
}

# --- beginning and end -------------------------------------------------------------------------------

finish() {
	remove_groups
	[ -z "${MOTE_BENCH_KEEP:-}" ] || { echo "kept: $scratch"; return; }
	rm -rf --one-file-system "$scratch"
}

if [ "${1:-}" = inside ]; then
	inside "$2"
	exit
fi
[ "$(id -u)" = 0 ] || { echo "bench: error: namespaces need root" >&2; exit 1; }
scratch=$(mktemp -d)
trap finish EXIT
trap 'exit 1' INT TERM
build_tools
cluster_enter "$here/run.sh"
