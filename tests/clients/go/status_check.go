package main

import (
	"encoding/json"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/retry"
)

const podOf = `"template":{"metadata":{"labels":{"a":"b"}},"spec":{"nodeSelector":{"no":"where"},"containers":[{"name":"m","image":"example.test/a:1"}]}}`
const workOf = `{"spec":{"replicas":0,"selector":{"matchLabels":{"a":"b"}},` + podOf + `}}`
const jobOf = `"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"m","image":"example.test/a:1"}]}}`

const oneCondition = `{"conditions":[{"type":"StatusUpdate","status":"True","reason":"Test","message":"from a test"}]}`
const timedCondition = `{"conditions":[{"type":"StatusUpdate","status":"True","reason":"Test","message":"from a test","lastTransitionTime":"2020-01-01T00:00:00Z"}]}`
const loadBalancer = `{"loadBalancer":{"ingress":[{"ip":"169.1.1.1"}]}}`
const ingressOf = `{"spec":{"defaultBackend":{"service":{"name":"web","port":{"number":80}}}}}`
const policyOf = `{"spec":{"matchConstraints":{"resourceRules":[{"apiGroups":["example.com"],"apiVersions":["v1"],"operations":["CREATE"],
	"resources":["widgets"]}]},"validations":[{"expression":"true"}]}}`

// Each kind whose status is a part of its own: where, an object, a status somebody writes.
var statuses = []struct{ where, object, status string }{
	{"v1/namespaces", `{}`, oneCondition},
	{"v1/resourcequotas", `{"spec":{"hard":{"count/x.example.com":"5"}}}`, `{"hard":{"count/x.example.com":"5"},"used":{"count/x.example.com":"0"}}`},
	{"v1/persistentvolumes", `{"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],"hostPath":{"path":"/tmp/x"}}}`,
		`{"message":"some","reason":"Test"}`},
	{"v1/persistentvolumeclaims", `{"spec":{"storageClassName":"none","accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}`, oneCondition},
	{"v1/services", `{"spec":{"type":"LoadBalancer","ports":[{"port":80}]}}`, loadBalancer},
	{"v1/replicationcontrollers", `{"spec":{"replicas":0,"selector":{"a":"b"},` + podOf + `}}`, oneCondition},
	{"v1/pods", `{"spec":{"nodeSelector":{"no":"where"},"containers":[{"name":"m","image":"example.test/a:1"}]}}`, `{"message":"some","reason":"Test"}`},
	{"apps/v1/deployments", workOf, oneCondition},
	{"apps/v1/replicasets", workOf, oneCondition},
	{"apps/v1/statefulsets", strings.Replace(workOf, `"replicas"`, `"serviceName":"s","replicas"`, 1), oneCondition},
	{"apps/v1/daemonsets", strings.Replace(workOf, `"replicas":0,`, ``, 1), oneCondition},
	{"batch/v1/jobs", `{"spec":{"suspend":true,` + jobOf + `}}`, oneCondition},
	{"batch/v1/cronjobs", `{"spec":{"suspend":true,"schedule":"* */1 * * ?","jobTemplate":{"spec":{` + jobOf + `}}}}`,
		`{"lastScheduleTime":"2020-01-01T00:00:00Z"}`},
	{"autoscaling/v2/horizontalpodautoscalers", `{"spec":{"maxReplicas":3,"scaleTargetRef":{"kind":"Deployment","name":"web","apiVersion":"apps/v1"}}}`,
		`{"currentReplicas":1,"desiredReplicas":2,"currentMetrics":null}`},
	{"policy/v1/poddisruptionbudgets", `{"spec":{"minAvailable":1,"selector":{"matchLabels":{"a":"b"}}}}`, timedCondition},
	{"networking.k8s.io/v1/ingresses", ingressOf, loadBalancer},
	{"storage.k8s.io/v1/volumeattachments", `{"spec":{"attacher":"example.com","nodeName":"one","source":{"persistentVolumeName":"pv"}}}`, `{"attached":true}`},
	{"flowcontrol.apiserver.k8s.io/v1/flowschemas", `{"spec":{"matchingPrecedence":9999,"priorityLevelConfiguration":{"name":"global-default"}}}`, timedCondition},
	{"flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations", `{"spec":{"type":"Limited","limited":{"limitResponse":{"type":"Reject"}}}}`, timedCondition},
	{"admissionregistration.k8s.io/v1/validatingadmissionpolicies", policyOf, timedCondition},
	{"apiregistration.k8s.io/v1/apiservices", "", timedCondition},
}

// at finds the client of where, which is group/version/resource.
func at(b *bench, where string) dynamic.ResourceInterface {
	parts := strings.Split(where, "/")
	gvr := schema.GroupVersionResource{Version: parts[len(parts)-2], Resource: parts[len(parts)-1]}
	if len(parts) == 3 {
		gvr.Group = parts[0]
	}
	list, err := b.typed.Discovery().ServerResourcesForGroupVersion(gvr.GroupVersion().String())
	must(err)
	for _, r := range list.APIResources {
		if r.Name == gvr.Resource && r.Namespaced {
			return b.dyn.Resource(gvr).Namespace(b.ns)
		}
	}
	return b.dyn.Resource(gvr)
}

func kindOf(b *bench, where string) string {
	i := strings.LastIndex(where, "/")
	list, err := b.typed.Discovery().ServerResourcesForGroupVersion(where[:i])
	must(err)
	for _, r := range list.APIResources {
		if r.Name == where[i+1:] {
			return r.Kind
		}
	}
	panic(failure{where + " is not served"})
}

