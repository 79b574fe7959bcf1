/**
 * The image, without a container engine: the steps of the Dockerfile done by hand in a folder, and the
 * program run from it as the image runs it, as nobody, on a tree that cannot be written.
 */
import {execFileSync, spawn, spawnSync, type ChildProcess} from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {afterAll, beforeAll, describe, expect, inject, it} from 'vitest';
import {environment, type Environment} from '../helpers/daemon.ts';
import {eventually} from '../helpers/eventually.ts';
import {SURROGATE} from '../helpers/fault-stand.ts';
import {createDatabases, type Databases, withConnection} from '../servers/databases.ts';
import {freePort} from '../servers/ports.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const server = Object.values(inject('servers'))[0];
/** The image's user. */
const NOBODY = 65532;

interface Instruction {
  readonly stage: string;
  readonly name: string;
  readonly text: string;
}

/** The Dockerfile's instructions, each with the stage that it belongs to; the last has no name. */
function instructions(): Instruction[] {
  let stage = '';
  const lines = read('Dockerfile')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n');
  return lines.flatMap(line => {
    const [, name = '', text = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    if (name === 'FROM') stage = / AS (\w+)$/.exec(text)?.[1] ?? '';
    return name === '' ? [] : [{stage, name, text}];
  });
}

const of = (stage: string, name: string) =>
  instructions()
    .filter(each => each.stage === stage && each.name === name)
    .map(({text}) => text);
const command = (name: string): string[] =>
  JSON.parse(/\[.*\]/.exec(of('', name)[0] ?? '[]')?.[0] ?? '[]') as string[];
/** `node` of the image is ours. */
const local = ([program = '', ...args]: readonly string[], app: string): string[] => [
  program === '/nodejs/bin/node' ? process.execPath : program,
  ...args.map(arg => (arg.startsWith('/app/') ? join(app, arg.slice('/app/'.length)) : arg)),
];

describe.runIf(server !== undefined)('the image', () => {
  let dir: string;
  let app: string;
  let databases: Databases;
  let daemon: ChildProcess | undefined;
  const stageDir = (name: string) => join(dir, name);
  const tree = () =>
    execFileSync('find', [app, '-printf', '%p %s %T@ %m\n'], {encoding: 'utf8', maxBuffer: 64 * 1024 * 1024});

  const settings = async (extra: Environment = {}): Promise<Environment> => {
    if (server === undefined) throw new Error('no server');
    const image = Object.fromEntries(
      of('', 'ENV').flatMap(text =>
        [...text.matchAll(/(\w+)=(\S+)/g)].map(([, key = '', value = '']) => [key, value]),
      ),
    );
    return {
      ...image,
      ...environment({...server, database: databases.source}, {...server, database: databases.target}),
      PORT: String(await freePort()),
      HOME: '/nonexistent',
      TMPDIR: '/nonexistent',
      ...extra,
    };
  };
  const user = process.getuid?.() === 0 ? {uid: NOBODY, gid: NOBODY} : {};
  const asImage = (args: readonly string[], env: Environment) => {
    const [program = '', ...rest] = local([...command('ENTRYPOINT'), ...args], app);
    return spawnSync(program, rest, {cwd: app, env, encoding: 'utf8', ...user});
  };
  const health = (env: Environment) => {
    const [program = '', ...rest] = local(command('HEALTHCHECK'), app);
    return spawnSync(program, rest, {cwd: app, env, ...user}).status;
  };

  beforeAll(async () => {
    if (server === undefined) return;
    dir = mkdtempSync(join(tmpdir(), 'laas-sync-image-'));
    chmodSync(dir, 0o755);
    const modules = realpathSync(join(root, 'node_modules'));
    for (const stage of ['build', 'dependencies']) {
      mkdirSync(stageDir(stage));
      for (const text of of(stage, 'COPY')) {
        const [to = '', ...from] = text.split(' ').toReversed();
        for (const each of from)
          cpSync(
            join(root, each),
            to === './' ? join(stageDir(stage), basename(each)) : join(stageDir(stage), to),
            {recursive: true},
          );
      }
      // `npm ci` would give what is installed here already. Links are enough on one file system, because no file
      // is changed.
      const copy = (how: string) => spawnSync('cp', [how, modules, join(stageDir(stage), 'node_modules')]);
      if (copy('-al').status !== 0) {
        rmSync(join(stageDir(stage), 'node_modules'), {recursive: true, force: true});
        expect(copy('-a').status).toBe(0);
      }
      rmSync(join(stageDir(stage), 'node_modules/.package-lock.json'), {force: true});
      for (const text of of(stage, 'RUN')) {
        const line = text
          .replace(/^--mount=\S+ /, '')
          .replace(/^npm ci( --omit=dev)? .*$/, (_, omit: string | undefined) =>
            omit === undefined ? 'true' : 'npm prune --omit=dev --offline --no-audit --no-fund',
          );
        execFileSync('sh', ['-c', line], {cwd: stageDir(stage), stdio: 'pipe'});
      }
    }
    app = stageDir('app');
    mkdirSync(app);
    for (const text of of('', 'COPY')) {
      const [, stage, from = '', to = ''] = /^(?:--from=(\w+) )?(\S+) (\S+)$/.exec(text) ?? [];
      const source =
        stage === undefined ? join(root, from) : join(stageDir(stage), from.replace('/app/', ''));
      execFileSync('cp', ['-a', source, join(app, to === './' ? basename(from) : to)]);
    }
    execFileSync('chmod', ['-R', 'a-w,a+rX', app]);
    databases = await createDatabases(server, 'image');
    await withConnection(server, databases.source, connection => connection.query(SURROGATE.create));
  });
  afterAll(async () => {
    daemon?.kill('SIGKILL');
    await databases?.drop();
    if (dir === undefined) return;
    execFileSync('chmod', ['-R', 'u+w', dir]);
    rmSync(dir, {recursive: true, force: true});
  });

  it('is built from what .dockerignore lets in, and has no tools and no tests', () => {
    const allowed = new Set([...read('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, name]) => name));
    for (const {name, text} of instructions())
      if (name === 'COPY' && !text.startsWith('--from'))
        for (const each of text.split(' ').slice(0, -1)) expect(allowed, each).toContain(each);
    expect(readdirSync(join(app, 'dist')).sort()).toEqual([
      'mapping.schema.json',
      'mappings',
      'migrations',
      'reconciler',
      'replicator',
      'src',
    ]);
    for (const tool of ['typescript', 'vitest', 'oxlint', 'playwright-core', 'knip', 'prettier'])
      expect(existsSync(join(app, 'node_modules', tool)), tool).toBe(false);
    const [kilobytes = ''] = execFileSync('du', ['-sk', app], {encoding: 'utf8'}).split('\t');
    expect(Number(kilobytes)).toBeLessThan(60 * 1024);
  });

  it('runs help, migrate, doctor and the daemon as nobody, on a read-only tree', async () => {
    const env = await settings();
    const before = tree();
    expect(asImage(['--help'], env)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('dead-letters'),
    });
    expect(asImage(['migrate'], env)).toMatchObject({status: 0});
    expect(asImage(['doctor'], env)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('nothing must be fixed'),
    });
    expect(health(env)).toBe(1);
    const [program = '', ...rest] = local([...command('ENTRYPOINT'), ...command('CMD')], app);
    daemon = spawn(program, rest, {cwd: app, env, stdio: 'ignore', ...user});
    const ended = new Promise(resolve => daemon?.once('exit', resolve));
    const url = `http://127.0.0.1:${env['PORT']}`;
    await eventually(async () => (await fetch(`${url}/readyz`)).status === 200, {timeoutMs: 30_000});
    expect(health(env)).toBe(0);
    expect((await fetch(url)).status).toBe(200);
    daemon.kill(of('', 'STOPSIGNAL')[0] as NodeJS.Signals);
    expect(await ended).toBe(0);
    expect(tree()).toBe(before);
  });

  it('starts with the options of the command itself, like the systemd unit', () => {
    const [, options = ''] = /^#!\/usr\/bin\/env -S node (.*)$/m.exec(read('src/cli.ts')) ?? [];
    expect(command('ENTRYPOINT')).toEqual([
      '/nodejs/bin/node',
      ...options.split(' '),
      '/app/dist/src/cli.js',
    ]);
    expect(read('deploy/systemd/laas-sync.service')).toContain(
      `ExecStart=/usr/bin/node ${options} dist/src/cli.js start`,
    );
  });
});
