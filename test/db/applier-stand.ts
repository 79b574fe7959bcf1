/**
 * An applier on an empty target of a real server, without a source, a log or a lease: its change sets are
 * written by hand.
 */
import {afterAll, afterEach, beforeAll, beforeEach} from 'vitest';
import type mysql from 'mysql2/promise';
import {Applier, type ApplyOptions, type Next} from '../../src/apply/applier.ts';
import {FRESH, type ChangeSet} from '../../src/apply/change-set.ts';
import type {WriterContext} from '../../src/apply/writer-context.ts';
import {KnownWrites} from '../../src/apply/checkpoint.ts';
import {openSession, type Session} from '../../src/apply/session.ts';
import type {Plan} from '../../src/mapping/plan.ts';
import type {Row} from '../../src/mapping/values.ts';
import type {FlavourContext} from '../helpers/flavours.ts';
import {SURROGATE} from '../helpers/fault-stand.ts';
import {untilWaiting} from '../helpers/lock-waits.ts';
import {configOf, planOf, readerOf, sessionsFor} from '../property/stand.ts';
import {connect, query} from '../servers/databases.ts';
import {changeSet, flagged} from '../unit/apply/changes-fixture.ts';
import {membership, plan, user} from '../unit/plan-fixture.ts';

const FENCE = {stream: 'laas', token: '7'};
const TABLES = ['institute_users', 'user_auth', 'user', 'institute', 'sync_owned', 'sync_dead_letter'];
/** More rows than are sent as text. */
export const MANY = 250;

/** Change sets depend only on the index of an entity, which is the same in every plan of a mapping. */
const BUILT_IN = plan();

export type Parents = Readonly<Record<string, Row | null>>;
/** A change set; rows that exist were just inserted. */
export function changes(users: Parents, institutes: Parents = {}, memberships: Parents = {}): ChangeSet {
  const parents = (rows: Parents) =>
    Object.fromEntries(
      Object.entries(rows).map(([key, row]) => [key, row === null ? null : flagged(row, FRESH)]),
    );
  return changeSet(BUILT_IN, {
    user: parents(users),
    institute: parents(institutes),
    institute_users: memberships,
  });
}
export const members = (...pairs: string[]): Parents =>
  Object.fromEntries(
    pairs.map(pair => {
      const [instituteId = '', userId = ''] = pair.split(':');
      return [pair, membership(instituteId, userId)];
    }),
  );
export const many = (from: number, values: Parameters<typeof user>[1] = {}): Parents =>
  Object.fromEntries(
    Array.from({length: MANY}, (_, i) => [String(from + i), user(String(from + i), values)]),
  );
/** A change set of the stream. */
export const options = (offset: number): ApplyOptions => ({
  progress: {
    position: {tag: 'file', file: 'log.000001', offset},
    offset: null,
    commitAtMs: null,
    transactions: 1,
    rows: 1,
    needsReconcile: false,
  },
  follow: true,
  need: null,
});

/** A change set as the stream applies it. */
export const ready = (next: ChangeSet, offset: number, after?: Next): Next => ({
  changes: next,
  options: {...options(offset), ...(after === undefined ? {} : {next: Promise.resolve(after)})},
});
/** A change set as a batch of a reconcile applies it. */
export const between = (set: ChangeSet): Next => ({
  changes: set,
  options: {progress: null, follow: false, need: null},
});

export interface Settings {
  readonly deletes: 'mirror' | 'keep';
  readonly conflicts: 'source' | 'newest';
  readonly batchRows: number;
}

export class ApplierStand {
  applier!: Applier;
  writer!: WriterContext;
  /** The tests' own connection. */
  other!: mysql.Connection;
  plan!: Plan;
  readonly #context: Pick<FlavourContext, 'server' | 'source' | 'target'>;
  readonly #sessions: ReturnType<typeof sessionsFor>;
  readonly #opened: Session[] = [];

  /** Create it in a suite: each test gets an empty target. */
  constructor(context: Pick<FlavourContext, 'server' | 'source' | 'target'>) {
    this.#context = context;
    this.#sessions = sessionsFor(context);
    beforeAll(async () => {
      const {sql, reading, writing} = this.#sessions();
      await sql.query(SURROGATE.create);
      this.plan = await planOf(reading, writing, context);
      this.other = await connect(context.server, context.target);
    });
    afterAll(() => this.other?.end());
    beforeEach(async () => {
      await this.begin();
      this.writer = await this.openWriter();
    });
    afterEach(() => {
      for (const session of this.#opened.splice(0)) session.close();
    });
  }

  /** An empty target, and an applier without cached state. */
  async begin({
    deletes = 'mirror',
    conflicts = 'source',
    batchRows = 100,
  }: Partial<Settings> = {}): Promise<void> {
    await this.other.query(
      `${TABLES.map(table => `DELETE FROM \`${table}\``).join(';')};
       REPLACE INTO sync_checkpoint (stream, fencing_token) VALUES ('${FENCE.stream}', ${FENCE.token})`,
    );
    this.applier = new Applier({
      config: {deletes, conflicts, reconcile: {batchRows} as never},
      fence: {...FENCE, writes: new KnownWrites()},
      plan: this.plan,
    });
  }

  async openWriter(): Promise<WriterContext> {
    const session = await openSession(configOf(this.#context.server, this.#context.target));
    this.#opened.push(session);
    const reader = readerOf(this.#sessions().reading);
    return {session, reader, waitUntilVisible: () => Promise.resolve()};
  }

  apply({changes: set, options: how}: Next, by = this.writer) {
    return this.applier.apply(by, set, how);
  }

  /** @returns the id of its connection */
  untilWaiting({connection: {threadId: id}}: Session): Promise<number> {
    return untilWaiting(this.other, waiting => waiting === id);
  }

  /** What is there, beside times of our own. */
  async state() {
    const rows = (sql: string) => query(this.other, sql);
    return {
      institutes: await rows('SELECT * FROM institute ORDER BY instituteId'),
      users: await rows('SELECT * FROM user ORDER BY userId'),
      memberships: await rows('SELECT * FROM institute_users ORDER BY instituteId, userId'),
      auth: await rows('SELECT * FROM user_auth ORDER BY userId'),
      owned: await rows('SELECT kind, scope, chunk, size, HEX(members) FROM sync_owned ORDER BY 1, 2, 3'),
      letters: await rows(
        'SELECT target_table, row_key, code, detail, position, attempts FROM sync_dead_letter ORDER BY 1, 2',
      ),
      checkpoint: await rows('SELECT position, transactions_applied, rows_applied FROM sync_checkpoint'),
    };
  }

  /** Keys alone. */
  async inShort() {
    const {users, memberships, letters} = await this.state();
    return {
      users: users.map(row => String(row['userId'])),
      memberships: memberships.map(row => `${String(row['instituteId'])}:${String(row['userId'])}`),
      letters: letters.map(
        row => `${String(row['target_table'])} ${String(row['row_key'])} ${String(row['code'])}`,
      ),
    };
  }
}
