/** Checks without a container engine: the manifests fit each other, the image, and the program. */
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, it} from 'vitest';
import {parse} from 'yaml';
import {loadConfig} from '../../../src/config.ts';

const root = join(import.meta.dirname, '../../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const yaml = (path: string): Node => parse(read(path), {merge: true}) as Node;
interface Node {
  readonly [key: string]: Node;
}

const kubernetes = Object.fromEntries(
  readdirSync(join(root, 'deploy/kubernetes')).map(name => [
    name.replace(/\.yaml$/, ''),
    yaml(`deploy/kubernetes/${name}`),
  ]),
) as Record<
  | 'config'
  | 'deployment'
  | 'disruption-budget'
  | 'kustomization'
  | 'network-policy'
  | 'secret.example'
  | 'service',
  Node
>;
const deployment = kubernetes.deployment;
const pod = deployment['spec']?.['template'] as unknown as Node;
const [container = {}] = (pod['spec']?.['containers'] ?? []) as unknown as Node[];
const probes = ['livenessProbe', 'startupProbe', 'readinessProbe'].map(
  name => container[name] as unknown as Node,
);
const seconds = (text: unknown) => Number(/\d+/.exec(String(text))?.[0]);

describe('the manifests of Kubernetes', () => {
  it('run at least two pods, as nobody, on read-only file systems', () => {
    expect(deployment['spec']).toMatchObject({
      replicas: 2,
      strategy: {rollingUpdate: {maxUnavailable: 1, maxSurge: 0}},
    });
    expect(pod['spec']?.['securityContext']).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 65532,
      seccompProfile: {type: 'RuntimeDefault'},
    });
    expect(container['securityContext']).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: {drop: ['ALL']},
    });
    expect(pod['spec']?.['automountServiceAccountToken']).toBe(false);
  });

  it('select the pods by one label, everywhere', () => {
    const label = deployment['spec']?.['selector']?.['matchLabels'];
    expect(pod['metadata']?.['labels']).toMatchObject(label ?? {});
    expect(kubernetes['disruption-budget']['spec']).toMatchObject({
      maxUnavailable: 1,
      selector: {matchLabels: label},
    });
    expect(kubernetes['network-policy']['spec']?.['podSelector']).toEqual({matchLabels: label});
    expect(kubernetes.service['spec']?.['selector']).toEqual(label);
    const files = kubernetes.kustomization['resources'] as unknown as string[];
    expect(files.toSorted()).toEqual(
      readdirSync(join(root, 'deploy/kubernetes'))
        .filter(name => !/kustomization|example/.test(name))
        .sort(),
    );
  });

  it('probe addresses that need no token, on the port that the server listens on', () => {
    const routes = read('src/server/probe-routes.ts');
    for (const probe of probes) {
      expect(routes).toContain(`'${String(probe['httpGet']?.['path'])}'`);
      expect(probe['httpGet']?.['port']).toBe('http');
    }
    const [port] = container['ports'] as unknown as Node[];
    expect(port).toMatchObject({name: 'http', containerPort: Number(kubernetes.config['data']?.['PORT'])});
    expect(kubernetes.service['spec']?.['ports']).toMatchObject([{targetPort: 'http'}]);
  });

  it('hold a valid configuration, with secrets in their place, of this version', () => {
    const {config, 'secret.example': secret} = kubernetes;
    const env = Object.assign({}, config['data'], secret['stringData']) as unknown as Record<string, string>;
    expect(loadConfig(env)).toMatchObject({
      http: {host: '0.0.0.0'},
      source: {tls: 'verify-identity'},
      target: {tls: 'verify-identity'},
    });
    for (const name of Object.keys(kubernetes.config['data'] ?? {}))
      expect(name).not.toMatch(/PASSWORD|TOKEN|USERNAME/);
    const [mount] = container['volumeMounts'] as unknown as Node[];
    expect(env['DB_SSL_CA']).toMatch(new RegExp(`^${String(mount?.['mountPath'])}/`));
    const {version} = JSON.parse(read('package.json')) as {version: string};
    expect(kubernetes.kustomization['images']).toMatchObject([{name: container['image'], newTag: version}]);
  });
});

