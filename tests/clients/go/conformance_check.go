package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"strings"
	"sync"

	discoveryv2 "k8s.io/api/apidiscovery/v2"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
)

type warnings struct{ texts []string }

func (w *warnings) HandleWarningHeader(code int, agent string, text string) {
	w.texts = append(w.texts, text)
}

const twiceOf = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"%s","labels":{"app":"nginx"}%s},"spec":{%s
	"selector":{"matchLabels":{"app":"nginx"}},"template":{"metadata":{"labels":{"app":"nginx"}%s},
	"spec":{"nodeSelector":{"no":"where"},"containers":[{"name":"nginx","image":"nginx:latest"%s}]}}}}`

// postStrictly sends a deployment; what is warned of comes back in one text.
func postStrictly(b *bench, how, body string) (string, error) {
	heard := &warnings{}
	r := b.typed.AppsV1().RESTClient().Post().Namespace(b.ns).Resource("deployments").Param("fieldValidation", how).
		Param("fieldManager", "field_validation_mgr").WarningHandler(heard).Body([]byte(body)).SetHeader("Content-Type", "application/json")
	_, err := r.Do(b.ctx).Get()
	return strings.Join(heard.texts, "; "), err
}

func tellsUnknownFields(b *bench) {
	twice := `"unknownField":"foo","replicas":0,"replicas":0,`
	for _, row := range []struct{ body, text string }{
		{fmt.Sprintf(twiceOf, "a", "", twice, "", ""), `strict decoding error: unknown field "spec.unknownField", duplicate field "spec.replicas"`},
		{fmt.Sprintf(twiceOf, "b", `,"unknownMeta":"foo"`, "", "", ""), `strict decoding error: unknown field "metadata.unknownMeta"`},
		{fmt.Sprintf(twiceOf, "c", "", "", `,"unknownMeta":"foo"`, ""), `strict decoding error: unknown field "spec.template.metadata.unknownMeta"`},
		{fmt.Sprintf(twiceOf, "d", "", "", "", `,"foo":1,"name":"nginx"`),
			`strict decoding error: unknown field "spec.template.spec.containers[0].foo", duplicate field "spec.template.spec.containers[0].name"`},
	} {
		_, err := postStrictly(b, "Strict", row.body)
		that(apierrors.IsBadRequest(err) && strings.Contains(err.Error(), row.text), "strict: %v", err)
		heard, err := postStrictly(b, "Ignore", strings.Replace(row.body, `"name":"`, `"name":"i-`, 1))
		that(err == nil && heard == "", "ignore: %v, %q", err, heard)
		heard, err = postStrictly(b, "Warn", strings.Replace(row.body, `"name":"`, `"name":"w-`, 1))
		must(err)
		for _, part := range strings.Split(strings.TrimPrefix(row.text, "strict decoding error: "), ", ") {
			that(strings.Contains(heard, part), "warn: %q lacks %q", heard, part)
		}
	}
	yaml := "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: y\ndata:\n  a: b\n  a: c\nmore: 1\n"
	err := b.typed.CoreV1().RESTClient().Post().Namespace(b.ns).Resource("configmaps").Param("fieldValidation", "Strict").
		SetHeader("Content-Type", "application/yaml").Body([]byte(yaml)).Do(b.ctx).Error()
	text := "strict decoding error: yaml: unmarshal errors:\n  line 7: key \"a\" already set in map, unknown field \"more\""
	that(err != nil && strings.HasSuffix(err.Error(), text), "yaml: %v", err)
	_, err = postStrictly(b, "Perhaps", fmt.Sprintf(twiceOf, "e", "", "", "", ""))
	that(apierrors.IsInvalid(err), "perhaps: %v", err)
}

// The patches tell of unknown fields in their own words each.
func tellsUnknownFieldsOfPatches(b *bench) {
	must(func() error {
		_, err := postStrictly(b, "Strict", fmt.Sprintf(twiceOf, "web", "", "", "", ""))
		return err
	}())
	yaml := "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  foo: 1\n  paused: true\n  paused: true\n"
	for _, row := range []struct {
		kind       types.PatchType
		body, text string
	}{
		{types.MergePatchType, `{"spec":{"foo":"bar","paused":true,"paused":true}}`, `strict decoding error: duplicate field "spec.paused", unknown field "spec.foo"`},
		{types.StrategicMergePatchType, `{"spec":{"foo":"bar"}}`, `strict decoding error: unknown field "spec.foo"`},
		{types.JSONPatchType, `[{"op":"add","path":"/spec/foo","value":"bar","foo":"bar"}]`,
			`strict decoding error: json patch unknown field "[0].foo", unknown field "spec.foo"`},
		{types.ApplyPatchType, strings.Replace(yaml, "  paused: true\n", "", 1), `.spec.foo: field not declared in schema`},
		{types.ApplyPatchType, strings.Replace(yaml, "  foo: 1\n", "", 1), `line 7: key "paused" already set in map`},
	} {
		call := func(how string) (string, error) {
			heard := &warnings{}
			_, err := b.typed.AppsV1().RESTClient().Patch(row.kind).Namespace(b.ns).Resource("deployments").Name("web").Param("fieldValidation", how).
				Param("fieldManager", "m").WarningHandler(heard).Body([]byte(row.body)).Do(b.ctx).Get()
			return strings.Join(heard.texts, "; "), err
		}
		_, err := call("Strict")
		that(err != nil && strings.Contains(err.Error(), row.text), "%s: %v", row.kind, err)
		if row.kind != types.ApplyPatchType {
			heard, err := call("Warn")
			that(err == nil && strings.Contains(heard, "unknown field \"spec.foo\""), "%s: %v, warned %q", row.kind, err, heard)
		}
	}
}

func watchesBySelector(b *bench) {
	maps := b.typed.CoreV1().ConfigMaps(b.ns)
	follow := func(selector string) watch.Interface {
		w, err := maps.Watch(b.ctx, metav1.ListOptions{LabelSelector: selector})
		must(err)
		return w
	}
	label := func(name, value, data string) {
		patch := fmt.Sprintf(`{"metadata":{"labels":{"watched":%q}},"data":{"n":%q}}`, value, data)
		_, err := maps.Patch(b.ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		must(err)
	}
	a, other, both := follow("watched=a"), follow("watched=b"), follow("watched in (a, b)")
	defer a.Stop()
	defer other.Stop()
	defer both.Stop()
	object := configMapOf("one", nil)
	object.Labels["watched"] = "a"
	_, err := maps.Create(b.ctx, object, metav1.CreateOptions{})
	must(err)
	label("one", "a", "1")
	label("one", "b", "2")
	label("one", "c", "3")
	label("one", "a", "4")
	must(maps.Delete(b.ctx, "one", metav1.DeleteOptions{}))
	for _, row := range []struct {
		w     watch.Interface
		types string
		data  string
	}{{a, "ADDED MODIFIED DELETED ADDED DELETED", " 1 2 4 4"}, {other, "ADDED DELETED", "2 3"},
		{both, "ADDED MODIFIED MODIFIED DELETED ADDED DELETED", " 1 2 3 4 4"}} {
		data := strings.Split(row.data, " ")
		for i, kind := range strings.Fields(row.types) {
			event := next(b, row.w, watch.EventType(kind)).(*corev1.ConfigMap)
			// What leaves the selection is shown as it was before, at the revision of the change.
			that(event.Data["n"] == data[i] || kind == "DELETED", "%s number %d has %q instead of %q", kind, i, event.Data["n"], data[i])
		}
	}
}

func watchesAgain(b *bench) {
	maps := b.typed.CoreV1().ConfigMaps(b.ns)
	selector := metav1.ListOptions{LabelSelector: "by=client-go"}
	w, err := maps.Watch(b.ctx, selector)
	must(err)
	_, err = maps.Create(b.ctx, configMapOf("one", map[string]string{"n": "0"}), metav1.CreateOptions{})
	must(err)
	change := func(n string) {
		_, err := maps.Patch(b.ctx, "one", types.MergePatchType, []byte(`{"data":{"n":"`+n+`"}}`), metav1.PatchOptions{})
		must(err)
	}
	change("1")
	first := next(b, w, watch.Added)
	selector.ResourceVersion = next(b, w, watch.Modified).GetResourceVersion()
	w.Stop()
	change("2")
	must(maps.Delete(b.ctx, "one", metav1.DeleteOptions{}))
	w, err = maps.Watch(b.ctx, selector)
	must(err)
	defer w.Stop()
	that(next(b, w, watch.Modified).(*corev1.ConfigMap).Data["n"] == "2", "not the change that was missed")
	gone := next(b, w, watch.Deleted)
	that(gone.GetUID() == first.GetUID() && gone.GetResourceVersion() > selector.ResourceVersion, "deleted at %s", gone.GetResourceVersion())
}

// Whoever begins to watch at a revision sees the same events in the same order.
func watchesInOneOrder(b *bench) {
	maps := b.typed.CoreV1().ConfigMaps(b.ns)
	const writers, each = 4, 25
	_, begin := countOf(b, maps, metav1.ListOptions{})
	var all sync.WaitGroup
	for i := 0; i < writers; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for j := 0; j < each; j++ {
				name := fmt.Sprintf("w-%d-%d", i, rand.Intn(3))
				if _, err := maps.Create(b.ctx, configMapOf(name, nil), metav1.CreateOptions{}); err != nil {
					maps.Delete(b.ctx, name, metav1.DeleteOptions{})
				}
			}
		}()
	}
	follow := func(revision string) func() string {
		w, err := maps.Watch(b.ctx, metav1.ListOptions{ResourceVersion: revision, LabelSelector: "by=client-go"})
		must(err)
		return func() string {
			event := <-w.ResultChan()
			object, err := meta.Accessor(event.Object)
			must(err)
			return object.GetResourceVersion()
		}
	}
	seen := []func() string{follow(begin)}
	for i := 0; i < writers*each; i++ {
		revision := seen[0]()
		for n, other := range seen[1:] {
			got := other()
			that(got == revision, "watch %d sees %s, the first %s", n+1, got, revision)
		}
		if i < 20 {
			seen = append(seen, follow(revision))
		}
	}
	all.Wait()
}

func tableOf(b *bench, r *rest.Request) *metav1.Table {
	raw, err := r.SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(b.ctx)
	must(err)
	table := &metav1.Table{}
	must(json.Unmarshal(raw, table))
	that(table.Kind == "Table" && table.APIVersion == "meta.k8s.io/v1", "%s of %s", table.Kind, table.APIVersion)
	for _, row := range table.Rows {
		that(len(row.Cells) == len(table.ColumnDefinitions), "%d cells of %d", len(row.Cells), len(table.ColumnDefinitions))
	}
	return table
}

func makesTables(b *bench) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "pod-1"}, Spec: podSpecOf()}
	_, err := b.typed.CoreV1().Pods(b.ns).Create(b.ctx, pod, metav1.CreateOptions{})
	must(err)
	core := b.typed.CoreV1().RESTClient()
	table := tableOf(b, core.Get().Namespace(b.ns).Resource("pods").Name("pod-1"))
	that(len(table.ColumnDefinitions) > 2 && len(table.Rows) == 1 && table.ColumnDefinitions[0].Name == "Name", "columns %v", table.ColumnDefinitions)
	that(table.Rows[0].Cells[0] == "pod-1", "cells %v", table.Rows[0].Cells)
	for i := 0; i < 20; i++ {
		_, err := b.typed.CoreV1().PodTemplates(b.ns).Create(b.ctx, &corev1.PodTemplate{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("template-%04d", i)}, Template: templateOf(nil)}, metav1.CreateOptions{})
		must(err)
	}
	templates := core.Get().Namespace(b.ns).Resource("podtemplates")
	table = tableOf(b, templates.Param("limit", "2"))
	that(len(table.Rows) == 2 && table.ResourceVersion != "" && table.Continue != "", "%d rows", len(table.Rows))
	that(table.Rows[0].Cells[0] == "template-0000" && table.Rows[1].Cells[0] == "template-0001", "%v", table.Rows[0].Cells)
	rest := tableOf(b, core.Get().Namespace(b.ns).Resource("podtemplates").Param("continue", table.Continue))
	that(len(rest.Rows) == 18 && rest.Rows[0].Cells[0] == "template-0002", "%d rows in the rest", len(rest.Rows))
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: "/", Verb: "get"}}}
	err = b.typed.AuthorizationV1().RESTClient().Post().Resource("selfsubjectaccessreviews").
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").Body(review).Do(b.ctx).Into(&metav1.Table{})
	that(err != nil && err.(apierrors.APIStatus).Status().Code == 406, "a review as a table: %v", err)
}

func discoversAggregated(b *bench) {
	wanted := []string{"v1/namespaces", "admissionregistration.k8s.io/v1/validatingwebhookconfigurations", "apiextensions.k8s.io/v1/customresourcedefinitions",
		"apiregistration.k8s.io/v1/apiservices", "apps/v1/deployments", "authentication.k8s.io/v1/tokenreviews", "authorization.k8s.io/v1/selfsubjectaccessreviews",
		"autoscaling/v1/horizontalpodautoscalers", "autoscaling/v2/horizontalpodautoscalers", "batch/v1/jobs", "certificates.k8s.io/v1/certificatesigningrequests",
		"coordination.k8s.io/v1/leases", "discovery.k8s.io/v1/endpointslices", "events.k8s.io/v1/events", "networking.k8s.io/v1/ingresses", "node.k8s.io/v1/runtimeclasses",
		"policy/v1/poddisruptionbudgets", "scheduling.k8s.io/v1/priorityclasses", "storage.k8s.io/v1/csinodes"}
	seen := map[string]bool{}
	for _, path := range []string{"/api", "/apis"} {
		raw, err := b.typed.Discovery().RESTClient().Get().AbsPath(path).
			SetHeader("Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList").Do(b.ctx).Raw()
		must(err)
		list := discoveryv2.APIGroupDiscoveryList{}
		must(json.Unmarshal(raw, &list))
		for _, group := range list.Items {
			for _, version := range group.Versions {
				for _, r := range version.Resources {
					seen[schema.GroupVersion{Group: group.Name, Version: version.Version}.String()+"/"+r.Resource] = true
				}
			}
		}
	}
	_, byVersion, failed, err := b.typed.Discovery().(discovery.AggregatedDiscoveryInterface).GroupsAndMaybeResources()
	must(err)
	that(len(failed) == 0 && byVersion != nil, "failed: %v", failed)
	for _, want := range wanted {
		that(seen[want], "%s is not in the raw lists", want)
		gv, err := schema.ParseGroupVersion(want[:strings.LastIndex(want, "/")])
		must(err)
		that(byVersion[gv] != nil, "%s is not in the interface", want)
	}
}

func prefersOneVersion(b *bench) {
	list := &metav1.APIGroupList{}
	must(b.typed.Discovery().RESTClient().Get().AbsPath("/apis/").Do(b.ctx).Into(list))
	for _, group := range list.Groups {
		that(group.PreferredVersion.GroupVersion != "", "%s prefers none", group.Name)
		one := &metav1.APIGroup{}
		must(b.typed.Discovery().RESTClient().Get().AbsPath("/apis/" + group.Name).Do(b.ctx).Into(one))
		that(one.PreferredVersion == group.PreferredVersion && len(one.Versions) == len(group.Versions), "%s: %v", group.Name, one)
		found := false
		for _, version := range one.Versions {
			found = found || version == one.PreferredVersion
			resources, err := b.typed.Discovery().ServerResourcesForGroupVersion(version.GroupVersion)
			must(err)
			that(resources.GroupVersion == version.GroupVersion, "%s lists %s", version.GroupVersion, resources.GroupVersion)
		}
		that(found, "%s prefers %s that it has not", group.Name, one.PreferredVersion.Version)
	}
}
