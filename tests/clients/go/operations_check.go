package main

import (
	"context"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/util/retry"
)

// The typed clients of every kind have these.
type thingsOf[T metav1.Object, L runtime.Object] interface {
	Create(context.Context, T, metav1.CreateOptions) (T, error)
	Update(context.Context, T, metav1.UpdateOptions) (T, error)
	Delete(context.Context, string, metav1.DeleteOptions) error
	DeleteCollection(context.Context, metav1.DeleteOptions, metav1.ListOptions) error
	Get(context.Context, string, metav1.GetOptions) (T, error)
	List(context.Context, metav1.ListOptions) (L, error)
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
	Patch(context.Context, string, types.PatchType, []byte, metav1.PatchOptions, ...string) (T, error)
}

// next takes one event and says of which object it is; bookmarks are not expected.
func next(b *bench, w watch.Interface, kind watch.EventType) metav1.Object {
	select {
	case event, open := <-w.ResultChan():
		that(open, "the watch ended before %s", kind)
		that(event.Type == kind, "%s instead of %s: %v", event.Type, kind, event.Object)
		object, err := meta.Accessor(event.Object)
		must(err)
		return object
	case <-b.ctx.Done():
		panic(failure{"no " + string(kind)})
	}
}

// until takes events up to the wanted one; before it may be changes of controllers, but no bookmarks.
func until(b *bench, w watch.Interface, kind watch.EventType, wanted func(metav1.Object) bool) {
	for {
		select {
		case event, open := <-w.ResultChan():
			that(open, "the watch ended before %s", kind)
			object, err := meta.Accessor(event.Object)
			must(err)
			if event.Type == kind && wanted(object) {
				return
			}
			that(event.Type == watch.Modified, "%s instead of %s: %v", event.Type, kind, event.Object)
		case <-b.ctx.Done():
			panic(failure{"no " + string(kind)})
		}
	}
}

func countOf[T metav1.Object, L runtime.Object](b *bench, things thingsOf[T, L], o metav1.ListOptions) (int, string) {
	list, err := things.List(b.ctx, o)
	must(err)
	access, err := meta.ListAccessor(list)
	must(err)
	return meta.LenList(list), access.GetResourceVersion()
}

// live takes an object through every operation of its kind, watched.
func live[T metav1.Object, L runtime.Object](b *bench, things thingsOf[T, L], object T) {
	object.SetGenerateName("life-")
	object.SetLabels(map[string]string{"life": b.ns})
	mine := metav1.ListOptions{LabelSelector: "life=" + b.ns}
	count, revision := countOf(b, things, mine)
	that(count == 0, "%d at the beginning", count)
	w, err := things.Watch(b.ctx, metav1.ListOptions{LabelSelector: mine.LabelSelector, ResourceVersion: revision})
	must(err)
	defer w.Stop()
	made, err := things.Create(b.ctx, object, metav1.CreateOptions{FieldValidation: "Strict"})
	must(err)
	isMade := func(object metav1.Object) bool { return object.GetUID() == made.GetUID() }
	until(b, w, watch.Added, isMade)
	got, err := things.Get(b.ctx, made.GetName(), metav1.GetOptions{})
	must(err)
	that(got.GetUID() == made.GetUID(), "got another")
	_, err = things.Patch(b.ctx, made.GetName(), types.MergePatchType, []byte(`{"metadata":{"annotations":{"patched":"true"}}}`), metav1.PatchOptions{})
	must(err)
	until(b, w, watch.Modified, func(object metav1.Object) bool { return object.GetAnnotations()["patched"] == "true" })
	must(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		now, err := things.Get(b.ctx, made.GetName(), metav1.GetOptions{})
		must(err)
		now.SetAnnotations(map[string]string{"updated": "true"})
		got, err = things.Update(b.ctx, now, metav1.UpdateOptions{})
		return err
	}))
	that(got.GetAnnotations()["updated"] == "true" && got.GetAnnotations()["patched"] == "", "annotations %v", got.GetAnnotations())
	until(b, w, watch.Modified, func(object metav1.Object) bool { return object.GetResourceVersion() == got.GetResourceVersion() })
	// Some kinds leave their dependents alone unless told.
	background := metav1.DeletePropagationBackground
	must(things.Delete(b.ctx, made.GetName(), metav1.DeleteOptions{PropagationPolicy: &background}))
	until(b, w, watch.Deleted, isMade)
	_, err = things.Get(b.ctx, made.GetName(), metav1.GetOptions{})
	that(apierrors.IsNotFound(err), "after the deletion: %v", err)
	for i := 0; i < 2; i++ {
		_, err = things.Create(b.ctx, object, metav1.CreateOptions{})
		must(err)
	}
	must(things.DeleteCollection(b.ctx, metav1.DeleteOptions{PropagationPolicy: &background}, mine))
	count, _ = countOf(b, things, mine)
	that(count == 0, "%d after the deletion of all", count)
}

