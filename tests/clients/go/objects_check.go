package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	appsac "k8s.io/client-go/applyconfigurations/apps/v1"
	autoscalingac "k8s.io/client-go/applyconfigurations/autoscaling/v1"
	coreac "k8s.io/client-go/applyconfigurations/core/v1"
	metaac "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/util/retry"
)

func findsEveryGroup(b *bench) {
	groups, lists, err := b.typed.Discovery().ServerGroupsAndResources()
	must(err)
	that(len(groups) >= 18, "%d groups", len(groups))
	seen := map[string]bool{}
	for _, list := range lists {
		for _, r := range list.APIResources {
			seen[list.GroupVersion+"/"+r.Name] = true
		}
	}
	for _, want := range []string{"v1/pods", "v1/pods/exec", "apps/v1/deployments/scale", "batch/v1/cronjobs",
		"autoscaling/v2/horizontalpodautoscalers", "policy/v1/poddisruptionbudgets", "networking.k8s.io/v1/ingresses",
		"rbac.authorization.k8s.io/v1/clusterroles", "storage.k8s.io/v1/csinodes", "events.k8s.io/v1/events"} {
		that(seen[want], "%s is missing", want)
	}
	paths, err := b.typed.Discovery().OpenAPIV3().Paths()
	must(err)
	that(paths["apis/apps/v1"] != nil, "no OpenAPI v3 of apps/v1")
	document, err := b.typed.Discovery().OpenAPISchema()
	must(err)
	that(len(document.Definitions.AdditionalProperties) > 400, "%d definitions", len(document.Definitions.AdditionalProperties))
}

func mapsShortNames(b *bench) {
	cached := memory.NewMemCacheClient(b.typed.Discovery())
	mapper := restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(cached), cached, nil)
	for short, want := range map[string]string{"po": "pods", "deploy": "deployments", "ing": "ingresses", "hpa": "horizontalpodautoscalers", "sc": "storageclasses"} {
		got, err := mapper.ResourceFor(schema.GroupVersionResource{Resource: short})
		must(err)
		that(got.Resource == want, "%s is %s", short, got.Resource)
	}
}

func countsUpWithoutLoss(b *bench) {
	maps := b.typed.CoreV1().ConfigMaps(b.ns)
	_, err := maps.Create(b.ctx, configMapOf("count", map[string]string{"n": "0"}), metav1.CreateOptions{})
	must(err)
	var all sync.WaitGroup
	errs := make(chan error, 8)
	for i := 0; i < 8; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for j := 0; j < 10; j++ {
				again := retry.DefaultBackoff
				again.Steps = 100
				if err := retry.RetryOnConflict(again, func() error {
					now, err := maps.Get(b.ctx, "count", metav1.GetOptions{})
					if err != nil {
						return err
					}
					n, _ := strconv.Atoi(now.Data["n"])
					now.Data["n"] = strconv.Itoa(n + 1)
					_, err = maps.Update(b.ctx, now, metav1.UpdateOptions{})
					return err
				}); err != nil {
					errs <- err
				}
			}
		}()
	}
	all.Wait()
	close(errs)
	must(<-errs)
	end, err := maps.Get(b.ctx, "count", metav1.GetOptions{})
	must(err)
	that(end.Data["n"] == "80", "counted %s", end.Data["n"])
}

func tellsErrorsApart(b *bench) {
	maps := b.typed.CoreV1().ConfigMaps(b.ns)
	_, err := maps.Get(b.ctx, "none", metav1.GetOptions{})
	that(apierrors.IsNotFound(err), "get: %v", err)
	_, err = maps.Create(b.ctx, configMapOf("one", nil), metav1.CreateOptions{})
	must(err)
	_, err = maps.Create(b.ctx, configMapOf("one", nil), metav1.CreateOptions{})
	that(apierrors.IsAlreadyExists(err), "create: %v", err)
	old := configMapOf("one", nil)
	old.ResourceVersion = "1"
	_, err = maps.Update(b.ctx, old, metav1.UpdateOptions{})
	that(apierrors.IsConflict(err), "update: %v", err)
	_, err = b.typed.AppsV1().Deployments(b.ns).Create(b.ctx, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "bad"}}, metav1.CreateOptions{})
	that(apierrors.IsInvalid(err), "invalid: %v", err)
	status := err.(*apierrors.StatusError).Status()
	that(status.Details.Kind == "Deployment" && status.Details.Group == "apps" && len(status.Details.Causes) > 0, "details %+v", status.Details)
	uid := types.UID("another")
	err = maps.Delete(b.ctx, "one", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	that(apierrors.IsConflict(err), "delete: %v", err)
	_, err = b.typed.CoreV1().ConfigMaps("nowhere").Create(b.ctx, configMapOf("x", nil), metav1.CreateOptions{})
	that(apierrors.IsNotFound(err), "no namespace: %v", err)
}

