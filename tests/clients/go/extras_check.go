package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"reflect"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	appsac "k8s.io/client-go/applyconfigurations/apps/v1"
	coreac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/util/retry"
)

func changesEvents(b *bench) {
	some := metav1.MicroTime{Time: time.Unix(1505828956, 0)}
	events := b.typed.EventsV1().Events(b.ns)
	_, err := events.Create(b.ctx, &eventsv1.Event{ObjectMeta: metav1.ObjectMeta{Name: "one"}, Regarding: corev1.ObjectReference{Namespace: b.ns},
		EventTime: some, Note: "This is one", Action: "Do", Reason: "Test", Type: "Normal", ReportingController: "test-controller", ReportingInstance: "test-node"}, metav1.CreateOptions{})
	must(err)
	core, err := b.typed.CoreV1().Events(b.ns).List(b.ctx, metav1.ListOptions{FieldSelector: "source=test-controller"})
	must(err)
	list, err := events.List(b.ctx, metav1.ListOptions{FieldSelector: "reportingController=test-controller"})
	must(err)
	that(len(core.Items) == 1 && len(list.Items) == 1, "%d and %d by their source", len(core.Items), len(list.Items))
	same := func(wanted *eventsv1.Event) {
		now, err := events.Get(b.ctx, "one", metav1.GetOptions{})
		must(err)
		now.ResourceVersion, now.ManagedFields, wanted.ResourceVersion, wanted.ManagedFields = "", nil, "", nil
		that(equality.Semantic.DeepEqual(now, wanted), "it is %+v instead of %+v", now, wanted)
	}
	event, err := events.Get(b.ctx, "one", metav1.GetOptions{})
	must(err)
	_, err = events.Patch(b.ctx, "one", types.StrategicMergePatchType, []byte(`{"series":{"count":2,"lastObservedTime":"2017-09-19T13:49:16.000000Z"}}`), metav1.PatchOptions{})
	must(err)
	event.Series = &eventsv1.EventSeries{Count: 2, LastObservedTime: some}
	same(event)
	_, err = events.Patch(b.ctx, "one", types.StrategicMergePatchType, []byte(`{"note":"patched"}`), metav1.PatchOptions{})
	that(apierrors.IsInvalid(err), "another note: %v", err)
	event.Series = &eventsv1.EventSeries{Count: 100, LastObservedTime: some}
	_, err = events.Update(b.ctx, event, metav1.UpdateOptions{})
	must(err)
	same(event)
	event.ReportingController = "another"
	_, err = events.Update(b.ctx, event, metav1.UpdateOptions{})
	that(apierrors.IsInvalid(err), "another controller: %v", err)
	old, err := b.typed.CoreV1().Events(b.ns).Get(b.ctx, "one", metav1.GetOptions{})
	must(err)
	that(old.Message == "This is one" && old.Series.Count == 100 && old.ReportingInstance == "test-node", "as a core event: %+v", old)
}

func putsLimits(b *bench) {
	amounts := func(cpu, memory string) corev1.ResourceList {
		return corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse(memory)}
	}
	_, err := b.typed.CoreV1().LimitRanges(b.ns).Create(b.ctx, &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Name: "limits"}, Spec: corev1.LimitRangeSpec{
		Limits: []corev1.LimitRangeItem{{Type: corev1.LimitTypeContainer, Min: amounts("50m", "100Mi"), Max: amounts("500m", "500Mi"),
			Default: amounts("500m", "500Mi"), DefaultRequest: amounts("100m", "200Mi"), MaxLimitRequestRatio: corev1.ResourceList{}}}}}, metav1.CreateOptions{})
	must(err)
	make := func(name string, requests, limits corev1.ResourceList) (corev1.ResourceRequirements, error) {
		spec := podSpecOf()
		spec.Containers[0].Resources = corev1.ResourceRequirements{Requests: requests, Limits: limits}
		pod, err := b.typed.CoreV1().Pods(b.ns).Create(b.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}, metav1.CreateOptions{})
		if err != nil {
			return corev1.ResourceRequirements{}, err
		}
		return pod.Spec.Containers[0].Resources, nil
	}
	got, err := make("no-resources", nil, nil)
	must(err)
	that(equality.Semantic.DeepEqual(got.Requests, amounts("100m", "200Mi")) && equality.Semantic.DeepEqual(got.Limits, amounts("500m", "500Mi")), "defaults %+v", got)
	got, err = make("partial", corev1.ResourceList{"memory": resource.MustParse("150Mi")}, corev1.ResourceList{"cpu": resource.MustParse("300m")})
	must(err)
	that(got.Requests.Cpu().String() == "300m" && got.Requests.Memory().String() == "150Mi" && got.Limits.Memory().String() == "500Mi", "partial %+v", got)
	_, err = make("little", amounts("10m", "50Mi"), nil)
	that(apierrors.IsForbidden(err) && strings.Contains(err.Error(), "minimum cpu usage per Container is 50m, but request is 10m"), "little: %v", err)
	_, err = make("much", amounts("600m", "600Mi"), amounts("600m", "600Mi"))
	that(apierrors.IsForbidden(err) && strings.Contains(err.Error(), "maximum cpu usage per Container is 500m, but limit is 600m"), "much: %v", err)
}

