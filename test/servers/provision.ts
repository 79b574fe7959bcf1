/**
 * Finds or installs a server of each edition: an installed one, else Debian's packages if they may be installed,
 * else Docker, else an error that says what to type.
 */
import {debianRoot, hasImage, installPackages, mayInstall, which} from './packages.ts';
import {run, tryRun} from './run.ts';

/** How a server behaves. */
export type Flavour = 'mariadb' | 'mysql';

/** The servers that tests run on, and how each behaves. `mariadb` is the system's own, of whatever version. */
export const EDITIONS = {mariadb: 'mariadb', 'mariadb-11': 'mariadb', mysql: 'mysql'} as const;
export type Edition = keyof typeof EDITIONS;
export const EDITION_NAMES: readonly Edition[] = ['mariadb', 'mariadb-11', 'mysql'];

/** A server's program: on this machine, perhaps inside a root directory of its own, or in an image. */
export type ServerBinary = {
  readonly edition: Edition;
  readonly flavour: Flavour;
  readonly version: string;
} & (
  | {
      readonly kind: 'local';
      /** Inside `root`, if that is not empty. */
      readonly path: string;
      /** The directory to chroot into, or ''. */
      readonly root: string;
    }
  | {readonly kind: 'docker'; readonly image: string}
);

/** An edition that this machine does not need, because another one is the same. */
export class NotNeeded extends Error {
  override readonly name = 'NotNeeded';
}

const found = new Map<Edition, Promise<ServerBinary>>();

/**
 * Returns the server program of an edition, and installs it once if necessary.
 *
 * @throws NotNeeded, or an Error that says what to type
 */
export function provision(edition: Edition): Promise<ServerBinary> {
  let binary = found.get(edition);
  if (binary === undefined) {
    binary = PROVISIONS[edition]();
    found.set(edition, binary);
  }
  return binary;
}

const PROVISIONS: Readonly<Record<Edition, () => Promise<ServerBinary>>> = {
  mariadb: provisionMariadb,
  'mariadb-11': provisionMariadb11,
  mysql: provisionMysql,
};

async function provisionMariadb(): Promise<ServerBinary> {
  const search = (): Promise<ServerBinary | undefined> => findInstalled('mariadb', ['mariadbd', 'mysqld']);
  const installed = await search();
  if (installed !== undefined) return installed;
  if (mayInstall()) {
    const isThere = async () => (await search()) !== undefined;
    await installPackages(['mariadb-server-core', 'mariadb-client-core', 'galera-4'], isThere);
    const fresh = await search();
    if (fresh !== undefined) return fresh;
  }
  return (
    (await fromDocker('mariadb', 'mariadb:10.11')) ??
    fail('MariaDB', 'mariadb', 'apt-get install mariadb-server')
  );
}

/** The version of the system's own MariaDB if it is 11 or later, so that `mariadb-11` is not needed. */
export async function ownLateMariadb(): Promise<string | undefined> {
  const own = await provision('mariadb').catch(() => undefined);
  return own !== undefined && Number.parseInt(own.version, 10) >= 11 ? own.version : undefined;
}

/** MariaDB 11.8 of Debian 13, on a system that has an older one: in a root directory of its own. */
async function provisionMariadb11(): Promise<ServerBinary> {
  const own = await ownLateMariadb();
  if (own !== undefined)
    throw new NotNeeded(`the MariaDB of this machine, on which they ran, is ${own} already`);
  const root = await debianRoot({
    name: 'mariadb-11',
    suite: 'trixie',
    packages: ['mariadb-server-core', 'mariadb-client-core', 'tzdata'],
    purpose: 'MariaDB 11.8',
  });
  if (root !== undefined) return inspectRoot('mariadb-11', root, '/usr/sbin/mariadbd');
  return (
    (await fromDocker('mariadb-11', 'mariadb:11.8')) ??
    fail('MariaDB 11.8', 'mariadb-11', 'apt-get install debootstrap')
  );
}

/** Debian has MySQL in its unstable suite only: it gets a root directory of its own. */
async function provisionMysql(): Promise<ServerBinary> {
  const installed = await findInstalled('mysql', ['mysqld']);
  if (installed !== undefined) return installed;
  const root = await debianRoot({
    name: 'mysql',
    suite: 'sid',
    packages: ['mysql-server-core', 'mysql-client-core', 'tzdata'],
    purpose: 'MySQL',
  });
  if (root !== undefined) return inspectRoot('mysql', root, '/usr/sbin/mysqld');
  return (await fromDocker('mysql', 'mysql:8.4')) ?? fail('MySQL', 'mysql', 'apt-get install mysql-server');
}

async function inspectRoot(edition: Edition, root: string, path: string): Promise<ServerBinary> {
  const version = versionOf(await run(['chroot', root, path, '--version']));
  return {kind: 'local', edition, flavour: EDITIONS[edition], version, path, root};
}

/** A program named mysqld may be MariaDB's: its version text decides. */
async function findInstalled(flavour: Flavour, names: readonly string[]): Promise<ServerBinary | undefined> {
  for (const name of names) {
    const path = which(name);
    if (path === undefined) continue;
    const {code, stdout} = await tryRun([path, '--version']);
    const is = stdout.includes('MariaDB') ? 'mariadb' : 'mysql';
    if (code === 0 && is === flavour) {
      return {kind: 'local', edition: flavour, flavour, version: versionOf(stdout), path, root: ''};
    }
  }
  return undefined;
}

async function fromDocker(edition: Edition, image: string): Promise<ServerBinary | undefined> {
  if (!(await hasImage(image))) return undefined;
  const flavour = EDITIONS[edition];
  const program = flavour === 'mariadb' ? 'mariadbd' : 'mysqld';
  const about = await run(['docker', 'run', '--rm', '--entrypoint', program, image, '--version']);
  return {kind: 'docker', edition, flavour, version: versionOf(about), image};
}

function versionOf(text: string): string {
  return /Ver (\S+)/.exec(text)?.[1] ?? 'unknown';
}

function fail(product: string, edition: Edition, command: string): never {
  const others = EDITION_NAMES.filter(name => name !== edition).join(',');
  throw new Error(
    `No ${product} server can be run here. Do one of these and try again: ` +
      `'sudo ${command}' (Debian, Ubuntu); run this as root on Debian, and it installs what it needs; ` +
      `or start Docker. To leave ${product} out: TEST_FLAVOURS=${others}.`,
  );
}
