package main

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
)

func replicaSetOf(name string, replicas int32) *appsv1.ReplicaSet {
	labels := map[string]string{"app": name}
	return &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: appsv1.ReplicaSetSpec{Replicas: &replicas,
		Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: templateOf(labels)}}
}

func podsOf(b *bench, label string) []corev1.Pod {
	list, err := b.typed.CoreV1().Pods(b.ns).List(b.ctx, metav1.ListOptions{LabelSelector: label})
	must(err)
	return list.Items
}

// withPods makes a ReplicaSet and waits for its pods.
func withPods(b *bench, name string, count int) *appsv1.ReplicaSet {
	set, err := b.typed.AppsV1().ReplicaSets(b.ns).Create(b.ctx, replicaSetOf(name, int32(count)), metav1.CreateOptions{})
	must(err)
	eventually(b, "pods of "+name, func() bool {
		now, err := b.typed.AppsV1().ReplicaSets(b.ns).Get(b.ctx, name, metav1.GetOptions{})
		must(err)
		return now.Status.Replicas == int32(count) && len(podsOf(b, "app="+name)) == count
	})
	return set
}

func deletion(policy metav1.DeletionPropagation, uid types.UID) metav1.DeleteOptions {
	return metav1.DeleteOptions{PropagationPolicy: &policy, Preconditions: metav1.NewUIDPreconditions(string(uid))}
}

