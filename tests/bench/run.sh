#!/bin/sh
# run.sh - figures beside their bars.  Never a test: machines differ and are shared.
#
# Where Go and the load tool are at hand (MOTE_APIBENCH names its folder) the API's rates are measured too.
set -u
cd "$(dirname "$0")/../.." || exit 1
scratch=$(mktemp -d)
port=26443
pid=
finish() {
	[ -z "$pid" ] || kill "$pid" 2> /dev/null
	rm -rf "$scratch"
}
trap finish EXIT

now_ms() { date +%s%3N; }

row() { printf '%-42s %12s   %s\n' "$1" "$2" "$3"; }

begin=$(now_ms)
build/mote server --data-dir "$scratch/data" --write-kubeconfig "$scratch/kubeconfig" \
	--bind-address 127.0.0.1 --advertise-address 127.0.0.1 --https-listen-port $port 2> "$scratch/log" &
pid=$!
until curl -sfk "https://127.0.0.1:$port/readyz" > /dev/null; do sleep 0.01; done
row figure measured "bar (the real Kubernetes 1.20 on such a machine)"
row "first start, exec to /readyz" "$(($(now_ms) - begin)) ms" "(1960 ms, API server alone)"
sleep 2
row "server idle, resident" "$(($(awk '{print $2}' "/proc/$pid/statm") * 4)) KiB" \
	"24 MiB with agent (about 970 MB)"
row "binary" "$(wc -c < build/mote) B" "6 MiB"

bench=${MOTE_APIBENCH:-../shared/bench/apibench}
if command -v go > /dev/null && [ -e "$bench/main.go" ]; then
	( cd "$bench" && go build -o "$scratch/apibench" . ) || exit 1
	part() { sed -n "s/^ *$1: //p" "$scratch/kubeconfig" | base64 -d; }
	part client-certificate-data > "$scratch/admin.crt"
	part client-key-data > "$scratch/admin.key"
	"$scratch/apibench" -server "https://127.0.0.1:$port" -cert "$scratch/admin.crt" \
		-key "$scratch/admin.key" -c 16 -n 3000 -pid "$pid"
else
	echo "rates of the API: not measured (Go, or the load tool, is not here)"
fi
