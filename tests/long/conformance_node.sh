#!/bin/bash
# conformance_node.sh - Kubernetes' own end-to-end tests of nodes, storage, kubectl and events, played by a real kubectl on a node.
#
# Goal: each row does what the test of that name does in test/e2e of Kubernetes 1.32, with the same objects, and expects the
# same of them; only the images are ours.  docs/conformance-node.md is its table.  TEST=word: only names with the word.
# MOTE_CONFORMANCE_WATCH: seconds for which a thing that shall not happen is watched (40; the original: 240).
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh
# shellcheck source=tests/long/lib_walk.sh
. tests/long/lib_walk.sh
here=$PWD/tests/long/conformance
# shellcheck disable=SC1091
for part in walk_pods walk_security walk_probes walk_volumes walk_objects walk_kubectl; do . "$here/$part.sh"; done
trap 'lab_close; finish' EXIT
open_cluster
# shellcheck disable=SC1091
. "$here/list.sh"
rows_end conformance_node
