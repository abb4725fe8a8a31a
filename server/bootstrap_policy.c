/*
 * bootstrap_policy.c - the default roles and bindings of Kubernetes 1.32.
 */
#include "server/bootstrap_policy.h"

#include "base/memory.h"

#define EVENTS "create,patch,update -,events.k8s.io events\n"
#define SYSTEM "kube-system"

static const struct policy_role roles[] = {
	{ NULL, "cluster-admin", "* * *\n* *", NULL, NULL },
	{ NULL, "admin", "", NULL, "admin" },
	{ NULL, "edit", "", "admin", "edit" },
	{ NULL, "view", "", "edit", "view" },
	{ NULL, "system:aggregate-to-admin",
	  "create authorization.k8s.io localsubjectaccessreviews\n"
	  "READ,WRITE rbac.authorization.k8s.io rolebindings,roles",
	  "admin", NULL },
	{ NULL, "system:aggregate-to-edit",
	  "READ - pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy\n"
	  "impersonate - serviceaccounts\n"
	  "WRITE - pods,pods/attach,pods/exec,pods/portforward,pods/proxy\n"
	  "create - pods/eviction\n"
	  "WRITE - configmaps,events,persistentvolumeclaims,replicationcontrollers,"
	  "replicationcontrollers/scale,secrets,serviceaccounts,services,services/proxy\n"
	  "create - serviceaccounts/token\n"
	  "WRITE apps daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,"
	  "replicasets/scale,statefulsets,statefulsets/scale\n"
	  "WRITE autoscaling horizontalpodautoscalers\n"
	  "WRITE batch cronjobs,jobs\n"
	  "WRITE extensions daemonsets,deployments,deployments/rollback,deployments/scale,"
	  "ingresses,networkpolicies,replicasets,replicasets/scale,replicationcontrollers/scale\n"
	  "WRITE policy poddisruptionbudgets\n"
	  "WRITE networking.k8s.io ingresses,networkpolicies\n"
	  "READ,WRITE coordination.k8s.io leases",
	  "edit", NULL },
	{ NULL, "system:aggregate-to-view",
	  "READ - configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,"
	  "replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,"
	  "services/status\n"
	  "READ - bindings,events,limitranges,namespaces/status,pods/log,pods/status,"
	  "replicationcontrollers/status,resourcequotas,resourcequotas/status\n"
	  "READ - namespaces\n"
	  "READ discovery.k8s.io endpointslices\n"
	  "READ apps controllerrevisions,daemonsets,daemonsets/status,deployments,"
	  "deployments/scale,deployments/status,replicasets,replicasets/scale,replicasets/status,"
	  "statefulsets,statefulsets/scale,statefulsets/status\n"
	  "READ autoscaling horizontalpodautoscalers,horizontalpodautoscalers/status\n"
	  "READ batch cronjobs,cronjobs/status,jobs,jobs/status\n"
	  "READ extensions daemonsets,daemonsets/status,deployments,deployments/scale,"
	  "deployments/status,ingresses,ingresses/status,networkpolicies,replicasets,"
	  "replicasets/scale,replicasets/status,replicationcontrollers/scale\n"
	  "READ policy poddisruptionbudgets,poddisruptionbudgets/status\n"
	  "READ networking.k8s.io ingresses,ingresses/status,networkpolicies",
	  "view", NULL },
	{ NULL, "system:aggregated-metrics-reader", "READ metrics.k8s.io nodes,pods", "view", NULL },
	{ NULL, "system:auth-delegator",
	  "create authentication.k8s.io tokenreviews\n"
	  "create authorization.k8s.io subjectaccessreviews",
	  NULL, NULL },
	{ NULL, "system:basic-user",
	  "create authorization.k8s.io selfsubjectaccessreviews,selfsubjectrulesreviews\n"
	  "create authentication.k8s.io selfsubjectreviews",
	  NULL, NULL },
	{ NULL, "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
	  "create certificates.k8s.io certificatesigningrequests/nodeclient", NULL, NULL },
	{ NULL, "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
	  "create certificates.k8s.io certificatesigningrequests/selfnodeclient", NULL, NULL },
	{ NULL, "system:certificates.k8s.io:kube-apiserver-client-approver",
	  "approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client", NULL, NULL },
	{ NULL, "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver",
	  "approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client-kubelet", NULL,
	  NULL },
	{ NULL, "system:certificates.k8s.io:kubelet-serving-approver",
	  "approve certificates.k8s.io signers kubernetes.io/kubelet-serving", NULL, NULL },
	{ NULL, "system:certificates.k8s.io:legacy-unknown-approver",
	  "approve certificates.k8s.io signers kubernetes.io/legacy-unknown", NULL, NULL },
	{ NULL, "system:discovery",
	  "get /api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,"
	  "/version/",
	  NULL, NULL },
	{ NULL, "system:heapster",
	  "READ - events,namespaces,nodes,pods\nREAD extensions deployments", NULL, NULL },
	{ NULL, "system:kube-aggregator", "READ - endpoints,services", NULL, NULL },
	{ NULL, "system:kube-controller-manager",
	  EVENTS "create coordination.k8s.io leases\n"
		 "get,update coordination.k8s.io leases kube-controller-manager\n"
		 "create - secrets,serviceaccounts\n"
		 "delete - secrets\n"
		 "get - configmaps,namespaces,secrets,serviceaccounts\n"
		 "update - secrets,serviceaccounts\n"
		 "create authentication.k8s.io tokenreviews\n"
		 "create authorization.k8s.io subjectaccessreviews\n"
		 "list,watch * *\n"
		 "create - serviceaccounts/token",
	  NULL, NULL },
	{ NULL, "system:kube-dns", "list,watch - endpoints,services", NULL, NULL },
	{ NULL, "system:kube-scheduler",
	  EVENTS "create coordination.k8s.io leases\n"
		 "get,update coordination.k8s.io leases kube-scheduler\n"
		 "READ - nodes\n"
		 "delete,READ - pods\n"
		 "create - bindings,pods/binding\n"
		 "patch,update - pods/status\n"
		 "READ - replicationcontrollers,services\n"
		 "READ apps,extensions replicasets\n"
		 "READ apps statefulsets\n"
		 "READ policy poddisruptionbudgets\n"
		 "READ - persistentvolumeclaims,persistentvolumes\n"
		 "create authentication.k8s.io tokenreviews\n"
		 "create authorization.k8s.io subjectaccessreviews\n"
		 "READ storage.k8s.io csinodes\n"
		 "READ - namespaces\n"
		 "READ storage.k8s.io csidrivers\n"
		 "READ storage.k8s.io csistoragecapacities",
	  NULL, NULL },
	{ NULL, "system:kubelet-api-admin",
	  "READ - nodes\n"
	  "proxy - nodes\n"
	  "* - nodes/log,nodes/metrics,nodes/proxy,nodes/stats",
	  NULL, NULL },
	{ NULL, "system:monitoring",
	  "get /healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*", NULL,
	  NULL },
	{ NULL, "system:node",
	  "create authentication.k8s.io tokenreviews\n"
	  "create authorization.k8s.io localsubjectaccessreviews,subjectaccessreviews\n"
	  "READ - services\n"
	  "create,READ - nodes\n"
	  "patch,update - nodes/status\n"
	  "patch,update - nodes\n"
	  "create,patch,update - events\n"
	  "READ - pods\n"
	  "create,delete - pods\n"
	  "patch,update - pods/status\n"
	  "create - pods/eviction\n"
	  "READ - configmaps,secrets\n"
	  "get - persistentvolumeclaims,persistentvolumes\n"
	  "get - endpoints\n"
	  "create,READ certificates.k8s.io certificatesigningrequests\n"
	  "create,delete,get,patch,update coordination.k8s.io leases\n"
	  "get storage.k8s.io volumeattachments\n"
	  "create - serviceaccounts/token\n"
	  "get,patch,update - persistentvolumeclaims/status\n"
	  "READ storage.k8s.io csidrivers\n"
	  "create,delete,get,patch,update storage.k8s.io csinodes\n"
	  "READ node.k8s.io runtimeclasses",
	  NULL, NULL },
	{ NULL, "system:node-bootstrapper",
	  "create,READ certificates.k8s.io certificatesigningrequests", NULL, NULL },
	{ NULL, "system:node-problem-detector", "get - nodes\npatch - nodes/status\n" EVENTS, NULL,
	  NULL },
	{ NULL, "system:node-proxier",
	  "list,watch - endpoints,services\nREAD - nodes\n" EVENTS
	  "list,watch discovery.k8s.io endpointslices",
	  NULL, NULL },
	{ NULL, "system:persistent-volume-provisioner",
	  "create,delete,READ - persistentvolumes\n"
	  "READ,update - persistentvolumeclaims\n"
	  "READ storage.k8s.io storageclasses\n"
	  "watch - events\n" EVENTS,
	  NULL, NULL },
	{ NULL, "system:public-info-viewer", "get /healthz,/livez,/readyz,/version,/version/", NULL,
	  NULL },
	{ NULL, "system:service-account-issuer-discovery",
	  "get /.well-known/openid-configuration,/openid/v1/jwks", NULL, NULL },
	{ NULL, "system:volume-scheduler",
	  "READ,patch,update - persistentvolumes\n"
	  "READ storage.k8s.io storageclasses\n"
	  "READ,patch,update - persistentvolumeclaims",
	  NULL, NULL },
	{ SYSTEM, "extension-apiserver-authentication-reader",
	  "READ - configmaps extension-apiserver-authentication", NULL, NULL },
	{ SYSTEM, "system::leader-locking-kube-controller-manager",
	  "create,READ,update coordination.k8s.io leases", NULL, NULL },
	{ SYSTEM, "system::leader-locking-kube-scheduler",
	  "create,READ,update coordination.k8s.io leases", NULL, NULL },
	{ SYSTEM, "system:controller:bootstrap-signer", "READ - secrets", NULL, NULL },
	{ SYSTEM, "system:controller:cloud-provider", "create,READ - configmaps", NULL, NULL },
	{ SYSTEM, "system:controller:token-cleaner", "delete,READ - secrets\n" EVENTS, NULL, NULL },
	{ "kube-public", "system:controller:bootstrap-signer",
	  "READ - configmaps\nupdate - configmaps cluster-info\n" EVENTS, NULL, NULL },
};

