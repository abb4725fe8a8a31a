#!/bin/bash
# rbac.sh - roles and bindings as the real kubectl makes, asks and feels them.
#
# Goal: what is not given is refused, in the real server's words; what is given works at once; nobody gives himself more.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

mkdir "$scratch/a"
start_server "$scratch/a" "$(free_port)" || { cat "$scratch/a/log"; exit 1; }
k create namespace team > /dev/null
port_of_server=$port

# refused TEXT COMMAND...: exits with an error that says so.
refused() {
	text=$1
	shift
	if output=$("$@" 2>&1); then
		echo "not refused: $*: $output" >&2
		return 1
	fi
	[[ $output == *"$text"* ]] && return 0
	echo "refused with other words: $output" >&2
	return 1
}

as() {
	who=$1
	shift
	k --as="$who" "$@"
}

# can YES/NO USER QUESTION...
can() {
	answer=$(as "$2" auth can-i "${@:3}" 2> /dev/null) || true
	[ "$answer" = "$1" ] && return 0
	echo "expected $1, got $answer: $*" >&2
	return 1
}

test_nobody_may_do_anything() {
	refused 'pods is forbidden: User "eve" cannot list resource "pods" in API group "" in the namespace "team"' \
		as eve get pods -n team
	refused 'deployments.apps "x" is forbidden: User "eve" cannot delete resource "deployments" in API group "apps"' \
		as eve delete deploy x -n team
	refused 'nodes is forbidden: User "eve" cannot list resource "nodes" in API group "" at the cluster scope' as eve get nodes
	refused 'secrets is forbidden' as system:serviceaccount:kube-system:default get secrets -A
	refused 'cannot get path "/metrics"' as eve get --raw /metrics
	refused 'cannot get path "/cacerts/x"' as system:anonymous get --raw /cacerts/x
	can no eve create pods
	refused 'User "system:anonymous" cannot create resource "selfsubjectaccessreviews" in API group "authorization.k8s.io"' \
		as system:anonymous auth can-i get pods
	expect "selfsubjectaccessreviews" as eve auth can-i --list
	expect "eve" as eve auth whoami
	expect "v1.32" as eve version
}

test_role_and_binding() {
	k create role reader --verb=get,list,watch --resource=pods,pods/log -n team > /dev/null
	refused 'rolebindings' as alice create rolebinding b --role=reader --user=alice -n team
	can no alice list pods -n team
	k create rolebinding b --role=reader --user=alice --group=dev --serviceaccount=team:web -n team > /dev/null
	can yes alice list pods -n team
	can yes alice get pods --subresource=log -n team
	can no alice get pods --subresource=exec -n team
	can no alice list pods
	can no alice list pods -A
	can no alice delete pods -n team
	can yes bob list pods -n team --as-group=dev
	can no bob list pods -n team
	can yes system:serviceaccount:team:web list pods -n team
	can no system:serviceaccount:default:web list pods -n team
	expect "No resources found" as alice get pods -n team
	expect "pods " as alice auth can-i --list -n team
	expect 'Role/reader' k get rolebinding b -n team
	expect 'alice   dev      team/web' k get rolebinding b -n team -o wide
	expect reader k describe rolebinding b -n team
	k delete rolebinding b -n team > /dev/null
	can no alice list pods -n team
	refused 'cannot change roleRef' sh -c "$kubectl create rolebinding c --role=reader --user=a -n team -o json |
		sed 's/\"name\": \"reader\"/\"name\": \"other\"/' | $kubectl replace -f -"
}

test_missing_role() {
	k create rolebinding lost --role=gone --user=lost -n team > /dev/null
	refused 'in the namespace "team": RBAC: role.rbac.authorization.k8s.io "gone" not found' as lost get pods -n team
}

test_resource_names() {
	k create role one --verb=get,update,watch,list --resource=configmaps --resource-name=first -n team > /dev/null
	k create rolebinding one --role=one --user=nina -n team > /dev/null
	k create configmap first -n team > /dev/null
	k create configmap second -n team > /dev/null
	expect first as nina get cm first -n team
	refused 'configmaps "second" is forbidden' as nina get cm second -n team
	refused 'configmaps is forbidden' as nina get cm -n team
	expect first as nina get cm -n team --field-selector metadata.name=first
	refused 'is forbidden' as nina get cm -n team --field-selector metadata.name=second
	can yes nina get cm/first -n team
	can no nina get cm/second -n team
}