func patchesInSeveralWays(b *bench) {
	deployments := b.typed.AppsV1().Deployments(b.ns)
	_, err := deployments.Create(b.ctx, deploymentOf("web", 1), metav1.CreateOptions{})
	must(err)
	patch := func(kind types.PatchType, text string) *appsv1.Deployment {
		d, err := deployments.Patch(b.ctx, "web", kind, []byte(text), metav1.PatchOptions{})
		must(err)
		return d
	}
	d := patch(types.StrategicMergePatchType, `{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"example.test/side:1"}]}}}}`)
	that(len(d.Spec.Template.Spec.Containers) == 2, "%d containers", len(d.Spec.Template.Spec.Containers))
	d = patch(types.MergePatchType, `{"metadata":{"annotations":{"a":"b"}},"spec":{"replicas":2}}`)
	that(*d.Spec.Replicas == 2 && d.Annotations["a"] == "b", "merge: %+v", d.Spec.Replicas)
	d = patch(types.JSONPatchType, `[{"op":"test","path":"/spec/replicas","value":2},{"op":"remove","path":"/metadata/annotations/a"}]`)
	that(d.Annotations["a"] == "", "json patch")
	_, err = deployments.Patch(b.ctx, "web", types.JSONPatchType, []byte(`[{"op":"test","path":"/spec/replicas","value":3}]`), metav1.PatchOptions{})
	that(apierrors.IsInvalid(err), "test: %v", err)
}

func applyOf(name string, replicas int32, image string) *appsac.DeploymentApplyConfiguration {
	labels := map[string]string{"app": name}
	return appsac.Deployment(name, "").WithSpec(appsac.DeploymentSpec().WithReplicas(replicas).
		WithSelector(metaac.LabelSelector().WithMatchLabels(labels)).
		WithTemplate(coreac.PodTemplateSpec().WithLabels(labels).WithSpec(coreac.PodSpec().
			WithNodeSelector(map[string]string{"nowhere": "yes"}).
			WithContainers(coreac.Container().WithName("main").WithImage(image)))))
}

func appliesTyped(b *bench) {
	deployments := b.typed.AppsV1().Deployments(b.ns)
	one := metav1.ApplyOptions{FieldManager: "one"}
	config := applyOf("web", 1, "example.test/app:1").WithNamespace(b.ns)
	d, err := deployments.Apply(b.ctx, config, one)
	must(err)
	same, err := deployments.Apply(b.ctx, config, one)
	must(err)
	that(same.Generation == d.Generation, "the same again made generation %d", same.Generation)
	_, err = deployments.Apply(b.ctx, applyOf("web", 3, "example.test/app:1").WithNamespace(b.ns), metav1.ApplyOptions{FieldManager: "two"})
	that(apierrors.IsConflict(err), "no conflict: %v", err)
	causes := err.(*apierrors.StatusError).Status().Details.Causes
	that(len(causes) == 1 && causes[0].Field == ".spec.replicas", "causes %+v", causes)
	_, err = deployments.Apply(b.ctx, applyOf("web", 3, "example.test/app:1").WithNamespace(b.ns), metav1.ApplyOptions{FieldManager: "two", Force: true})
	must(err)
	d, err = deployments.Get(b.ctx, "web", metav1.GetOptions{})
	must(err)
	mine, err := appsac.ExtractDeployment(d, "two")
	must(err)
	that(mine.Spec != nil && *mine.Spec.Replicas == 3, "extracted %+v", mine.Spec)
	theirs, err := appsac.ExtractDeployment(d, "one")
	must(err)
	that(theirs.Spec.Replicas == nil && *theirs.Spec.Template.Spec.Containers[0].Image == "example.test/app:1", "one still has %+v", theirs.Spec)
}

