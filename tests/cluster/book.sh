#!/bin/bash
# book.sh - the flows that a beginner's book walks through, on one node with pods that run.
#
# Goal: what a reader types works as the book says, word for word where a book prints it.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

open_node() {
	set -e
	lab_open
	host_add s 172.30.0.1
	host_add n1 172.30.0.11
	image_make web:1 one
	image_make web:2 two
	image_give n1 "$tar_image/web-1.tar"
	image_give n1 "$tar_image/web-2.tar"
	# shellcheck disable=SC2119 # no options
	server_start
	agent_start n1
	await 10 rules_are_up n1
}

( open_node ) || { cat "$lab"/*/log; exit 1; }
export KUBECONFIG="$lab/kubeconfig"

# says TEXT KUBECTL-ARGUMENTS...: its whole output.
says() {
	equal "$1" k "${@:2}"
}

ready() {
	k wait --for=condition=Ready --timeout=30s "$@" > /dev/null
}

# A server of pages for `kubectl create deployment`, which gives no readiness probe.
# It ends at once when it is told to: process 1 has no such habit of itself.
serve='trap exit TERM; httpd -f -p 80 -h /www & wait'

test_a_first_pod() {
	says 'pod/hello created' run hello --image=web:1 --port=80 --labels=app=hello,tier=front --env=GREETING=hi \
		--command -- sh -c "echo started; $serve"
	ready pod/hello
	await 5 equal started k logs hello
	# shellcheck disable=SC2016 # there
	says hi exec hello -- sh -c 'echo "$GREETING"'
	expect 'hello   1/1     Running' k get pods
	expect 'tier=front' k get pods --show-labels
	expect 'Successfully assigned default/hello to n1' k describe pod hello
	expect 'Started container hello' k describe pod hello
	says 'service/hello exposed' expose pod hello --name=hello --port=8080 --target-port=80
	ip=$(of service/hello '{.spec.clusterIP}')
	await 10 equal one on n1 wget -qO- "http://$ip:8080/"
	says 'pod/hello labeled' label pod hello tier=back --overwrite
	says 'pod/hello annotated' annotate pod hello note='a page'
	says 'pod "hello" deleted' delete pod hello --now
	says 'service "hello" deleted' delete service hello
}

test_a_deployment_from_create_to_undo() {
	says 'deployment.apps/shop created' create deployment shop --image=web:1 --replicas=2 -- sh -c "$serve"
	says 'service/shop exposed' expose deployment shop --port=80 --type=NodePort
	k rollout status deployment/shop --timeout=30s > /dev/null
	expect 'shop   2/2     2            2' k get deployment shop
	ip=$(of service/shop '{.spec.clusterIP}')
	await 10 equal one on n1 wget -qO- "http://$ip/"
	port=$(of service/shop '{.spec.ports[0].nodePort}')
	equal one in_lab curl -s "http://172.30.0.11:$port/"
	says 'deployment.apps/shop scaled' scale deployment shop --replicas=3
	await 20 is 3 deployment/shop '{.status.readyReplicas}'
	says 'deployment.apps/shop image updated' set image deployment/shop web=web:2
	k annotate deployment shop kubernetes.io/change-cause='second page' > /dev/null
	k rollout status deployment/shop --timeout=60s > /dev/null
	says 'deployment "shop" successfully rolled out' rollout status deployment/shop
	await 10 equal two on n1 wget -qO- "http://$ip/"
	expect '2         second page' k rollout history deployment/shop
	expect 'Image:	web:1' k rollout history deployment/shop --revision=1
	says 'deployment.apps/shop rolled back' rollout undo deployment/shop
	k rollout status deployment/shop --timeout=60s > /dev/null
	await 10 equal one on n1 wget -qO- "http://$ip/"
	says 'deployment.apps/shop rolled back' rollout undo deployment/shop --to-revision=2
	k rollout status deployment/shop --timeout=60s > /dev/null
	await 10 equal two on n1 wget -qO- "http://$ip/"
}

test_b_pause_and_resume() {
	says 'deployment.apps/shop paused' rollout pause deployment/shop
	k set image deployment/shop web=web:1 > /dev/null
	k set env deployment/shop MODE=calm > /dev/null
	await 5 expect 'observed' shell "k get deployment shop -o jsonpath='{.metadata.generation} {.status.observedGeneration}' | awk '\$1 == \$2 { print \"observed\" }'"
	expect 'you cannot rollback a paused deployment' k rollout undo deployment/shop
	[ "$(k get pods -l app=shop -o 'jsonpath={.items[*].spec.containers[0].image}' | tr ' ' '\n' | sort -u)" = web:2 ]
	says 'deployment.apps/shop resumed' rollout resume deployment/shop
	k rollout status deployment/shop --timeout=60s > /dev/null
	equal web:1 of deployment/shop '{.spec.template.spec.containers[0].image}'
	# shellcheck disable=SC2016 # there
	says calm exec deployment/shop -- sh -c 'echo "$MODE"'
	says 'deployment.apps/shop restarted' rollout restart deployment/shop
	k rollout status deployment/shop --timeout=60s > /dev/null
}

three_pods() {
	[ "$(k get pods -l app=shop -o name | wc -l)" = 3 ]
}

test_c_delete_with_and_without_cascade() {
	says 'deployment.apps "shop" deleted' delete deployment shop --cascade=orphan
	[ "$(k get replicasets -l app=shop -o name | wc -l)" -ge 2 ]
	await 10 three_pods
	# the same deployment takes them in again
	k create deployment shop --image=web:1 --replicas=3 -- sh -c "$serve" > /dev/null
	k set env deployment/shop MODE=calm > /dev/null
	await 20 is 3 deployment/shop '{.status.readyReplicas}'
	says 'deployment.apps "shop" deleted' delete deployment shop --cascade=foreground --timeout=40s
	equal '' k get replicasets,pods -l app=shop -o name
	k delete service shop > /dev/null
}

test_autoscaling() {
	k apply -f - > /dev/null <<- END
	apiVersion: apps/v1
	kind: Deployment
	metadata: {name: busy}
	spec:
	  selector: {matchLabels: {app: busy}}
	  template:
	    metadata: {labels: {app: busy}}
	    spec:
	      terminationGracePeriodSeconds: 0
	      containers:
	      - {name: a, image: "web:1", command: [sh, -c, "while :; do :; done"], resources: {requests: {cpu: 20m}, limits: {cpu: 100m}}}
	END
	says 'horizontalpodautoscaler.autoscaling/busy autoscaled' autoscale deployment busy --min=1 --max=3 --cpu-percent=50
	await 60 is 3 deployment/busy '{.spec.replicas}'
	expect 'New size: 3; reason: cpu resource utilization (percentage of request) above target' k describe hpa busy
	k delete hpa,deployment busy > /dev/null
}

# Three pods of several containers each: one keeps the files that another writes, one stands before the server, one
# turns what the main one prints into another form.
test_sidecar_ambassador_adapter() {
	k apply -f - > /dev/null <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: sidecar}
	spec:
	  terminationGracePeriodSeconds: 0
	  volumes: [{name: pages, emptyDir: {}}]
	  initContainers:
	  - {name: writer, image: "web:1", restartPolicy: Always, command: [sh, -c, "while :; do date > /pages/index.html; sleep 1; done"],
	     startupProbe: {exec: {command: [test, -e, /pages/index.html]}, periodSeconds: 1}, volumeMounts: [{name: pages, mountPath: /pages}]}
	  containers:
	  - {name: web, image: "web:1", command: [httpd, -f, -p, "80", -h, /pages], volumeMounts: [{name: pages, mountPath: /pages}]}
	---
	apiVersion: v1
	kind: Pod
	metadata: {name: ambassador}
	spec:
	  terminationGracePeriodSeconds: 0
	  containers:
	  - {name: main, image: "web:1", command: [sh, -c, "until wget -qO- http://localhost:9000/; do sleep 0.2; done; sleep 300"]}
	  - {name: ambassador, image: "web:2", command: [httpd, -f, -p, "127.0.0.1:9000", -h, /www]}
	---
	apiVersion: v1
	kind: Pod
	metadata: {name: adapter}
	spec:
	  terminationGracePeriodSeconds: 0
	  volumes: [{name: logs, emptyDir: {medium: Memory}}]
	  containers:
	  - {name: main, image: "web:1", command: [sh, -c, "while :; do echo temp=21 >> /logs/out; sleep 0.5; done"], volumeMounts: [{name: logs, mountPath: /logs}]}
	  - {name: adapter, image: "web:1", command: [sh, -c, "tail -F /logs/out 2>/dev/null | while read -r line; do echo temperature_celsius \${line#temp=}; done"], volumeMounts: [{name: logs, mountPath: /logs, readOnly: true}]}
	END
	ready pod/sidecar pod/ambassador pod/adapter
	expect '2/2' k get pods sidecar
	await 10 expect 20 on n1 wget -qO- "http://$(of pod/sidecar '{.status.podIP}')/"
	await 10 expect two k logs ambassador -c main
	await 10 expect 'temperature_celsius 21' k logs adapter -c adapter
	k delete pod sidecar ambassador adapter --now > /dev/null
}

test_configuration_and_secrets() {
	says 'configmap/settings created' create configmap settings --from-literal=color=blue --from-literal=app.conf=x=1
	says 'secret/keys created' create secret generic keys --from-literal=password=s3cret
	k apply -f - > /dev/null <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: configured}
	spec:
	  terminationGracePeriodSeconds: 0
	  volumes: [{name: c, configMap: {name: settings, items: [{key: app.conf, path: app.conf}]}}, {name: s, secret: {secretName: keys, defaultMode: 0400}}]
	  containers:
	  - name: a
	    image: web:1
	    command: [sleep, "300"]
	    env: [{name: COLOR, valueFrom: {configMapKeyRef: {name: settings, key: color}}}, {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
	    envFrom: [{secretRef: {name: keys}, prefix: KEY_}]
	    volumeMounts: [{name: c, mountPath: /etc/app}, {name: s, mountPath: /etc/keys, readOnly: true}]
	END
	ready pod/configured
	# shellcheck disable=SC2016 # there
	says 'blue n1 s3cret' exec configured -- sh -c 'echo $COLOR $NODE $KEY_password'
	says x=1 exec configured -- cat /etc/app/app.conf
	says 's3cret' exec configured -- cat /etc/keys/password
	k patch configmap settings -p '{"data":{"app.conf":"x=2"}}' > /dev/null
	await 90 equal x=2 k exec configured -- cat /etc/app/app.conf
	k delete pod,configmap,secret configured settings keys --ignore-not-found --now > /dev/null
}

test_jobs() {
	says 'job.batch/once created' create job once --image=web:1 -- sh -c 'echo counted'
	k wait --for=condition=Complete job/once --timeout=20s > /dev/null
	says counted logs job/once
	expect 'once   Complete   1/1' k get jobs
	says 'cronjob.batch/often created' create cronjob often --image=web:1 --schedule='* * * * *' -- echo tick
	says 'job.batch/now created' create job now --from=cronjob/often
	k wait --for=condition=Complete job/now --timeout=20s > /dev/null
	says tick logs job/now
	says 'cronjob.batch/often patched' patch cronjob often -p '{"spec":{"suspend":true}}'
	k delete cronjob,job --all > /dev/null
}

test_names_of_one_s_own() {
	says 'namespace/team created' create namespace team
	k -n team create quota few --hard=pods=1 > /dev/null
	await 5 expect 1 k -n team get quota few -o 'jsonpath={.status.hard.pods}'
	k -n team run a --image=web:1 --command -- sleep 300 > /dev/null
	expect 'exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1' k -n team run b --image=web:1
	says 'namespace "team" deleted' delete namespace team --timeout=40s
}

test_a_state_of_one_s_own() {
	k apply -f - > /dev/null <<- END
	apiVersion: v1
	kind: Service
	metadata: {name: db}
	spec: {clusterIP: None, selector: {app: db}, ports: [{port: 80}]}
	---
	apiVersion: apps/v1
	kind: StatefulSet
	metadata: {name: db}
	spec:
	  serviceName: db
	  replicas: 2
	  selector: {matchLabels: {app: db}}
	  template:
	    metadata: {labels: {app: db}}
	    spec:
	      terminationGracePeriodSeconds: 0
	      containers: [{name: a, image: "web:1", command: [sh, -c, "hostname >> /data/names; exec sleep 300"], volumeMounts: [{name: data, mountPath: /data}]}]
	  volumeClaimTemplates:
	  - metadata: {name: data}
	    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
	END
	k rollout status statefulset/db --timeout=40s > /dev/null
	says db-1 exec db-1 -- cat /data/names
	k delete pod db-1 --now > /dev/null
	k rollout status statefulset/db --timeout=40s > /dev/null
	await 20 equal 'db-1
db-1' k exec db-1 -- cat /data/names
	k scale statefulset db --replicas=1 > /dev/null
	k wait --for=delete pod/db-1 --timeout=20s > /dev/null
	expect 'data-db-1   Bound' k get pvc
	k delete statefulset,service db > /dev/null
	k delete pvc --all --timeout=40s > /dev/null
	await 20 equal '' k get pv -o name
}

test_one_on_each_node() {
	k apply -f - > /dev/null <<- END
	apiVersion: apps/v1
	kind: DaemonSet
	metadata: {name: each}
	spec:
	  selector: {matchLabels: {app: each}}
	  template:
	    metadata: {labels: {app: each}}
	    spec: {terminationGracePeriodSeconds: 0, containers: [{name: a, image: "web:1", command: [sleep, "300"]}]}
	END
	k rollout status daemonset/each --timeout=30s > /dev/null
	expect 'each   1         1         1       1            1' k get daemonset each
	k delete daemonset each > /dev/null
}

run_tests book