test_default_roles() {
	k create rolebinding v --clusterrole=view --user=vera -n team > /dev/null
	k create rolebinding e --clusterrole=edit --user=ed -n team > /dev/null
	k create rolebinding a --clusterrole=admin --user=ada -n team > /dev/null
	can yes vera list pods -n team
	can no vera get secrets -n team
	can no vera create pods -n team
	can yes ed create deployments -n team
	can yes ed get secrets -n team
	can no ed create roles.rbac.authorization.k8s.io -n team
	can yes ada create roles.rbac.authorization.k8s.io -n team
	can no ada create namespaces
	can no ada get nodes
	can yes system:kube-scheduler create pods --subresource=binding
	can no system:kube-scheduler create deployments
	expect "kubernetes.io/bootstrapping=rbac-defaults" k describe clusterrole system:controller:deployment-controller
}

test_gathered_roles() {
	can no vera list leases -n team
	k create clusterrole more --verb=get,list --resource=leases > /dev/null
	k label clusterrole more rbac.authorization.k8s.io/aggregate-to-view=true > /dev/null
	await 5 "$kubectl" auth can-i list leases -n team --as=vera
	expect leases k get clusterrole view -o yaml
	# and from view through edit to admin
	await 5 sh -c "$kubectl get clusterrole admin -o json | grep -q leases"
	k delete clusterrole more > /dev/null
	await 5 sh -c "! $kubectl auth can-i list leases -n team --as=vera"
}

test_nobody_gives_more() {
	refused 'user "ada" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
{APIGroups:["apps"], Resources:["deployments/magic"], Verbs:["get" "list"]}' \
		as ada create role magic --verb=get,list --resource=deployments.apps/magic -n team
	refused 'is attempting to grant RBAC permissions not currently held' \
		as ada create role all --verb='*' --resource='*' -n team
	refused 'is attempting to grant RBAC permissions not currently held' \
		as ada create rolebinding up --clusterrole=cluster-admin --user=ada -n team
	refused 'clusterroles.rbac.authorization.k8s.io "nowhere" not found' \
		as ada create rolebinding up --clusterrole=nowhere --user=ada -n team
	expect created as ada create role few --verb=get --resource=pods -n team
	expect created as ada create rolebinding few --role=few --user=fay -n team
	can yes fay get pods -n team
	refused 'is attempting to grant RBAC permissions not currently held' as ada patch role few -n team --type=json \
		-p '[{"op":"add","path":"/rules/0/verbs/-","value":"impersonate"}]'
	refused 'is attempting to grant' as ada apply --server-side -n team -f - <<-YAML
	apiVersion: rbac.authorization.k8s.io/v1
	kind: Role
	metadata: {name: applied}
	rules: [{apiGroups: [""], resources: [nodes], verbs: [get]}]
	YAML
	expect labeled as ada label role few x=y -n team
	# Who may bind or escalate may.
	k create role binder --verb=bind --resource=clusterroles --resource-name=cluster-admin -n team > /dev/null
	k create rolebinding binder --role=binder --user=ada -n team > /dev/null
	expect created as ada create rolebinding up --clusterrole=cluster-admin --user=ada -n team
	can yes ada '*' '*' -n team
	can no ada '*' '*'
}

# A label makes a role part of others: who does not hold what is in it may not give it one.
test_labels_give_rights() {
	k create clusterrole keeper --verb=create,update,patch,get --resource=clusterroles > /dev/null
	k create clusterrolebinding keeper --clusterrole=keeper --user=kim > /dev/null
	refused 'is attempting to grant RBAC permissions not currently held' \
		as kim label clusterrole cluster-admin rbac.authorization.k8s.io/aggregate-to-view=true
	refused 'is attempting to grant RBAC permissions not currently held' as kim patch clusterrole view --type=json \
		-p '[{"op":"add","path":"/aggregationRule/clusterRoleSelectors/-","value":{"matchLabels":{"kubernetes.io/bootstrapping":"rbac-defaults"}}}]'
	expect labeled as kim label clusterrole keeper x=y
	expect patched as kim patch clusterrole cluster-admin -p '{"metadata":{"finalizers":["example.com/x"]}}'
	k patch clusterrole cluster-admin -p '{"metadata":{"finalizers":null}}' > /dev/null
}

test_update_is_no_create() {
	k create role upd --verb=update,patch --resource=leases.coordination.k8s.io -n team > /dev/null
	k create rolebinding upd --role=upd --user=una -n team > /dev/null
	refused 'cannot create resource "leases"' as una replace --raw /apis/coordination.k8s.io/v1/namespaces/team/leases/x -f - \
		<<< '{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"x","namespace":"team"}}'
	refused 'cannot create resource "leases"' as una apply --server-side --validate=false -n team -f - \
		<<< '{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"y"}}'
}

