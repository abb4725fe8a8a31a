#!/bin/bash
# images.sh - archives and lists in agent/images of a node without any registry.
#
# Goal: what is put there is there to run, whenever and however it came; what cannot be read is told and stops nothing.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

folder=$lab/n1/data/agent/images

open_node() {
	set -e
	lab_open
	host_add s 172.30.0.1
	host_add n1 172.30.0.11
	image_make early:1 early
	mkdir -p "$folder"
	# begun before the agent, ended after it
	head -c 1000 "$tar_image/early-1.tar" > "$folder/early.tar"
	echo x > "$folder/before.tar.bz2"
	# shellcheck disable=SC2119 # no options
	server_start
}

( open_node ) || { cat "$lab"/*/log; exit 1; }
export KUBECONFIG="$lab/kubeconfig"

ctr() {
	MOTE_DATA_DIR="$lab/n1/data" timeout 30 "$lab/mote" ctr "$@"
}

has_image() {
	ctr images ls | grep -q "^docker.io/library/$1 "
}

has_no_image() {
	! has_image "$1"
}

logged() {
	grep -q -- "$1" "$lab/n1/log"
}

has_event() {
	k get events -A -o 'jsonpath={range .items[*]}{.involvedObject.kind}{" "}{.reason}{" "}{.message}{"\n"}{end}' |
		grep -q "^Node ImageImportFailed $1"
}

# The page that an image of this name has now.
page() {
	k delete pod page --ignore-not-found --now > /dev/null
	k run page --image="$1" --image-pull-policy=Never --restart=Never --command -- cat /www/index.html > /dev/null
	k wait --for=jsonpath='{.status.phase}'=Succeeded pod/page --timeout=20s > /dev/null
	k logs page
}

test_half_copied_at_the_start() {
	exec 7>> "$folder/early.tar"
	image_give n1 "$(image_make done:1 one; echo "$tar_image/done-1.tar")"
	agent_start n1 7>&- # it must not hold it open itself
	await 20 has_image done:1
	has_no_image early:1
	tail -c +1001 "$tar_image/early-1.tar" >&7
	exec 7>&-
	await 10 has_image early:1
	equal early page early:1
	# told although nobody could hear it when it was found
	await 10 has_event before.tar.bz2
}

test_packings() {
	image_make gz:1 gz
	image_make tgz:1 tgz
	image_make zst:1 zst
	gzip -c "$tar_image/gz-1.tar" > "$folder/gz.tar.gz"
	gzip -c "$tar_image/tgz-1.tar" > "$folder/tgz.tgz"
	zstd -q -c "$tar_image/zst-1.tar" > "$folder/zst.tar.zst"
	for name in gz:1 tgz:1 zst:1; do await 10 has_image $name; done
	equal zst page zst:1
}

test_what_cannot_be_read_stops_nothing() {
	echo nonsense > "$folder/a-broken.tar"
	echo nonsense > "$folder/b.tar.bz2"
	echo nonsense > "$folder/c.tar.lz4"
	echo 127.0.0.1:1/nobody/here:1 > "$folder/list.txt"
	image_make after:1 after
	image_give n1 "$tar_image/after-1.tar"
	await 10 has_image after:1
	await 5 logged 'not imported.*file=a-broken.tar'
	logged 'file=b.tar.bz2 why="archives are read plain, as gzip or as zstd'
	logged 'file=c.tar.lz4 why="archives are read plain'
	await 10 logged 'not imported.*file=list.txt.*127.0.0.1'
	await 10 has_event a-broken.tar
	await 10 has_event c.tar.lz4
	await 10 has_event list.txt
	rm "$folder"/a-broken.tar "$folder"/*.bz2 "$folder"/*.lz4 "$folder"/list.txt
}

test_changed_archives_and_lost_images() {
	image_make change:1 old
	image_give n1 "$tar_image/change-1.tar"
	await 10 has_image change:1
	equal old page change:1
	rm -r "$tar_image/change-1"
	image_make change:1 new
	image_give n1 "$tar_image/change-1.tar"
	await 10 sh -c "[ \$(grep -c 'image imported.*change:1' '$lab/n1/log') = 2 ]"
	equal new page change:1
	# gone from the folder: stays; gone from the store: comes again with the next start
	image_make kept:1 kept
	image_give n1 "$tar_image/kept-1.tar"
	await 10 has_image kept:1
	rm "$folder/kept-1.tar"
	ctr images rm change:1
	has_no_image change:1
	imports=$(grep -c 'image imported' "$lab/n1/log")
	stop agent-n1
	agent_start n1
	await 10 has_image change:1
	has_image kept:1
	has_image early:1
	# nothing else was unpacked again
	[ "$(grep -c 'image imported' "$lab/n1/log")" = $((imports + 1)) ]
	k delete pod page --now
}

run_tests images
