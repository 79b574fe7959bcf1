/** Initial data directories: created once for each version, then copied. */
import {existsSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {basename, join} from 'node:path';
import {baseOptions, commandLine, CREATE_TEST_USER, LAYOUT} from './command.ts';
import {withLock} from './lock.ts';
import {cacheDir, makeWorkDir} from './places.ts';
import {TEMPLATE_SUFFIX} from './profile.ts';
import type {ServerBinary} from './provision.ts';
import {run} from './run.ts';

/** Increase it whenever templates are created in another way. */
const REVISION = 1;

/** Fills `dataDir`, which must not exist yet, with a data directory that was never used. */
export async function copyTemplate(binary: ServerBinary, dataDir: string): Promise<void> {
  const template = join(
    cacheDir(),
    `template-${binary.edition}-${binary.version}-${REVISION}${TEMPLATE_SUFFIX}`,
  );
  if (!existsSync(template)) {
    await withLock(`${template}.lock`, async () => {
      if (!existsSync(template)) await build(binary, template);
    });
  }
  const reflink = process.platform === 'linux' ? ['--reflink=auto'] : [];
  await run(['cp', '-a', ...reflink, template, dataDir]);
}

async function build(binary: ServerBinary, template: string): Promise<void> {
  const workDir = makeWorkDir(rootOf(binary));
  try {
    const dataDir = join(workDir, 'data');
    await (binary.flavour === 'mariadb' ? buildMariadb(binary, workDir) : buildMysql(binary, workDir));
    // Each copy creates an identity of its own.
    rmSync(join(dataDir, 'auto.cnf'), {force: true});
    const partial = `${template}.partial`;
    rmSync(partial, {recursive: true, force: true});
    await run(['cp', '-a', dataDir, partial]);
    renameSync(partial, template);
  } finally {
    rmSync(workDir, {recursive: true, force: true});
  }
}

async function buildMysql(binary: ServerBinary, workDir: string): Promise<void> {
  writeFileSync(join(workDir, 'init.sql'), CREATE_TEST_USER);
  const inner = insideRoot(binary, workDir);
  const args = [
    ...baseOptions(`${inner}/data`, inner),
    '--initialize-insecure',
    `--init-file=${inner}/init.sql`,
    '--disable-log-bin',
    '--secure-file-priv=',
    ...LAYOUT.mysql,
  ];
  await run(commandLine(binary, args, {workDir, containerName: basename(workDir)}));
}

async function buildMariadb(binary: ServerBinary, workDir: string): Promise<void> {
  const place = {workDir, containerName: basename(workDir)};
  const inner = insideRoot(binary, workDir);
  const options = [...baseOptions(`${inner}/data`, inner), ...LAYOUT.mariadb];
  // Forced, since a root directory of its own may not know the name of this host.
  const install = [...options, '--auth-root-authentication-method=normal', '--skip-test-db', '--force'];
  await run(commandLine(binary, install, place, 'mariadb-install-db'));
  await run(commandLine(binary, [...options, '--bootstrap'], place), {input: CREATE_TEST_USER});
}

export function rootOf(binary: ServerBinary): string {
  return binary.kind === 'local' ? binary.root : '';
}

/** A path as the server sees it. */
export function insideRoot(binary: ServerBinary, path: string): string {
  const root = rootOf(binary);
  if (root === '') return path;
  if (!path.startsWith(`${root}/`))
    throw new Error(`the server cannot see ${path}: it lies outside of ${root}`);
  return path.slice(root.length);
}
