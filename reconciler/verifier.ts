/**
 * Compares every row of both sides and writes nothing. What differs is looked at again until it either
 * agrees or stands still: rows in flight are no drift.
 */
import {IdSet} from '../src/apply/id-set.ts';
import type {Config} from '../src/config.ts';
import {connect, queryRows, type Connection} from '../src/db/connection.ts';
import {readSourceSchema, readTargetSchema} from '../src/db/schema.ts';
import {throwIfStopped} from '../src/errors.ts';
import {pause} from '../src/lifecycle/backoff.ts';
import {buildPlan, type Plan} from '../src/mapping/plan.ts';
import {splitPair} from '../src/mapping/row.ts';
import {quoteName, targetSelectList} from '../src/mapping/sql.ts';
import {TARGET_TABLES, type TargetTable} from '../src/mapping/tables.ts';
import {toRow, type Row} from '../src/mapping/values.ts';
import {
  connectionQuery,
  createSourceReader,
  rangeCondition,
  type SourceReader,
} from '../src/source/reader.ts';
import type {TableVerdict, Verdict} from '../src/status/operations.ts';
import {compareRange} from './checksum.ts';
import {byTargetKey, diffTable} from './diff.ts';
import {batches, SCOPE_TABLES, segments, type Range, type Scope} from './segments.ts';
import {Suspects, type Sides} from './suspects.ts';

const SAMPLE_KEYS = 10;
const LOOK_MS = 700;
const MAX_LOOKS = 20;

type Tally = {
  -readonly [K in keyof TableVerdict]: TableVerdict[K] extends readonly string[] ? string[] : number;
};

/** A row that is not the same on both sides, as it was found there. */
interface Difference extends Sides {
  readonly table: TargetTable;
  readonly key: string;
  readonly kind: 'missing' | 'different' | 'extra';
}

/** @throws SyncError where a server fails: then nothing can be told */
export async function verifyTables(config: Config, signal: AbortSignal): Promise<Verdict> {
  const source = await connect('source', config.source);
  try {
    const target = await connect('target', config.target);
    try {
      const plan = buildPlan(
        await readSourceSchema(source, config.source.database),
        await readTargetSchema(target, config.target.database, 'from its schema'),
      );
      return await new Verification(config, plan, source, target, signal).run();
    } finally {
      target.destroy();
    }
  } finally {
    source.destroy();
  }
}

class Verification {
  readonly #config: Config;
  readonly #plan: Plan;
  readonly #source: Connection;
  readonly #target: Connection;
  readonly #signal: AbortSignal;
  readonly #reader: SourceReader;
  readonly #tables: Record<TargetTable, Tally>;

  constructor(config: Config, plan: Plan, source: Connection, target: Connection, signal: AbortSignal) {
    this.#config = config;
    this.#plan = plan;
    this.#source = source;
    this.#target = target;
    this.#signal = signal;
    this.#reader = createSourceReader(plan, connectionQuery(source));
    const none = (): Tally => ({
      compared: 0,
      missing: 0,
      different: 0,
      extra: 0,
      deadLetters: 0,
      foreign: 0,
      sampleKeys: [],
    });
    this.#tables = {institute: none(), user: none(), institute_users: none(), user_auth: none()};
  }

