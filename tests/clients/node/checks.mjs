// The API as programs written with client-node see it.
//
// usage: node checks.mjs KUBECONFIG      The last line is "node: N passed, N failed".
import assert from 'node:assert/strict';
import * as k8s from '@kubernetes/client-node';

const config = new k8s.KubeConfig();
config.loadFromFile(process.argv[2]);
const core = config.makeApiClient(k8s.CoreV1Api);
const apps = config.makeApiClient(k8s.AppsV1Api);
const batch = config.makeApiClient(k8s.BatchV1Api);

const containers = [{ name: 'main', image: 'example.test/app:1' }];
const until = async (what, ok) => {
  for (let i = 0; i < 500; i++) {
    if (await ok()) return;
    await new Promise((done) => setTimeout(done, 20));
  }
  assert.fail(`never came true: ${what}`);
};
const refused = (code, promise) => assert.rejects(promise, (err) => err.code === code);
const deployment = (name) => ({
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { nodeSelector: { nowhere: 'yes' }, containers } },
  },
});

const checks = {
  async createsWithoutKind(namespace) {
    const made = await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'bare' }, data: { a: '1' } } });
    assert.equal(made.data.a, '1');
    assert.ok(made.metadata.creationTimestamp instanceof Date);
    await refused(409, core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'bare' } } }));
    await core.deleteNamespacedConfigMap({ namespace, name: 'bare' });
    await refused(404, core.readNamespacedConfigMap({ namespace, name: 'bare' }));
  },

  async patchesWithOperations(namespace) {
    await apps.createNamespacedDeployment({ namespace, body: deployment('web') });
    const changed = await apps.patchNamespacedDeployment({
      namespace, name: 'web', body: [{ op: 'replace', path: '/spec/replicas', value: 3 }],
    });
    assert.equal(changed.spec.replicas, 3);
    const merged = await apps.patchNamespacedDeployment(
      { namespace, name: 'web', body: { metadata: { labels: { a: 'b' } } } },
      k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.MergePatch));
    assert.equal(merged.metadata.labels.a, 'b');
    await refused(422, apps.createNamespacedDeployment({ namespace, body: { metadata: { name: 'bad' }, spec: {} } }));
  },

  async appliesFromTheServersSide(namespace) {
    const apply = (data, fieldManager) => core.patchNamespacedConfigMap(
      { namespace, name: 'applied', fieldManager, body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' }, data } },
      k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.ServerSideApply));
    await apply({ a: '1' }, 'node');
    const after = await apply({ b: '2' }, 'node');
    assert.deepEqual(after.data, { b: '2' });
    await refused(409, apply({ b: '3' }, 'another'));
  },

  async watches(namespace) {
    const seen = [];
    const watch = new k8s.Watch(config);
    const begin = (await core.listNamespacedConfigMap({ namespace })).metadata.resourceVersion;
    const request = await watch.watch(`/api/v1/namespaces/${namespace}/configmaps`,
      { resourceVersion: begin, labelSelector: 'w' }, (type, object) => seen.push(`${type} ${object.metadata.name}`), () => {});
    await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'w', labels: { w: '1' } } } });
    await core.deleteNamespacedConfigMap({ namespace, name: 'w' });
    await until('both events', () => seen.length >= 2);
    request.abort();
    assert.deepEqual(seen, ['ADDED w', 'DELETED w']);
  },

  async informerFollows(namespace) {
    const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: 'by=node' });
    const body = (name) => ({ metadata: { name, labels: { by: 'node' } } });
    for (let i = 0; i < 5; i++) await core.createNamespacedConfigMap({ namespace, body: body(`early-${i}`) });
    const informer = k8s.makeInformer(config, `/api/v1/namespaces/${namespace}/configmaps`, list, 'by=node');
    const count = { add: 0, update: 0, delete: 0 };
    for (const verb of Object.keys(count)) informer.on(verb, () => count[verb]++);
    informer.on('error', (err) => { if (err.code !== 'ECONNRESET' && err.name !== 'AbortError') console.log(`node: informer: ${err}`); });
    await informer.start();
    await until('five are there', () => count.add === 5);
    await core.createNamespacedConfigMap({ namespace, body: body('late') });
    await core.patchNamespacedConfigMap({ namespace, name: 'late', body: [{ op: 'add', path: '/data', value: { a: 'b' } }] });
    await core.deleteNamespacedConfigMap({ namespace, name: 'early-0' });
    await until('all of it is seen', () => count.add === 6 && count.update >= 1 && count.delete === 1);
    assert.equal(informer.get('late', namespace).data.a, 'b');
    await informer.stop();
  },

  async worksUntyped(namespace) {
    const objects = k8s.KubernetesObjectApi.makeApiClient(config);
    const job = {
      apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'work', namespace },
      spec: { suspend: true, template: { spec: { restartPolicy: 'Never', containers } } },
    };
    const made = await objects.create(job);
    assert.equal(made.spec.backoffLimit, 6);
    const read = await objects.read({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'work', namespace } });
    assert.equal(read.metadata.uid, made.metadata.uid);
    assert.equal((await batch.listNamespacedJob({ namespace })).items.length, 1);
    await objects.delete(job);
  },

  async listsInPages(namespace) {
    for (let i = 0; i < 12; i++)
      await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: `p-${i}`, labels: { page: 'yes' } } } });
    let names = [], _continue;
    do {
      const page = await core.listNamespacedConfigMap({ namespace, labelSelector: 'page=yes', limit: 5, _continue });
      names = names.concat(page.items.map((item) => item.metadata.name));
      _continue = page.metadata._continue;
    } while (_continue);
    assert.equal(names.length, 12);
  },
};

let passed = 0, failed = 0;
for (const [name, check] of Object.entries(checks)) {
  const made = await core.createNamespace({ body: { metadata: { generateName: 'node-' } } });
  try {
    await check(made.metadata.name);
    passed++;
  } catch (err) {
    console.log(`node: ${name}: ${err.message}`);
    failed++;
  }
  await core.deleteNamespace({ name: made.metadata.name });
}
console.log(`node: ${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
