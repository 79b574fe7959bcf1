/** Reads the environment and validates it once. This file is the only reader of process.env. */
import {createHash} from 'node:crypto';
import {hostname} from 'node:os';
import {z} from 'zod';
import {SyncError} from './errors.ts';
import {isLoopback} from './loopback.ts';
import {loadMapping} from './mapping/file/read.ts';
import type {Mapping} from './mapping/mapping.ts';

export const TLS_MODES = ['off', 'preferred', 'required', 'verify-ca', 'verify-identity'] as const;
export type TlsMode = (typeof TLS_MODES)[number];

/** How to reach one of the two servers. */
export interface DatabaseConfig {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly tls: TlsMode;
  /** The path of a PEM bundle. */
  readonly tlsCa: string | undefined;
}

export interface Config {
  readonly source: DatabaseConfig;
  readonly target: DatabaseConfig;
  readonly name: string;
  /** The mapping, from the file that SYNC_MAPPING names or the built-in one. */
  readonly mapping: Mapping;
  readonly replicationEnabled: boolean;
  readonly serverId: number;
  /** How many ids from {@link serverId} on may be used: one if it was set by hand. */
  readonly serverIds: number;
  readonly reconcile: {
    readonly enabled: boolean;
    readonly cron: string;
    readonly timezone: string;
    readonly batchRows: number;
    readonly maxDeleteRatio: number;
  };
  readonly deletes: 'mirror' | 'keep';
  readonly conflicts: 'source' | 'newest';
  readonly maxLagSeconds: number;
  readonly http: {
    readonly host: string;
    readonly port: number;
    readonly apiToken: string | undefined;
    readonly readToken: string | undefined;
  };
  readonly alertWebhookUrl: string | undefined;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  readonly logFormat: 'pretty' | 'json';
}

/** Statements of about this many rows were fastest on MariaDB and MySQL alike; see docs/benchmarks.md. */
const DEFAULT_BATCH_ROWS = 2000;

const flag = z
  .enum(['true', 'false', '1', '0', 'yes', 'no', 'on', 'off'])
  .transform(value => ['true', '1', 'yes', 'on'].includes(value));
const port = z.coerce.number().int().min(1).max(65535);
const tls = z.enum(TLS_MODES).default('preferred');
const required = z.string({error: 'is required'}).min(1, 'is required');

const environment = z
  .object({
    DB_HOST: required,
    DB_PORT: port.default(3306),
    DB_USERNAME: required,
    DB_PASSWORD: z.string({error: 'is required (it may be empty)'}),
    DB_DATABASE: z.string().default('laas'),
    DB_SSL: tls,
    DB_SSL_CA: z.string().optional(),
    ORG_DB_HOST: z.string().optional(),
    ORG_DB_PORT: port.optional(),
    ORG_DB_USERNAME: z.string().optional(),
    ORG_DB_PASSWORD: z.string().optional(),
    ORG_DB_DATABASE: z.string().default('organizations'),
    ORG_DB_SSL: z.enum(TLS_MODES).optional(),
    ORG_DB_SSL_CA: z.string().optional(),
    REPLICATION_ENABLED: flag.default(true),
    REPLICATION_SERVER_ID: z.coerce.number().int().min(1).max(0xffffffff).optional(),
    USER_SYNC_ENABLED: flag.default(true),
    USER_SYNC_CRON: z.string().default('30 2 * * *'),
    USER_SYNC_TIMEZONE: z
      .string()
      .default('UTC')
      .refine(isTimezone, 'is not a time zone of the IANA database'),
    USER_SYNC_BATCH_SIZE: z.coerce.number().int().min(1).max(100_000).default(DEFAULT_BATCH_ROWS),
    SYNC_NAME: z
      .string()
      .regex(/^[A-Za-z0-9_.-]{1,32}$/, 'must be 1 to 32 letters, digits, dots, dashes or underscores')
      .default('default'),
    SYNC_MAPPING: z.string().optional(),
    SYNC_DELETES: z.enum(['mirror', 'keep']).default('mirror'),
    SYNC_CONFLICTS: z.enum(['source', 'newest']).default('source'),
    SYNC_MAX_DELETE_RATIO: z.coerce.number().min(0).max(1).default(0.2),
    HEALTH_MAX_LAG_SECONDS: z.coerce.number().positive().default(60),
    HOST: z.string().default('127.0.0.1'),
    PORT: z.coerce.number().int().min(0).max(65535).default(3000),
    SYNC_API_TOKEN: z.string().optional(),
    SYNC_READ_TOKEN: z.string().optional(),
    ALERT_WEBHOOK_URL: z.url().optional(),
    LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
    LOG_FORMAT: z.enum(['pretty', 'json']).optional(),
  })
  .superRefine((env, context) => {
    if (env.SYNC_API_TOKEN === undefined && env.SYNC_READ_TOKEN === undefined && !isLoopback(env.HOST)) {
      context.addIssue({
        code: 'custom',
        path: ['HOST'],
        message:
          'is not a loopback address: set SYNC_API_TOKEN first, so that the server is not open to the network',
      });
    }
    for (const [mode, ca] of [
      ['DB_SSL', 'DB_SSL_CA'],
      ['ORG_DB_SSL', 'ORG_DB_SSL_CA'],
    ] as const) {
      if (env[ca] !== undefined && env[mode] === 'off') {
        context.addIssue({code: 'custom', path: [ca], message: `has no effect while ${mode} is off`});
      }
    }
  });