  async run(): Promise<Verdict> {
    const startedMs = Date.now();
    const source = connectionQuery(this.#source);
    const target = (sql: string) => queryRows('target', this.#target, sql);
    for (const scope of ['institutes', 'users'] as const) {
      for await (const segment of segments(this.#plan, scope, source)) {
        throwIfStopped(this.#signal);
        const compared = await compareRange(this.#plan, scope, segment, {source, target});
        if (compared.every(({equal}) => equal)) {
          for (const {
            table,
            source: {rows},
          } of compared)
            this.#tables[table].compared += rows;
          continue;
        }
        for await (const batch of batches(
          this.#plan,
          scope,
          segment,
          this.#config.reconcile.batchRows,
          source,
        )) {
          await this.#compareRows(scope, batch);
        }
      }
    }
    const isDrift = ({missing, different, extra}: Tally) => missing + different + extra > 0;
    return {
      equal: !TARGET_TABLES.some(table => isDrift(this.#tables[table])),
      tables: this.#tables,
      durationMs: Date.now() - startedMs,
    };
  }

  /** Looks until it is clear of each row that differs whether it is in flight. */
  async #compareRows(scope: Scope, range: Range): Promise<void> {
    let look = await this.#look(scope, range);
    const suspects = new Suspects(look.differences);
    for (let looks = 1; looks < MAX_LOOKS && !suspects.areSettled; looks++) {
      throwIfStopped(this.#signal);
      await pause(LOOK_MS, this.#signal);
      look = await this.#look(scope, range);
      suspects.look(look.differences);
    }
    for (const {tally, table} of look.tallies) {
      const total = this.#tables[table];
      total.compared += tally.compared;
      total.deadLetters += tally.deadLetters;
      total.foreign += tally.foreign;
    }
    for (const [id, {table, key, kind}] of look.differences) {
      const total = this.#tables[table];
      if (kind !== 'extra') total.compared++;
      if (!suspects.isDrift(id)) continue;
      total[kind]++;
      if (total.sampleKeys.length < SAMPLE_KEYS) total.sampleKeys.push(key);
    }
  }

  async #look(
    scope: Scope,
    range: Range,
  ): Promise<{
    tallies: {
      readonly table: TargetTable;
      readonly tally: Pick<Tally, 'compared' | 'deadLetters' | 'foreign'>;
    }[];
    differences: Map<string, Difference>;
  }> {
    const parents = await this.#reader.idRange(scope, range.after, range.to);
    const memberships = scope === 'users' ? await this.#reader.membershipRange(range.after, range.to) : [];
    const tallies = [];
    const differences = new Map<string, Difference>();
    const dead = await this.#deadKeys();
    const options = {newestWins: this.#config.conflicts === 'newest'};
    for (const table of SCOPE_TABLES[scope]) {
      const sources = byTargetKey(this.#plan, table, table === 'institute_users' ? memberships : parents);
      const targets = await this.#readTarget(table, range);
      const diff = diffTable(this.#plan.tables[table], sources, targets, options);
      const present = new Map(
        targets.map(row => [this.#plan.tables[table].keyIndexes.map(index => row[index]).join(':'), row]),
      );
      const isWaiting = (key: string) => waits(table, key, dead);
      const missing = diff.missing.filter(key => !isWaiting(key));
      const reachable = table === 'institute_users' ? await this.#withParents(missing) : missing;
      const different = diff.different.filter(key => !isWaiting(key));
      const owned = await this.#owned(table, diff.extra);
      const extra = diff.extra.filter(key => owned.has(key) && !isWaiting(key));
      tallies.push({
        table,
        tally: {
          compared: diff.equal.length,
          deadLetters:
            diff.invalid.length +
            diff.missing.filter(key => dead[table].has(key)).length +
            diff.different.filter(key => dead[table].has(key)).length,
          foreign: diff.extra.filter(key => !owned.has(key)).length,
        },
      });
      for (const [kind, keys] of [
        ['missing', reachable],
        ['different', different],
        ['extra', extra],
      ] as const) {
        for (const key of keys) {
          const side = (row: Row | undefined) => (row ?? []).join('\u001f');
          differences.set(`${table}/${key}`, {
            table,
            key,
            kind,
            source: side(sources.get(key)),
            target: side(present.get(key)),
          });
        }
      }
    }
    return {tallies, differences};
  }

  /** Memberships whose user and institute are on the target; the others cannot be. */
  async #withParents(keys: readonly string[]): Promise<string[]> {
    if (keys.length === 0) return [];
    const there = async (table: 'user' | 'institute', column: string, ids: ReadonlySet<string>) => {
      const rows = await queryRows(
        'target',
        this.#target,
        `SELECT ${quoteName(column)} FROM ${quoteName(table)} WHERE ${quoteName(column)} IN (${[...ids].join(', ')})`,
      );
      return new Set(rows.map(([id]) => String(id)));
    };
    const users = await there('user', 'userId', new Set(keys.map(key => splitPair(key).userId)));
    const institutes = await there(
      'institute',
      'instituteId',
      new Set(keys.map(key => splitPair(key).instituteId)),
    );
    const eligible = await this.#eligibleParents(keys);
    return keys.filter(key => {
      const {userId, instituteId} = splitPair(key);
      return eligible(userId, instituteId) && users.has(userId) && institutes.has(instituteId);
    });
  }

  async #eligibleParents(keys: readonly string[]): Promise<(userId: string, instituteId: string) => boolean> {
    const mapped = async (scope: 'users' | 'institutes', table: 'user' | 'institute', ids: string[]) => {
      const rows = await this.#reader.byIds(scope, [...new Set(ids)]);
      const {missing, invalid} = diffTable(
        this.#plan.tables[table],
        byTargetKey(this.#plan, table, rows),
        [],
        {newestWins: false},
      );
      return new Set([...missing, ...invalid]);
    };
    const users = await mapped(
      'users',
      'user',
      keys.map(key => splitPair(key).userId),
    );
    const institutes = await mapped(
      'institutes',
      'institute',
      keys.map(key => splitPair(key).instituteId),
    );
    return (userId, instituteId) => users.has(userId) && institutes.has(instituteId);
  }

  async #readTarget(table: TargetTable, {after, to}: Range): Promise<Row[]> {
    const where = rangeCondition(
      `t.${quoteName(table === 'institute' ? 'instituteId' : 'userId')}`,
      after,
      to,
    );
    const rows = await queryRows(
      'target',
      this.#target,
      `SELECT ${targetSelectList(this.#plan.tables[table])} FROM ${quoteName(table)} t WHERE ${where}`,
    );
    return rows.map(toRow);
  }

  async #deadKeys(): Promise<Record<TargetTable, Set<string>>> {
    const dead: Record<TargetTable, Set<string>> = {
      institute: new Set(),
      user: new Set(),
      institute_users: new Set(),
      user_auth: new Set(),
    };
    const rows = await queryRows(
      'target',
      this.#target,
      'SELECT target_table, row_key FROM sync_dead_letter WHERE stream = ?',
      [this.#config.name],
    );
    for (const [table, key] of rows) {
      const name = TARGET_TABLES.find(known => known === table);
      if (name !== undefined) dead[name].add(String(key));
    }
    return dead;
  }

  /** Which of these keys are ours, straight from the stored sets. */
  async #owned(table: TargetTable, keys: readonly string[]): Promise<Set<string>> {
    const owned = new Set<string>();
    if (keys.length === 0) return owned;
    const kind = table === 'institute' ? 'institute' : table === 'institute_users' ? 'membership' : 'user';
    const cache = new Map<string, IdSet | null>();
    for (const key of keys) {
      const {scope, id} =
        table === 'institute_users'
          ? {scope: splitPair(key).instituteId, id: splitPair(key).userId}
          : {scope: '', id: key};
      const chunk = String(BigInt(id) >> 16n);
      const name = `${scope}/${chunk}`;
      let set = cache.get(name);
      if (set === undefined) {
        const [row] = await queryRows(
          'target',
          this.#target,
          'SELECT members FROM sync_owned WHERE stream = ? AND kind = ? AND scope = ? AND chunk = ?',
          [this.#config.name, kind, scope, chunk],
        );
        set = Buffer.isBuffer(row?.[0]) ? IdSet.decode(row[0]) : null;
        cache.set(name, set);
      }
      if (set?.has(Number(BigInt(id) & 0xffffn)) === true) owned.add(key);
    }
    return owned;
  }
}

/** Its own dead letter, or one of its parents', explains the difference. */
function waits(table: TargetTable, key: string, dead: Record<TargetTable, Set<string>>): boolean {
  if (dead[table].has(key)) return true;
  if (table === 'user_auth') return dead.user.has(key);
  if (table !== 'institute_users') return false;
  const {userId, instituteId} = splitPair(key);
  return dead.user.has(userId) || dead.institute.has(instituteId);
}