// Each page is of one revision, and what is left is told.
func listsInChunks(b *bench) {
	const count = 100
	templates := b.typed.CoreV1().PodTemplates(b.ns)
	for i := 0; i < count; i++ {
		_, err := templates.Create(b.ctx, &corev1.PodTemplate{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("template-%04d", i)}, Template: templateOf(nil)}, metav1.CreateOptions{})
		must(err)
	}
	for i := 0; i < 3; i++ {
		o, found, revision := metav1.ListOptions{}, 0, ""
		for {
			o.Limit = int64(rand.Int31n(count/10) + 1)
			page, err := templates.List(b.ctx, o)
			must(err)
			that(int64(len(page.Items)) <= o.Limit && (revision == "" || page.ResourceVersion == revision), "%d at %s", len(page.Items), page.ResourceVersion)
			left := page.RemainingItemCount
			that((left == nil) == (page.Continue == "") && (left == nil || int(*left)+len(page.Items)+found == count), "%d found, left %v", found, left)
			for _, item := range page.Items {
				that(item.Name == fmt.Sprintf("template-%04d", found), "%s at %d", item.Name, found)
				found++
			}
			revision, o.Continue = page.ResourceVersion, page.Continue
			if o.Continue == "" {
				break
			}
		}
		that(found == count, "%d found", found)
	}
	_, err := templates.List(b.ctx, metav1.ListOptions{Continue: "nonsense", Limit: 1})
	that(apierrors.IsBadRequest(err), "nonsense: %v", err)
}

func dryRunsEveryVerb(b *bench) {
	maps, dry := b.typed.CoreV1().ConfigMaps(b.ns), []string{metav1.DryRunAll}
	made, err := maps.Create(b.ctx, configMapOf("one", map[string]string{"n": "0"}), metav1.CreateOptions{})
	must(err)
	made.Data["n"] = "1"
	got, err := maps.Update(b.ctx, made.DeepCopy(), metav1.UpdateOptions{DryRun: dry})
	must(err)
	that(got.Data["n"] == "1", "update answers %v", got.Data)
	got, err = maps.Patch(b.ctx, "one", types.MergePatchType, []byte(`{"data":{"n":"2"}}`), metav1.PatchOptions{DryRun: dry})
	must(err)
	that(got.Data["n"] == "2", "patch answers %v", got.Data)
	_, err = maps.Apply(b.ctx, coreac.ConfigMap("two", b.ns), metav1.ApplyOptions{FieldManager: "m", DryRun: dry})
	must(err)
	must(maps.Delete(b.ctx, "one", metav1.DeleteOptions{DryRun: dry}))
	must(maps.DeleteCollection(b.ctx, metav1.DeleteOptions{DryRun: dry}, metav1.ListOptions{}))
	now, err := maps.Get(b.ctx, "one", metav1.GetOptions{})
	must(err)
	that(now.Data["n"] == "0" && now.ResourceVersion == made.ResourceVersion, "it has changed: %v", now)
	_, err = maps.Get(b.ctx, "two", metav1.GetOptions{})
	that(apierrors.IsNotFound(err), "it was applied: %v", err)
	_, err = maps.Create(b.ctx, configMapOf("three", nil), metav1.CreateOptions{DryRun: []string{"Some"}})
	that(apierrors.IsInvalid(err), "a dry run of some: %v", err)
	services := b.typed.CoreV1().Services(b.ns)
	one := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "s"}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{Port: 80, NodePort: 31999}}}}
	for i := 0; i < 2; i++ {
		_, err = services.Create(b.ctx, one, metav1.CreateOptions{DryRun: dry})
		must(err)
	}
	_, err = services.Create(b.ctx, one, metav1.CreateOptions{})
	must(err)
}

func managersOf(object metav1.Object) string {
	var names []string
	for _, entry := range object.GetManagedFields() {
		names = append(names, entry.Manager+" "+string(entry.Operation)+" "+entry.Subresource)
	}
	return strings.Join(names, "; ")
}

