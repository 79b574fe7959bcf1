import {expect, it} from 'vitest';
import {watchMembership} from '../../../replicator/membership-watch.ts';
import {retryWaitMs} from '../../../replicator/replicator.ts';
import {classify} from '../../../src/db/faults.ts';
import {SyncError} from '../../../src/errors.ts';
import {Backoff} from '../../../src/lifecycle/backoff.ts';

function longestWaitMs(side: 'source' | 'target', code: string): number {
  return longestWaitAfter(classify(side, Object.assign(new Error('no'), {code, fatal: true})));
}

function longestWaitAfter(fault: SyncError): number {
  const backoff = new Backoff({firstMs: 100, maxMs: 15_000});
  return Math.max(...Array.from({length: 15}, () => retryWaitMs(fault, backoff)));
}

it.each(['ECONNREFUSED', 'ECONNRESET', 'PROTOCOL_CONNECTION_LOST'])(
  'a source that answers with %s is tried again within two seconds, however often',
  code => {
    expect(longestWaitMs('source', code)).toBeLessThanOrEqual(2000);
  },
);

it('a server that does not answer is tried again less and less often', () => {
  expect(longestWaitMs('source', 'ETIMEDOUT')).toBeGreaterThan(5000);
  expect(longestWaitMs('target', 'ECONNREFUSED')).toBeGreaterThan(5000);
});

it('a source outside of its cluster is tried again within two seconds', async () => {
  const stop = new AbortController();
  const fault = await new Promise<Error>(resolve => {
    const whyNot = async () => 'it has left its group';
    void watchMembership({whyNot, fail: resolve, signal: stop.signal, wait: async () => undefined});
  });
  stop.abort();
  expect(fault).toBeInstanceOf(SyncError);
  if (fault instanceof SyncError) expect(longestWaitAfter(fault)).toBeLessThanOrEqual(2000);
  // The cause of a fault does not matter.
  expect(longestWaitAfter(new SyncError('source-unreachable', 'why'))).toBeGreaterThan(5000);
});

it('a stream that another client with its id has ended leaves that one a turn', () => {
  const fault = new SyncError('stream-displaced', 'another client streams with our server id');
  const waits = Array.from({length: 50}, () =>
    retryWaitMs(fault, new Backoff({firstMs: 100, maxMs: 15_000})),
  );
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(3000);
  expect(Math.max(...waits)).toBeLessThanOrEqual(6000);
});