func scales(b *bench) {
	deployments := b.typed.AppsV1().Deployments(b.ns)
	_, err := deployments.Create(b.ctx, deploymentOf("web", 1), metav1.CreateOptions{})
	must(err)
	scale, err := deployments.GetScale(b.ctx, "web", metav1.GetOptions{})
	must(err)
	that(scale.Status.Selector == "app=web", "selector %q", scale.Status.Selector)
	scale.Spec.Replicas = 4
	// The controller writes the deployment beside us: with the revision read, a conflict is its right.
	scale.ResourceVersion = ""
	scale, err = deployments.UpdateScale(b.ctx, "web", scale, metav1.UpdateOptions{})
	must(err)
	that(scale.Spec.Replicas == 4, "%d", scale.Spec.Replicas)
	_, err = deployments.ApplyScale(b.ctx, "web", autoscalingac.Scale().WithName("web").WithNamespace(b.ns).
		WithSpec(autoscalingac.ScaleSpec().WithReplicas(5)), metav1.ApplyOptions{FieldManager: "scaler", Force: true})
	must(err)
	d, err := deployments.Get(b.ctx, "web", metav1.GetOptions{})
	must(err)
	that(*d.Spec.Replicas == 5, "%d replicas", *d.Spec.Replicas)
}

func worksUntyped(b *bench) {
	things := b.dyn.Resource(schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}).Namespace(b.ns)
	job := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "batch/v1", "kind": "Job", "metadata": map[string]any{"generateName": "work-"},
		"spec": map[string]any{"suspend": true, "template": map[string]any{"spec": map[string]any{"restartPolicy": "Never",
			"containers": []any{map[string]any{"name": "main", "image": "example.test/app:1"}}}}},
	}}
	made, err := things.Create(b.ctx, job, metav1.CreateOptions{})
	must(err)
	limit, _, _ := unstructured.NestedInt64(made.Object, "spec", "backoffLimit")
	that(limit == 6, "backoffLimit %d", limit)
	list, err := things.List(b.ctx, metav1.ListOptions{})
	must(err)
	that(len(list.Items) == 1 && list.GetKind() == "JobList", "%d of %s", len(list.Items), list.GetKind())
	config := made.DeepCopy()
	config.SetManagedFields(nil)
	config.Object = map[string]any{"apiVersion": "batch/v1", "kind": "Job", "metadata": map[string]any{"name": made.GetName(), "labels": map[string]any{"x": "y"}}}
	applied, err := things.Apply(b.ctx, made.GetName(), config, metav1.ApplyOptions{FieldManager: "dynamic"})
	must(err)
	that(applied.GetLabels()["x"] == "y", "labels %v", applied.GetLabels())
	must(things.Delete(b.ctx, made.GetName(), metav1.DeleteOptions{}))
}

func listsInPages(b *bench) {
	maps := b.typed.CoreV1().ConfigMaps(b.ns)
	for i := 0; i < 120; i++ {
		_, err := maps.Create(b.ctx, configMapOf(fmt.Sprintf("page-%03d", i), nil), metav1.CreateOptions{})
		must(err)
	}
	first, err := maps.List(b.ctx, metav1.ListOptions{Limit: 50})
	must(err)
	that(len(first.Items) == 50 && first.Continue != "" && *first.RemainingItemCount >= 70, "first page of %d", len(first.Items))
	// What comes later is not in the snapshot.
	_, err = maps.Create(b.ctx, configMapOf("page-999", nil), metav1.CreateOptions{})
	must(err)
	seen := len(first.Items)
	for next := first.Continue; next != ""; {
		page, err := maps.List(b.ctx, metav1.ListOptions{Limit: 50, Continue: next})
		must(err)
		that(page.ResourceVersion == first.ResourceVersion, "revision %s after %s", page.ResourceVersion, first.ResourceVersion)
		for _, item := range page.Items {
			that(item.Name != "page-999", "a later object is in the snapshot")
		}
		seen += len(page.Items)
		next = page.Continue
	}
	that(seen == 120 || seen == 121, "%d seen", seen) // kube-root-ca.crt
	count := 0
	p := pager.New(pager.SimplePageFunc(func(o metav1.ListOptions) (runtime.Object, error) { return maps.List(b.ctx, o) }))
	p.PageSize = 7
	must(p.EachListItem(b.ctx, metav1.ListOptions{LabelSelector: "by=client-go"}, func(runtime.Object) error { count++; return nil }))
	that(count == 121, "the pager saw %d", count)
	must(maps.DeleteCollection(b.ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "by=client-go"}))
	left, err := maps.List(b.ctx, metav1.ListOptions{LabelSelector: "by=client-go"})
	must(err)
	that(len(left.Items) == 0, "%d left", len(left.Items))
}