func templateOf(labels map[string]string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpecOf()}
}

func liveCore(b *bench) {
	about := corev1.ObjectReference{Kind: "Pod", Name: "some", Namespace: b.ns}
	core := b.typed.CoreV1()
	live(b, core.Events(b.ns), &corev1.Event{InvolvedObject: about, Reason: "Test", Message: "for a test", Type: "Normal", Count: 1,
		FirstTimestamp: metav1.Now(), LastTimestamp: metav1.Now(), Source: corev1.EventSource{Component: "test"}})
	live(b, core.Endpoints(b.ns), &corev1.Endpoints{Subsets: []corev1.EndpointSubset{{
		Addresses: []corev1.EndpointAddress{{IP: "10.0.0.24"}}, Ports: []corev1.EndpointPort{{Name: "http", Port: 80, Protocol: "TCP"}}}}})
	live(b, core.PodTemplates(b.ns), &corev1.PodTemplate{Template: templateOf(map[string]string{"a": "b"})})
	live(b, core.LimitRanges(b.ns), &corev1.LimitRange{Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
		Type: corev1.LimitTypeContainer, Default: corev1.ResourceList{"cpu": resource.MustParse("300m")}}}}})
	live(b, core.ServiceAccounts(b.ns), &corev1.ServiceAccount{})
	live(b, core.Secrets(b.ns), &corev1.Secret{Data: map[string][]byte{"key": []byte("value")}})
	live(b, core.ResourceQuotas(b.ns), &corev1.ResourceQuota{Spec: corev1.ResourceQuotaSpec{
		Hard: corev1.ResourceList{"count/widgets.example.com": resource.MustParse("5")}}})
	replicas := int32(0)
	live(b, core.ReplicationControllers(b.ns), &corev1.ReplicationController{Spec: corev1.ReplicationControllerSpec{Replicas: &replicas,
		Selector: map[string]string{"a": "b"}, Template: &corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}, Spec: podSpecOf()}}})
}

func liveNetworking(b *bench) {
	prefix, nginx := networkingv1.PathTypePrefix, "nginx"
	backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}}
	group := "example.com"
	live(b, b.typed.NetworkingV1().IngressClasses(), &networkingv1.IngressClass{Spec: networkingv1.IngressClassSpec{
		Controller: "example.com/controller", Parameters: &networkingv1.IngressClassParametersReference{APIGroup: &group, Kind: "Widget", Name: "one"}}})
	live(b, b.typed.NetworkingV1().Ingresses(b.ns), &networkingv1.Ingress{Spec: networkingv1.IngressSpec{
		IngressClassName: &nginx, DefaultBackend: &backend, Rules: []networkingv1.IngressRule{{Host: "a.example.com",
			IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
				Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: &prefix, Backend: backend}}}}}}}})
	live(b, b.typed.NetworkingV1().NetworkPolicies(b.ns), &networkingv1.NetworkPolicy{Spec: networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}},
		Ingress:     []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}}}}}})
	live(b, b.typed.DiscoveryV1().EndpointSlices(b.ns), &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"1.2.3.4", "5.6.7.8"}}}})
	live(b, b.typed.CoordinationV1().Leases(b.ns), &coordinationv1.Lease{})
}

func liveStorage(b *bench) {
	no, volume := false, "pv"
	storage := b.typed.StorageV1()
	live(b, storage.StorageClasses(), &storagev1.StorageClass{Provisioner: "example.com/none"})
	live(b, storage.CSIDrivers(), &storagev1.CSIDriver{Spec: storagev1.CSIDriverSpec{AttachRequired: &no}})
	live(b, storage.CSINodes(), &storagev1.CSINode{Spec: storagev1.CSINodeSpec{
		Drivers: []storagev1.CSINodeDriver{{Name: "driver.example.com", NodeID: "one", TopologyKeys: []string{"example.com/zone"}}}}})
	live(b, storage.CSIStorageCapacities(b.ns), &storagev1.CSIStorageCapacity{StorageClassName: "some"})
	live(b, storage.VolumeAttachments(), &storagev1.VolumeAttachment{Spec: storagev1.VolumeAttachmentSpec{
		Attacher: "example.com", NodeName: "one", Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: &volume}}})
}