static const struct policy_binding bindings[] = {
	{ NULL, "cluster-admin", NULL, "group:system:masters" },
	{ NULL, "system:monitoring", NULL, "group:system:monitoring" },
	{ NULL, "system:discovery", NULL, "group:system:authenticated" },
	{ NULL, "system:basic-user", NULL, "group:system:authenticated" },
	{ NULL, "system:public-info-viewer", NULL,
	  "group:system:authenticated,group:system:unauthenticated" },
	{ NULL, "system:node-proxier", NULL, "user:system:kube-proxy" },
	{ NULL, "system:kube-controller-manager", NULL, "user:system:kube-controller-manager" },
	{ NULL, "system:kube-dns", NULL, "account:kube-system/kube-dns" },
	{ NULL, "system:kube-scheduler", NULL, "user:system:kube-scheduler" },
	{ NULL, "system:volume-scheduler", NULL, "user:system:kube-scheduler" },
	{ NULL, "system:service-account-issuer-discovery", NULL, "group:system:serviceaccounts" },
	{ NULL, "system:node", NULL, "" },
	{ SYSTEM, "system::extension-apiserver-authentication-reader",
	  "extension-apiserver-authentication-reader",
	  "user:system:kube-controller-manager,user:system:kube-scheduler" },
	{ SYSTEM, "system::leader-locking-kube-controller-manager", NULL,
	  "user:system:kube-controller-manager,account:kube-system/kube-controller-manager" },
	{ SYSTEM, "system::leader-locking-kube-scheduler", NULL,
	  "user:system:kube-scheduler,account:kube-system/kube-scheduler" },
	{ SYSTEM, "system:controller:bootstrap-signer", NULL,
	  "account:kube-system/bootstrap-signer" },
	{ SYSTEM, "system:controller:cloud-provider", NULL, "account:kube-system/cloud-provider" },
	{ SYSTEM, "system:controller:token-cleaner", NULL, "account:kube-system/token-cleaner" },
	{ "kube-public", "system:controller:bootstrap-signer", NULL,
	  "account:kube-system/bootstrap-signer" },
};

