#!/bin/bash
# manifests.sh - files in server/manifests become objects, and go with their files.
#
# Goal: what lies in the folder is what is deployed, through changes, mistakes, removals and restarts; and nothing is
# deleted for a reason that is none.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

port=$(($(free_port) + 5000))

# A server of the test's own; sets dir, the folder of manifests.
begin() {
	name=${FUNCNAME[1]}
	mkdir -p "$scratch/$name"
	dir=$scratch/$name/data/server/manifests
	start_server "$scratch/$name" "$port" || { cat "$scratch/$name/log"; return 1; }
	await 10 test -d "$dir"
}

again() {
	stop_server -"${1:-TERM}"
	shift || true
	start_server "$folder" "$port" "$@"
}

# config_map NAME VALUE: one as a document.
config_map() {
	printf -- '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {key: "%s"}\n' "$1" "$2"
}

# put FILE: standard input becomes that file at once, as a careful program does it.
put() {
	cat > "$dir/.put"
	mv "$dir/.put" "$dir/$1"
}

value_is() {
	[ "$(k get cm "$1" -o 'jsonpath={.data.key}' 2> /dev/null)" = "$2" ]
}

is_gone() {
	! k get "$@" > /dev/null 2>&1
}

revision() {
	k get "$@" -o 'jsonpath={.metadata.resourceVersion}'
}

# The revision of the whole store.
store_revision() {
	k get cm -A -o 'jsonpath={.metadata.resourceVersion}'
}

logged() {
	grep -q -- "$1" "$folder/log"
}

records() {
	k get cm -n kube-system -l mote.dev/manifest-record -o 'jsonpath={.items[*].data.file}'
}

record() {
	k get cm -n kube-system -l mote.dev/manifest-record -o "jsonpath={.items[?(@.data.file==\"$1\")]$2}"
}

settled() {
	[ -n "$(record "$1" .data.sha256)" ]
}

test_files_before_the_start_and_later() {
	name=${FUNCNAME[0]} dir=$scratch/$name/data/server/manifests
	mkdir -p "$dir/apps/deep"
	config_map early 1 > "$dir/early.yaml"
	begin
	await 10 value_is early 1
	config_map a 1 > "$dir/a.yml"
	await 5 value_is a 1
	config_map b 1 | put apps/b.yaml
	await 5 value_is b 1
	echo '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"j1"},"data":{"key":"1"}}
		{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"j2"},"data":{"key":"}"}}]}' | put apps/deep/j.json
	await 5 value_is j1 1
	await 5 value_is j2 '}'
	mkdir "$dir/new" && config_map n 1 | put new/n.yaml
	await 5 value_is n 1
	config_map no 1 > "$dir/.hidden.yaml"
	config_map no 1 > "$dir/no.yaml~"
	config_map no 1 > "$dir/no.txt"
	config_map last 1 | put zz.yaml
	await 5 value_is last 1
	is_gone cm no
	await 5 settled zz.yaml
	expect 'AppliedManifest' k get events -n kube-system
}

test_order_and_later_namespaces() {
	begin
	{
		printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: inside, namespace: shop}\n'
		printf -- '---\n# nothing here\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n'
	} | put a.yaml
	printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: waits, namespace: later}\n' | put b.yaml
	await 5 k get cm inside -n shop
	await 5 logged 'namespaces \\*"later\\*" not found'
	# at the first go, although its namespace stands behind it
	if logged 'file=a.yaml why'; then false; fi
	expect 'namespaces "later" not found' k describe cm -n kube-system -l mote.dev/manifest-record
	expect ApplyManifestFailed k get events -n kube-system
	k create ns later
	await 10 k get cm waits -n later
	await 5 settled b.yaml
	[ -z "$(record b.yaml .data.problems)" ]
}

test_changes_and_objects_that_leave() {
	begin
	{
		config_map one 1
		config_map two 1
	} | put a.yaml
	await 5 value_is two 1
	await 5 settled a.yaml
	# what people do stays, until the file changes
	k patch cm one -p '{"data":{"own":"x","key":"mine"}}'
	before=$(revision cm one)
	touch "$dir/a.yaml"
	config_map other 1 | put b.yaml
	await 5 value_is other 1
	[ "$(revision cm one)" = "$before" ]
	{
		config_map one 2
		config_map three 1
	} | put a.yaml
	await 5 value_is three 1
	await 5 is_gone cm two
	value_is one 2
	equal x k get cm one -o 'jsonpath={.data.own}'
	# a field that leaves the manifest leaves the object
	printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {new: "3"}\n' | put a.yaml
	await 5 is_gone cm three
	equal '{"new":"3","own":"x"}' k get cm one -o 'jsonpath={.data}'
}

