#!/bin/bash
# api.sh - the API as the real kubectl sees it: one server, no node.
#
# Goal: what kubectl's users do with objects works unchanged; bad input is refused with the real words; nothing that was
# acknowledged is lost.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

mkdir "$scratch/a"
start_server "$scratch/a" "$(free_port)" || { cat "$scratch/a/log"; exit 1; }

test_version_and_discovery() {
	expect "Server Version: v1.32" k version
	expect "deploy " k api-resources
	expect "apps/v1" k api-versions
	expect "is running at" k cluster-info
	expect '"ok"' echo "\"$(k get --raw /livez)\""
	expect "[+]datastore ok" k get --raw '/readyz?verbose'
	expect "SelfSubjectReview" k get --raw /apis/authentication.k8s.io/v1
	equal yes k auth can-i create pods
	expect "system:admin" k auth whoami
}

test_create_get_delete() {
	equal "configmap/one created" k create configmap one --from-literal=a=1
	equal 1 k get configmap one -o 'jsonpath={.data.a}'
	expect 'configmaps "one" already exists' k create configmap one
	expect "one " k get cm
	expect "a: \"1\"" k get cm one -o yaml
	equal 'configmap "one" deleted' k delete cm one
	expect 'configmaps "one" not found' k get cm one
}

test_apply_patch_label() {
	cat > "$scratch/web.yaml" <<-YAML
	apiVersion: apps/v1
	kind: Deployment
	metadata: {name: web}
	spec:
	  replicas: 2
	  selector: {matchLabels: {app: web}}
	  template:
	    metadata: {labels: {app: web}}
	    spec:
	      containers:
	      - {name: web, image: nginx, ports: [{containerPort: 80}]}
	YAML
	equal "deployment.apps/web created" k apply -f "$scratch/web.yaml"
	equal "deployment.apps/web unchanged" k apply -f "$scratch/web.yaml"
	sed -i 's/image: nginx/image: nginx:2/' "$scratch/web.yaml"
	equal "deployment.apps/web configured" k apply -f "$scratch/web.yaml"
	equal nginx:2 k get deploy web -o 'jsonpath={.spec.template.spec.containers[0].image}'
	equal RollingUpdate k get deploy web -o 'jsonpath={.spec.strategy.type}'
	expect "deployment.apps/web image updated" k set image deploy/web web=nginx:3
	expect "scaled" k scale deploy web --replicas=5
	equal 5 k get deploy web -o 'jsonpath={.spec.replicas}'
	expect labeled k label deploy web tier=front
	expect annotated k annotate deploy web note=x
	equal deployment.apps/web k get deploy -l tier=front -o name
	expect patched k patch deploy web -p '{"spec":{"paused":true}}'
	expect patched k patch deploy web --type=merge -p '{"spec":{"paused":null}}'
	expect patched k patch deploy web --type=json -p '[{"op":"replace","path":"/spec/replicas","value":1}]'
	EDITOR='sed -i s/replicas:.1/replicas:\ 7/' k edit deploy web
	equal 7 k get deploy web -o 'jsonpath={.spec.replicas}'
	expect "RollingUpdateStrategy:  25% max unavailable" k describe deploy web
	expect deleted k delete -f "$scratch/web.yaml"
}

test_generation_and_revision() {
	k create deployment gen --image=a
	equal 1 k get deploy gen -o 'jsonpath={.metadata.generation}'
	before=$(k get deploy gen -o 'jsonpath={.metadata.resourceVersion}')
	k label deploy gen a=b
	equal 1 k get deploy gen -o 'jsonpath={.metadata.generation}'
	k label deploy gen a=b --overwrite
	after=$(k get deploy gen -o 'jsonpath={.metadata.resourceVersion}')
	[ "$after" -gt "$before" ]
	k label deploy gen a=b --overwrite
	equal "$after" k get deploy gen -o 'jsonpath={.metadata.resourceVersion}'
	k create cm stale
	expect "the object has been modified" k replace -f - \
		<<< '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"stale","resourceVersion":"1"}}'
	k delete deploy gen
	k delete cm stale
}

