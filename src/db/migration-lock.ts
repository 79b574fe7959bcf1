/**
 * Lets one process migrate at a time. The lock is a row of sync_lease, which is the same on every node of a
 * cluster. A killed process leaves the row behind; another takes it when it sees no renewal.
 */
import {setTimeout as delay} from 'node:timers/promises';
import type {Knex} from 'knex';
import {CREATE_LEASE} from '../../migrations/0005-lease.ts';
import {isDeadlock} from '../apply/refusal.ts';
import {SyncError} from '../errors.ts';
import {classify} from './faults.ts';
import {LEASE_SECONDS, RENEW_MS} from './lease-row.ts';

/** The maximum wait for another process that migrates. */
const WAIT_MS = 60_000;
const LOOK_MS = 500;
/** No stream can have this name. */
const NAME = '*migrations';
const UNTIL = `TIMESTAMPADD(SECOND, ${LEASE_SECONDS}, UTC_TIMESTAMP(3))`;

type Ask = (sql: string, values?: readonly Knex.Value[]) => Promise<unknown>;

/** @throws SyncError `target-rejected-batch` if another process does not finish; what `work` throws */
export async function underMigrationLock<T>(knex: Knex, work: () => Promise<T>): Promise<T> {
  const connection: unknown = await knex.client.acquireConnection();
  const ask: Ask = async (sql, values = []) => {
    const [answer] = (await knex.raw(sql, [...values]).connection(connection)) as unknown[];
    return answer;
  };
  try {
    // Where the tables are there, an account without CREATE may migrate.
    if (!(await knex.schema.hasTable('sync_lease'))) await ask(CREATE_LEASE);
    await untilLocked(ask);
    const renewing = setInterval(() => {
      // A failure has no effect by itself: the work continues over other connections.
      const renew = `UPDATE sync_lease SET beat = beat + 1, expires_at = ${UNTIL} WHERE stream = ?`;
      ask(renew, [NAME]).catch(() => undefined);
    }, RENEW_MS);
    try {
      return await work();
    } finally {
      clearInterval(renewing);
      // The down migration drops the table.
      const release = 'UPDATE sync_lease SET beat = beat + 1, expires_at = NULL WHERE stream = ?';
      await ask(release, [NAME]).catch(() => undefined);
    }
  } finally {
    await knex.client.releaseConnection(connection);
  }
}

async function untilLocked(ask: Ask): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS;
  let seen = {beat: '', atMs: 0};
  for (;;) {
    try {
      const row = firstRow(
        await ask('SELECT beat, expires_at IS NULL AS released FROM sync_lease WHERE stream = ?', [NAME]),
      );
      const beat = String(row?.['beat'] ?? '');
      if (beat !== seen.beat) seen = {beat, atMs: performance.now()};
      const isSilent = performance.now() - seen.atMs >= LEASE_SECONDS * 1000;
      if (row === undefined) {
        await ask('INSERT IGNORE INTO sync_lease (stream) VALUES (?)', [NAME]);
        continue;
      }
      if (Number(row['released']) === 1 || isSilent) if (await take(ask, beat)) return;
    } catch (error) {
      // Two processes took it at once, and the server refuses one.
      if (!isDeadlock(classify('target', error))) throw error;
    }
    if (performance.now() > deadlineMs)
      throw new SyncError(
        'target-rejected-batch',
        'another process is migrating the target and does not finish',
      );
    await delay(LOOK_MS);
  }
}

async function take(ask: Ask, beat: string): Promise<boolean> {
  const sql = `UPDATE sync_lease SET beat = beat + 1, expires_at = ${UNTIL} WHERE stream = ? AND beat = ?`;
  const result = await ask(sql, [NAME, beat]);
  return (
    typeof result === 'object' && result !== null && 'affectedRows' in result && result.affectedRows === 1
  );
}

function firstRow(answer: unknown): Record<string, unknown> | undefined {
  return Array.isArray(answer) ? (answer[0] as Record<string, unknown> | undefined) : undefined;
}
