/** Builds the command line of a server's program: its options, and the root or the image in which it runs. */
import type {ServerBinary} from './provision.ts';
import {isRoot} from './places.ts';
import {LAYOUT_OPTIONS} from './profile.ts';

/** The account of every server, with all privileges, over TCP. */
export const TEST_USER = 'laas_test';
export const TEST_PASSWORD = 'laas_test';

/** These must not change between a template and the servers made from it. */
export const LAYOUT = {
  mariadb: ['--innodb-log-file-size=32M', ...LAYOUT_OPTIONS],
  mysql: ['--innodb-redo-log-capacity=32M', ...LAYOUT_OPTIONS],
};

/** One statement a line: MariaDB's bootstrap reads no more than that. */
export const CREATE_TEST_USER = [
  'FLUSH PRIVILEGES;',
  `CREATE USER '${TEST_USER}'@'%' IDENTIFIED BY '${TEST_PASSWORD}';`,
  `GRANT ALL PRIVILEGES ON *.* TO '${TEST_USER}'@'%' WITH GRANT OPTION;`,
  '',
].join('\n');

export interface ServerSettings {
  readonly port: number;
  readonly serverId: number;
  /** As the server sees them. */
  readonly dataDir: string;
  readonly tmpDir: string;
  readonly socket: string;
  readonly durable: boolean;
  readonly timezone: string | undefined;
  readonly options: readonly string[];
}

/** The options of a small server that can be a source of replication. */
export function serverOptions(binary: ServerBinary, settings: ServerSettings): string[] {
  return [
    ...baseOptions(settings.dataDir, settings.tmpDir),
    ...LAYOUT[binary.flavour],
    `--port=${settings.port}`,
    // Inside a container the port is published, on the loopback only.
    `--bind-address=${binary.kind === 'docker' ? '0.0.0.0' : '127.0.0.1'}`,
    `--socket=${settings.socket}`,
    `--pid-file=${settings.dataDir}/server.pid`,
    `--server-id=${settings.serverId}`,
    '--log-bin=binlog',
    '--loose-binlog-format=ROW',
    '--binlog-row-image=FULL',
    '--binlog-row-metadata=FULL',
    '--skip-name-resolve',
    '--secure-file-priv=',
    '--innodb-buffer-pool-size=128M',
    '--max-allowed-packet=64M',
    ...(binary.flavour === 'mysql'
      ? ['--gtid-mode=ON', '--enforce-gtid-consistency=ON', '--loose-mysqlx=OFF']
      : []),
    ...(settings.durable ? DURABLE : RELAXED),
    ...(isOffset(settings.timezone) ? [`--default-time-zone=${settings.timezone}`] : []),
    ...settings.options,
  ];
}

const DURABLE = ['--innodb-flush-log-at-trx-commit=1', '--sync-binlog=1'];

/** Commits survive a crash of the server (the kernel has them), but not one of the machine. */
const RELAXED = [
  '--innodb-flush-log-at-trx-commit=2',
  '--sync-binlog=0',
  '--innodb-flush-method=nosync',
  '--innodb-doublewrite=OFF',
];

/**
 * `--no-defaults` has to come first: the system's own settings must not apply. Each server has a directory for
 * temporary files of its own, because a MariaDB that starts removes every `#sql*` file there. Another server
 * that uses one of these at that moment crashes (11.8) or refuses the statement.
 */
export function baseOptions(dataDir: string, tmpDir: string): string[] {
  return [
    '--no-defaults',
    ...(isRoot() ? ['--user=root'] : []),
    `--datadir=${dataDir}`,
    `--tmpdir=${tmpDir}`,
  ];
}

/** A named zone is set by the environment: the server's own tables of zones are empty. */
export function zoneEnvironment(timezone: string | undefined): Record<string, string> {
  return timezone === undefined || isOffset(timezone) ? {} : {TZ: timezone};
}

function isOffset(timezone: string | undefined): timezone is string {
  return timezone !== undefined && /^[+-]/.test(timezone);
}

export interface Placement {
  /** The directory that the server can access, as its path outside of a root. */
  readonly workDir: string;
  readonly containerName: string;
  readonly port?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

/** The command line that runs `program` (the server itself, if undefined) of this binary. */
export function commandLine(
  binary: ServerBinary,
  args: readonly string[],
  place: Placement,
  program?: string,
): string[] {
  if (binary.kind === 'local') {
    return [...(binary.root === '' ? [] : ['chroot', binary.root]), program ?? binary.path, ...args];
  }
  const environment = Object.entries(place.environment ?? {}).flatMap(([key, value]) => [
    '-e',
    `${key}=${value}`,
  ]);
  const publish = place.port === undefined ? [] : ['-p', `127.0.0.1:${place.port}:${place.port}`];
  const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  const run = ['docker', 'run', '--rm', '--interactive', '--name', place.containerName, '--user', user];
  const server = binary.flavour === 'mariadb' ? 'mariadbd' : 'mysqld';
  const volume = ['-v', `${place.workDir}:${place.workDir}`];
  return [
    ...run,
    ...volume,
    ...publish,
    ...environment,
    '--entrypoint',
    program ?? server,
    binary.image,
    ...args,
  ];
}
