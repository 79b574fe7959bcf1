/**
 * Finds a server of each flavour, or gets one: what is installed, else Debian's packages where we may
 * install, else Docker, else an error that says what to type.
 */
import {accessSync, constants, existsSync, renameSync, rmSync} from 'node:fs';
import {delimiter, join} from 'node:path';
import {withLock} from './lock.ts';
import {cacheDir, isRoot} from './places.ts';
import {run, tryRun} from './run.ts';

export const FLAVOURS = ['mariadb', 'mysql'] as const;
export type Flavour = (typeof FLAVOURS)[number];

/** A server's program: on this machine, perhaps inside a root directory of its own, or in an image. */
export type ServerBinary =
  | {
      readonly kind: 'local';
      readonly flavour: Flavour;
      readonly version: string;
      /** Inside `root`, if that is not empty. */
      readonly path: string;
      /** The directory to chroot into, or ''. */
      readonly root: string;
    }
  | {readonly kind: 'docker'; readonly flavour: Flavour; readonly version: string; readonly image: string};

const INSTALL_MS = 10 * 60_000;
const SBIN = ['/usr/sbin', '/usr/libexec', '/usr/local/sbin', '/usr/local/mysql/bin', '/opt/homebrew/bin'];
const MYSQL_PACKAGES = 'mysql-server-core,mysql-client-core,tzdata';
const NONINTERACTIVE = {DEBIAN_FRONTEND: 'noninteractive'};
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

const found = new Map<Flavour, Promise<ServerBinary>>();

/** The server program of a flavour; what has to be installed is installed once. */
export function provision(flavour: Flavour): Promise<ServerBinary> {
  let binary = found.get(flavour);
  if (binary === undefined) {
    binary = flavour === 'mariadb' ? provisionMariadb() : provisionMysql();
    found.set(flavour, binary);
  }
  return binary;
}

export async function provisionMariadb(): Promise<ServerBinary> {
  const search = (): Promise<ServerBinary | undefined> => findInstalled('mariadb', ['mariadbd', 'mysqld']);
  const installed = await search();
  if (installed !== undefined) return installed;
  if (mayInstall()) {
    await withLock(join(cacheDir(), 'install.lock'), async () => {
      if ((await search()) === undefined)
        await installPackages(['mariadb-server-core', 'mariadb-client-core']);
    });
    const fresh = await search();
    if (fresh !== undefined) return fresh;
  }
  return (await fromDocker('mariadb', 'mariadb:10.11')) ?? fail('MariaDB', 'apt-get install mariadb-server');
}

export async function provisionMysql(): Promise<ServerBinary> {
  const installed = await findInstalled('mysql', ['mysqld']);
  if (installed !== undefined) return installed;
  if (isRoot()) {
    const root = join(cacheDir(), 'mysql');
    if (!existsSync(root) && mayInstall()) await withLock(`${root}.lock`, () => buildMysqlRoot(root));
    if (existsSync(root)) return inspectRoot(root);
  }
  return (await fromDocker('mysql', 'mysql:8.4')) ?? fail('MySQL', 'apt-get install mysql-server');
}

/** Debian has MySQL in its unstable suite only: it gets a root directory of its own, away from the system's libraries. */
async function buildMysqlRoot(root: string): Promise<void> {
  if (existsSync(root)) return;
  if (which('debootstrap') === undefined) await installPackages(['debootstrap', 'debian-archive-keyring']);
  say(`getting MySQL from Debian's packages into ${root} (about a minute, 1 GB)`);
  const partial = `${root}.partial`;
  rmSync(partial, {recursive: true, force: true});
  const keyring = existsSync(KEYRING) ? [`--keyring=${KEYRING}`] : [];
  const options = ['--variant=minbase', `--include=${MYSQL_PACKAGES}`, ...keyring];
  await run(['debootstrap', ...options, 'sid', partial], {env: NONINTERACTIVE, timeoutMs: INSTALL_MS});
  rmSync(join(partial, 'var/cache/apt/archives'), {recursive: true, force: true});
  renameSync(partial, root);
}

async function inspectRoot(root: string): Promise<ServerBinary> {
  const path = '/usr/sbin/mysqld';
  const version = versionOf(await run(['chroot', root, path, '--version']));
  return {kind: 'local', flavour: 'mysql', version, path, root};
}

/** A program named mysqld may be MariaDB's: what it says of itself decides. */
async function findInstalled(flavour: Flavour, names: readonly string[]): Promise<ServerBinary | undefined> {
  for (const name of names) {
    const path = which(name);
    if (path === undefined) continue;
    const {code, stdout} = await tryRun([path, '--version']);
    const is = stdout.includes('MariaDB') ? 'mariadb' : 'mysql';
    if (code === 0 && is === flavour) {
      return {kind: 'local', flavour, version: versionOf(stdout), path, root: ''};
    }
  }
  return undefined;
}

async function fromDocker(flavour: Flavour, image: string): Promise<ServerBinary | undefined> {
  if (which('docker') === undefined) return undefined;
  const engine = await tryRun(['docker', 'version', '--format', '{{.Server.Version}}'], {timeoutMs: 10_000});
  if (engine.code !== 0) return undefined;
  if ((await tryRun(['docker', 'image', 'inspect', image])).code !== 0) {
    say(`getting the Docker image ${image}`);
    await run(['docker', 'pull', '--quiet', image], {timeoutMs: INSTALL_MS});
  }
  const program = flavour === 'mariadb' ? 'mariadbd' : 'mysqld';
  const about = await run(['docker', 'run', '--rm', '--entrypoint', program, image, '--version']);
  return {kind: 'docker', flavour, version: versionOf(about), image};
}

async function installPackages(names: readonly string[]): Promise<void> {
  say(`installing ${names.join(', ')} from the system's packages`);
  const options = {env: NONINTERACTIVE, timeoutMs: INSTALL_MS};
  await run(['apt-get', 'update', '--quiet'], options);
  await run(['apt-get', 'install', '--quiet', '--yes', '--no-install-recommends', ...names], options);
}

function mayInstall(): boolean {
  return isRoot() && which('apt-get') !== undefined;
}

/** The place of a program, or undefined. */
export function which(name: string): string | undefined {
  const dirs = [...(process.env['PATH'] ?? '').split(delimiter), ...SBIN];
  return dirs.map(dir => join(dir, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function versionOf(text: string): string {
  return /Ver (\S+)/.exec(text)?.[1] ?? 'unknown';
}

/** On stderr: a program that prints its result on stdout may call us. */
function say(text: string): void {
  process.stderr.write(`test servers: ${text}\n`);
}

function fail(product: string, command: string): never {
  throw new Error(
    `No ${product} server can be run here. Do one of these and try again: ` +
      `'sudo ${command}' (Debian, Ubuntu); run this as root on Debian, and it installs what it needs; ` +
      `or start Docker. To leave ${product} out: TEST_FLAVOURS=${product === 'MySQL' ? 'mariadb' : 'mysql'}.`,
  );
}