test_fields_of_deployments() {
	begin
	cat > "$scratch/d.yaml" <<- 'END'
		apiVersion: apps/v1
		kind: Deployment
		metadata: {name: web, labels: {app: web}}
		spec:
		  replicas: 2
		  selector: {matchLabels: {app: web}}
		  template:
		    metadata: {labels: {app: web}}
		    spec:
		      containers:
		      - {name: a, image: one, env: [{name: X, value: "1"}, {name: Y, value: "2"}]}
		      - {name: b, image: two}
		      volumes:
		      - {name: v, emptyDir: {}}
		---
		apiVersion: v1
		kind: Secret
		metadata: {name: hidden}
		stringData: {first: topsecret, second: more}
	END
	put d.yaml < "$scratch/d.yaml"
	await 5 settled d.yaml
	equal "a b" k get deployment web -o 'jsonpath={.spec.template.spec.containers[*].name}'
	[ "$(record d.yaml '' | grep -c topsecret)" = 0 ]
	[ "$(k get secret hidden -o 'jsonpath={.metadata.annotations}' | grep -c -e topsecret -e dG9wc2VjcmV0)" = 0 ]
	sed -e '/name: b, image/d' -e 's/{name: X, value: "1"}, //' -e 's/emptyDir: {}/configMap: {name: c}/' \
		-e 's/, second: more//' -e '/replicas/d' "$scratch/d.yaml" | put d.yaml
	await 5 sh -c "[ \"\$(timeout 9 $kubectl get deployment web -o 'jsonpath={.spec.template.spec.containers[*].name}')\" = a ]"
	await 5 settled d.yaml
	equal Y k get deployment web -o 'jsonpath={.spec.template.spec.containers[0].env[*].name}'
	equal '{"configMap":{"defaultMode":420,"name":"c"},"name":"v"}' k get deployment web -o 'jsonpath={.spec.template.spec.volumes[0]}'
	equal 1 k get deployment web -o 'jsonpath={.spec.replicas}'
	equal '{"first":"dG9wc2VjcmV0"}' k get secret hidden -o 'jsonpath={.data}'
}

test_removed_and_moved_files() {
	begin
	config_map a 1 | put a.yaml
	config_map b 1 | put b.yaml
	config_map s 1 | put s.yaml
	await 5 value_is s 1
	await 5 settled s.yaml
	uid=$(k get cm a -o 'jsonpath={.metadata.uid}')
	mv "$dir/a.yaml" "$dir/c.yaml"
	rm "$dir/b.yaml"
	touch "$dir/s.yaml.skip"
	rm "$dir/s.yaml"
	await 10 is_gone cm b
	await 5 settled c.yaml
	await 10 sh -c "! timeout 9 $kubectl get cm -n kube-system -o yaml | grep -q 'file: [ab].yaml'"
	[ "$(k get cm a -o 'jsonpath={.metadata.uid}')" = "$uid" ]
	value_is s 1
	# made anew by hand: not ours to delete
	k delete cm a && k create cm a
	rm "$dir/c.yaml"
	await 10 sh -c "! timeout 9 $kubectl get cm -n kube-system -o yaml | grep -q 'file: c.yaml'"
	k get cm a
	rm "$dir/s.yaml.skip"
	await 10 is_gone cm s
}

test_removed_while_the_server_was_away() {
	begin
	config_map a 1 | put a.yaml
	config_map b 1 | put b.yaml
	await 5 settled b.yaml
	await 5 settled a.yaml
	stop_server
	rm "$dir/a.yaml"
	config_map b 2 | put b.yaml
	start_server "$folder" "$port"
	await 10 is_gone cm a
	await 5 value_is b 2
}

test_skip() {
	begin
	config_map a 1 | put a.yaml
	await 5 settled a.yaml
	touch "$dir/a.yaml.skip" "$dir/b.yaml.skip"
	config_map a 2 | put a.yaml
	config_map b 1 | put b.yaml
	config_map end 1 | put end.yaml
	await 5 value_is end 1
	value_is a 1
	is_gone cm b
	rm "$dir/a.yaml.skip"
	await 5 value_is a 2
	is_gone cm b
}

test_disable() {
	begin
	mkdir "$dir/extra"
	config_map a 1 | put a.yaml
	config_map b 1 | put b.yaml
	config_map c 1 | put extra/c.yaml
	await 5 settled extra/c.yaml
	await 5 settled a.yaml
	again TERM --disable a --disable extra --disable coredns --disable nonesuch
	await 10 is_gone cm a
	await 5 is_gone cm c
	value_is b 1
	[ -f "$dir/a.yaml" ]
	logged 'not deployed in any case.*coredns'
	logged 'no manifest has the name.*nonesuch'
	again TERM
	await 10 value_is a 1
	await 5 value_is c 1
}

