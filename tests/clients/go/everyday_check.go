package main

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func isTheServersOwn(b *bench) {
	version, err := b.typed.Discovery().ServerVersion()
	must(err)
	_, err = strconv.Atoi(strings.TrimSuffix(version.Minor, "+"))
	that(err == nil && version.Major == "1" && strings.HasPrefix(version.GitVersion, "v1."), "version %+v", version)
	service, err := b.typed.CoreV1().Services("default").Get(b.ctx, "kubernetes", metav1.GetOptions{})
	must(err)
	that(len(service.Spec.Ports) == 1 && service.Spec.Ports[0].Name == "https" && service.Spec.Ports[0].Port == 443, "ports %+v", service.Spec.Ports)
	for path, text := range map[string]string{"/healthz": "ok", "/livez?verbose": "livez check passed", "/readyz": "ok", "/metrics": "# TYPE "} {
		parts := strings.SplitN(path, "?", 2)
		r := b.typed.Discovery().RESTClient().Get().AbsPath(parts[0])
		if len(parts) == 2 {
			r = r.Param(parts[1], "")
		}
		raw, err := r.DoRaw(b.ctx)
		that(err == nil && strings.Contains(string(raw), text), "%s: %v %.80s", path, err, raw)
	}
}

func keepsWhatIsImmutable(b *bench) {
	yes := true
	maps, secrets := b.typed.CoreV1().ConfigMaps(b.ns), b.typed.CoreV1().Secrets(b.ns)
	one := configMapOf("one", map[string]string{"a": "b"})
	one.Immutable = &yes
	made, err := maps.Create(b.ctx, one, metav1.CreateOptions{})
	must(err)
	for _, patch := range []string{`{"data":{"a":"c"}}`, `{"immutable":false}`, `{"immutable":null}`, `{"binaryData":{"x":"YQ=="}}`} {
		_, err = maps.Patch(b.ctx, "one", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		that(apierrors.IsInvalid(err) && strings.Contains(err.Error(), "field is immutable when `immutable` is set"), "%s: %v", patch, err)
	}
	made.Labels["other"] = "yes"
	_, err = maps.Update(b.ctx, made, metav1.UpdateOptions{})
	must(err)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "one"}, Data: map[string][]byte{"": []byte("x")}}
	_, err = secrets.Create(b.ctx, secret, metav1.CreateOptions{})
	that(apierrors.IsInvalid(err) && strings.Contains(err.Error(), "a valid config key must consist of alphanumeric characters"), "an empty key: %v", err)
	_, err = maps.Create(b.ctx, configMapOf("two", map[string]string{"": "x"}), metav1.CreateOptions{})
	that(apierrors.IsInvalid(err), "an empty key: %v", err)
	secret.Data, secret.Immutable = map[string][]byte{"k": []byte("x")}, &yes
	_, err = secrets.Create(b.ctx, secret, metav1.CreateOptions{})
	must(err)
	_, err = secrets.Patch(b.ctx, "one", types.StrategicMergePatchType, []byte(`{"data":{"k":"eA=="},"stringData":{"k":"y"}}`), metav1.PatchOptions{})
	that(apierrors.IsInvalid(err), "a secret's new text: %v", err)
	_, err = secrets.Patch(b.ctx, "one", types.StrategicMergePatchType, []byte(`{"type":"example.com/other"}`), metav1.PatchOptions{})
	that(apierrors.IsInvalid(err) && strings.Contains(err.Error(), "field is immutable"), "another type: %v", err)
	must(secrets.DeleteCollection(b.ctx, metav1.DeleteOptions{}, metav1.ListOptions{FieldSelector: "type=Opaque"}))
}

