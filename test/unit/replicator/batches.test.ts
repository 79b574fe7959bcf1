/** What a batch says of its rows: whether a reconcile is due, and whether a new parent may have older children. */
import {describe, expect, it} from 'vitest';
import type {RowChange, SourceEvent} from '../../../replicator/events.ts';
import {TransactionQueue} from '../../../replicator/queue.ts';
import {Batches, type Batch} from '../../../replicator/transaction/batches.ts';
import {PositionTracker, TransactionBuilder} from '../../../replicator/transaction/transaction.ts';
import {FRESH} from '../../../src/apply/change-set.ts';
import type {LogOffset} from '../../../src/position/position.ts';
import {LAAS} from '../../helpers/laas-mapping.ts';
import {entityOf, plan, user} from '../plan-fixture.ts';

/** The number of bytes that ends a part: the builder below holds 100. */
const PART = 100;
const LAAS_PLAN = plan();
const REASON = 'a row whose key only the server can decode';

const begin: SourceEvent = {tag: 'gtid', gtid: '0-1-7', begins: true};
const commit = (at: number): SourceEvent => ({
  tag: 'commit',
  offset: {file: 'bin.000001', offset: at},
  committedAtMs: 1000,
});
function rows(id: string, bytes: number, extra: Partial<RowChange> = {}): SourceEvent {
  const change = {table: 'users', before: null, after: user(id), partial: false, unchecked: false, ...extra};
  return {tag: 'rows', rows: {bytes, read: () => [change]}};
}
const unidentified = (bytes = 10) => rows('9', bytes, {unidentified: true});

/** Takes each transaction, or part of one, as a batch of its own. */
async function batchesOf(...events: readonly SourceEvent[]): Promise<Batch[]> {
  return batchesFrom({isProven: true, provenAt: null}, events);
}

async function batchesFrom(
  proof: {isProven: boolean; provenAt: LogOffset | null},
  events: readonly SourceEvent[],
): Promise<Batch[]> {
  const builder = new TransactionBuilder({database: 'laas', mapping: LAAS, maxBytes: PART});
  const nothing = () => undefined;
  const queue = new TransactionQueue({pauseBytes: 1e6, resumeBytes: 1e5, pause: nothing, resume: nothing});
  const batches = new Batches({
    queue,
    tracker: new PositionTracker({tag: 'mariadb-gtid', gtids: '0-1-6'}, null),
    plan: LAAS_PLAN,
    ...proof,
    reloadPlan: () => Promise.reject(new Error('no schema changes here')),
  });
  const taken: Batch[] = [];
  for (const event of events) {
    const transaction = builder.add(event);
    if (transaction === null) continue;
    queue.push(transaction);
    taken.push(await batches.take());
  }
  return taken;
}
const summary = ({reason, compacted: {progress, changes}}: Batch) => ({
  reason,
  needsReconcile: progress?.needsReconcile ?? 'a part',
  isProven: progress?.parentsProven ?? 'a part',
  users: changes.of(entityOf(LAAS_PLAN, 'user')).size,
});

describe('a row that the log does not identify', () => {
  it('leads to a reconcile with its transaction, whose other rows are applied', async () => {
    const [one, next] = await batchesOf(
      begin,
      unidentified(),
      rows('1', 10),
      commit(50),
      begin,
      rows('2', 10),
      commit(90),
    );
    expect(one && summary(one)).toEqual({reason: REASON, needsReconcile: true, isProven: false, users: 1});
    expect(next && summary(next)).toMatchObject({reason: null, needsReconcile: false, users: 1});
  });

  it('leads to a reconcile at the end of a transaction in parts', async () => {
    const parts = await batchesOf(
      begin,
      unidentified(PART),
      rows('1', PART),
      rows('2', 10),
      commit(90),
      begin,
      rows('3', 10),
      commit(99),
    );
    expect(parts.map(summary).map(({needsReconcile}) => needsReconcile)).toEqual([
      'a part',
      'a part',
      true,
      false,
    ]);
    expect(parts.map(({reason}) => reason)).toEqual([REASON, REASON, REASON, null]);
  });

  it('in the last part leads to a reconcile, too', async () => {
    const parts = await batchesOf(begin, rows('1', PART), unidentified(), commit(90));
    expect(parts.map(summary).map(({needsReconcile}) => needsReconcile)).toEqual(['a part', true]);
  });
});

describe('a new parent', () => {
  const at = (offset: number): LogOffset => ({file: 'bin.000001', offset});
  const flagsOf = (batches: readonly Batch[]) =>
    batches.map(({compacted: {changes}}) => {
      const flags: number[] = [];
      changes.of(entityOf(LAAS_PLAN, 'user')).forEach((_, __, flag) => flags.push(flag & FRESH));
      return flags;
    });
  const big = (offset: number): SourceEvent[] => [
    {tag: 'gtid', gtid: '0-1-7', begins: true, offset: at(offset)},
    rows('1', PART),
    rows('2', 10),
    commit(900),
  ];

  it('has no older children in the first transaction after the proof', async () => {
    const proof = {isProven: false, provenAt: at(100)};
    expect(flagsOf(await batchesFrom(proof, big(179)))).toEqual([[FRESH], [FRESH]]);
  });

  it('has none either if only the position moved before, in the same batch', async () => {
    const builder = new TransactionBuilder({database: 'laas', mapping: LAAS, maxBytes: PART});
    const nothing = () => undefined;
    const queue = new TransactionQueue({pauseBytes: 1e6, resumeBytes: 1e5, pause: nothing, resume: nothing});
    const batches = new Batches({
      queue,
      tracker: new PositionTracker({tag: 'mysql-gtid', set: ''}, null),
      plan: LAAS_PLAN,
      isProven: false,
      provenAt: at(100),
      reloadPlan: () => Promise.reject(new Error('no schema changes here')),
    });
    const moved: SourceEvent = {tag: 'advance', offset: at(4)};
    for (const event of [moved, {...begin, gtid: null, offset: at(179)}, rows('1', 10), commit(900)]) {
      const transaction = builder.add(event);
      if (transaction !== null) queue.push(transaction);
    }
    expect(flagsOf([await batches.take()])).toEqual([[FRESH]]);
  });

  it('may have older children in a transaction that began before the proof', async () => {
    const proof = {isProven: false, provenAt: at(200)};
    expect(flagsOf(await batchesFrom(proof, big(179)))).toEqual([[0], [0]]);
  });
});