static const char *const controllers[][2] = {
	{ "attachdetach-controller",
	  "list,watch - persistentvolumeclaims,persistentvolumes\nREAD - nodes\n"
	  "patch,update - nodes/status\nlist,watch - pods\n" EVENTS
	  "create,delete,READ storage.k8s.io volumeattachments\n"
	  "READ storage.k8s.io csidrivers\nREAD storage.k8s.io csinodes" },
	{ "certificate-controller",
	  "delete,READ certificates.k8s.io certificatesigningrequests\n"
	  "update certificates.k8s.io "
	  "certificatesigningrequests/approval,certificatesigningrequests/status\n"
	  "approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client-kubelet\n"
	  "sign certificates.k8s.io signers kubernetes.io/kube-apiserver-client,"
	  "kubernetes.io/kube-apiserver-client-kubelet,kubernetes.io/kubelet-serving,"
	  "kubernetes.io/legacy-unknown\n"
	  "create authorization.k8s.io subjectaccessreviews\n" EVENTS },
	{ "clusterrole-aggregation-controller",
	  "escalate,READ,patch,update rbac.authorization.k8s.io clusterroles" },
	{ "cronjob-controller",
	  "READ,update batch cronjobs\ncreate,delete,READ,patch,update batch jobs\n"
	  "update batch cronjobs/status\nupdate batch cronjobs/finalizers\n"
	  "delete,list,watch - pods\n" EVENTS },
	{ "daemon-set-controller",
	  "READ apps,extensions daemonsets\nupdate apps,extensions daemonsets/status\n"
	  "update apps,extensions daemonsets/finalizers\nlist,watch - nodes\n"
	  "create,delete,list,patch,watch - pods\ncreate - pods/binding\n"
	  "create,delete,READ,patch,update apps controllerrevisions\n" EVENTS },
	{ "deployment-controller",
	  "READ,update apps,extensions deployments\nupdate apps,extensions deployments/status\n"
	  "update apps,extensions deployments/finalizers\n"
	  "create,delete,READ,patch,update apps,extensions replicasets\n"
	  "READ,update - pods\n" EVENTS },
	{ "disruption-controller",
	  "READ apps,extensions deployments\nREAD apps,extensions replicasets\n"
	  "READ - replicationcontrollers\nREAD policy poddisruptionbudgets\n"
	  "READ apps statefulsets\nupdate policy poddisruptionbudgets/status\n"
	  "patch,update - pods/status\nget * */scale\n" EVENTS },
	{ "endpoint-controller", "READ - pods,services\ncreate,delete,READ,update - endpoints\n"
				 "create - endpoints/restricted\n" EVENTS },
	{ "endpointslice-controller",
	  "READ - nodes,pods,services\nupdate - services/finalizers\n"
	  "create,delete,READ,update discovery.k8s.io endpointslices\n" EVENTS },
	{ "endpointslicemirroring-controller",
	  "READ - endpoints,services\nupdate - services/finalizers\n"
	  "update - endpoints/finalizers\n"
	  "create,delete,READ,update discovery.k8s.io endpointslices\n" EVENTS },
	{ "ephemeral-volume-controller",
	  "READ - pods\nupdate - pods/finalizers\ncreate,READ - persistentvolumeclaims\n" EVENTS },
	{ "expand-controller",
	  "READ,patch,update - persistentvolumes\npatch,update - persistentvolumeclaims/status\n"
	  "READ - persistentvolumeclaims\n" EVENTS },
	{ "generic-garbage-collector", "delete,READ,patch,update * *\n" EVENTS },
	{ "horizontal-pod-autoscaler",
	  "READ autoscaling horizontalpodautoscalers\n"
	  "update autoscaling horizontalpodautoscalers/status\nget,update * */scale\n"
	  "list,watch - pods\nlist,watch metrics.k8s.io pods\nREAD custom.metrics.k8s.io *\n"
	  "READ external.metrics.k8s.io *\n" EVENTS },
	{ "job-controller",
	  "READ,patch,update batch jobs\nupdate batch jobs/status\nupdate batch jobs/finalizers\n"
	  "create,delete,list,patch,watch - pods\n" EVENTS },
	{ "legacy-service-account-token-cleaner",
	  "get - configmaps kube-apiserver-legacy-service-account-token-tracking\n"
	  "delete,patch - secrets" },
	{ "namespace-controller",
	  "delete,READ - namespaces\nupdate - namespaces/finalize,namespaces/status\n"
	  "delete,deletecollection,READ * *" },
	{ "node-controller", "delete,READ,patch,update - nodes\npatch,update - nodes/status\n"
			     "patch,update - pods/status\ndelete,READ - pods\n" EVENTS },
	{ "persistent-volume-binder",
	  "create,delete,READ,update - persistentvolumes\nupdate - persistentvolumes/status\n"
	  "READ,update - persistentvolumeclaims\nupdate - persistentvolumeclaims/status\n"
	  "create,delete,READ - pods\nREAD storage.k8s.io storageclasses\n"
	  "list,watch - nodes\nwatch - events\n" EVENTS },
	{ "pod-garbage-collector", "delete,list,watch - pods\nREAD - nodes\npatch - pods/status" },
	{ "pv-protection-controller", "READ,update - persistentvolumes\n" EVENTS },
	{ "pvc-protection-controller",
	  "READ,update - persistentvolumeclaims\nREAD - pods\n" EVENTS },
	{ "replicaset-controller",
	  "READ,update apps,extensions replicasets\nupdate apps,extensions replicasets/status\n"
	  "update apps,extensions replicasets/finalizers\n"
	  "create,delete,list,patch,watch - pods\n" EVENTS },
	{ "replication-controller",
	  "READ,update - replicationcontrollers\nupdate - replicationcontrollers/status\n"
	  "update - replicationcontrollers/finalizers\n"
	  "create,delete,list,patch,watch - pods\n" EVENTS },
	{ "resourcequota-controller", "list,watch * *\nupdate - resourcequotas/status\n" EVENTS },
	{ "root-ca-cert-publisher", "create,update - configmaps\n" EVENTS },
	{ "route-controller", "list,watch - nodes\npatch - nodes/status\n" EVENTS },
	{ "service-account-controller", "create - serviceaccounts\n" EVENTS },
	{ "service-controller",
	  "READ - services\npatch,update - services/status\nlist,watch - nodes\n" EVENTS },
	{ "statefulset-controller",
	  "list,watch - pods\nREAD apps statefulsets\nupdate apps statefulsets/status\n"
	  "update apps statefulsets/finalizers\ncreate,delete,get,patch,update - pods\n"
	  "create,delete,READ,patch,update apps controllerrevisions\n"
	  "create,READ - persistentvolumeclaims\ndelete,update - persistentvolumeclaims\n" EVENTS },
	{ "ttl-after-finished-controller", "delete,READ batch jobs\n" EVENTS },
	{ "ttl-controller", "list,patch,update,watch - nodes\n" EVENTS },
	{ "validatingadmissionpolicy-status-controller",
	  "READ admissionregistration.k8s.io validatingadmissionpolicies\n"
	  "get,patch,update admissionregistration.k8s.io "
	  "validatingadmissionpolicies/status\n" EVENTS },
};