describe('every way to run it', () => {
  it('waits longer for the end than the program needs', () => {
    const takes = 30;
    expect(pod['spec']?.['terminationGracePeriodSeconds']).toBeGreaterThan(takes);
    expect(
      seconds(/TimeoutStopSec=(\d+)/.exec(read('deploy/systemd/laas-sync.service'))?.[1]),
    ).toBeGreaterThan(takes);
    const services = yaml('docker-compose.yml')['services'] as unknown as Record<string, Node>;
    for (const name of ['sync-a', 'sync-b'])
      expect(seconds(services[name]?.['stop_grace_period'])).toBeGreaterThan(takes);
  });

  it('bounds its heap alike', () => {
    const flags = (path: string) => read(path).match(/--max-[a-z-]+=\d+/g);
    expect(flags('src/cli.ts')).toHaveLength(2);
    for (const path of ['Dockerfile', 'deploy/systemd/laas-sync.service', 'bench/stand.ts'])
      expect(flags(path)).toEqual(flags('src/cli.ts'));
  });

  it('gives the HTTP thread a higher priority, where a limit allows it', () => {
    expect(read('deploy/systemd/laas-sync.service')).toMatch(
      /^LimitNICE=-5$[^]*^SystemCallFilter=~@privileged @resources\nSystemCallFilter=setpriority$/m,
    );
    const services = yaml('docker-compose.yml')['services'] as unknown as Record<string, Node>;
    expect(services['sync-a']?.['ulimits']).toEqual({nice: 25});
  });

  it('gives the program more memory than it may use', () => {
    const [, heap] = /--max-old-space-size=(\d+)/.exec(read('src/cli.ts')) ?? [];
    expect(seconds(container['resources']?.['limits']?.['memory'])).toBeGreaterThan(Number(heap) + 64);
    expect(seconds(/MemoryMax=(\d+)M/.exec(read('deploy/systemd/laas-sync.service'))?.[1])).toBeGreaterThan(
      Number(heap) + 64,
    );
  });
});

describe('docker-compose.yml', () => {
  const compose = yaml('docker-compose.yml');
  const services = compose['services'] as unknown as Record<string, Node>;

  it('has two daemons that differ in names and ports only, with valid settings', () => {
    expect(Object.keys(services).sort()).toEqual(['source', 'sync-a', 'sync-b', 'target']);
    const [a, b] = [services['sync-a'], services['sync-b']];
    expect({...a, hostname: '', ports: []}).toEqual({...b, hostname: '', ports: []});
    expect(a).toMatchObject({read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true']});
    expect(loadConfig(a?.['environment'] as unknown as Record<string, string>)).toMatchObject({
      name: 'compose',
      source: {host: 'source'},
      target: {host: 'target'},
    });
    for (const name of Object.keys(a?.['depends_on'] ?? {}))
      expect(services[name]?.['healthcheck']).toBeDefined();
  });

  it('publishes on the loopback only, and mounts only files that exist', () => {
    for (const {ports = [], volumes = []} of Object.values(services) as unknown as {
      ports?: string[];
      volumes?: string[];
    }[]) {
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
      for (const volume of volumes) {
        const [from = ''] = volume.split(':');
        if (from.startsWith('./')) expect(readdirSync(join(root, from)).length).toBeGreaterThan(0);
        else expect(Object.keys(compose['volumes'] ?? {})).toContain(from);
      }
    }
  });

  it('creates the accounts that its daemons use, with the documented grants', () => {
    const env = services['sync-a']?.['environment'] as unknown as Record<string, string>;
    const [source, target] = ['source/01-laas.sql', 'target/01-organizations.sql'].map(file =>
      read(`deploy/compose/${file}`),
    );
    expect(source).toContain(`CREATE USER '${env['DB_USERNAME']}'@'%' IDENTIFIED BY '${env['DB_PASSWORD']}'`);
    expect(target).toContain(
      `CREATE USER '${env['ORG_DB_USERNAME']}'@'%' IDENTIFIED BY '${env['ORG_DB_PASSWORD']}'`,
    );
    for (const [sql, block] of [
      [source, 'source mysql'],
      [target, 'target run'],
      [target, 'target migrate mysql'],
    ] as const) {
      const documented =
        new RegExp(`^\`\`\`sql ${block}\\n(.*?)^\`\`\``, 'ms').exec(read('docs/grants.md'))?.[1] ?? '';
      const wanted = [...documented.matchAll(/GRANT ([A-Z, ]+) ON/g)].flatMap(([, list = '']) =>
        list.split(', '),
      );
      expect(wanted.length).toBeGreaterThan(0);
      for (const privilege of wanted) expect(sql, block).toContain(privilege);
    }
  });
});
