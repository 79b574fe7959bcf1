/** The record of reconciles: one row for each, kept for 90 days. */
import {randomUUID} from 'node:crypto';
import type {Knex} from 'knex';
import {z} from 'zod';
import {readBookkeeping, SyncDeadLetter, SyncRun, writeBookkeeping} from '../db/models.ts';
import {isDeadLetterCode} from '../errors.ts';
import {shownKey} from '../mapping/key-text.ts';
import {
  CursorError,
  type DeadLetter,
  type Page,
  type ReconcileMode,
  type Run,
  type RunState,
  type RunTrigger,
  type TableOutcomes,
} from './operations.ts';

const KEEP_DAYS = 90;

const count = z.number().int().min(0).default(0);
const outcome = z.object({
  compared: count,
  repaired: count,
  deleted: count,
  deadLetters: count,
  kept: z.number().int().min(0).optional(),
});
const outcomes = z.record(z.string(), outcome);

/** Empty counts for each of these target tables. */
export function noOutcomes(tables: readonly string[]): TableOutcomes {
  return Object.fromEntries(
    tables.map(table => [table, {compared: 0, repaired: 0, deleted: 0, deadLetters: 0}]),
  );
}

export class RunStore {
  readonly #knex: Knex;
  readonly #stream: string;
  readonly #tables: readonly string[];

  /** @param tables the target tables of the mapping */
  constructor(knex: Knex, stream: string, tables: readonly string[]) {
    this.#knex = knex;
    this.#stream = stream;
    this.#tables = tables;
  }

