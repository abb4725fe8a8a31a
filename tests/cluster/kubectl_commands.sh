#!/bin/bash
# kubectl_commands.sh - every command that kubectl's help names, at least once, against a server and a node.
#
# Goal: what each prints is what it prints with the real server; a command that nothing here calls is a failure, too.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

one_node_up() {
	lab_open
	host_add s 172.30.0.1
	host_add n1 172.30.0.11
	image_make web:1 one
	image_make web:2 two
	image_give n1 "$tar_image/web-1.tar"
	image_give n1 "$tar_image/web-2.tar"
	server_start --v=0
	agent_start n1
	await 10 rules_are_up n1
}

( set -e; one_node_up ) || { cat "$lab"/*/log; exit 1; }
export KUBECONFIG="$lab/kubeconfig"

# like PATTERN COMMAND...: it succeeds, and what it prints matches the whole pattern (of case).
like() {
	pattern=$1
	shift
	output=$("$@" 2>&1) || { echo "failed: $* : $output" >&2; return 1; }
	# shellcheck disable=SC2053
	[[ $output == $pattern ]] && return 0
	echo "expected: $pattern" >&2
	echo "     got: $output" >&2
	return 1
}

test_every_command_is_here() {
	k --help | sed -n 's/^  \([a-z-]*\)  .*/\1/p' | while read -r command; do
		grep -Eq "(\bk|kubectl\") (-n [a-z]* )?$command\b" "$0" || { echo "not tried: kubectl $command"; false; }
	done
}

test_create_of_each_sort() {
	k create namespace made
	like "clusterrole.rbac.authorization.k8s.io/r created" k create clusterrole r --verb=get,list --resource=pods
	like "clusterrolebinding.rbac.authorization.k8s.io/b created" k create clusterrolebinding b --clusterrole=r --user=jane
	like "role.rbac.authorization.k8s.io/r created" k -n made create role r --verb=get --resource=pods --resource-name=one
	like "rolebinding.rbac.authorization.k8s.io/b created" k -n made create rolebinding b --role=r --serviceaccount=made:default
	like "configmap/c created" k -n made create configmap c --from-literal=a=b
	like "secret/s created" k -n made create secret generic s --from-literal=a=b
	like "secret/d created" k -n made create secret docker-registry d --docker-server=r.test --docker-username=u --docker-password=p
	like "deployment.apps/d created" k -n made create deployment d --image=web:1 --replicas=0
	like "*job.batch/j created" k -n made create job j --image=web:1 -- true
	like "*cronjob.batch/c created" k -n made create cronjob c --image=web:1 --schedule='0 3 * * *' -- true
	like "*job.batch/by-hand created" k -n made create job by-hand --from=cronjob/c
	like "service/clusterip created" k -n made create service clusterip clusterip --tcp=80:8080
	like "service/nodeport created" k -n made create service nodeport nodeport --tcp=80
	like "service/balanced created" k -n made create service loadbalancer balanced --tcp=80
	like "service/outside created" k -n made create service externalname outside --external-name=example.test
	like "serviceaccount/robot created" k -n made create serviceaccount robot
	like "ey*.*.*" k -n made create token robot --duration=20m
	like "*resourcequota/quota created" k -n made create quota quota --hard=pods=100
	like "*poddisruptionbudget.policy/p created" k -n made create poddisruptionbudget p --selector=app=d --min-available=1
	like "priorityclass.scheduling.k8s.io/high created" k create priorityclass high --value=1000
	like "*ingress.networking.k8s.io/i created" k -n made create ingress i --rule='a.test/*=clusterip:80'
	like "Name: * r*" k describe clusterrole r
	k delete clusterrole/r clusterrolebinding/b priorityclass/high
	like 'namespace "made" deleted' k delete namespace made --timeout=30s
}

test_run_and_look() {
	like "pod/one created" k run one --image=web:1 --labels=app=one --port=80 -- httpd -f -p 80 -h /www
	k wait --for=condition=Ready pod/one --timeout=30s
	like "NAME*READY*STATUS*RESTARTS*AGE*one*1/1*Running*0*" k get pod one
	like "NAME*READY*STATUS*RESTARTS*AGE*IP*NODE*NOMINATED NODE*READINESS GATES*one*10.42.*n1*<none>*<none>*" k get pods -o wide
	like "Name: *one*Namespace: *default*Node: *n1/172.30.0.11*Status: *Running*Containers:*Image: *web:1*QoS Class: *BestEffort*Events:*Scheduled*" \
		k describe pod one
	like "one" k exec one -- cat /www/index.html
	like "" k logs one
	echo something > "$scratch/given"
	k cp "$scratch/given" one:/tmp/given
	like "something" k exec one -- cat /tmp/given
	k cp one:/www/index.html "$scratch/taken"
	like "one" cat "$scratch/taken"
	like "service/one exposed" k expose pod one --port=80
	like "*Endpoints:*10.42.*:80*" k describe service one
	like "*Pulled*one*" k events --for=pod/one
	expect "LAST SEEN" k get events
	like "one" k get --raw /api/v1/namespaces/default/pods/one:80/proxy/
	forwards pod/one
	await 10 k top pod one
	like "*one*m*Mi*" k top pod one --no-headers
	like "*hello*" k run shout --image=web:1 --restart=Never --rm -i --quiet -- echo hello
	gone pod/one service/one --grace-period=1
}

