/** Reads the mapped tables of both sides; a missing table is a finding, not a fault. */
import {queryRows} from '../db/connection.ts';
import {readSourceSchema, readTargetSchema} from '../db/schema.ts';
import {SyncError} from '../errors.ts';
import {didYouMean} from '../mapping/file/faults.ts';
import {sourcesOf, targetsOf, type Mapping} from '../mapping/mapping.ts';
import type {SourceSchema, TargetSchema} from '../mapping/schema.ts';
import {mustFix, type Finding} from './findings.ts';
import type {Probe} from './probe.ts';

export interface Schemas {
  readonly source: SourceSchema | null;
  readonly target: TargetSchema | null;
}

/** A side is null, with a finding for each table, if a table is missing. */
export async function readSchemas(
  source: Probe | null,
  target: Probe | null,
  mapping: Mapping,
): Promise<{schemas: Schemas; findings: Finding[]}> {
  const findings = [
    ...(source === null ? [] : await missingSources(source, mapping)),
    ...(target === null ? [] : await missingTargets(target, mapping)),
  ];
  const isWhole = (side: Probe | null): side is Probe =>
    side !== null && !findings.some(finding => finding.side === side.side);
  return {
    schemas: {
      source: isWhole(source)
        ? await unlessRefused(findings, source, ({connection, database}) =>
            readSourceSchema(connection, database, mapping),
          )
        : null,
      target: isWhole(target)
        ? await unlessRefused(findings, target, ({connection, database}) =>
            readTargetSchema(connection, database, mapping),
          )
        : null,
    },
    findings,
  };
}

/** Null, with a finding, if a table exists and cannot be mapped at all. */
async function unlessRefused<T>(
  findings: Finding[],
  probe: Probe,
  read: (probe: Probe) => Promise<T>,
): Promise<T | null> {
  try {
    return await read(probe);
  } catch (error) {
    if (!(error instanceof SyncError) || !error.code.endsWith('-incompatible')) throw error;
    findings.push(
      mustFix(probe.side, `${probe.side}-columns`, {
        message: error.message,
        why: 'replication halts until it is changed',
        fix: 'change the table as the message says, or remove it from the mapping',
      }),
    );
    return null;
  }
}

/** Returns those of some tables that the account does not see, and the names of all that it sees. */
async function lookFor(
  {side, connection, database}: Probe,
  wanted: readonly string[],
): Promise<{missing: string[]; there: string[]}> {
  const rows = await queryRows(
    side,
    connection,
    'SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?',
    [database],
  );
  const there = rows.map(([name]) => String(name));
  const lower = new Set(there.map(name => name.toLowerCase()));
  return {missing: wanted.filter(name => !lower.has(name.toLowerCase())), there};
}

async function missingSources(probe: Probe, mapping: Mapping): Promise<Finding[]> {
  const sources = sourcesOf(mapping);
  const {missing, there} = await lookFor(probe, sources);
  return missing.map(table =>
    mustFix('source', 'source-columns', {
      message: `the source has no table ${probe.database}.${table}, or the account may not see it${didYouMean(table, there)}`,
      why: 'its rows cannot be read',
      fix: `set DB_DATABASE to the schema that holds ${sources.join(', ')}, or correct the mapping, and GRANT SELECT on it (docs/grants.md)`,
    }),
  );
}

async function missingTargets(probe: Probe, mapping: Mapping): Promise<Finding[]> {
  const {missing, there} = await lookFor(probe, targetsOf(mapping));
  return missing.map(table => {
    const canMake = mapping.tables.some(({target, create}) => target === table && create.length > 0);
    return mustFix('target', 'target-columns', {
      message: `the target has no table ${table} in ${probe.database}${canMake ? '' : didYouMean(table, there)}`,
      why: 'there is no table to write to',
      fix: canMake
        ? 'laas-sync migrate'
        : `create the table, or add a create: for it to the mapping (docs/mapping.md) and run laas-sync migrate`,
    });
  });
}