func deletesInForeground(b *bench) {
	deployments := b.typed.AppsV1().Deployments(b.ns)
	_, err := deployments.Create(b.ctx, deploymentOf("web", 2), metav1.CreateOptions{})
	must(err)
	pods := func() int {
		list, err := b.typed.CoreV1().Pods(b.ns).List(b.ctx, metav1.ListOptions{})
		must(err)
		return len(list.Items)
	}
	eventually(b, "two pods", func() bool { return pods() == 2 })
	foreground := metav1.DeletePropagationForeground
	must(deployments.Delete(b.ctx, "web", metav1.DeleteOptions{PropagationPolicy: &foreground}))
	eventually(b, "the deployment is gone", func() bool {
		_, err := deployments.Get(b.ctx, "web", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	that(pods() == 0, "%d pods outlive it", pods())
}

func asksAboutRights(b *bench) {
	review, err := b.typed.AuthorizationV1().SelfSubjectAccessReviews().Create(b.ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "create", Resource: "pods", Namespace: b.ns}}}, metav1.CreateOptions{})
	must(err)
	that(review.Status.Allowed, "not allowed")
	_, err = b.typed.CoreV1().ServiceAccounts(b.ns).Create(b.ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot"}}, metav1.CreateOptions{})
	must(err)
	seconds := int64(1200)
	token, err := b.typed.CoreV1().ServiceAccounts(b.ns).CreateToken(b.ctx, "robot", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}, metav1.CreateOptions{})
	must(err)
	answer, err := b.typed.AuthenticationV1().TokenReviews().Create(b.ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token.Status.Token}}, metav1.CreateOptions{})
	must(err)
	that(answer.Status.Authenticated && answer.Status.User.Username == "system:serviceaccount:"+b.ns+":robot", "who: %+v", answer.Status)
}

func evictsWithinABudget(b *bench) {
	pods := b.typed.CoreV1().Pods(b.ns)
	_, err := pods.Create(b.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "one", Labels: map[string]string{"app": "one"}}, Spec: podSpecOf()}, metav1.CreateOptions{})
	must(err)
	// The scheduler writes its status beside us.
	must(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		pod, err := pods.Get(b.ctx, "one", metav1.GetOptions{})
		if err != nil {
			return err
		}
		pod.Status.Phase = corev1.PodRunning
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue})
		_, err = pods.UpdateStatus(b.ctx, pod, metav1.UpdateOptions{})
		return err
	}))
	budgets := b.typed.PolicyV1().PodDisruptionBudgets(b.ns)
	_, err = budgets.Create(b.ctx, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "none"},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "one"}}}}, metav1.CreateOptions{})
	must(err)
	eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "one", Namespace: b.ns}}
	err = pods.EvictV1(b.ctx, eviction)
	that(apierrors.IsTooManyRequests(err), "the budget did not hold: %v", err)
	must(budgets.Delete(b.ctx, "none", metav1.DeleteOptions{}))
	must(pods.EvictV1(b.ctx, eviction))
}

func dryRunsNothing(b *bench) {
	maps := b.typed.CoreV1().ConfigMaps(b.ns)
	dry := []string{metav1.DryRunAll}
	made, err := maps.Create(b.ctx, configMapOf("ghost", nil), metav1.CreateOptions{DryRun: dry})
	must(err)
	that(made.UID != "" && made.ResourceVersion == "", "uid %q, revision %q", made.UID, made.ResourceVersion)
	_, err = maps.Get(b.ctx, "ghost", metav1.GetOptions{})
	that(apierrors.IsNotFound(err), "it is there: %v", err)
}

func keepsManagedFields(b *bench) {
	maps := b.typed.CoreV1().ConfigMaps(b.ns)
	made, err := maps.Create(b.ctx, configMapOf("owned", map[string]string{"k": "v"}), metav1.CreateOptions{FieldManager: "maker"})
	must(err)
	that(len(made.ManagedFields) == 1 && made.ManagedFields[0].Manager == "maker", "%+v", made.ManagedFields)
	var set map[string]any
	must(json.Unmarshal(made.ManagedFields[0].FieldsV1.Raw, &set))
	data, _ := set["f:data"].(map[string]any)
	that(data["f:k"] != nil, "fields %v", set)
}