func collectsOrOrphans(b *bench) {
	sets := b.typed.AppsV1().ReplicaSets(b.ns)
	set := withPods(b, "gone", 3)
	must(sets.Delete(b.ctx, "gone", deletion(metav1.DeletePropagationBackground, set.UID)))
	eventually(b, "pods are collected", func() bool { return len(podsOf(b, "app=gone")) == 0 })
	set = withPods(b, "left", 3)
	must(sets.Delete(b.ctx, "left", deletion(metav1.DeletePropagationOrphan, set.UID)))
	eventually(b, "the set is gone", func() bool {
		_, err := sets.Get(b.ctx, "left", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	// Who collects later than this has passed it.
	set = withPods(b, "later", 1)
	must(sets.Delete(b.ctx, "later", deletion(metav1.DeletePropagationBackground, set.UID)))
	eventually(b, "what comes later is collected", func() bool { return len(podsOf(b, "app=later")) == 0 })
	pods := podsOf(b, "app=left")
	that(len(pods) == 3, "%d orphans", len(pods))
	for _, pod := range pods {
		that(len(pod.OwnerReferences) == 0 && pod.DeletionTimestamp == nil, "an orphan has owners %v", pod.OwnerReferences)
	}
}

func orphansSetsOfDeployments(b *bench) {
	made, err := b.typed.AppsV1().Deployments(b.ns).Create(b.ctx, deploymentOf("web", 2), metav1.CreateOptions{})
	must(err)
	sets := func() []appsv1.ReplicaSet {
		list, err := b.typed.AppsV1().ReplicaSets(b.ns).List(b.ctx, metav1.ListOptions{})
		must(err)
		return list.Items
	}
	eventually(b, "a set with two pods", func() bool { return len(sets()) == 1 && len(podsOf(b, "app=web")) == 2 })
	must(b.typed.AppsV1().Deployments(b.ns).Delete(b.ctx, "web", deletion(metav1.DeletePropagationOrphan, made.UID)))
	eventually(b, "the set has no owner", func() bool { return len(sets()[0].OwnerReferences) == 0 })
	that(len(sets()) == 1 && len(podsOf(b, "app=web")) == 2, "%d sets, %d pods", len(sets()), len(podsOf(b, "app=web")))
}

// An owner that waits for its dependents goes after them.
func keepsOwnersForTheirDependents(b *bench) {
	sets := b.typed.AppsV1().ReplicaSets(b.ns)
	set := withPods(b, "held", 3)
	held := podsOf(b, "app=held")[0].Name
	_, err := b.typed.CoreV1().Pods(b.ns).Patch(b.ctx, held, types.MergePatchType, []byte(`{"metadata":{"finalizers":["example.com/hold"]}}`), metav1.PatchOptions{})
	must(err)
	must(sets.Delete(b.ctx, "held", deletion(metav1.DeletePropagationForeground, set.UID)))
	eventually(b, "one pod is left", func() bool { return len(podsOf(b, "app=held")) == 1 })
	set, err = sets.Get(b.ctx, "held", metav1.GetOptions{})
	must(err)
	that(set.DeletionTimestamp != nil && len(set.Finalizers) == 1 && set.Finalizers[0] == metav1.FinalizerDeleteDependents, "finalizers %v", set.Finalizers)
	_, err = b.typed.CoreV1().Pods(b.ns).Patch(b.ctx, held, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	must(err)
	eventually(b, "the set is gone", func() bool {
		_, err := sets.Get(b.ctx, "held", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	that(len(podsOf(b, "app=held")) == 0, "%d pods", len(podsOf(b, "app=held")))
}

func ownedBy(owner metav1.Object, kind, version string, blocks bool) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: version, Kind: kind, Name: owner.GetName(), UID: owner.GetUID(), BlockOwnerDeletion: &blocks}
}

// A dependent with an owner that stays stays, too, and loses the one that goes.
func keepsDependentsOfTwo(b *bench) {
	first := withPods(b, "going", 4)
	second, err := b.typed.AppsV1().ReplicaSets(b.ns).Create(b.ctx, replicaSetOf("staying", 0), metav1.CreateOptions{})
	must(err)
	pods := podsOf(b, "app=going")
	for i := range pods[:2] {
		must(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
			pod, err := b.typed.CoreV1().Pods(b.ns).Get(b.ctx, pods[i].Name, metav1.GetOptions{})
			must(err)
			pod.OwnerReferences = append(pod.OwnerReferences, ownedBy(second, "ReplicaSet", "apps/v1", false))
			_, err = b.typed.CoreV1().Pods(b.ns).Update(b.ctx, pod, metav1.UpdateOptions{})
			return err
		}))
	}
	must(b.typed.AppsV1().ReplicaSets(b.ns).Delete(b.ctx, "going", deletion(metav1.DeletePropagationForeground, first.UID)))
	eventually(b, "the first owner is gone", func() bool {
		_, err := b.typed.AppsV1().ReplicaSets(b.ns).Get(b.ctx, "going", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	left := podsOf(b, "app=going")
	that(len(left) == 2, "%d pods are left", len(left))
	for _, pod := range left {
		that(pod.DeletionTimestamp == nil && len(pod.OwnerReferences) == 1 && pod.OwnerReferences[0].UID == second.UID, "owners %v", pod.OwnerReferences)
	}
}

// Three that own each other in a ring are no obstacle.
func collectsCircles(b *bench) {
	var ring []*corev1.Pod
	pods := b.typed.CoreV1().Pods(b.ns)
	for i := 0; i < 3; i++ {
		pod, err := pods.Create(b.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("pod%d", i)}, Spec: podSpecOf()}, metav1.CreateOptions{})
		must(err)
		ring = append(ring, pod)
	}
	for i, pod := range ring {
		patch := fmt.Sprintf(`{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":%q,"uid":%q,"controller":true,"blockOwnerDeletion":true}]}}`,
			ring[(i+1)%3].Name, ring[(i+1)%3].UID)
		_, err := pods.Patch(b.ctx, pod.Name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
		must(err)
	}
	must(pods.Delete(b.ctx, "pod0", deletion(metav1.DeletePropagationForeground, ring[0].UID)))
	eventually(b, "all three are gone", func() bool { return len(podsOf(b, "")) == 0 })
}

func changesNamespaces(b *bench) {
	namespaces := b.typed.CoreV1().Namespaces()
	ns, err := namespaces.Create(b.ctx, namespaceOf("life-"), metav1.CreateOptions{})
	must(err)
	that(ns.Labels["kubernetes.io/metadata.name"] == ns.Name && ns.Status.Phase == corev1.NamespaceActive, "made %v", ns)
	patched, err := namespaces.Patch(b.ctx, ns.Name, types.StrategicMergePatchType, []byte(`{"metadata":{"labels":{"testLabel":"testValue"}}}`), metav1.PatchOptions{})
	must(err)
	that(patched.Labels["testLabel"] == "testValue", "labels %v", patched.Labels)
	patched.Spec.Finalizers = append(patched.Spec.Finalizers, "example.com/later")
	held, err := namespaces.Finalize(b.ctx, patched, metav1.UpdateOptions{})
	must(err)
	that(len(held.Spec.Finalizers) == 2, "finalizers %v", held.Spec.Finalizers)
	_, err = b.typed.CoreV1().Services(ns.Name).Create(b.ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "s"},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}, metav1.CreateOptions{})
	must(err)
	_, err = b.typed.CoreV1().Pods(ns.Name).Create(b.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: podSpecOf()}, metav1.CreateOptions{})
	must(err)
	must(namespaces.Delete(b.ctx, ns.Name, metav1.DeleteOptions{}))
	eventually(b, "only the held finalizer is left", func() bool {
		held, err = namespaces.Get(b.ctx, ns.Name, metav1.GetOptions{})
		must(err)
		return len(held.Spec.Finalizers) == 1
	})
	that(held.Status.Phase == corev1.NamespaceTerminating, "phase %s", held.Status.Phase)
	services, err := b.typed.CoreV1().Services(ns.Name).List(b.ctx, metav1.ListOptions{})
	must(err)
	that(len(services.Items) == 0, "%d services", len(services.Items))
	_, err = b.typed.CoreV1().ConfigMaps(ns.Name).Create(b.ctx, configMapOf("late", nil), metav1.CreateOptions{})
	that(apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) && strings.Contains(err.Error(), "because it is being terminated"), "late: %v", err)
	held.Spec.Finalizers = nil
	_, err = namespaces.Finalize(b.ctx, held, metav1.UpdateOptions{})
	must(err)
	eventually(b, "it is gone", func() bool {
		_, err := namespaces.Get(b.ctx, ns.Name, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}
