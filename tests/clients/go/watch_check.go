package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	toolswatch "k8s.io/client-go/tools/watch"
)

// The informer's copy becomes what the server has, however it came about.
func informerFollows(b *bench) {
	maps := b.typed.CoreV1().ConfigMaps(b.ns)
	for i := 0; i < 20; i++ {
		_, err := maps.Create(b.ctx, configMapOf(fmt.Sprintf("early-%d", i), nil), metav1.CreateOptions{})
		must(err)
	}
	factory := informers.NewSharedInformerFactoryWithOptions(b.typed, 0, informers.WithNamespace(b.ns),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = "by=client-go" }))
	informer := factory.Core().V1().ConfigMaps().Informer()
	var added, updated, deleted atomic.Int64
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { added.Add(1) },
		UpdateFunc: func(any, any) { updated.Add(1) },
		DeleteFunc: func(any) { deleted.Add(1) },
	})
	must(err)
	factory.Start(b.ctx.Done())
	for kind, ok := range factory.WaitForCacheSync(b.ctx.Done()) {
		that(ok, "%v has not synced", kind)
	}
	that(len(informer.GetStore().List()) == 20, "%d in the store", len(informer.GetStore().List()))
	for i := 0; i < 10; i++ {
		late, err := maps.Create(b.ctx, configMapOf(fmt.Sprintf("late-%d", i), nil), metav1.CreateOptions{})
		must(err)
		late.Data = map[string]string{"n": "1"}
		_, err = maps.Update(b.ctx, late, metav1.UpdateOptions{})
		must(err)
		// Out of the selection is a deletion for who selects.
		_, err = maps.Patch(b.ctx, fmt.Sprintf("early-%d", i), types.MergePatchType, []byte(`{"metadata":{"labels":{"by":"nobody"}}}`), metav1.PatchOptions{})
		must(err)
	}
	eventually(b, "30 added, 10 updated, 10 deleted", func() bool {
		return added.Load() == 30 && updated.Load() == 10 && deleted.Load() == 10
	})
}

func metadataInformerFollows(b *bench) {
	gvr := schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	factory := metadatainformer.NewFilteredSharedInformerFactory(b.meta, 0, b.ns, nil)
	informer := factory.ForResource(gvr).Informer()
	factory.Start(b.ctx.Done())
	factory.WaitForCacheSync(b.ctx.Done())
	_, err := b.typed.CoreV1().ConfigMaps(b.ns).Create(b.ctx, configMapOf("slim", map[string]string{"a": "b"}), metav1.CreateOptions{})
	must(err)
	eventually(b, "it is seen", func() bool {
		item, ok, _ := informer.GetStore().GetByKey(b.ns + "/slim")
		if !ok {
			return false
		}
		slim, err := meta.Accessor(item)
		must(err)
		return slim.GetLabels()["by"] == "client-go"
	})
}

func watchesFromARevision(b *bench) {
	maps := b.typed.CoreV1().ConfigMaps(b.ns)
	list, err := maps.List(b.ctx, metav1.ListOptions{})
	must(err)
	for i := 0; i < 5; i++ {
		_, err := maps.Create(b.ctx, configMapOf(fmt.Sprintf("w-%d", i), nil), metav1.CreateOptions{})
		must(err)
	}
	w, err := toolswatch.NewRetryWatcher(list.ResourceVersion, &cache.ListWatch{
		WatchFunc: func(o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = "by=client-go"
			return maps.Watch(b.ctx, o)
		}})
	must(err)
	defer w.Stop()
	for i := 0; i < 5; i++ {
		event := <-w.ResultChan()
		made, ok := event.Object.(*corev1.ConfigMap)
		that(ok && event.Type == watch.Added && made.Name == fmt.Sprintf("w-%d", i), "event %d: %v %v", i, event.Type, event.Object)
	}
}

func watchEndsInTime(b *bench) {
	seconds := int64(1)
	begin := time.Now()
	w, err := b.typed.CoreV1().ConfigMaps(b.ns).Watch(b.ctx, metav1.ListOptions{TimeoutSeconds: &seconds, AllowWatchBookmarks: true})
	must(err)
	for range w.ResultChan() {
	}
	that(time.Since(begin) < 10*time.Second, "it took %v", time.Since(begin))
}

