#!/bin/bash
# clients.sh - the API as other people's clients see it, unmodified: client-go, Python's, client-node, kustomize.
#
# Goal: what their users do every day works; which checks failed is said by the programs in tests/clients.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

mkdir "$scratch/a"
start_server "$scratch/a" "$(free_port)" || { cat "$scratch/a/log"; exit 1; }

# Built with Debian's Go and Debian's libraries; what is compiled is kept below build/.
build_client_go() {
	local tree
	tree=$(packaging/deps/clients.sh client-go) || return 1
	( cd tests/clients/go && GOROOT=$tree/usr/lib/go-1.24 GOPATH=$tree/usr/share/gocode GO111MODULE=off CGO_ENABLED=0 \
		GOTOOLCHAIN=local GOFLAGS='' GOCACHE=$OLDPWD/build/clients/go-cache \
		"$tree/usr/lib/go-1.24/bin/go" build -p 2 -o "$OLDPWD/build/clients/client-go" . )
}

# What its programs complain about is read from standard output; the libraries' own log is for a failure only.
test_client_go() {
	build_client_go
	build/clients/client-go client-go "$KUBECONFIG" 2> "$scratch/client-go.log" ||
		{ tail -n 20 "$scratch/client-go.log"; return 1; }
}

test_client_go_with_streamed_lists() {
	build_client_go
	KUBE_FEATURE_WatchListClient=true build/clients/client-go client-go "$KUBECONFIG" follows
}

test_python() {
	local library
	library=$(packaging/deps/clients.sh python)
	PYTHONPATH=$library PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/clients/python/checks.py "$KUBECONFIG"
}

test_every_kind() {
	/usr/bin/python3 tests/clients/python/every_kind.py "$KUBECONFIG"
}

test_node() {
	mkdir -p build/clients/node
	cp tests/clients/node/* build/clients/node/
	if ! cmp -s tests/clients/node/package-lock.json build/clients/node/installed; then
		( cd build/clients/node && npm ci --ignore-scripts --no-audit --no-fund )
		cp tests/clients/node/package-lock.json build/clients/node/installed
	fi
	( cd build/clients/node && node checks.mjs "$KUBECONFIG" )
}

test_kustomize() {
	local kustomize
	kustomize=$(packaging/deps/clients.sh kustomize)
	k create namespace kustomized
	"$kustomize" build tests/clients/kustomize/overlay > "$scratch/built.yaml"
	k apply -f "$scratch/built.yaml"
	equal 3 k -n kustomized get deployment edge-web -o 'jsonpath={.spec.replicas}'
	expect "unchanged" k apply -k tests/clients/kustomize/overlay
	expect "deployment.apps/edge-web" k apply --server-side --force-conflicts -k tests/clients/kustomize/overlay -o name
	k delete -k tests/clients/kustomize/overlay
	equal "" k -n kustomized get deployment -o name
}

run_tests clients