# forwards WHAT: the page comes through kubectl port-forward.
forwards() {
	nsenter --target "$(cat "$lab/host-s.pid")" --net -- "$kubectl" port-forward "$1" 18080:80 > "$scratch/forward" 2>&1 &
	await 10 grep -q Forwarding "$scratch/forward"
	like "one" on s wget -qO- http://127.0.0.1:18080/
	kill $!
	wait $! 2>/dev/null || true
}

test_attach() {
	k apply -f - <<- 'END'
	apiVersion: v1
	kind: Pod
	metadata: {name: talk}
	spec: {terminationGracePeriodSeconds: 0, containers: [{name: a, image: "web:1", stdin: true, stdinOnce: true, command: [sh, -c, "read -r line; echo said $line"]}], restartPolicy: Never}
	END
	k wait --for=condition=Ready pod/talk --timeout=30s
	echo hello | k attach -i talk > "$scratch/attached" 2>&1 || true
	k wait --for=jsonpath='{.status.phase}'=Succeeded pod/talk --timeout=20s
	like "said hello" k logs talk
	gone pod/talk
}

test_debug() {
	k run two --image=web:1 -- sleep 3600
	k wait --for=condition=Ready pod/two --timeout=30s
	k debug two --image=web:1 --container=look --profile=general -- sh -c 'echo looked; sleep 60' > "$scratch/debug" 2>&1 || { cat "$scratch/debug"; false; }
	await 20 shell "[ \"\$(k logs two -c look)\" = looked ]"
	like "look" k get pod two -o 'jsonpath={.spec.ephemeralContainers[*].name}'
	k delete pod two --grace-period=0 --force
}

test_deployments() {
	like "deployment.apps/web created" k create deployment web --image=web:1 --port=80 -- httpd -f -p 80 -h /www
	like '*deployment "web" successfully rolled out' k rollout status deployment/web --timeout=30s
	like "deployment.apps/web scaled" k scale deployment/web --replicas=2
	like "deployment.apps/web image updated" k set image deployment/web web=web:2
	like '*successfully rolled out' k rollout status deployment/web --timeout=60s
	like "*REVISION*CHANGE-CAUSE*1*<none>*2*<none>" k rollout history deployment/web
	like "*revision #1*Image:*web:1*" k rollout history deployment/web --revision=1
	like "deployment.apps/web rolled back" k rollout undo deployment/web
	like "web:1" k get deployment web -o 'jsonpath={.spec.template.spec.containers[0].image}'
	like "deployment.apps/web paused" k rollout pause deployment/web
	like "deployment.apps/web resumed" k rollout resume deployment/web
	like "deployment.apps/web restarted" k rollout restart deployment/web
	like "deployment.apps/web env updated" k set env deployment/web A=b
	like "deployment.apps/web resource requirements updated" k set resources deployment/web --requests=cpu=10m
	like "deployment.apps/web serviceaccount updated" k set serviceaccount deployment/web default
	like "*horizontalpodautoscaler.autoscaling/web autoscaled" k autoscale deployment/web --max=3 --cpu-percent=80
	like "NAME*REFERENCE*TARGETS*MINPODS*MAXPODS*REPLICAS*AGE*web*Deployment/web*" k get hpa
	like "service/web exposed" k expose deployment/web --port=80
	like "*service/web selector updated" k set selector service/web app=web
	like "Name: *web*StrategyType: *RollingUpdate*Events:*ScalingReplicaSet*" k describe deployment web
	like "*pod/web-*service/web*deployment.apps/web*replicaset.apps/web-*horizontalpodautoscaler.autoscaling/web*" k get all
	gone deployment/web service/web hpa/web
}

