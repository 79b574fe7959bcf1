/** Checks every precondition of both servers at once, without changing anything. */
import type {Config} from '../config.ts';
import type {Side} from '../db/connection.ts';
import {SyncError} from '../errors.ts';
import {sourcesOf, targetsOf} from '../mapping/mapping.ts';
import {checkBinlog, checkExpiry} from './binlog-settings.ts';
import {BOOKKEEPING_TABLES, COMMITTED_TABLES} from '../mapping/bookkeeping.ts';
import {checkLeases, checkMigrated, readMigrated} from './bookkeeping-checks.ts';
import {checkClock, checkPackets, checkTimeZone, checkWritable} from './environment-checks.ts';
import {checkCluster} from './cluster-checks.ts';
import {checkClusterKeys} from './cluster-keys.ts';
import {warning, type Finding} from './findings.ts';
import {checkSourcePrivileges, checkTargetPrivileges} from './privileges.ts';
import type {Probe} from './probe.ts';
import {reach} from './reach.ts';
import {checkReferenceTexts} from './reference-texts.ts';
import {checkCascades, checkEngines, checkTargetRelations, checkTriggers} from './relation-checks.ts';
import {checkGtids, checkHeld, checkServerId, checkUpdatesLogged} from './replication-checks.ts';
import {readSchemas, type Schemas} from './read-schemas.ts';
import {checkTargetColumns} from './schema-checks.ts';
import {checkSourceColumns} from './source-checks.ts';

export interface ExamineOptions {
  /** This machine's clock, in milliseconds. */
  readonly now?: () => number;
}

type Check = () => Promise<Finding[]> | Finding[];

/**
 * Checks both servers. It changes nothing, and no state of the servers makes it throw: a server that cannot be
 * reached is a finding, and so is a check that the server refuses.
 */
export async function examine(config: Config, {now = Date.now}: ExamineOptions = {}): Promise<Finding[]> {
  const source = await reach('source', config.source, sourcesOf(config.mapping));
  const target = await reach('target', config.target, targetsOf(config.mapping));
  try {
    const findings = [...source.findings, ...target.findings];
    const {schemas, findings: missing} = await readSchemas(source.probe, target.probe, config.mapping).catch(
      schemasNotRead,
    );
    findings.push(...missing);
    if (source.probe !== null)
      findings.push(...(await runAll('source', sourceChecks(source.probe, config, schemas, now))));
    if (target.probe !== null)
      findings.push(
        ...(await runAll('target', targetChecks(target.probe, source.probe, {config, schemas, now}))),
      );
    return [
      ...findings.filter(({side}) => side === 'source'),
      ...findings.filter(({side}) => side === 'target'),
    ];
  } finally {
    source.probe?.connection.destroy();
    target.probe?.connection.destroy();
  }
}

/** A node outside of its cluster refuses these reads; the check of the cluster then reports why. */
function schemasNotRead(error: unknown): Awaited<ReturnType<typeof readSchemas>> {
  if (!(error instanceof SyncError)) throw error;
  return {schemas: {source: null, target: null}, findings: []};
}

function sourceChecks(
  probe: Probe,
  config: Config,
  {source}: Schemas,
  now: () => number,
): Record<string, Check> {
  const {mapping} = config;
  const replication: Record<string, Check> = {
    binlog: () => checkBinlog(probe),
    'binlog-expiry': () => checkExpiry(probe),
    gtid: () => checkGtids(probe),
    'server-id': () => checkServerId(probe, config.serverId),
    'replica-updates': () => checkUpdatesLogged(probe),
    held: () => checkHeld(probe),
  };
  return {
    cluster: () => checkCluster(probe, config.source.host),
    privileges: () => checkSourcePrivileges(probe, config.replicationEnabled, sourcesOf(mapping)),
    ...(config.replicationEnabled ? replication : {}),
    ...(source === null
      ? {}
      : {
          'source-columns': () => checkSourceColumns(source, mapping),
          'reference-texts': () => checkReferenceTexts(probe, source, mapping),
          'time-zone': () => checkTimeZone(probe, source, mapping),
        }),
    cascades: () => checkCascades(probe, mapping),
    engine: () => checkEngines(probe, sourcesOf(mapping)),
    clock: () => checkClock(probe, now),
  };
}

function targetChecks(
  probe: Probe,
  sourceProbe: Probe | null,
  {config, schemas, now}: {config: Config; schemas: Schemas; now: () => number},
): Record<string, Check> {
  const {source, target} = schemas;
  const targets = targetsOf(config.mapping);
  return {
    cluster: () => checkCluster(probe, config.target.host),
    privileges: async () => {
      const migrated = await readMigrated(probe);
      return [
        ...(await checkTargetPrivileges(
          probe,
          [...targets, ...BOOKKEEPING_TABLES],
          migrated === 'current' || migrated === 'newer',
        )),
        ...checkMigrated(migrated),
      ];
    },
    writable: () => checkWritable(probe),
    ...(source === null || target === null
      ? {}
      : {'target-columns': () => checkTargetColumns({source, target}, config.mapping)}),
    'cluster-keys': () => checkClusterKeys(probe, config.mapping),
    'target-foreign-keys': () => checkTargetRelations(probe, targets),
    engine: () => checkEngines(probe, [...targets, ...COMMITTED_TABLES]),
    triggers: () => checkTriggers(probe, targets),
    'packet-size': () => checkPackets(sourceProbe, probe),
    clock: () => checkClock(probe, now),
    lease: () => checkLeases(probe, config.name, targets),
  };
}

/** Runs the checks one after another, to keep the server's load low; one that fails does not end the others. */
async function runAll(side: Side, checks: Record<string, Check>): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, check] of Object.entries(checks)) {
    try {
      findings.push(...(await check()));
    } catch (error) {
      if (!(error instanceof SyncError)) throw error;
      findings.push(
        warning(side, name, {
          message: `could not be checked: ${error.message}`,
          why: 'whether this is correct is not known',
          fix: 'check the server, and run laas-sync doctor again',
        }),
      );
    }
  }
  return findings;
}