tom() {
	k --kubeconfig="$scratch/tom" "$@"
}

# Two groups show the same objects: the right for one is that one's.
test_faces() {
	k create role ev --verb=create --resource=events.events.k8s.io -n team > /dev/null
	k create rolebinding ev --role=ev --user=evi -n team > /dev/null
	event='"metadata":{"name":"e","namespace":"team"},"eventTime":"2026-01-01T00:00:00.000000Z","type":"Normal",
		"reason":"R","action":"A","reportingController":"a.b/c","reportingInstance":"i","regarding":{"namespace":"team"}'
	refused 'cannot create resource "events" in API group ""' as evi create --raw /api/v1/namespaces/team/events -f - \
		<<< '{"metadata":{"name":"e","namespace":"team"},"involvedObject":{"namespace":"team"}}'
	expect '"name":"e"' as evi create --raw /apis/events.k8s.io/v1/namespaces/team/events -f - <<< "{$event}"
}

test_impersonation() {
	k create clusterrole taker --verb=impersonate --resource=users --resource-name=alice > /dev/null
	k create clusterrolebinding taker --clusterrole=taker --user=tom > /dev/null
	k create serviceaccount tom -n team > /dev/null
	k create clusterrolebinding taker2 --clusterrole=taker --serviceaccount=team:tom > /dev/null
	token=$(k create token tom -n team)
	cat > "$scratch/tom" <<-YAML
	apiVersion: v1
	kind: Config
	clusters: [{name: c, cluster: {insecure-skip-tls-verify: true, server: "https://127.0.0.1:$port_of_server"}}]
	users: [{name: u, user: {token: "$token"}}]
	contexts: [{name: c, context: {cluster: c, user: u}}]
	current-context: c
	YAML
	expect "system:serviceaccount:team:tom" tom auth whoami
	expect "system:serviceaccounts:team" tom auth whoami
	expect "authentication.kubernetes.io/credential-id" tom auth whoami
	expect "alice" tom auth whoami --as=alice
	refused 'users "bob" is forbidden: User "system:serviceaccount:team:tom" cannot impersonate resource "users" in API group "" at the cluster scope' \
		tom get pods --as=bob
	refused 'groups "system:masters" is forbidden' tom get pods --as=alice --as-group=system:masters
	refused 'uids.authentication.k8s.io "7" is forbidden' tom get pods --as=alice --as-uid=7
	refused 'serviceaccounts "web" is forbidden' tom get pods --as=system:serviceaccount:team:web
	refused 'cannot list resource "pods"' tom get pods
}

test_reconcile() {
	cat > "$scratch/roles.yaml" <<-YAML
	apiVersion: rbac.authorization.k8s.io/v1
	kind: Role
	metadata: {name: rec, namespace: team}
	rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
	---
	apiVersion: rbac.authorization.k8s.io/v1
	kind: RoleBinding
	metadata: {name: rec, namespace: team}
	roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: rec}
	subjects: [{kind: User, name: ray, apiGroup: rbac.authorization.k8s.io}]
	YAML
	expect 'role.rbac.authorization.k8s.io/rec reconciled' k auth reconcile -f "$scratch/roles.yaml"
	can yes ray get pods -n team
	sed -i 's/verbs: .get./verbs: [list]/; s/name: ray/name: roy/' "$scratch/roles.yaml"
	expect 'missing rules added' k auth reconcile -f "$scratch/roles.yaml"
	can yes roy get pods -n team
	can yes ray list pods -n team
	expect reconciled k auth reconcile --remove-extra-subjects --remove-extra-permissions -f "$scratch/roles.yaml"
	can no roy get pods -n team
	can no ray list pods -n team
	can yes roy list pods -n team
}

post() {
	k create --raw "$1" -f -
}

node_a() {
	k --as=system:node:a --as-group=system:nodes "$@"
}

create_with() {
	node_a create -f - <<< "$1"
}

# make_pod NAME NODE: with a secret of the same name.
make_pod() {
	k create secret generic "$1" -n team > /dev/null
	k apply -f - > /dev/null <<-YAML
	apiVersion: v1
	kind: Pod
	metadata: {name: $1, namespace: team}
	spec:
	  nodeName: $2
	  serviceAccountName: web
	  containers: [{name: c, image: x}]
	  volumes: [{name: v, secret: {secretName: $1}}]
	YAML
}