/**
 * Reads the configuration. An empty variable counts as unset.
 *
 * @throws SyncError `config-invalid` naming every bad variable at once; it never prints a value.
 */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
  {
    terminal = false,
    isCron = () => true,
  }: {terminal?: boolean; isCron?: (expression: string) => boolean} = {},
): Config {
  const e = validated(env, isCron);
  return {
    source: sourceOf(e),
    target: targetOf(e),
    name: e.SYNC_NAME,
    mapping: loadMapping(e.SYNC_MAPPING),
    replicationEnabled: e.REPLICATION_ENABLED,
    serverId: e.REPLICATION_SERVER_ID ?? deriveServerId(e.SYNC_NAME, hostname(), databasesOf(e)),
    serverIds: e.REPLICATION_SERVER_ID === undefined ? DERIVED_IDS : 1,
    reconcile: {
      enabled: e.USER_SYNC_ENABLED,
      cron: e.USER_SYNC_CRON,
      timezone: e.USER_SYNC_TIMEZONE,
      batchRows: e.USER_SYNC_BATCH_SIZE,
      maxDeleteRatio: e.SYNC_MAX_DELETE_RATIO,
    },
    deletes: e.SYNC_DELETES,
    conflicts: e.SYNC_CONFLICTS,
    maxLagSeconds: e.HEALTH_MAX_LAG_SECONDS,
    http: {host: e.HOST, port: e.PORT, apiToken: e.SYNC_API_TOKEN, readToken: e.SYNC_READ_TOKEN},
    alertWebhookUrl: e.ALERT_WEBHOOK_URL,
    logLevel: e.LOG_LEVEL,
    logFormat: e.LOG_FORMAT ?? (terminal ? 'pretty' : 'json'),
  };
}

type Variables = z.output<typeof environment>;

function validated(
  env: Readonly<Record<string, string | undefined>>,
  isCron: (expression: string) => boolean,
): Variables {
  const given = Object.fromEntries(Object.keys(env).map(name => [name, settingOf(env, name)]));
  // Unlike other empty variables, an empty password is a value.
  for (const name of ['DB_PASSWORD', 'ORG_DB_PASSWORD']) if (env[name] === '') given[name] = '';
  const parsed = environment.safeParse(given, {reportInput: false});
  const cron = given['USER_SYNC_CRON'];
  const cronFault =
    cron !== undefined && !isCron(cron)
      ? ['  USER_SYNC_CRON: is not a cron expression such as 30 2 * * *']
      : [];
  if (parsed.success && cronFault.length === 0) return parsed.data;
  const faults = [
    ...(parsed.error?.issues ?? []).map(issue => `  ${issue.path.join('.')}: ${issue.message}`),
    ...cronFault,
  ];
  throw new SyncError('config-invalid', `the environment is not valid:\n${faults.join('\n')}`);
}

function sourceOf(e: Variables): DatabaseConfig {
  return {
    host: e.DB_HOST,
    port: e.DB_PORT,
    user: e.DB_USERNAME,
    password: e.DB_PASSWORD,
    database: e.DB_DATABASE,
    tls: e.DB_SSL,
    tlsCa: e.DB_SSL_CA,
  };
}

/** The target's settings default to the source's, except for its database. */
function targetOf(e: Variables): DatabaseConfig {
  return {
    host: e.ORG_DB_HOST ?? e.DB_HOST,
    port: e.ORG_DB_PORT ?? e.DB_PORT,
    user: e.ORG_DB_USERNAME ?? e.DB_USERNAME,
    password: e.ORG_DB_PASSWORD ?? e.DB_PASSWORD,
    database: e.ORG_DB_DATABASE,
    tls: e.ORG_DB_SSL ?? e.DB_SSL,
    tlsCa: e.ORG_DB_SSL_CA ?? e.DB_SSL_CA,
  };
}

/** A text that is different for every pair of databases. */
function databasesOf(e: Variables): string {
  const {host, port, database} = targetOf(e);
  return [e.DB_DATABASE, host, port, database].join('/');
}

/** The value of a variable; undefined where it is not set or is empty. */
export function settingOf(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
): string | undefined {
  const value = env[name];
  return value === '' ? undefined : value;
}

/** The number of ids that a stream has for itself. */
const DERIVED_IDS = 1024;

/**
 * Returns the first of {@link DERIVED_IDS} server ids. Two streams, two hosts or two pairs of databases hardly
 * share them, and they lie in the upper half of the range, where nobody assigns ids by hand.
 *
 * Each connection uses another of them: MariaDB makes a new dump wait until the previous one with the same id has
 * ended, and a dump to a frozen or lost client ends only after net_write_timeout, a minute.
 */
export function deriveServerId(name: string, host: string, databases = ''): number {
  const hash = createHash('sha256')
    .update(`laas-sync\0${name}\0${host}\0${databases}`)
    .digest()
    .readUInt32BE(0);
  const blocks = 0x80000000 / DERIVED_IDS - 1;
  return 0x80000000 + (hash % blocks) * DERIVED_IDS;
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', {timeZone: name});
    return true;
  } catch {
    return false;
  }
}