test_mistakes_are_told_and_do_not_stop_the_rest() {
	begin
	{
		config_map good 1
		printf -- '---\nkind: ConfigMap\n  bad: [\n'
		printf -- '---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {replicass: 1, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}\n'
		printf -- '---\napiVersion: example.org/v1\nkind: Thing\nmetadata: {name: t}\n'
		printf -- '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: Bad_Name}\n'
		config_map last 1
	} | put a.yaml
	await 5 value_is last 1
	value_is good 1
	await 5 logged 'file=a.yaml why="document 2: (from line 6)'
	logged 'document 3: Deployment.apps default/d: .*unknown field .*spec.replicass'
	logged 'document 4: Thing t: no kind Thing is served in example.org/v1'
	logged 'document 5: ConfigMap default/Bad_Name: .*metadata.name'
	expect ApplyManifestFailed k get events -n kube-system
	# nothing new is said or written while the same is tried again
	lines=$(grep -c 'not applied as a whole' "$folder/log")
	before=$(store_revision)
	sleep 3.5
	[ "$(grep -c 'not applied as a whole' "$folder/log")" = "$lines" ]
	[ "$(store_revision)" = "$before" ]
	# what stood in a file that is not understood stays
	printf 'a: [' | put a.yaml
	await 5 sh -c "timeout 9 $kubectl describe cm -n kube-system -l mote.dev/manifest-record | grep -q 'document 1: (from line 1)'"
	value_is last 1
	: > "$dir/a.yaml"
	await 5 logged 'has no objects'
	value_is last 1
	config_map last 2 | put a.yaml
	await 5 value_is last 2
	await 5 is_gone cm good
}

test_two_files_with_one_object() {
	begin
	config_map same 1 | put a.yaml
	await 5 settled a.yaml
	config_map same 2 | put b.yaml
	await 5 logged 'is of the manifest a.yaml already'
	value_is same 1
	rm "$dir/a.yaml"
	await 20 value_is same 2
}

test_half_written_files_wait() {
	begin
	config_map first 1 > "$dir/slow.yaml"
	await 5 settled slow.yaml
	exec 7> "$dir/slow.yaml"
	config_map first 2 >&7
	config_map after 1 | put after.yaml
	await 5 value_is after 1
	value_is first 1
	config_map second 1 >&7
	exec 7>&-
	await 5 value_is second 1
	value_is first 2
}

test_restart_writes_nothing() {
	begin
	for i in 1 2 3; do
		{
			config_map "a$i" 1
			printf -- '---\napiVersion: v1\nkind: Service\nmetadata: {name: s%s}\nspec: {ports: [{port: 80}], selector: {a: b}}\n' "$i"
		} | put "a$i.yaml"
	done
	for i in 1 2 3; do await 5 settled "a$i.yaml"; done
	k patch cm a1 -p '{"data":{"key":"mine"}}'
	k delete cm a2
	await 5 sh -c "timeout 9 $kubectl get endpointslice -l kubernetes.io/service-name=s3 -o name | grep -q s3"
	before=$(revision cm a3) service=$(revision service s3) all=$(store_revision)
	again TERM
	again KILL
	config_map marker 1 | put z.yaml
	await 10 value_is marker 1
	await 5 settled z.yaml
	[ "$(revision cm a3)" = "$before" ]
	[ "$(revision service s3)" = "$service" ]
	value_is a1 mine
	is_gone cm a2
	# two writes of the record of z.yaml, one of its object; nothing else
	[ $(($(store_revision) - all)) -le 3 ]
}

test_nothing_goes_with_the_folder() {
	begin
	config_map a 1 | put a.yaml
	config_map b 1 | put b.yaml
	await 5 settled a.yaml
	await 5 settled b.yaml
	mv "$dir" "$dir.away"
	await 20 logged 'cannot read .*server/manifests'
	mkdir "$dir"
	await 20 logged 'is it mounted'
	config_map c 1 | put c.yaml
	await 20 value_is c 1
	sleep 2.5
	value_is a 1
	again TERM
	sleep 3
	value_is a 1
	mv "$dir.away/a.yaml" "$dir/"
	rm -r "$dir.away"
	touch "$dir/.mote-manifests"
	await 20 is_gone cm b
	value_is a 1
}

# The server dies in the middle, again and again: in the end all is as the folder says.
test_killed_in_the_middle() {
	begin
	for i in $(seq 60); do config_map "m$i" 1; done | put many.yaml
	config_map other 1 | put other.yaml
	await 5 k get cm m3
	again KILL
	await 10 value_is m60 1
	await 5 settled many.yaml
	for i in $(seq 2 2 60); do config_map "m$i" 2; done | put many.yaml
	await 5 value_is m4 2
	again KILL
	await 10 is_gone cm m59
	await 5 settled many.yaml
	equal 30 sh -c "timeout 9 $kubectl get cm -o name | grep -c /m"
	rm "$dir/many.yaml"
	await 10 is_gone cm m2
	again KILL
	await 10 is_gone cm m60
	await 10 sh -c "! timeout 9 $kubectl get cm -n kube-system -o yaml | grep -q 'file: many.yaml'"
	value_is other 1
}

run_tests manifests
