#!/bin/sh
# run.sh - the field tables against the golden vectors of Kubernetes; "golden: N passed, N failed" is the last line.
#
# usage: run.sh PROGRAM [WORD...]      WORD: only vectors with this word in their name.
set -eu
cd "$(dirname "$0")/../.."
program=$1
shift
folder=$(packaging/deps/clients.sh golden) || { echo "golden: 0 passed, 1 failed"; exit 1; }
exec "$program" "$folder" "$@"