func changesServices(b *bench) {
	services := b.typed.CoreV1().Services(b.ns)
	made, err := services.Create(b.ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "example.com"}}, metav1.CreateOptions{})
	must(err)
	that(made.Spec.ClusterIP == "" && len(made.Spec.ClusterIPs) == 0, "an address %s", made.Spec.ClusterIP)
	made.Spec.Type, made.Spec.ExternalName = corev1.ServiceTypeClusterIP, ""
	made.Spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromString("web")}}
	made, err = services.Update(b.ctx, made, metav1.UpdateOptions{})
	must(err)
	address := made.Spec.ClusterIP
	that(address != "" && made.Spec.ClusterIPs[0] == address && made.Spec.Ports[0].Protocol == "TCP", "cluster address: %+v", made.Spec)
	made.Spec.Type = corev1.ServiceTypeNodePort
	made, err = services.Update(b.ctx, made, metav1.UpdateOptions{})
	must(err)
	port := made.Spec.Ports[0].NodePort
	that(made.Spec.ClusterIP == address && port >= 30000 && port <= 32767 && made.Spec.ExternalTrafficPolicy == "Cluster", "node port: %+v", made.Spec)
	_, err = services.Create(b.ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "other"}, Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{Port: 80, NodePort: port}}}}, metav1.CreateOptions{})
	that(apierrors.IsInvalid(err) && strings.Contains(err.Error(), "provided port is already allocated"), "the same port: %v", err)
	_, err = services.Patch(b.ctx, "web", types.MergePatchType, []byte(`{"spec":{"clusterIP":"10.43.1.1","clusterIPs":["10.43.1.1"]}}`), metav1.PatchOptions{})
	that(apierrors.IsInvalid(err) && strings.Contains(err.Error(), "may not change once set"), "another address: %v", err)
	made.Spec.Type, made.Spec.ExternalName = corev1.ServiceTypeExternalName, "example.com"
	made, err = services.Update(b.ctx, made, metav1.UpdateOptions{})
	must(err)
	that(made.Spec.ClusterIP == "" && made.Spec.Ports[0].NodePort == 0, "it keeps %s, %d", made.Spec.ClusterIP, made.Spec.Ports[0].NodePort)
	dynamic := at(b, "v1/services")
	must(dynamic.DeleteCollection(b.ctx, metav1.DeleteOptions{}, metav1.ListOptions{}))
	list, err := services.List(b.ctx, metav1.ListOptions{})
	must(err)
	that(len(list.Items) == 0, "%d services are left", len(list.Items))
}

func changesPods(b *bench) {
	pods := b.typed.CoreV1().Pods(b.ns)
	spec, amounts := podSpecOf(), corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("100Mi")}
	spec.Containers[0].Resources = corev1.ResourceRequirements{Requests: amounts, Limits: amounts}
	made, err := pods.Create(b.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "one", Labels: map[string]string{"l": "1"}}, Spec: spec}, metav1.CreateOptions{})
	must(err)
	that(made.Status.QOSClass == corev1.PodQOSGuaranteed && made.Status.Phase == corev1.PodPending, "status %+v", made.Status)
	_, err = pods.Patch(b.ctx, "one", types.StrategicMergePatchType, []byte(`{"spec":{"containers":[{"name":"main","image":"example.test/app:2"}]}}`), metav1.PatchOptions{})
	must(err)
	_, err = pods.Patch(b.ctx, "one", types.StrategicMergePatchType, []byte(`{"spec":{"containers":[{"name":"main","command":["x"]}]}}`), metav1.PatchOptions{})
	that(apierrors.IsInvalid(err) && strings.Contains(err.Error(), "pod updates may not change fields other than"), "another command: %v", err)
	_, err = pods.Patch(b.ctx, "one", types.StrategicMergePatchType, []byte(`{"spec":{"activeDeadlineSeconds":5}}`), metav1.PatchOptions{})
	must(err)
	got, err := pods.Patch(b.ctx, "one", types.StrategicMergePatchType, []byte(`{"spec":{"ephemeralContainers":[{"name":"debug","image":"example.test/debug:1"}]}}`),
		metav1.PatchOptions{}, "ephemeralcontainers")
	must(err)
	that(len(got.Spec.EphemeralContainers) == 1 && got.Spec.EphemeralContainers[0].TerminationMessagePolicy == "File", "debug %+v", got.Spec.EphemeralContainers)
	got, err = pods.Patch(b.ctx, "one", types.StrategicMergePatchType, []byte(`{"status":{"message":"Patched","reason":"E2E"}}`), metav1.PatchOptions{}, "status")
	must(err)
	that(got.Status.Message == "Patched" && got.Status.Reason == "E2E", "status %+v", got.Status)
	for i := 0; i < 3; i++ {
		_, err = pods.Create(b.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("set-", i), Labels: map[string]string{"l": "set"}}, Spec: podSpecOf()}, metav1.CreateOptions{})
		must(err)
	}
	zero := int64(0)
	must(pods.DeleteCollection(b.ctx, metav1.DeleteOptions{GracePeriodSeconds: &zero}, metav1.ListOptions{LabelSelector: "l=set"}))
	that(len(podsOf(b, "l=set")) == 0 && len(podsOf(b, "l=1")) == 1, "%d of the set", len(podsOf(b, "l=set")))
	bad := podSpecOf()
	bad.SecurityContext = &corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: "foo-", Value: "bar"}, {Name: "kernel.shmmax", Value: "1"}, {Name: "bar..", Value: "42"}}}
	_, err = pods.Create(b.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "bad"}, Spec: bad}, metav1.CreateOptions{})
	that(apierrors.IsInvalid(err) && strings.Contains(err.Error(), `Invalid value: "foo-"`) && strings.Contains(err.Error(), `Invalid value: "bar.."`) &&
		!strings.Contains(err.Error(), "kernel.shmmax"), "sysctls: %v", err)
}

