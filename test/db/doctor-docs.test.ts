import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {parseEnv} from 'node:util';
import {describe, expect, it} from 'vitest';
import {loadConfig} from '../../src/config.ts';
import {ERROR_CODES, SyncError} from '../../src/errors.ts';
import {healthOf, type HealthFacts} from '../../src/status/health.ts';
import type {Run} from '../../src/status/operations.ts';
import {errorsDocument} from '../build/errors-doc.ts';
import {cli, DaemonProcess} from '../helpers/daemon.ts';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {query, withConnection} from '../servers/databases.ts';
import {environmentOf, furnish, type Stand} from './doctor-stand.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const variables = [...read('src/config.ts').matchAll(/^ {4}([A-Z_]+): /gm)].map(([, name = '']) => name);
const anchorsOf = (text: string) =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );

describe('the documents', () => {
  it('errors.md agrees with the table of codes', () => {
    expect(read('docs/errors.md')).toBe(errorsDocument());
  });

  it('.env.example names every setting, and is one that loads', () => {
    const example = read('.env.example');
    expect(new Set([...example.matchAll(/^#?([A-Z][A-Z_]+)=/gm)].map(([, name]) => name))).toEqual(
      new Set(variables),
    );
    const commentedIn = parseEnv(
      example
        .replace(/^#([A-Z_]+=)(?!$)/gm, '$1')
        .replace('https://hooks.example.com/services/…', 'https://hooks.example.com/x')
        .replace('/etc/laas-sync/mapping.yaml', 'mappings/laas.yaml'),
    );
    expect(() => loadConfig(commentedIn)).not.toThrow();
    const defaults = loadConfig(parseEnv(example));
    const least = loadConfig({
      DB_HOST: '127.0.0.1',
      DB_USERNAME: 'laas_reader',
      DB_PASSWORD: 'change-me',
      ORG_DB_USERNAME: 'laas_writer',
    });
    expect(defaults).toEqual(least);
  });

  it('the manifests set only variables that exist', () => {
    const known = new Set([
      ...variables,
      'NODE_ENV',
      'NODE_OPTIONS',
      'MYSQL_ROOT_PASSWORD',
      'MYSQL_DATABASE',
    ]);
    const files = [
      'docker-compose.yml',
      'Dockerfile',
      ...readdirSync(join(root, 'deploy/kubernetes')).map(name => `deploy/kubernetes/${name}`),
    ];
    for (const file of files) {
      const names = [...read(file).matchAll(/^(?: {2,6}|ENV )([A-Z][A-Z_]{3,})[:=]/gm)].map(
        ([, name = '']) => name,
      );
      expect(
        names.filter(name => !known.has(name)),
        file,
      ).toEqual([]);
    }
  });

  it('the runbook answers every code, every state and every health reason', () => {
    const runbook = read('docs/runbook.md');
    const inTables = [...runbook.matchAll(/^\| (.*?) \|(?: .+ \|)+$/gm)].flatMap(([, first = '']) =>
      [...first.matchAll(/`([\w-]+)`/g)].map(([, name]) => name),
    );
    const [, union = ''] =
      /^export type ReplicationState =([^;]*);/m.exec(read('src/status/operations.ts')) ?? [];
    const states = [...union.matchAll(/'(\w+)'/g)].map(([, state = '']) => state);
    expect(states).toContain('halted');
    const unexplained = states.filter(state => !inTables.includes(state));
    const codes = Object.keys(ERROR_CODES).filter(code => !inTables.includes(code));
    expect({codes, unexplained}).toEqual({codes: [], unexplained: []});
    const titles = [...runbook.matchAll(/^### `([^`<:]*?)(?:: .*)?`$/gm)].map(([, title = '']) =>
      title.replace(/\bN\b|\bM\b/g, '1'),
    );
    const run: Run = {
      runId: '',
      trigger: 'schedule',
      mode: 'diff',
      state: 'failed',
      startedAt: '',
      endedAt: null,
      durationMs: null,
      error: 'x',
      tables: {institute: none(), user: none(), institute_users: none(), user_auth: none()},
    };
    const calm: HealthFacts = {
      replicationEnabled: true,
      state: 'streaming',
      fault: null,
      stateForMs: 0,
      lagSeconds: 0,
      maxLagSeconds: 1,
      lastRun: null,
      deadLetters: 0,
      bookkeepingFault: null,
      warnings: [],
    };
    const fault = new SyncError('internal', 'x');
    const unhealthy: Partial<HealthFacts>[] = [
      {state: 'halted', fault},
      {state: 'stopped', fault},
      {state: 'starting', fault, stateForMs: 60_000},
      {state: 'starting', fault: new SyncError('position-lost', 'x')},
      {lagSeconds: 1.4},
      {lastRun: run},
      {lastRun: {...run, state: 'needs-confirmation'}},
    ];
    for (const facts of unhealthy) {
      for (const reason of healthOf({...calm, ...facts}).reasons) {
        const said = reason.replace(/: .*/, '');
        expect(
          titles.some(title => title === said || said === title.trim()),
          `${said} in ${titles.join(' | ')}`,
        ).toBe(true);
      }
    }
  });

  it('refer to places that exist', () => {
    for (const name of [
      'runbook',
      'compare',
      'scale',
      'grants',
      'requirements',
      'errors',
      'dependencies',
      'licences',
    ]) {
      for (const [, file = '', anchor] of read(`docs/${name}.md`).matchAll(
        /\]\((?!https?:)([\w.-]*)(?:#([\w-]+))?\)/g,
      )) {
        if (file === 'benchmarks.md') continue; // written by `npm run bench`
        const text = read(`docs/${file === '' ? `${name}.md` : file}`);
        if (anchor !== undefined) expect(anchorsOf(text)).toContain(anchor);
      }
    }
  });
});

function none() {
  return {compared: 0, repaired: 0, deleted: 0, deadLetters: 0};
}

describeEachFlavour('the steps of the runbook', ({server, source, target}) => {
  it('starts from a new position, and compares every row, deletes included', async () => {
    const stand: Stand = {server, source, target};
    await furnish(stand);
    const onSource = (sql: string) => withConnection(server, source, connection => connection.query(sql));
    await onSource(
      "INSERT INTO users (id, first_name, email, password) VALUES (1, 'Ada', 'ada@example.test', 'x'), (2, 'Bob', 'bob@example.test', 'x')",
    );
    const env = environmentOf(stand);
    expect(await cli(['sync'], env)).toMatchObject({code: 0});
    await onSource(
      "DELETE FROM users WHERE id = 2; INSERT INTO users (id, first_name, email, password) VALUES (3, 'Cy', 'cy@example.test', 'x')",
    );
    const sql = /^```sql new position\n(.*?)^```/ms.exec(read('docs/runbook.md'))?.[1] ?? '';
    await withConnection(server, target, connection => connection.query(sql));
    const daemon = await DaemonProcess.start(env);
    try {
      await eventually(
        async () => {
          const rows = await withConnection(server, target, connection =>
            query(connection, 'SELECT userId FROM user ORDER BY 1'),
          );
          expect(rows.map(({userId}) => Number(userId))).toEqual([1, 3]);
          return (await daemon.status()).replication.state === 'streaming';
        },
        {timeoutMs: 30_000},
      );
    } finally {
      await daemon.stop();
    }
    expect(await cli(['verify'], env)).toMatchObject({code: 0});
  });
});
