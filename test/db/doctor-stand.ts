/**
 * The common parts of the doctor's tests: a configuration for two schemas, created by the migrations, and
 * helpers that read findings.
 */
import {afterAll, beforeAll} from 'vitest';
import {loadConfig, type Config} from '../../src/config.ts';
import {connect} from '../../src/db/connection.ts';
import {migrateUp} from '../../src/db/migrate.ts';
import {openKnex} from '../../src/db/models.ts';
import {silentLogger} from '../helpers/silent-logger.ts';
import {readServerInfo} from '../../src/db/server.ts';
import {examine} from '../../src/doctor/doctor.ts';
import type {Finding, Level} from '../../src/doctor/findings.ts';
import {preflight} from '../../src/doctor/preflight.ts';
import {SyncError} from '../../src/errors.ts';
import {environment, type Environment} from '../helpers/daemon.ts';
import {SOURCE_SCHEMAS} from '../helpers/schemas.ts';
import {createDatabases, withConnection, type Reachable} from '../servers/databases.ts';
import type {Edition} from '../servers/provision.ts';
import {startServer, type TestServer} from '../servers/server.ts';

export interface Stand {
  readonly server: Reachable;
  readonly source: string;
  readonly target: string;
}

export function configOf({server, source, target}: Stand, extra: Environment = {}): Config {
  return loadConfig(environmentOf({server, source, target}, extra));
}

/** The same for the program as a process. */
export function environmentOf({server, source, target}: Stand, extra: Environment = {}): Environment {
  const {host, port, user, password} = server;
  return environment(
    {host, port, user, password, database: source},
    {host, port, user, password, database: target},
    extra,
  );
}

/** The source's and the target's tables, as they should be. */
export async function furnish(stand: Stand): Promise<void> {
  await withConnection(stand.server, stand.source, connection =>
    connection.query(SOURCE_SCHEMAS[0]?.create ?? ''),
  );
  const knex = await openKnex(configOf(stand).target, silentLogger);
  try {
    await migrateUp(knex, configOf(stand).mapping);
  } finally {
    await knex.destroy();
  }
}

/** Findings of one check, worst first; the tests check level, message and fix. */
export function findingsOf(findings: readonly Finding[], check: string): Finding[] {
  const order: readonly Level[] = ['must-fix', 'warning', 'ok'];
  return findings
    .filter(finding => finding.check === check)
    .toSorted((a, b) => order.indexOf(a.level) - order.indexOf(b.level));
}

export function worst(findings: readonly Finding[], check: string): Finding {
  const [first] = findingsOf(findings, check);
  if (first === undefined) throw new Error(`nothing was said of ${check}`);
  return first;
}

/** The findings that are not ok, as one short text. */
export function faultsOf(findings: readonly Finding[]): string[] {
  return findings
    .filter(({level}) => level !== 'ok')
    .map(({side, check, level, message}) => `${level} ${side} ${check}: ${message}`);
}

/** The reason for which `start` would refuse the source; empty if there is none. */
export async function preflightFaultOf(stand: Stand, extra: Environment = {}): Promise<string> {
  const {source: config} = configOf(stand, extra);
  const connection = await connect('source', config);
  try {
    await preflight(connection, config.database, await readServerInfo('source', connection));
    return '';
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'preflight-failed') throw error;
    return error.message;
  } finally {
    connection.destroy();
  }
}

export interface OwnServer {
  readonly server: TestServer;
  readonly stand: Stand;
  readonly doctor: (extra?: Environment) => Promise<Finding[]>;
  readonly preflightFault: () => Promise<string>;
  /** Runs statements on the source. */
  readonly run: (sql: string) => Promise<unknown>;
}

/** A server of its own, with a source and a target, for the tests of a suite that changes its settings. */
export function withOwnServer(edition: Edition): OwnServer {
  let opened: {server: TestServer; stand: Stand} | undefined;
  beforeAll(async () => {
    const server = await startServer({edition});
    const {source, target} = await createDatabases(server, 'd');
    opened = {server, stand: {server, source, target}};
    await furnish(opened.stand);
  });
  afterAll(() => opened?.server.dispose());
  const current = () => {
    if (opened === undefined) throw new Error('the server has not started');
    return opened;
  };
  return {
    get server() {
      return current().server;
    },
    get stand() {
      return current().stand;
    },
    doctor: extra => examine(configOf(current().stand, extra)),
    preflightFault: () => preflightFaultOf(current().stand),
    run: sql => withConnection(current().server, current().stand.source, connection => connection.query(sql)),
  };
}
