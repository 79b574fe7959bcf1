import {expect, it} from 'vitest';
import {retryWaitMs} from '../../../replicator/replicator.ts';
import {classify} from '../../../src/db/faults.ts';
import {Backoff} from '../../../src/lifecycle/backoff.ts';

function longestWaitMs(side: 'source' | 'target', code: string): number {
  const backoff = new Backoff({firstMs: 100, maxMs: 15_000});
  const fault = classify(side, Object.assign(new Error('no'), {code, fatal: true}));
  return Math.max(...Array.from({length: 15}, () => retryWaitMs(fault, backoff)));
}

it.each(['ECONNREFUSED', 'ECONNRESET', 'PROTOCOL_CONNECTION_LOST'])(
  'a source that answers with %s is tried again within two seconds, however often',
  code => {
    expect(longestWaitMs('source', code)).toBeLessThanOrEqual(2000);
  },
);

it('a server that does not answer is tried again more and more seldom', () => {
  expect(longestWaitMs('source', 'ETIMEDOUT')).toBeGreaterThan(5000);
  expect(longestWaitMs('target', 'ECONNREFUSED')).toBeGreaterThan(5000);
});