test_objects_from_files() {
	cat > "$scratch/cm.yaml" <<- 'END'
	apiVersion: v1
	kind: ConfigMap
	metadata: {name: filed, labels: {a: b}}
	data: {k: v}
	END
	like "configmap/filed created" k apply -f "$scratch/cm.yaml"
	like "configmap/filed unchanged" k apply -f "$scratch/cm.yaml"
	sed -i 's/k: v/k: w/' "$scratch/cm.yaml"
	like "*-  k: v*+  k: w*" shell "k diff -f $scratch/cm.yaml || [ \$? = 1 ]"
	like "configmap/filed configured" k apply -f "$scratch/cm.yaml"
	like "configmap/filed patched" k patch configmap filed -p '{"data":{"x":"first"}}'
	like "configmap/filed labeled" k label configmap filed c=d
	like "configmap/filed unlabeled" k label configmap filed c-
	like "configmap/filed annotated" k annotate configmap filed n=o
	like "configmap/filed edited" shell 'KUBE_EDITOR="sed -i s/first/second/" k edit configmap filed'
	like "second" k get configmap filed -o 'jsonpath={.data.x}'
	like '*"k": "w"*' k apply view-last-applied configmap/filed -o json
	like "configmap/filed replaced" k replace -f "$scratch/cm.yaml"
	like "configmap/filed serverside-applied" k apply --server-side --force-conflicts -f "$scratch/cm.yaml"
	like 'configmap "filed" deleted' k delete -f "$scratch/cm.yaml"
	mkdir -p "$scratch/kustom"
	cp "$scratch/cm.yaml" "$scratch/kustom/"
	echo 'resources: [cm.yaml]' > "$scratch/kustom/kustomization.yaml"
	like "*kind: ConfigMap*name: filed*" k kustomize "$scratch/kustom"
}

test_nodes() {
	like "NAME*STATUS*ROLES*AGE*VERSION*n1*Ready*<none>*v1.*" k get nodes
	like "Name: *n1*Taints: *<none>*Conditions:*Ready*True*Capacity:*cpu:*Allocatable:*System Info:*PodCIDR:*Non-terminated Pods:*Allocated resources:*" \
		k describe node n1
	like "node/n1 cordoned" k cordon n1
	like "*Ready,SchedulingDisabled*" k get node n1
	like "node/n1 uncordoned" k uncordon n1
	like "node/n1 tainted" k taint node n1 a=b:NoSchedule
	like "node/n1 untainted" k taint node n1 a:NoSchedule-
	k create deployment moved --image=web:1 -- sleep 3600
	k rollout status deployment/moved --timeout=30s
	like "*node/n1 drained" k drain n1 --force --ignore-daemonsets --grace-period=1 --timeout=40s
	k uncordon n1
	k delete deployment moved
}

test_about_the_server() {
	like "*Server Version: v1.32*" k version
	like "*control plane*is running at*https://127.0.0.1:6443*" k cluster-info
	like "*default*" k config get-contexts
	like "v1" shell "k api-versions | grep -x v1"
	like "*deployments*deploy*apps/v1*true*Deployment*" k api-resources
	like "KIND: *Pod*VERSION: *v1*DESCRIPTION:*FIELDS:*spec*<PodSpec>*" k explain pod
	like "*GROUP: *apps*KIND: *Deployment*FIELD: replicas <integer>*" k explain deployment.spec.replicas
	like "yes" k auth can-i create pods
	like "*system:admin*" k auth whoami
	like "*Resources*Verbs*" k auth can-i --list
	like "*" k completion bash
	like "*kubectl plugin*" k plugin --help
	like "*The following options can be passed to any command*" k options
	like "*" k plugin list || true
	nsenter --target "$(cat "$lab/host-s.pid")" --net -- "$kubectl" proxy --port=18001 > "$scratch/proxy" 2>&1 &
	await 10 grep -q Starting "$scratch/proxy"
	like '*"kind": "PodList"*' on s wget -qO- http://127.0.0.1:18001/api/v1/pods
	kill $!
}

test_certificates() {
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$scratch/jane.key" -subj /CN=jane -out "$scratch/jane.csr" 2> /dev/null
	k apply -f - <<- END
	apiVersion: certificates.k8s.io/v1
	kind: CertificateSigningRequest
	metadata: {name: jane}
	spec: {request: $(base64 -w0 < "$scratch/jane.csr"), signerName: kubernetes.io/kube-apiserver-client, usages: [client auth]}
	END
	like "NAME*AGE*SIGNERNAME*REQUESTOR*REQUESTEDDURATION*CONDITION*jane*kubernetes.io/kube-apiserver-client*system:admin*<none>*Pending*" k get csr
	like "certificatesigningrequest.certificates.k8s.io/jane approved" k certificate approve jane
	like "*Approved*" k get csr jane
	k delete csr jane
}

run_tests kubectl_commands