// What two have applied goes when both have let it go.
func sharesWhatIsApplied(b *bench) {
	maps := b.typed.CoreV1().ConfigMaps(b.ns)
	apply := func(manager string, data map[string]string) *corev1.ConfigMap {
		got, err := maps.Apply(b.ctx, coreac.ConfigMap("one", b.ns).WithData(data), metav1.ApplyOptions{FieldManager: manager})
		must(err)
		return got
	}
	apply("a", map[string]string{"both": "1", "a": "1"})
	apply("b", map[string]string{"both": "1", "b": "1"})
	got := apply("a", nil)
	that(reflect.DeepEqual(got.Data, map[string]string{"both": "1", "b": "1"}), "a lets go: %v", got.Data)
	that(managersOf(got) == "b Apply ", "managers %q", managersOf(got))
	got = apply("b", map[string]string{"b": "1"})
	that(reflect.DeepEqual(got.Data, map[string]string{"b": "1"}), "both have let go: %v", got.Data)
	_, err := maps.Apply(b.ctx, coreac.ConfigMap("one", b.ns).WithData(map[string]string{"b": "2"}), metav1.ApplyOptions{FieldManager: "a"})
	that(apierrors.IsConflict(err) && strings.Contains(err.Error(), `Apply failed with 1 conflict: conflict with "b": .data.b`), "no conflict: %v", err)
	_, err = maps.Patch(b.ctx, "one", types.MergePatchType, []byte(`{"data":{"b":null,"c":"3"}}`), metav1.PatchOptions{FieldManager: "hand"})
	must(err)
	got = apply("a", map[string]string{"b": "2"})
	that(managersOf(got) == "a Apply ; hand Update " || managersOf(got) == "a Apply ; b Apply ; hand Update ", "managers %q", managersOf(got))
	cleared, err := maps.Patch(b.ctx, "one", types.MergePatchType, []byte(`{"metadata":{"managedFields":[{}]}}`), metav1.PatchOptions{})
	must(err)
	that(len(cleared.ManagedFields) == 0, "managers %q", managersOf(cleared))
	none, err := maps.Apply(b.ctx, coreac.ConfigMap("empty", b.ns), metav1.ApplyOptions{FieldManager: "a"})
	must(err)
	that(none.UID != "" && none.Data == nil, "applied from nothing: %+v", none)
}

func appliesParts(b *bench) {
	deployments := b.typed.AppsV1().Deployments(b.ns)
	_, err := deployments.Apply(b.ctx, applyOf("web", 0, "example.test/app:1").WithNamespace(b.ns), metav1.ApplyOptions{FieldManager: "main"})
	must(err)
	status := appsac.Deployment("web", b.ns).WithStatus(appsac.DeploymentStatus().WithConditions(
		appsac.DeploymentCondition().WithType("Tested").WithStatus("True").WithReason("Test")))
	got, err := deployments.ApplyStatus(b.ctx, status, metav1.ApplyOptions{FieldManager: "part"})
	must(err)
	that(strings.Contains(managersOf(got), "part Apply status"), "managers %q", managersOf(got))
	found := false
	for _, condition := range got.Status.Conditions {
		found = found || condition.Type == "Tested"
	}
	that(found && *got.Spec.Replicas == 0, "status %+v", got.Status)
	got, err = deployments.Apply(b.ctx, applyOf("web", 0, "example.test/app:1").WithNamespace(b.ns).WithStatus(appsac.DeploymentStatus().WithReadyReplicas(9)),
		metav1.ApplyOptions{FieldManager: "main"})
	must(err)
	that(got.Status.ReadyReplicas != 9, "the main part wrote the status")
	pod := `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"nodeSelector":{"no":"where"},"containers":[{"name":"m","image":"a:1","ports":[
		{"name":"x","containerPort":80,"protocol":"TCP"},{"name":"y","containerPort":80,"protocol":"UDP"}]}]}}`
	raw, err := b.typed.CoreV1().RESTClient().Patch(types.ApplyPatchType).Namespace(b.ns).Resource("pods").Name("p").
		Param("fieldManager", "main").Body([]byte(pod)).DoRaw(b.ctx)
	must(err)
	made := &corev1.Pod{}
	must(json.Unmarshal(raw, made))
	that(strings.Contains(string(made.ManagedFields[0].FieldsV1.Raw), `k:{\"containerPort\":80,\"protocol\":\"UDP\"}`), "fields %s", made.ManagedFields[0].FieldsV1.Raw)
}