func liveApps(b *bench) {
	labels := map[string]string{"a": "b"}
	replicas, selector, one := int32(0), &metav1.LabelSelector{MatchLabels: labels}, intstr.FromInt32(1)
	apps := b.typed.AppsV1()
	live(b, apps.ControllerRevisions(b.ns), &appsv1.ControllerRevision{Data: runtime.RawExtension{Raw: []byte(`{"a":1}`)}, Revision: 3})
	live(b, apps.DaemonSets(b.ns), &appsv1.DaemonSet{Spec: appsv1.DaemonSetSpec{Selector: selector, Template: templateOf(labels)}})
	live(b, apps.StatefulSets(b.ns), &appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Replicas: &replicas, Selector: selector, ServiceName: "s", Template: templateOf(labels)}})
	live(b, b.typed.PolicyV1().PodDisruptionBudgets(b.ns), &policyv1.PodDisruptionBudget{Spec: policyv1.PodDisruptionBudgetSpec{Selector: selector, MinAvailable: &one}})
	pods := podSpecOf()
	pods.RestartPolicy = corev1.RestartPolicyNever
	job := batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: pods}}
	live(b, b.typed.BatchV1().CronJobs(b.ns), &batchv1.CronJob{Spec: batchv1.CronJobSpec{Schedule: "* */1 * * ?", JobTemplate: batchv1.JobTemplateSpec{Spec: job}}})
	live(b, b.typed.AutoscalingV1().HorizontalPodAutoscalers(b.ns), &autoscalingv1.HorizontalPodAutoscaler{
		Spec: autoscalingv1.HorizontalPodAutoscalerSpec{MaxReplicas: 3, ScaleTargetRef: autoscalingv1.CrossVersionObjectReference{Kind: "Deployment", Name: "web"}}})
	live(b, b.typed.AutoscalingV2().HorizontalPodAutoscalers(b.ns), &autoscalingv2.HorizontalPodAutoscaler{
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{MaxReplicas: 3, ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "web"}}})
}

func liveCluster(b *bench) {
	live(b, b.typed.NodeV1().RuntimeClasses(), &nodev1.RuntimeClass{Handler: "runc"})
	live(b, b.typed.SchedulingV1().PriorityClasses(), &schedulingv1.PriorityClass{Value: 7, Description: "some"})
	live(b, b.typed.FlowcontrolV1().FlowSchemas(), &flowcontrolv1.FlowSchema{Spec: flowcontrolv1.FlowSchemaSpec{MatchingPrecedence: 10000,
		PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: "global-default"},
		DistinguisherMethod:        &flowcontrolv1.FlowDistinguisherMethod{Type: flowcontrolv1.FlowDistinguisherMethodByUserType}}})
	live(b, b.typed.FlowcontrolV1().PriorityLevelConfigurations(), &flowcontrolv1.PriorityLevelConfiguration{Spec: flowcontrolv1.PriorityLevelConfigurationSpec{
		Type: flowcontrolv1.PriorityLevelEnablementLimited, Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{
			LimitResponse: flowcontrolv1.LimitResponse{Type: flowcontrolv1.LimitResponseTypeReject}}}})
	live(b, b.typed.RbacV1().ClusterRoles(), &rbacv1.ClusterRole{Rules: []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}}}})
	live(b, b.typed.RbacV1().RoleBindings(b.ns), &rbacv1.RoleBinding{RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}})
	all := []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{Operations: []admissionv1.OperationType{"CREATE"},
		Rule: admissionv1.Rule{APIGroups: []string{"example.com"}, APIVersions: []string{"v1"}, Resources: []string{"widgets"}}}}}
	live(b, b.typed.AdmissionregistrationV1().ValidatingAdmissionPolicies(), &admissionv1.ValidatingAdmissionPolicy{Spec: admissionv1.ValidatingAdmissionPolicySpec{
		MatchConstraints: &admissionv1.MatchResources{ResourceRules: all}, Validations: []admissionv1.Validation{{Expression: "object.spec.replicas <= 100"}}}})
	live(b, b.typed.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings(), &admissionv1.ValidatingAdmissionPolicyBinding{
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: "some", ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny}}})
	live(b, b.typed.EventsV1().Events(b.ns), &eventsv1.Event{EventTime: metav1.NowMicro(), ReportingController: "test", ReportingInstance: "test-1",
		Action: "Do", Reason: "Test", Type: "Normal", Note: "This is a test", Regarding: corev1.ObjectReference{Kind: "Pod", Name: "some", Namespace: b.ns}})
}
