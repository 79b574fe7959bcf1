import {describe, expect, it} from 'vitest';
import {TransactionQueue} from '../../../replicator/queue.ts';
import type {SourceTransaction} from '../../../replicator/transaction/transaction.ts';

const block = {bytes: 100, read: () => []};
function transaction(name: string, extra: Partial<SourceTransaction> = {}): SourceTransaction {
  return {
    rows: [block],
    bytes: 100,
    doubtful: false,
    complete: true,
    gtid: name,
    beginsAt: null,
    offset: null,
    committedAtMs: 1,
    defined: new Set(),
    unseen: null,
    reason: null,
    ...extra,
  };
}
const bare = (offset: number) =>
  transaction('', {rows: [], bytes: 0, gtid: null, committedAtMs: null, offset: {file: 'f', offset}});

function queue(pauseBytes = 1_000_000) {
  const log: string[] = [];
  const made = new TransactionQueue({
    pauseBytes,
    resumeBytes: pauseBytes / 2,
    pause: () => log.push('pause'),
    resume: () => log.push('resume'),
  });
  return {made, log};
}
const names = (batch: readonly SourceTransaction[]) => batch.map(({gtid}) => gtid);
const never = new AbortController().signal;

describe('the queue', () => {
  it('returns waiting transactions in order, as many as fit', () => {
    const {made} = queue();
    for (const name of ['1', '2', '3']) made.push(transaction(name, {bytes: 400}));
    expect(names(made.take(800))).toEqual(['1', '2']);
    expect(names(made.take(800))).toEqual(['3']);
    expect(made.isEmpty).toBe(true);
  });

  it('returns one that is larger than the limit', () => {
    const {made} = queue();
    made.push(transaction('1', {bytes: 10_000}));
    expect(names(made.take(800))).toEqual(['1']);
  });

  it('keeps parts, and changes of definitions, alone', () => {
    const {made} = queue();
    made.push(transaction('1'));
    made.push(transaction('2', {complete: false}));
    made.push(transaction('2'));
    made.push(transaction('3', {defined: new Set(['users'])}));
    made.push(transaction('4'));
    expect([1, 2, 3, 4, 5].map(() => names(made.take(9900)))).toEqual([['1'], ['2'], ['2'], ['3'], ['4']]);
  });

  it('returns changes of definitions in a row together, up to one with rows', () => {
    const {made} = queue();
    const definition = {defined: new Set(['users']), rows: [], bytes: 0};
    made.push(transaction('1'));
    for (const name of ['2', '3', '4']) made.push(transaction(name, definition));
    made.push(transaction('5', {defined: new Set(['users'])}));
    made.push(transaction('6', definition));
    made.push(transaction('7', {...definition, complete: false}));
    made.push(transaction('8'));
    const batches = [['1'], ['2', '3', '4', '5'], ['6'], ['7'], ['8']];
    expect(batches.map(() => names(made.take(9900)))).toEqual(batches);
  });

  it('reports when a batch is full, or cannot grow', () => {
    const {made} = queue();
    expect(made.hasFullBatch(200)).toBe(false);
    made.push(transaction('1'));
    expect(made.hasFullBatch(1000)).toBe(false);
    expect(made.hasFullBatch(200)).toBe(true);
    made.take(1);
    made.push(transaction('2', {complete: false}));
    expect(made.hasFullBatch(1000)).toBe(true);
  });

  it('does not report a transaction that changes how rows are read', () => {
    const {made} = queue();
    made.push(transaction('1', {defined: new Set(['users']), bytes: 5000}));
    expect(made.hasFullBatch(200)).toBe(false);
  });

  it('#25 pauses the source past a number of bytes, and resumes it at half', () => {
    const {made, log} = queue(2000);
    made.push(transaction('1'));
    made.push(transaction('2'));
    expect(log).toEqual([]);
    made.push(transaction('3'));
    made.push(transaction('4'));
    expect(log).toEqual(['pause']);
    made.take(100);
    expect(log).toEqual(['pause']);
    made.take(200);
    expect(log).toEqual(['pause', 'resume']);
  });

  it('counts transactions without mapped rows, too, so that they are bounded as well', () => {
    const {made, log} = queue(2000);
    for (let i = 0; i < 5; i++) made.push(transaction(String(i), {rows: [], bytes: 0}));
    expect(log).toEqual(['pause']);
  });

  it('keeps one entry for a log that only advances', () => {
    const {made} = queue();
    for (let i = 0; i < 1000; i++) made.push(bare(i));
    expect(made.take(9900)).toEqual([bare(999)]);
    made.push(bare(1));
    made.push(transaction('1'));
    made.push(bare(2));
    expect(names(made.take(9900))).toEqual([null, '1', null]);
  });

  it('knows the oldest commit that waits', () => {
    const {made} = queue();
    expect(made.oldestCommitMs).toBeNull();
    made.push(bare(1));
    made.push(transaction('1', {committedAtMs: 7}));
    made.push(transaction('2', {committedAtMs: 9}));
    expect(made.oldestCommitMs).toBe(7);
    made.take(100);
    expect(made.oldestCommitMs).toBe(9);
  });

  it('ends a wait when an entry arrives, and when the wait is cancelled', async () => {
    const {made} = queue();
    const ready = made.ready(never);
    made.push(transaction('1'));
    await ready;
    made.take(100);
    const stop = new AbortController();
    const waiting = made.ready(stop.signal);
    stop.abort();
    await waiting;
  });

  it('returns waiting transactions before it reports a fault', async () => {
    const {made} = queue();
    made.push(transaction('1'));
    made.fail(new Error('first'));
    made.fail(new Error('second'));
    await made.ready(never);
    expect(names(made.take(900))).toEqual(['1']);
    await expect(made.ready(never)).rejects.toThrow('first');
  });

  it('keeps the order of very many', () => {
    const {made} = queue(1e12);
    const taken: (string | null)[] = [];
    for (let i = 0; i < 5000; i++) made.push(transaction(String(i)));
    while (!made.isEmpty) {
      taken.push(...names(made.take(70_000)));
      if (taken.length === 2100) made.push(transaction('5000'));
    }
    expect(taken).toEqual(Array.from({length: 5001}, (_, i) => String(i)));
  });
});