// A version's objects are the other's.
func convertsAutoscalers(b *bench) {
	half, target := int32(50), autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "web", APIVersion: "apps/v1"}
	made, err := b.typed.AutoscalingV2().HorizontalPodAutoscalers(b.ns).Create(b.ctx, &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "h"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{MaxReplicas: 3, ScaleTargetRef: target, Metrics: []autoscalingv2.MetricSpec{
			{Type: "Resource", Resource: &autoscalingv2.ResourceMetricSource{Name: "cpu", Target: autoscalingv2.MetricTarget{Type: "Utilization", AverageUtilization: &half}}},
			{Type: "Resource", Resource: &autoscalingv2.ResourceMetricSource{Name: "memory", Target: autoscalingv2.MetricTarget{Type: "Utilization", AverageUtilization: &half}}}},
			Behavior: &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: &half}}}}, metav1.CreateOptions{})
	must(err)
	old, err := b.typed.AutoscalingV1().HorizontalPodAutoscalers(b.ns).Get(b.ctx, "h", metav1.GetOptions{})
	must(err)
	that(*old.Spec.TargetCPUUtilizationPercentage == 50 && *old.Spec.MinReplicas == 1 && old.Spec.ScaleTargetRef.Name == "web", "as v1: %+v", old.Spec)
	that(old.Annotations["autoscaling.alpha.kubernetes.io/metrics"] != "" && old.Annotations["autoscaling.alpha.kubernetes.io/behavior"] != "", "annotations %v", old.Annotations)
	// The controller writes its status beside us.
	must(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		old, err := b.typed.AutoscalingV1().HorizontalPodAutoscalers(b.ns).Get(b.ctx, "h", metav1.GetOptions{})
		must(err)
		old.Spec.MaxReplicas = 7
		_, err = b.typed.AutoscalingV1().HorizontalPodAutoscalers(b.ns).Update(b.ctx, old, metav1.UpdateOptions{})
		return err
	}))
	now, err := b.typed.AutoscalingV2().HorizontalPodAutoscalers(b.ns).Get(b.ctx, "h", metav1.GetOptions{})
	must(err)
	that(len(now.Annotations) == 0 && now.Spec.MaxReplicas == 7, "annotations %v, at most %d", now.Annotations, now.Spec.MaxReplicas)
	that(len(now.Spec.Metrics) == 2 && equality.Semantic.DeepEqual(now.Spec.Behavior, made.Spec.Behavior), "as v2: %+v", now.Spec)
}

func refusesToProxyToNobody(b *bench) {
	core := b.typed.CoreV1().RESTClient()
	for kind, text := range map[string]string{"pods": `pods "none" not found`, "services": `services "none" not found`, "nodes": `nodes "none" not found`} {
		r := core.Get().Resource(kind).Name("none").SubResource("proxy")
		if kind != "nodes" {
			r = r.Namespace(b.ns)
		}
		err := r.Do(b.ctx).Error()
		that(apierrors.IsNotFound(err) && strings.Contains(err.Error(), text), "%s: %v", kind, err)
	}
	_, err := b.typed.CoreV1().Services(b.ns).Create(b.ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: corev1.ServiceSpec{Selector: map[string]string{"a": "b"}, Ports: []corev1.ServicePort{{Name: "http", Port: 80}}}}, metav1.CreateOptions{})
	must(err)
	err = core.Get().Namespace(b.ns).Resource("services").Name("web:http").SubResource("proxy").Do(b.ctx).Error()
	that(apierrors.IsServiceUnavailable(err) && strings.Contains(err.Error(), `no endpoints available for service "web:http"`), "nobody behind it: %v", err)
	err = core.Get().Namespace(b.ns).Resource("services").Name("web:81").SubResource("proxy").Do(b.ctx).Error()
	that(apierrors.IsServiceUnavailable(err) && strings.Contains(err.Error(), `no service port 81 found for service "web"`), "another port: %v", err)
	_, err = b.typed.CoreV1().Pods(b.ns).Create(b.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "idle"}, Spec: podSpecOf()}, metav1.CreateOptions{})
	must(err)
	err = core.Get().Namespace(b.ns).Resource("pods").Name("idle").SubResource("proxy").Do(b.ctx).Error()
	that(err != nil && strings.Contains(err.Error(), "address not allowed"), "a pod without an address: %v", err)
	text, err := b.typed.CoreV1().Pods(b.ns).GetLogs("idle", &corev1.PodLogOptions{}).DoRaw(b.ctx)
	that(err == nil && len(text) == 0, "the log of a pod without a node: %v %q", err, text)
}
