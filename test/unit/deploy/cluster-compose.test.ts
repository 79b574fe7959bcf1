/** Checks without a container engine: the compose files of clusters fit the program and the documents. */
import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, it} from 'vitest';
import {parse} from 'yaml';
import {loadConfig} from '../../../src/config.ts';
import {checkAccount, type Kind} from '../../servers/haproxy.ts';

const root = join(import.meta.dirname, '../../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
interface Service {
  readonly hostname?: string;
  readonly command?: readonly string[];
  readonly depends_on?: Readonly<Record<string, {readonly condition: string}>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: unknown;
  readonly ports?: readonly string[];
  readonly ulimits?: unknown;
  readonly stop_grace_period?: string;
  readonly volumes?: readonly string[];
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}
const NODES = {galera: 'node', group: 'member'} as const;
const FOLDERS = {galera: 'deploy/compose/galera', group: 'deploy/compose/group'} as const;

describe.each<Kind>(['galera', 'group'])('docker-compose.%s.yml', kind => {
  const {services, volumes} = parse(read(`docker-compose.${kind}.yml`), {merge: true}) as Compose;
  const nodes = [1, 2, 3].map(n => `${NODES[kind]}${n}`);

  it('has two daemons behind haproxy, which differ in names and ports only', () => {
    expect(Object.keys(services)).toEqual(expect.arrayContaining([...nodes, 'haproxy', 'sync-a', 'sync-b']));
    const [a, b] = [services['sync-a'], services['sync-b']];
    expect({...a, hostname: '', ports: []}).toEqual({...b, hostname: '', ports: []});
    expect(a).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      ulimits: {nice: 25},
      stop_grace_period: '35s',
    });
    expect(loadConfig({...a?.environment})).toMatchObject({
      name: 'compose',
      source: {host: 'haproxy', database: 'laas'},
      target: {host: 'haproxy', database: 'organizations'},
    });
  });

  it('gives haproxy the documented configuration, whose servers are the nodes', () => {
    expect(services['haproxy']?.volumes).toEqual([
      `./deploy/haproxy/${kind}.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro`,
    ]);
    const servers = [...read(`deploy/haproxy/${kind}.cfg`).matchAll(/^ {2}server (\w+) (\w+):3306/gm)];
    expect(servers.map(([, name, host]) => [name, host])).toEqual(nodes.map(name => [name, name]));
    expect(read(`${FOLDERS[kind]}/03-haproxy.sql`)).toContain(checkAccount(kind));
  });

  it('waits for healthy services, publishes on the loopback, mounts existing files', () => {
    for (const {depends_on = {}, ports = [], volumes: mounts = []} of Object.values(services)) {
      for (const [name, {condition}] of Object.entries(depends_on))
        expect([name, services[name]?.healthcheck !== undefined]).toEqual([
          name,
          condition === 'service_healthy',
        ]);
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
      for (const [from = ''] of mounts.map(volume => volume.split(':')))
        if (from.startsWith('./')) expect(existsSync(join(root, from)), from).toBe(true);
        else expect(Object.keys(volumes)).toContain(from);
    }
  });

  it('starts nodes that differ only in their own settings', () => {
    const own = new RegExp(
      `^--(server-id|gtid-domain-id|report-host|loose-group-replication-local-address)=`,
    );
    const shared = nodes.map(name => services[name]?.command?.filter(option => !own.test(option)));
    expect(shared[1]).toEqual(shared[0]);
    expect(shared[2]).toEqual(shared[0]);
    for (const name of nodes) expect(services[name]?.hostname).toBe(name);
    const ids = (option: string) =>
      new Set(nodes.map(name => services[name]?.command?.find(each => each.startsWith(`--${option}=`)))).size;
    expect(ids('server-id')).toBe(kind === 'galera' ? 1 : 3);
    if (kind === 'galera') expect(ids('gtid-domain-id')).toBe(3);
  });
});
