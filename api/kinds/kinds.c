/*
 * kinds.c - the one list of kinds.  Discovery names them in this order within their group.
 */
#include "api/kind.h"

extern const struct kind kind_event_events;
extern const struct kind kind_configmap, kind_endpointslice, kind_event, kind_lease, kind_namespace,
	kind_node, kind_pod, kind_replicaset, kind_secret, kind_service, kind_serviceaccount,
	kind_deployment;
extern const struct kind kind_admissionpolicy, kind_admissionpolicybinding, kind_apiservice,
	kind_certificaterequest, kind_clusterrole, kind_clusterrolebinding, kind_crd,
	kind_csidriver, kind_csinode, kind_csistoragecapacity, kind_flowschema, kind_ingress,
	kind_ingressclass, kind_mutatingwebhook, kind_networkpolicy, kind_prioritylevel, kind_role,
	kind_rolebinding, kind_storageclass, kind_validatingwebhook, kind_volumeattachment;

const struct kind *const kind_list[] = {
	&kind_configmap,
	&kind_event,
	&kind_namespace,
	&kind_node,
	&kind_pod,
	&kind_secret,
	&kind_service,
	&kind_serviceaccount,
	&kind_deployment,
	&kind_replicaset,
	&kind_lease,
	&kind_endpointslice,
	&kind_event_events,
	&kind_ingressclass,
	&kind_ingress,
	&kind_networkpolicy,
	&kind_clusterrolebinding,
	&kind_clusterrole,
	&kind_rolebinding,
	&kind_role,
	&kind_csidriver,
	&kind_csinode,
	&kind_csistoragecapacity,
	&kind_storageclass,
	&kind_volumeattachment,
	&kind_mutatingwebhook,
	&kind_admissionpolicybinding,
	&kind_admissionpolicy,
	&kind_validatingwebhook,
	&kind_certificaterequest,
	&kind_flowschema,
	&kind_prioritylevel,
	&kind_crd,
	&kind_apiservice,
	NULL,
};
