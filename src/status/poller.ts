/** Polls both servers at intervals, so that status answers from memory. */
import type {Config} from '../config.ts';
import {connect, queryRows, type Connection} from '../db/connection.ts';
import {readLogEnd, readLogFiles, readServerInfo, type ServerInfo} from '../db/server.ts';
import {askForParents, trustParents} from '../db/orphans.ts';
import {readSourceSchema, readTargetSchema} from '../db/schema.ts';
import {SyncError} from '../errors.ts';
import {describeError, type Logger} from '../logger.ts';
import {pause} from '../lifecycle/backoff.ts';
import {buildPlan} from '../mapping/plan.ts';
import {countEligible, countTarget} from '../mapping/sql/counts.ts';
import {compareOffsets, fileNumber} from '../position/position.ts';
import type {LagTracker} from './lag.ts';
import type {Counts} from './operations.ts';

const LOG_END_MS = 1000;
const CLOCK_MS = 60_000;
/** Counting takes at most about this fraction of the time. */
const COUNT_SHARE = 0.02;
const COUNT_MIN_MS = 2000;
const COUNT_MAX_MS = 600_000;
const QUERY_TIMEOUT_MS = 5000;

export interface Counted {
  readonly source: Counts;
  readonly target: Counts;
  readonly atMs: number;
}

/** Polls the end of the source's log: lag in bytes, whether the stream is at the end, the clocks' difference. */
export async function watchLogEnd(
  config: Config,
  lag: LagTracker,
  onBytes: (bytes: number | null) => void,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  let connection: Connection | null = null;
  let info: ServerInfo | null = null;
  let clockAtMs = 0;
  while (!signal.aborted) {
    try {
      connection ??= await connect('source', config.source, {until: signal});
      info ??= await readServerInfo('source', connection);
      if (Date.now() - clockAtMs > CLOCK_MS) {
        clockAtMs = Date.now();
        lag.clockOffset(await clockOffsetMs(connection));
      }
      const end = await inTime(readLogEnd(connection, info));
      // The address may lead to several servers, or the stream has followed it to another one.
      if (lag.server !== null && lag.server !== info.identity)
        throw new SyncError('source-unreachable', 'the stream reads from another server than the one polled');
      lag.logEnd(end, Date.now());
      onBytes(await bytesBehind(connection, lag));
    } catch (error) {
      logger.debug({event: 'poll.failed', err: describeError(error)}, 'the end of the log could not be read');
      connection?.destroy();
      connection = null;
      info = null;
      lag.logEnd(null);
      onBytes(null);
    }
    await pause(LOG_END_MS, signal);
  }
  connection?.destroy();
}

/** A connection may fall silent without an error: then another is opened. */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  const late = new AbortController();
  try {
    return await Promise.race([
      answer,
      pause(QUERY_TIMEOUT_MS, late.signal).then(() => {
        throw new SyncError(
          'source-unreachable',
          `the source did not answer within ${QUERY_TIMEOUT_MS / 1000} s`,
        );
      }),
    ]);
  } finally {
    late.abort();
    answer.catch(() => undefined);
  }
}

async function clockOffsetMs(connection: Connection): Promise<number> {
  const before = Date.now();
  const [row] = await queryRows('source', connection, 'SELECT UNIX_TIMESTAMP(NOW(3))', [], QUERY_TIMEOUT_MS);
  return Number(row?.[0]) * 1000 - (before + Date.now()) / 2;
}

async function bytesBehind(connection: Connection, lag: LagTracker): Promise<number | null> {
  const {appliedOffset: applied, knownEnd: end} = lag;
  if (applied === null || end === null) return null;
  if (compareOffsets(applied, end) >= 0) return 0;
  if (applied.file === end.file) return end.offset - applied.offset;
  const between = (await readLogFiles(connection)).filter(
    ({file}) => fileNumber(file) >= fileNumber(applied.file) && fileNumber(file) < fileNumber(end.file),
  );
  return between.reduce((sum, {offset}) => sum + offset, 0) - applied.offset + end.offset;
}

export interface CountDeps {
  readonly config: Config;
  readonly logger: Logger;
  /** Set when the counts are to be made at once. */
  readonly due: () => AbortSignal;
  /** Whether the stream knows that every row of the source has its parents. */
  readonly areParentsProven: () => boolean;
}

/** Counts both sides repeatedly, less often the longer it takes, and at once if `due` is set meanwhile. */
export async function watchCounts(
  {config, logger, due, areParentsProven}: CountDeps,
  onCounted: (counted: Counted) => void,
  signal: AbortSignal,
): Promise<void> {
  let waitMs = COUNT_MIN_MS;
  let again = due();
  for (;;) {
    // The first count waits, too: the stream goes first, and may know by then that no parent is missing.
    await pause(waitMs, AbortSignal.any([signal, again]));
    if (signal.aborted) return;
    again = due();
    const started = Date.now();
    waitMs = COUNT_MIN_MS;
    try {
      onCounted(await countBoth(config, signal, areParentsProven()));
      waitMs = Math.min(COUNT_MAX_MS, Math.max(COUNT_MIN_MS, (Date.now() - started) / COUNT_SHARE));
    } catch (error) {
      logger.debug({event: 'count.failed', err: describeError(error)}, 'the tables could not be counted');
    }
  }
}

/**
 * Counts eligible source rows and target rows by table.
 *
 * @param parentsProven every row of the source is known to have its parents
 */
export async function countBoth(
  config: Config,
  until = new AbortController().signal,
  parentsProven = false,
): Promise<Counted> {
  const source = await connect('source', config.source, {until});
  try {
    const target = await connect('target', config.target, {until});
    try {
      const {mapping} = config;
      const plan = buildPlan(
        mapping,
        await readSourceSchema(
          source,
          config.source.database,
          mapping,
          parentsProven ? trustParents : askForParents,
        ),
        await readTargetSchema(target, config.target.database, mapping, 'from its schema'),
      );
      const one = async (side: 'source' | 'target', connection: Connection, sql: string) => {
        const [row] = await queryRows(side, connection, sql);
        return Number(row?.[0] ?? 0);
      };
      const none = () => Object.fromEntries(mapping.labels.map(label => [label, 0]));
      const counts: Record<'source' | 'target', Record<string, number>> = {source: none(), target: none()};
      for (const entity of plan.entities) {
        const eligible = await one('source', source, countEligible(entity));
        for (const {map} of entity.tables) counts.source[map.label] = eligible;
        for (const table of entity.tables)
          counts.target[table.map.label] = await one('target', target, countTarget(table));
      }
      return {
        ...counts,
        atMs: Date.now(),
      };
    } finally {
      target.destroy();
    }
  } finally {
    source.destroy();
  }
}
