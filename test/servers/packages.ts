/**
 * What tests need from outside of npm: installed programs, Debian's packages if they may be installed, Docker.
 */
import {accessSync, constants, existsSync, renameSync, rmSync} from 'node:fs';
import {delimiter, join} from 'node:path';
import {withLock} from './lock.ts';
import {cacheDir, isRoot} from './places.ts';
import {run, tryRun} from './run.ts';

const INSTALL_MS = 10 * 60_000;
const SBIN = ['/usr/sbin', '/usr/libexec', '/usr/local/sbin', '/usr/local/mysql/bin', '/opt/homebrew/bin'];
const NONINTERACTIVE = {DEBIAN_FRONTEND: 'noninteractive'};
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Returns the path of a program, or undefined. */
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

/** Whether we may install packages of the system. */
export function mayInstall(): boolean {
  return isRoot() && which('apt-get') !== undefined;
}

/**
 * Installs packages of the system, one process at a time, unless `isThere` says that another one did meanwhile.
 *
 * @throws Error with the end of what apt-get printed
 */
export function installPackages(
  names: readonly string[],
  isThere: () => Promise<boolean> | boolean = () => false,
): Promise<void> {
  return withLock(join(cacheDir(), 'install.lock'), async () => {
    if (await isThere()) return;
    say(`installing ${names.join(', ')} from the system's packages`);
    const options = {env: NONINTERACTIVE, timeoutMs: INSTALL_MS};
    await run(['apt-get', 'update', '--quiet'], options);
    await run(['apt-get', 'install', '--quiet', '--yes', '--no-install-recommends', ...names], options);
  });
}

export interface DebianRoot {
  /** Below the cache directory. */
  readonly name: string;
  readonly suite: string;
  readonly packages: readonly string[];
  /** The purpose, for the message that announces the work. */
  readonly purpose: string;
}

/**
 * A directory with packages of another suite of Debian, away from the system's libraries; it is created once.
 *
 * @returns its path, or undefined if it does not exist and may not be created
 * @throws Error with the end of what debootstrap printed
 */
export async function debianRoot(wanted: DebianRoot): Promise<string | undefined> {
  if (!isRoot()) return undefined;
  const root = join(cacheDir(), wanted.name);
  if (!existsSync(root) && mayInstall()) {
    await withLock(`${root}.lock`, async () => {
      if (!existsSync(root)) await bootstrap(root, wanted);
    });
  }
  return existsSync(root) ? root : undefined;
}

async function bootstrap(root: string, {suite, packages, purpose}: DebianRoot): Promise<void> {
  const isThere = () => which('debootstrap') !== undefined;
  if (!isThere()) await installPackages(['debootstrap', 'debian-archive-keyring'], isThere);
  say(`getting ${purpose} from Debian's packages into ${root} (about a minute, up to 1 GB)`);
  const partial = `${root}.partial`;
  rmSync(partial, {recursive: true, force: true});
  const keyring = existsSync(KEYRING) ? [`--keyring=${KEYRING}`] : [];
  const options = ['--variant=minbase', `--include=${packages.join(',')}`, ...keyring];
  await run(['debootstrap', ...options, suite, partial], {env: NONINTERACTIVE, timeoutMs: INSTALL_MS});
  rmSync(join(partial, 'var/cache/apt/archives'), {recursive: true, force: true});
  renameSync(partial, root);
}

/** Whether a Docker image can be used here; it is pulled if need be. */
export async function hasImage(image: string): Promise<boolean> {
  if (which('docker') === undefined) return false;
  const engine = await tryRun(['docker', 'version', '--format', '{{.Server.Version}}'], {timeoutMs: 10_000});
  if (engine.code !== 0) return false;
  if ((await tryRun(['docker', 'image', 'inspect', image])).code !== 0) {
    say(`getting the Docker image ${image}`);
    await run(['docker', 'pull', '--quiet', image], {timeoutMs: INSTALL_MS});
  }
  return true;
}

/** Print to stderr: the caller may print its result to stdout. */
function say(text: string): void {
  process.stderr.write(`tests: ${text}\n`);
}
