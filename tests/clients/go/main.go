// The API as programs written with client-go see it: each check does what operators and controllers
// do every day.  The last line is "NAME: N passed, N failed".
//
// usage: client-go NAME KUBECONFIG [WORD]      WORD: only checks with this word in their name.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// What a check is given; ns is a namespace of its own.
type bench struct {
	ctx    context.Context
	config *rest.Config
	typed  kubernetes.Interface
	dyn    dynamic.Interface
	meta   metadata.Interface
	ns     string
}

type check struct {
	name string
	run  func(b *bench)
}

type failure struct{ text string }

// must ends the check as failed unless err is nil.
func must(err error) {
	if err != nil {
		panic(failure{err.Error()})
	}
}

// that ends the check as failed unless it is true.
func that(ok bool, format string, args ...any) {
	if !ok {
		panic(failure{fmt.Sprintf(format, args...)})
	}
}

// eventually waits until it is true.
func eventually(b *bench, what string, ok func() bool) {
	for !ok() {
		select {
		case <-b.ctx.Done():
			panic(failure{"never came true: " + what})
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func run(b *bench, c check) (err error) {
	defer func() {
		switch why := recover().(type) {
		case nil:
		case failure:
			err = fmt.Errorf("%s", why.text)
		default:
			panic(why)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	b.ctx = ctx
	ns, err := b.typed.CoreV1().Namespaces().Create(ctx, namespaceOf("go-"), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	b.ns = ns.Name
	defer b.typed.CoreV1().Namespaces().Delete(context.Background(), ns.Name, metav1.DeleteOptions{})
	c.run(b)
	return nil
}

func open(path string) *bench {
	config, err := clientcmd.BuildConfigFromFlags("", path)
	must(err)
	config.QPS, config.Burst = 1000, 1000
	b := &bench{config: config}
	b.typed, err = kubernetes.NewForConfig(config)
	must(err)
	b.dyn, err = dynamic.NewForConfig(config)
	must(err)
	b.meta, err = metadata.NewForConfig(config)
	must(err)
	return b
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: client-go NAME KUBECONFIG [WORD]")
		os.Exit(2)
	}
	word := strings.Join(os.Args[3:], " ")
	b := open(os.Args[2])
	passed, failed := 0, 0
	for _, c := range checks {
		if !strings.Contains(c.name, word) {
			continue
		}
		if err := run(b, c); err != nil {
			fmt.Printf("%s: %s: %v\n", os.Args[1], c.name, err)
			failed++
		} else {
			passed++
		}
	}
	fmt.Printf("%s: %d passed, %d failed\n", os.Args[1], passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