#define FLOW "{\"apiVersion\":\"flowcontrol.apiserver.k8s.io/v1\",\"kind\":"
#define EVERYTHING                                                                                 \
	"\"resourceRules\":[{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"],"       \
	"\"clusterScope\":true,\"namespaces\":[\"*\"]}],"                                          \
	"\"nonResourceRules\":[{\"verbs\":[\"*\"],\"nonResourceURLs\":[\"*\"]}]"
#define TEAM(name) "{\"kind\":\"Group\",\"group\":{\"name\":\"" name "\"}}"

static const char *const objects[] = {
	FLOW "\"PriorityLevelConfiguration\",\"metadata\":{\"name\":\"exempt\"},\"spec\":{\"type\":"
	     "\"Exempt\",\"exempt\":{\"nominalConcurrencyShares\":0,\"lendablePercent\":0}}}",
	FLOW
	"\"PriorityLevelConfiguration\",\"metadata\":{\"name\":\"catch-all\"},\"spec\":{\"type\":"
	"\"Limited\",\"limited\":{\"nominalConcurrencyShares\":5,\"lendablePercent\":0,"
	"\"limitResponse\":{\"type\":\"Reject\"}}}}",
	FLOW "\"FlowSchema\",\"metadata\":{\"name\":\"exempt\"},\"spec\":{\"matchingPrecedence\":1,"
	     "\"priorityLevelConfiguration\":{\"name\":\"exempt\"},\"rules\":[{\"subjects\":[" TEAM(
		     "system:masters") "]," EVERYTHING "}]}}",
	FLOW
	"\"FlowSchema\",\"metadata\":{\"name\":\"catch-all\"},\"spec\":{\"matchingPrecedence\":"
	"10000,\"distinguisherMethod\":{\"type\":\"ByUser\"},\"priorityLevelConfiguration\":{"
	"\"name\":\"catch-all\"},\"rules\":[{\"subjects\":[" TEAM(
		"system:unauthenticated") "," TEAM("system:authenticated") "]," EVERYTHING "}]}}",
};

bool policy_object(size_t i, const char **out_json)
{
	if (i >= ARRAY_LENGTH(objects))
		return false;
	*out_json = objects[i];
	return true;
}

bool policy_role(size_t i, struct policy_role *out)
{
	if (i >= ARRAY_LENGTH(roles))
		return false;
	*out = roles[i];
	return true;
}

bool policy_binding(size_t i, struct policy_binding *out)
{
	if (i >= ARRAY_LENGTH(bindings))
		return false;
	*out = bindings[i];
	return true;
}

bool policy_controller(size_t i, struct policy_role *out)
{
	if (i >= ARRAY_LENGTH(controllers))
		return false;
	*out = (struct policy_role){ .name = controllers[i][0], .rules = controllers[i][1] };
	return true;
}