test_nodes() {
	k create serviceaccount web -n team > /dev/null
	k create -f - <<< '{"apiVersion":"v1","kind":"Node","metadata":{"name":"b"}}' > /dev/null
	expect created create_with '{"apiVersion":"v1","kind":"Node","metadata":{"name":"a"}}'
	make_pod mine a
	make_pod theirs b
	# Itself, and no other.
	refused 'node "a" is not allowed to modify another node' create_with '{"apiVersion":"v1","kind":"Node","metadata":{"name":"c"}}'
	refused 'cannot patch resource "nodes"' node_a label node b x=y
	refused 'nodes "b" is forbidden: User "system:node:a" cannot get resource "nodes/proxy"' \
		node_a get --raw /api/v1/nodes/b/proxy/pods
	refused 'cannot get resource "nodes/proxy"' node_a get --raw /api/v1/nodes/a/proxy/pods
	refused 'is not allowed to modify labels' node_a label node a node-restriction.kubernetes.io/x=y
	refused 'is not allowed to modify labels' node_a label node a my.node-restriction.kubernetes.io/x=y
	refused 'is not allowed to modify taints' node_a taint node a x=y:NoSchedule
	refused 'is not allowed to modify ownerReferences' node_a patch node a \
		-p '{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"x","uid":"u"}]}}'
	expect labeled node_a label node a x=y
	refused 'can only access the lease with its own name' \
		create_with '{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"b","namespace":"kube-node-lease"}}'
	# Its pods, and what they need.
	refused 'pods is forbidden' node_a get pods -n team
	refused 'pods is forbidden' node_a get pods -n team --field-selector spec.nodeName=b
	expect mine node_a get pods -n team --field-selector spec.nodeName=a
	expect mine node_a get pod mine -n team
	refused 'pods "theirs" is forbidden' node_a get pod theirs -n team
	refused '"gone" not found' node_a get pod gone -n team
	expect mine node_a get secret mine -n team
	refused 'secrets "theirs" is forbidden' node_a get secret theirs -n team
	refused 'secrets is forbidden' node_a get secrets -n team
	refused 'resource "pods/status"' node_a patch pod theirs -n team --subresource=status -p '{"status":{"reason":"x"}}'
	refused 'cannot update labels through pod status' \
		node_a patch pod mine -n team --subresource=status -p '{"metadata":{"labels":{"a":"b"}}}'
	# Tokens of its pods alone.
	refused 'token not bound to a pod' node_a create token web -n team
	refused 'binding without a uid' node_a create token web -n team --bound-object-kind Pod --bound-object-name mine
	refused 'bound to a pod scheduled on a different node' node_a create token web -n team --bound-object-kind Pod \
		--bound-object-name theirs --bound-object-uid "$(k get pod theirs -n team -o 'jsonpath={.metadata.uid}')"
	expect ey node_a create token web -n team --bound-object-kind Pod \
		--bound-object-name mine --bound-object-uid "$(k get pod mine -n team -o 'jsonpath={.metadata.uid}')"
	# What it says of its pod's address is an address, or it leads nowhere.
	expect patched node_a patch pod mine -n team --subresource=status \
		-p '{"status":{"podIP":"10.0.0.1/80 HTTP/1.1\r\nHost: x\r\n\r\nGET /"}}'
	refused 'address not allowed' k get --raw /api/v1/namespaces/team/pods/mine/proxy/
}

# Who may do everything in a namespace may not ask about the cluster there.
test_reviews_of_the_cluster() {
	k create role all --verb='*' --resource='*.*' -n team > /dev/null
	k create rolebinding all --role=all --user=alma -n team > /dev/null
	refused 'could not find the requested resource' as alma create -f - \
		--raw /apis/authorization.k8s.io/v1/namespaces/team/subjectaccessreviews \
		<<< '{"spec":{"user":"x","resourceAttributes":{"verb":"get","resource":"secrets"}}}'
	refused 'could not find the requested resource' as alma create -f - \
		--raw /apis/authentication.k8s.io/v1/namespaces/team/tokenreviews <<< '{"spec":{"token":"x"}}'
	expect '"allowed":false' as alma create -f - --raw /apis/authorization.k8s.io/v1/namespaces/team/localsubjectaccessreviews \
		<<< '{"spec":{"user":"x","resourceAttributes":{"namespace":"team","verb":"get","resource":"secrets"}}}'
}

# wish NAME SUBJECT SIGNER: as a user who may make certificate requests.
wish() {
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj "$2" > "$scratch/wish" 2> /dev/null
	as cora create -f - <<-YAML
	apiVersion: certificates.k8s.io/v1
	kind: CertificateSigningRequest
	metadata: {name: $1}
	spec: {signerName: $3, usages: [client auth], username: root, groups: [system:masters], request: $(base64 -w0 < "$scratch/wish")}
	YAML
}