test_bad_input() {
	expect 'unknown field "foo"' k create -f - <<< '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"foo":1}'
	expect 'unknown field "spec.containers[0].bar"' k create --validate=strict -f - \
		<<< '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"name":"a","image":"b","bar":1}]}}'
	expect "cannot unmarshal" k create --validate=false -f - \
		<<< '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":7}}'
	expect "metadata.name: Invalid value: \"Bad_Name\": a lowercase RFC 1123 subdomain" k create cm Bad_Name
	expect 'namespaces "nowhere" not found' k create cm x -n nowhere
	expect "spec.containers: Required value" k create -f - \
		<<< '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[]}}'
	expect 'spec.containers[0].volumeMounts[0].name: Not found: "v"' k create -f - \
		<<< '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"name":"a","image":"b","volumeMounts":[{"name":"v","mountPath":"/x"}]}]}}'
	expect '`selector` does not match template `labels`' k create -f - \
		<<< '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"x"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"c":"d"}},"spec":{"containers":[{"name":"a","image":"b"}]}}}}'
	expect "found '=', expected: ',' or 'end of string'" k get cm -l 'a=b=c'
	expect "field label not supported" k get pods --field-selector spec.colour=red
	expect "could not find the requested resource" k get --raw /api/v1/nothing
	expect "may not be deleted" k delete ns default
	expect "must be greater than or equal to 0" k create -f - \
		<<< '{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"name":"x"},"spec":{"replicas":-1,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"a","image":"b"}]}}}}'
}

test_services_get_addresses() {
	k create service clusterip one --tcp=80:8080
	k create service nodeport two --tcp=80:8080
	ip=$(k get svc one -o 'jsonpath={.spec.clusterIP}')
	case $ip in 10.43.*) ;; *) echo "no cluster address: $ip"; false ;; esac
	port=$(k get svc two -o 'jsonpath={.spec.ports[0].nodePort}')
	[ "$port" -ge 30000 ] && [ "$port" -le 32767 ]
	expect "provided IP is already allocated" k create -f - \
		<<< "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"x\"},\"spec\":{\"clusterIP\":\"$ip\",\"ports\":[{\"port\":1}]}}"
	expect "may not change once set" k patch svc one -p '{"spec":{"clusterIP":"10.43.9.9","clusterIPs":["10.43.9.9"]}}'
	k delete svc one two
}

test_watch() {
	k get cm -w -o name > "$scratch/watched" 2>&1 &
	watcher=$!
	k create cm w1
	k create cm w2
	await 10 grep -q w2 "$scratch/watched"
	kill "$watcher"
	grep -q configmap/w1 "$scratch/watched"
	k delete cm w1 w2
	k create cm later
	( sleep 0.3; k label cm later ready=yes ) &
	k wait cm/later --for='jsonpath={.metadata.labels.ready}=yes' --timeout=10s
	wait
	k delete cm later
}

test_paging() {
	for i in $(seq 25); do echo "--- {apiVersion: v1, kind: ConfigMap, metadata: {name: page-$i, labels: {page: x}}}"; done |
		sed 's/^--- /---\n/' | k create -f - > /dev/null
	equal 25 sh -c "timeout 20 $kubectl get cm -l page=x --chunk-size=7 -o name | wc -l"
	expect '"remainingItemCount":' k get --raw '/api/v1/configmaps?limit=1'
	k delete cm -l page=x
	equal 0 sh -c "timeout 20 $kubectl get cm -l page=x -o name 2>/dev/null | wc -l"
}

test_secrets_and_tokens() {
	k create secret generic s --from-literal=p=q
	equal cQ== k get secret s -o 'jsonpath={.data.p}'
	expect Opaque k get secret s
	k create serviceaccount robot
	token=$(k create token robot)
	[ "$(echo "$token" | tr -cd . | wc -c)" = 2 ]
	server=$(k config view -o 'jsonpath={.clusters[0].cluster.server}')
	expect 'User \"system:serviceaccount:default:robot\" cannot list resource' \
		curl -sk -H "Authorization: Bearer $token" "$server/api/v1/namespaces/default/pods"
	expect Unauthorized curl -sk -H "Authorization: Bearer ${token}x" "$server/api/v1/namespaces/default/pods"
	expect 'User \"system:anonymous\" cannot' curl -sk "$server/api/v1/namespaces/default/pods"
	k delete serviceaccount robot
	expect Unauthorized curl -sk -H "Authorization: Bearer $token" "$server/version"
	k delete secret s
}