func waitsForOneObject(b *bench) {
	selector := fields.OneTermEqualSelector("metadata.name", "awaited").String()
	lw := &cache.ListWatch{
		ListFunc: nil,
		WatchFunc: func(o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = selector
			return b.typed.CoreV1().ConfigMaps(b.ns).Watch(b.ctx, o)
		}}
	list, err := b.typed.CoreV1().ConfigMaps(b.ns).List(b.ctx, metav1.ListOptions{FieldSelector: selector})
	must(err)
	go func() {
		b.typed.CoreV1().ConfigMaps(b.ns).Create(b.ctx, configMapOf("another", nil), metav1.CreateOptions{})
		b.typed.CoreV1().ConfigMaps(b.ns).Create(b.ctx, configMapOf("awaited", nil), metav1.CreateOptions{})
	}()
	event, err := toolswatch.Until(b.ctx, list.ResourceVersion, lw, func(e watch.Event) (bool, error) { return e.Type == watch.Added, nil })
	must(err)
	that(event.Object.(*corev1.ConfigMap).Name == "awaited", "saw %v", event.Object)
}

func electsOneLeader(b *bench) {
	var leads atomic.Int64
	elect := func(ctx context.Context, id string, begun chan<- string) {
		lock := &resourcelock.LeaseLock{LeaseMeta: metav1.ObjectMeta{Name: "lead", Namespace: b.ns},
			Client: b.typed.CoordinationV1(), LockConfig: resourcelock.ResourceLockConfig{Identity: id}}
		leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock: lock, ReleaseOnCancel: true, LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 200 * time.Millisecond,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { leads.Add(1); begun <- id },
				OnStoppedLeading: func() {},
			}})
	}
	begun := make(chan string, 2)
	first, stop := context.WithCancel(b.ctx)
	go elect(first, "a", begun)
	that(<-begun == "a", "a leads first")
	second, stopSecond := context.WithCancel(b.ctx)
	defer stopSecond()
	go elect(second, "b", begun)
	eventually(b, "the lease is renewed", func() bool {
		lease, err := b.typed.CoordinationV1().Leases(b.ns).Get(b.ctx, "lead", metav1.GetOptions{})
		must(err)
		return lease.Spec.RenewTime.After(lease.Spec.AcquireTime.Time)
	})
	that(leads.Load() == 1, "two lead")
	stop()
	select {
	case id := <-begun:
		that(id == "b", "%s leads", id)
	case <-b.ctx.Done():
		that(false, "nobody took over")
	}
}

func recordsEvents(b *bench) {
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: b.typed.EventsV1()})
	must(broadcaster.StartRecordingToSinkWithContext(b.ctx))
	recorder := broadcaster.NewRecorder(scheme.Scheme, "client-go-test")
	about, err := b.typed.CoreV1().ConfigMaps(b.ns).Create(b.ctx, configMapOf("about", nil), metav1.CreateOptions{})
	must(err)
	about.APIVersion, about.Kind = "v1", "ConfigMap"
	for i := 0; i < 3; i++ {
		recorder.Eventf(about, nil, corev1.EventTypeNormal, "Tested", "Testing", "for the %d. time", 1)
	}
	eventually(b, "the event is in both groups", func() bool {
		list, err := b.typed.EventsV1().Events(b.ns).List(b.ctx, metav1.ListOptions{FieldSelector: "reason=Tested"})
		must(err)
		core, err := b.typed.CoreV1().Events(b.ns).List(b.ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=about"})
		must(err)
		return len(list.Items) == 1 && len(core.Items) == 1 && eventIs(&list.Items[0], &core.Items[0])
	})
	broadcaster.Shutdown()
}

func eventIs(one *eventsv1.Event, other *corev1.Event) bool {
	return one.UID == other.UID && one.Regarding.Name == "about" && one.Note == other.Message && one.Note == "for the 1. time"
}