test_certificates() {
	k create clusterrole wisher --verb='*' --resource=certificatesigningrequests,certificatesigningrequests/status > /dev/null
	k create clusterrolebinding wisher --clusterrole=wisher --user=cora > /dev/null
	refused 'signer with system:masters group is not allowed' wish w1 /O=dev/O=system:masters/CN=x kubernetes.io/kube-apiserver-client
	expect created wish w2 /O=dev/CN=x kubernetes.io/kube-apiserver-client
	equal 'cora ["system:authenticated"]' k get csr w2 -o 'jsonpath={.spec.username} {.spec.groups}'
	refused 'resource "certificatesigningrequests/approval"' as cora certificate approve w2
	refused 'updates may not add a condition of type "Approved"' k patch csr w2 --subresource=status --type=merge \
		-p '{"status":{"conditions":[{"type":"Approved","status":"True","reason":"r"}]}}'
	refused 'user not permitted to sign' as cora patch csr w2 --subresource=status --type=merge \
		-p '{"status":{"conditions":[{"type":"Failed","status":"True","reason":"r"}]}}'
}

test_audiences_of_tokens() {
	k create serviceaccount aud -n team > /dev/null
	token=$(k create token aud -n team --audience=vault --audience=store)
	expect '"audiences":["store"]' post /apis/authentication.k8s.io/v1/tokenreviews \
		<<< "{\"spec\":{\"token\":\"$token\",\"audiences\":[\"other\",\"store\"]}}"
	expect '"authenticated":false' post /apis/authentication.k8s.io/v1/tokenreviews \
		<<< "{\"spec\":{\"token\":\"$token\",\"audiences\":[\"other\"]}}"
	expect '"authenticated":false' post /apis/authentication.k8s.io/v1/tokenreviews <<< "{\"spec\":{\"token\":\"$token\"}}"
}

test_reviews() {
	expect '"allowed":true' post /apis/authorization.k8s.io/v1/subjectaccessreviews \
		<<< '{"spec":{"groups":["system:masters"],"resourceAttributes":{"verb":"*","resource":"*","group":"*"}}}'
	expect '"reason":"RBAC: allowed by RoleBinding' \
		post /apis/authorization.k8s.io/v1/namespaces/team/localsubjectaccessreviews \
		<<< '{"spec":{"user":"vera","resourceAttributes":{"namespace":"team","verb":"get","resource":"pods"}}}'
	refused 'must match metadata.namespace' post /apis/authorization.k8s.io/v1/namespaces/team/localsubjectaccessreviews \
		<<< '{"spec":{"user":"vera","resourceAttributes":{"namespace":"x","verb":"get","resource":"pods"}}}'
	refused 'at least one of user or group must be specified' post /apis/authorization.k8s.io/v1/subjectaccessreviews \
		<<< '{"spec":{"resourceAttributes":{"verb":"get"}}}'
	refused 'no namespace on request' post /apis/authorization.k8s.io/v1/selfsubjectrulesreviews <<< '{"spec":{}}'
	expect '"allowed":false' post /apis/authorization.k8s.io/v1/subjectaccessreviews <<-JSON
	{"spec":{"user":"vera","resourceAttributes":{"namespace":"team","verb":"list","resource":"secrets",
	 "fieldSelector":{"rawSelector":"metadata.name=a"},
	 "labelSelector":{"requirements":[{"key":"a","operator":"In","values":["b"]}]}}}}
	JSON
}

test_defaults_come_back() {
	k delete clusterrolebinding system:discovery > /dev/null
	refused 'cannot get path "/apis"' as eve get --raw /apis
	k annotate --overwrite clusterrole system:monitoring rbac.authorization.kubernetes.io/autoupdate=false > /dev/null
	k patch clusterrole system:monitoring --type=json -p '[{"op":"replace","path":"/rules","value":[]}]' > /dev/null
	k patch clusterrole system:kube-dns --type=json -p '[{"op":"replace","path":"/rules/0/verbs","value":["delete"]}]' \
		> "$scratch/out"
	stop_server -TERM
	await 5 sh -c "! kill -0 $server_pid"
	start_server "$scratch/a" "$port_of_server"
	await 5 "$kubectl" get --raw /apis --as=eve
	equal "[]" k get clusterrole system:monitoring -o 'jsonpath={.rules}'
	equal '[delete list watch]' sh -c "$kubectl get clusterrole system:kube-dns -o 'jsonpath={.rules[*].verbs}' |
		tr -d '[]\"' | tr ', ' '\n\n' | sort | xargs | sed 's/.*/[&]/'"
}

run_tests rbac