func knowsClassesOfPods(b *bench) {
	name, handler := b.ns+"-class", "runc"
	_, err := b.typed.NodeV1().RuntimeClasses().Create(b.ctx, &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Handler: handler,
		Overhead: &nodev1.Overhead{PodFixed: corev1.ResourceList{"cpu": resource.MustParse("10m")}}}, metav1.CreateOptions{})
	must(err)
	defer b.typed.NodeV1().RuntimeClasses().Delete(b.ctx, name, metav1.DeleteOptions{})
	_, err = b.typed.NodeV1().RuntimeClasses().Patch(b.ctx, name, types.MergePatchType, []byte(`{"handler":"other"}`), metav1.PatchOptions{})
	that(apierrors.IsInvalid(err) && strings.Contains(err.Error(), "field is immutable"), "another handler: %v", err)
	priority, value := b.ns+"-priority", int32(7)
	made, err := b.typed.SchedulingV1().PriorityClasses().Create(b.ctx, &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: priority}, Value: value}, metav1.CreateOptions{})
	must(err)
	defer b.typed.SchedulingV1().PriorityClasses().Delete(b.ctx, priority, metav1.DeleteOptions{})
	made.Value = 8
	_, err = b.typed.SchedulingV1().PriorityClasses().Update(b.ctx, made, metav1.UpdateOptions{})
	that(apierrors.IsInvalid(err), "another value: %v", err)
	spec := podSpecOf()
	spec.RuntimeClassName, spec.PriorityClassName = &name, priority
	pod, err := b.typed.CoreV1().Pods(b.ns).Create(b.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "one"}, Spec: spec}, metav1.CreateOptions{})
	must(err)
	that(*pod.Spec.Priority == 7 && *pod.Spec.PreemptionPolicy == "PreemptLowerPriority" && pod.Spec.Overhead.Cpu().String() == "10m", "spec %+v", pod.Spec)
	none := "none"
	spec.RuntimeClassName = &none
	_, err = b.typed.CoreV1().Pods(b.ns).Create(b.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "two"}, Spec: spec}, metav1.CreateOptions{})
	that(apierrors.IsForbidden(err) && strings.Contains(err.Error(), `pod rejected: RuntimeClass "none" not found`), "no class: %v", err)
	spec.RuntimeClassName, spec.PriorityClassName = nil, "none"
	_, err = b.typed.CoreV1().Pods(b.ns).Create(b.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "three"}, Spec: spec}, metav1.CreateOptions{})
	that(apierrors.IsForbidden(err) && strings.Contains(err.Error(), `no PriorityClass with name none was found`), "no priority: %v", err)
}