test_smuggling_is_refused() {
	host=127.0.0.1:$(k config view -o 'jsonpath={.clusters[0].cluster.server}' | sed 's/.*://')
	for bytes in 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n' \
		'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n' \
		'GET / HTTP/1.1\nHost: a\n\n' 'GET / HTTP/1.1\r\nHost : a\r\n\r\n' \
		'GET /api/v1/%2e%2e/x HTTP/1.1\r\nHost: a\r\n\r\n' 'GET /api//v1 HTTP/1.1\r\nHost: a\r\n\r\n' \
		'GET /api/v1/namespaces/a%2fb HTTP/1.1\r\nHost: a\r\n\r\n'; do
		# shellcheck disable=SC2059
		expect ' 400 ' sh -c "(printf '$bytes\r\n\r\n'; sleep 0.2) | timeout 5 openssl s_client -quiet -connect $host 2>/dev/null"
	done
}

test_restart_keeps_everything() {
	k create cm kept-over-restart --from-literal=x=y
	before=$(k get cm kept-over-restart -o 'jsonpath={.metadata.resourceVersion}')
	mkdir -p "$scratch/b"
	start_server "$scratch/b" $((port + 1000))
	k create cm kept --from-literal=x=y
	revision=$(k get cm kept -o 'jsonpath={.metadata.resourceVersion}')
	stop_server -TERM
	start_server "$scratch/b" $((port))
	equal y k get cm kept -o 'jsonpath={.data.x}'
	k create cm after
	[ "$(k get cm after -o 'jsonpath={.metadata.resourceVersion}')" -gt "$revision" ]
	stop_server -TERM
	[ "$before" -gt 0 ]
}

# kill -9 in the middle of 1,000 creates: every acknowledged object is there, revisions never went back.
test_kill_loses_nothing() {
	mkdir -p "$scratch/c"
	start_server "$scratch/c" "$(($(free_port) + 2000))"
	for i in $(seq 1000); do printf -- '---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: n-%d}}\n' "$i"; done > "$scratch/many"
	k create -f "$scratch/many" -o 'jsonpath={.metadata.name} {.metadata.resourceVersion}{"\n"}' > "$scratch/told" 2> /dev/null &
	creating=$!
	await 90 sh -c "[ \$(wc -l < $scratch/told) -ge 300 ]" # kubectl needs them on a busy machine
	stop_server -KILL
	wait "$creating" || true
	start_server "$scratch/c" "$port"
	k get cm -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}' | sort > "$scratch/there"
	sed 's/ .*//' "$scratch/told" | sort > "$scratch/acknowledged"
	[ "$(wc -l < "$scratch/acknowledged")" -ge 300 ]
	equal "" comm -23 "$scratch/acknowledged" "$scratch/there"
	newest=$(sed 's/.* //' "$scratch/told" | sort -n | tail -1)
	k create cm behind
	[ "$(k get cm behind -o 'jsonpath={.metadata.resourceVersion}')" -gt "$newest" ]
	stop_server -TERM
}

# A full disk refuses writes with a clear word; what was acknowledged is there after room has been made.
test_full_disk() {
	[ "$(id -u)" = 0 ] || { echo "needs root"; return 1; }
	mkdir -p "$scratch/f"
	mount -t tmpfs -o size=8m mote-test "$scratch/f"
	end_test() { end_processes; umount -l "$scratch/f"; }
	start_server "$scratch/f" "$(($(free_port) + 3000))"
	head -c 400000 /dev/zero | tr '\0' x > "$scratch/big"
	for i in $(seq 40); do
		k create cm "big$i" --from-file="$scratch/big" > "$scratch/out$i" 2>&1 || break
		echo "big$i" >> "$scratch/stored"
	done
	expect "database or disk is full" cat "$scratch/out$i"
	k get ns > /dev/null # reading goes on
	stop_server -KILL
	mount -o remount,size=32m "$scratch/f"
	start_server "$scratch/f" "$port"
	k get cm -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}' | sort > "$scratch/there"
	sort "$scratch/stored" | comm -23 - "$scratch/there" > "$scratch/lost"
	equal "" cat "$scratch/lost"
	k create cm afterwards
	stop_server -TERM
}

test_second_server_is_refused() {
	expect "is in use by another server (process" "$mote" server --data-dir "$scratch/a/data" \
		--write-kubeconfig "$scratch/x" --https-listen-port 1 --bind-address 127.0.0.1
	equal default k get ns default -o 'jsonpath={.metadata.name}'
}

test_wrong_options() {
	expect "unknown flag --data-dri; did you mean --data-dir?" "$mote" server --data-dri x
	expect 'there is no command "sever"' "$mote" sever
	expect "Usage: mote server" "$mote" server --help
	echo "colour: red" > "$scratch/config.yaml"
	expect "passed over: unknown key in $scratch/config.yaml: colour" "$mote" server --config "$scratch/config.yaml" \
		--data-dir /dev/null/none
}

run_tests api