// madeAt creates an object that is written without its type and name.
func madeAt(b *bench, where, text string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	must(json.Unmarshal([]byte(text), &object.Object))
	object.SetAPIVersion(where[:strings.LastIndex(where, "/")])
	object.SetKind(kindOf(b, where))
	object.SetName(b.ns + "-x")
	made, err := at(b, where).Create(b.ctx, object, metav1.CreateOptions{FieldValidation: "Strict"})
	must(err)
	return made
}

// within tells whether everything of part is in whole; of a list, each entry is in one.
func within(part, whole any) bool {
	switch part := part.(type) {
	case map[string]any:
		other, ok := whole.(map[string]any)
		for key, value := range part {
			ok = ok && (value == nil || within(value, other[key]))
		}
		return ok
	case []any:
		other, _ := whole.([]any)
		for _, entry := range part {
			if !slices.ContainsFunc(other, func(one any) bool { return within(entry, one) }) {
				return false
			}
		}
		return true
	case float64:
		number, ok := whole.(int64)
		return ok && float64(number) == part
	}
	return part == whole
}

func statusIs(what, where string, object *unstructured.Unstructured, status string) {
	var wanted any
	must(json.Unmarshal([]byte(status), &wanted))
	that(within(wanted, object.Object["status"]), "%s of %s: status is %v", what, where, object.Object["status"])
}

func keepsStatus(b *bench, where, name, status string) {
	things := at(b, where)
	got, err := things.Get(b.ctx, name, metav1.GetOptions{}, "status")
	must(err)
	that(got.GetKind() == kindOf(b, where) && got.GetName() == name, "%s/status is a %s", where, got.GetKind())
	patch := `{"metadata":{"annotations":{"patchedstatus":"true"}},"status":` + status + `}`
	patched, err := things.Patch(b.ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldValidation: "Strict"}, "status")
	must(err)
	statusIs("patch", where, patched, status)
	that(patched.GetAnnotations()["patchedstatus"] == "true", "%s: annotations %v", where, patched.GetAnnotations())
	that(patched.GetUID() == got.GetUID() && patched.GetGeneration() == got.GetGeneration(), "%s: generation %d", where, patched.GetGeneration())
	must(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		now, err := things.Get(b.ctx, name, metav1.GetOptions{})
		must(err)
		unstructured.RemoveNestedField(now.Object, "status")
		now.SetLabels(map[string]string{"main": "part"})
		now, err = things.Update(b.ctx, now, metav1.UpdateOptions{})
		if err == nil {
			statusIs("update of the main part", where, now, status)
		}
		return err
	}))
	must(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		now, err := things.Get(b.ctx, name, metav1.GetOptions{})
		must(err)
		now.SetAnnotations(map[string]string{"patchedstatus": "again"})
		now, err = things.UpdateStatus(b.ctx, now, metav1.UpdateOptions{})
		if err == nil {
			statusIs("update", where, now, status)
		}
		return err
	}))
}

func keepsEveryStatus(b *bench) {
	for _, row := range statuses {
		name := "v1.apps"
		if row.object != "" {
			name = madeAt(b, row.where, row.object).GetName()
		}
		keepsStatus(b, row.where, name, row.status)
		if row.object != "" {
			must(at(b, row.where).Delete(b.ctx, name, metav1.DeleteOptions{}))
		}
	}
}

func scalesEveryKind(b *bench) {
	for where, object := range map[string]string{"apps/v1/deployments": workOf, "apps/v1/replicasets": workOf,
		"apps/v1/statefulsets":      strings.Replace(workOf, `"replicas"`, `"serviceName":"s","replicas"`, 1),
		"v1/replicationcontrollers": `{"spec":{"replicas":0,"selector":{"a":"b"},` + podOf + `}}`} {
		name := madeAt(b, where, object).GetName()
		things := at(b, where)
		scale, err := things.Get(b.ctx, name, metav1.GetOptions{}, "scale")
		must(err)
		that(scale.GetKind() == "Scale" && scale.GetAPIVersion() == "autoscaling/v1", "%s/scale is a %s", where, scale.GetKind())
		selector, _, _ := unstructured.NestedString(scale.Object, "status", "selector")
		that(selector == "a=b", "%s: selector %q", where, selector)
		scale.SetResourceVersion("")
		must(unstructured.SetNestedField(scale.Object, int64(1), "spec", "replicas"))
		_, err = things.Update(b.ctx, scale, metav1.UpdateOptions{}, "scale")
		must(err)
		scale, err = things.Patch(b.ctx, name, types.MergePatchType, []byte(`{"spec":{"replicas":2}}`), metav1.PatchOptions{}, "scale")
		must(err)
		replicas, _, _ := unstructured.NestedInt64(scale.Object, "spec", "replicas")
		that(replicas == 2, "%s: scaled to %d", where, replicas)
		whole, err := things.Get(b.ctx, name, metav1.GetOptions{})
		must(err)
		replicas, _, _ = unstructured.NestedInt64(whole.Object, "spec", "replicas")
		that(replicas == 2, "%s has %d", where, replicas)
		_, err = things.Patch(b.ctx, name, types.MergePatchType, []byte(`{"spec":{"replicas":-1}}`), metav1.PatchOptions{}, "scale")
		that(apierrors.IsInvalid(err), "%s to -1: %v", where, err)
		background := metav1.DeletePropagationBackground
		must(things.Delete(b.ctx, name, metav1.DeleteOptions{PropagationPolicy: &background}))
	}
}