  async begin(trigger: RunTrigger, mode: ReconcileMode): Promise<Run> {
    const row = {
      run_id: randomUUID(),
      stream: this.#stream,
      trigger_kind: trigger,
      mode,
      state: 'running',
      started_at: new Date(),
      ended_at: null,
      tables: JSON.stringify(noOutcomes(this.#tables)),
      error: null,
    };
    await writeBookkeeping(() => SyncRun.query(this.#knex).insert(row));
    // A daemon may run for years: the history is trimmed as it grows, and not only at a start.
    await this.#trim();
    return toRun(row);
  }

  async end(run: Run, state: RunState, tables: TableOutcomes, error: string | null): Promise<Run> {
    const endedAt = new Date();
    const end = {
      state,
      ended_at: endedAt,
      tables: JSON.stringify(tables),
      error: error?.slice(0, 500) ?? null,
    };
    await writeBookkeeping(() => SyncRun.query(this.#knex).findById(run.runId).patch(end));
    return {
      ...run,
      state,
      tables,
      error,
      endedAt: endedAt.toISOString(),
      durationMs: endedAt.getTime() - Date.parse(run.startedAt),
    };
  }

  /** Marks runs that a dead process left as running, and deletes those that are too old to keep. */
  async tidy(): Promise<void> {
    await writeBookkeeping(() =>
      SyncRun.query(this.#knex)
        .where({stream: this.#stream, state: 'running'})
        .patch({state: 'failed', ended_at: new Date(), error: 'the process ended during the run'}),
    );
    await this.#trim();
  }

  async #trim(): Promise<void> {
    await writeBookkeeping(() =>
      SyncRun.query(this.#knex)
        .where('stream', this.#stream)
        .where('started_at', '<', new Date(Date.now() - KEEP_DAYS * 86_400_000))
        .delete(),
    );
  }

  async find(runId: string): Promise<Run | null> {
    const row = await readBookkeeping(() =>
      SyncRun.query(this.#knex).findOne({run_id: runId, stream: this.#stream}),
    );
    return row === undefined ? null : toRun(row);
  }

  /** Newest first. `after` is the cursor of the previous page. */
  async list({after, limit}: {after: string | null; limit: number}): Promise<Page<Run>> {
    const query = SyncRun.query(this.#knex)
      .where('stream', this.#stream)
      .orderBy([
        {column: 'started_at', order: 'desc'},
        {column: 'run_id', order: 'desc'},
      ])
      .limit(limit + 1);
    if (after !== null) {
      const [, at, runId = ''] = /^(\d{1,15})~([0-9a-f-]{36})$/.exec(after) ?? [];
      if (at === undefined) throw new CursorError();
      const startedAt = new Date(Number(at));
      void query.where(where => {
        void where
          .where('started_at', '<', startedAt)
          .orWhere(same => void same.where('started_at', startedAt).where('run_id', '<', runId));
      });
    }
    const rows = await readBookkeeping(() => query);
    const items = rows.slice(0, limit).map(toRun);
    const last = rows[limit - 1];
    return {
      items,
      next: rows.length > limit && last !== undefined ? `${last.started_at.getTime()}~${last.run_id}` : null,
    };
  }

  async last(): Promise<Run | null> {
    const row = await readBookkeeping(() =>
      SyncRun.query(this.#knex)
        .where('stream', this.#stream)
        .whereNot('state', 'running')
        .orderBy('started_at', 'desc')
        .first(),
    );
    return row === undefined ? null : toRun(row);
  }

  /** When the last run that left nothing to do ended. */
  async lastSuccess(): Promise<string | null> {
    const row = await readBookkeeping(() =>
      SyncRun.query(this.#knex)
        .where({stream: this.#stream, state: 'succeeded'})
        .orderBy('started_at', 'desc')
        .first(),
    );
    return row?.ended_at?.toISOString() ?? null;
  }

  /** How many dead letters there are, by code. */
  async deadLetterCounts(): Promise<Map<string, number>> {
    const rows = (await readBookkeeping(() =>
      this.#knex('sync_dead_letter')
        .where('stream', this.#stream)
        .groupBy('code')
        .select('code')
        .count({count: '*'}),
    )) as {code: string; count: number | string}[];
    return new Map(rows.map(({code, count}) => [code, Number(count)]));
  }

  async deadLetters({
    after,
    limit,
    table,
  }: {
    after: string | null;
    limit: number;
    table?: string | undefined;
  }): Promise<Page<DeadLetter>> {
    const query = SyncDeadLetter.query(this.#knex)
      .where('stream', this.#stream)
      .orderBy(['target_table', 'row_key'])
      .limit(limit + 1);
    if (table !== undefined) void query.where('target_table', table);
    if (after !== null) {
      const [, escaped, lastKey = ''] = /^([^~]+)~([^]*)$/.exec(after) ?? [];
      if (escaped === undefined) throw new CursorError();
      const lastTable = escaped.replaceAll('%7E', '~').replaceAll('%25', '%');
      void query.where(where => {
        void where
          .where('target_table', '>', lastTable)
          .orWhere(same => void same.where('target_table', lastTable).where('row_key', '>', lastKey));
      });
    }
    const rows = await readBookkeeping(() => query);
    const last = rows[limit - 1];
    return {
      items: rows.slice(0, limit).map(toDeadLetter),
      next: rows.length > limit && last !== undefined ? cursorOf(last) : null,
    };
  }
}

/** The place after a dead letter. A name and a key may have any character. */
function cursorOf({target_table: table, row_key: key}: SyncDeadLetter): string {
  return `${table.replaceAll('%', '%25').replaceAll('~', '%7E')}~${key}`;
}

/**
 * Returns which of two runs the status shows: the known one, unless the one read is as new. The read may be older
 * than the run that ended meanwhile, and the end of a run whose target is unreachable is not recorded at all.
 */
export function laterRun(known: Run | null, read: Run | null): Run | null {
  return known !== null && (read === null || read.startedAt < known.startedAt) ? known : read;
}

/** Compares two times as ISO text. */
export function laterTime(known: string | null, read: string | null): string | null {
  return known !== null && (read === null || read < known) ? known : read;
}

type RunRow = Pick<
  SyncRun,
  'run_id' | 'trigger_kind' | 'mode' | 'state' | 'started_at' | 'ended_at' | 'tables' | 'error'
>;

function toRun(row: RunRow): Run {
  const parsed = outcomes.safeParse(parseJson(row.tables));
  return {
    runId: row.run_id,
    trigger: z.enum(['schedule', 'api', 'cli', 'recovery']).catch('api').parse(row.trigger_kind),
    mode: z.enum(['diff', 'full']).catch('diff').parse(row.mode),
    state: z.enum(['running', 'succeeded', 'failed', 'needs-confirmation']).catch('failed').parse(row.state),
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
    durationMs: row.ended_at === null ? null : row.ended_at.getTime() - row.started_at.getTime(),
    tables: parsed.success ? (parsed.data as TableOutcomes) : {},
    error: row.error,
  };
}

function toDeadLetter(row: SyncDeadLetter): DeadLetter {
  return {
    table: row.target_table,
    key: shownKey(row.row_key),
    code: isDeadLetterCode(row.code) ? row.code : 'rejected',
    detail: row.detail === null ? null : shownKey(row.detail),
    position: row.position === '' ? null : row.position,
    firstSeenAt: row.first_seen_at.toISOString(),
    lastSeenAt: row.last_seen_at.toISOString(),
    attempts: row.attempts,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
