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
import {buildPlan, splitPair, type Plan} from '../src/mapping/plan.ts';
import {quoteName, targetSelectList} from '../src/mapping/sql.ts';
import type {TargetTable} from '../src/mapping/tables.ts';
import {toValue, type Row} from '../src/mapping/values.ts';
import {
  connectionQuery,
  createSourceReader,
  rangeCondition,
  type SourceReader,
} from '../src/source/reader.ts';
import type {TableVerdict, Verdict} from '../src/status/operations.ts';
import {compareRange} from './checksum.ts';
import {byTargetKey, diffTable} from './diff.ts';
import {batches, segments, type Range, type Scope} from './segments.ts';

const TABLES = ['institute', 'user', 'institute_users', 'user_auth'] as const;
const TABLES_OF = {institutes: ['institute'], users: ['user', 'institute_users', 'user_auth']} as const;
const SAMPLE_KEYS = 10;
/** A difference that stands still for this many looks in a row, this far apart, is drift. */
const STILL_LOOKS = 3;
const LOOK_MS = 700;
const MAX_LOOKS = 20;

type Tally = {
  -readonly [K in keyof TableVerdict]: TableVerdict[K] extends readonly string[] ? string[] : number;
};

/** @throws SyncError where a server fails: then nothing can be told */
export async function verifyTables(config: Config, signal: AbortSignal): Promise<Verdict> {
  const source = await connect('source', config.source);
  try {
    const target = await connect('target', config.target);
    try {
      const plan = buildPlan(
        await readSourceSchema(source, config.source.database),
        await readTargetSchema(target, config.target.database),
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
        const tables: readonly TargetTable[] = TABLES_OF[scope];
        const compared = [];
        for (const table of tables)
          compared.push({table, ...(await compareRange(this.#plan, table, segment, {source, target}))});
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
      equal: !TABLES.some(table => isDrift(this.#tables[table])),
      tables: this.#tables,
      durationMs: Date.now() - startedMs,
    };
  }

  /** Looks until what differs has stood still. */
  async #compareRows(scope: Scope, range: Range): Promise<void> {
    let findings = await this.#look(scope, range);
    let still = 1;
    for (let looks = 1; findings.signature !== '' && still < STILL_LOOKS && looks < MAX_LOOKS; looks++) {
      throwIfStopped(this.#signal);
      await pause(LOOK_MS, this.#signal);
      const next = await this.#look(scope, range);
      still = next.signature === findings.signature ? still + 1 : 1;
      findings = next;
    }
    for (const [table, tally] of findings.tallies) {
      const total = this.#tables[table];
      total.compared += tally.compared;
      total.missing += tally.missing;
      total.different += tally.different;
      total.extra += tally.extra;
      total.deadLetters += tally.deadLetters;
      total.foreign += tally.foreign;
      total.sampleKeys.push(...tally.sampleKeys.slice(0, SAMPLE_KEYS - total.sampleKeys.length));
    }
  }

  async #look(scope: Scope, range: Range): Promise<{tallies: Map<TargetTable, Tally>; signature: string}> {
    const parents = await this.#reader.idRange(scope, range.after, range.to);
    const memberships = scope === 'users' ? await this.#reader.membershipRange(range.after, range.to) : [];
    const tallies = new Map<TargetTable, Tally>();
    const signature: string[] = [];
    const dead = await this.#deadKeys();
    const options = {newestWins: this.#config.conflicts === 'newest'};
    for (const table of TABLES_OF[scope]) {
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
      const drifted = [...reachable, ...different, ...extra];
      tallies.set(table, {
        compared: diff.equal.length,
        missing: reachable.length,
        different: different.length,
        extra: extra.length,
        deadLetters:
          diff.invalid.length +
          diff.missing.filter(key => dead[table].has(key)).length +
          diff.different.filter(key => dead[table].has(key)).length,
        foreign: diff.extra.filter(key => !owned.has(key)).length,
        sampleKeys: drifted.slice(0, SAMPLE_KEYS),
      });
      for (const key of drifted)
        signature.push(
          `${table}/${key}/${(sources.get(key) ?? []).join('\u001f')}/${(present.get(key) ?? []).join('\u001f')}`,
        );
    }
    return {tallies, signature: signature.join('\n')};
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
    return rows.map(cells => cells.map(toValue));
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
      const name = TABLES.find(known => known === table);
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
