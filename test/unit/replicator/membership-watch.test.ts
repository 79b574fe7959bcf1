import {expect, it} from 'vitest';
import {watchMembership} from '../../../replicator/membership-watch.ts';

/** Watches a source that answers each check with the next of `answers`; the watch is stopped before one more. */
async function failuresAfter(answers: readonly (string | Error | null)[]): Promise<unknown[]> {
  const stopped = new AbortController();
  const failures: unknown[] = [];
  let waits = 0;
  await watchMembership({
    whyNot: () => {
      const answer = answers[waits - 1] ?? null;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    fail: error => failures.push(error),
    signal: stopped.signal,
    wait: () => {
      if (waits++ === answers.length) stopped.abort();
      return Promise.resolve();
    },
  });
  return failures;
}

it('ends the stream from a member that has left its group, and says why', async () => {
  expect(
    await failuresAfter([null, null, 'the source is a member that has left its group', null]),
  ).toMatchObject([
    {
      code: 'source-unreachable',
      message: 'the source is a member that has left its group',
      answersAtOnce: true,
    },
  ]);
});

it('ends the stream if the source cannot be asked', async () => {
  const fault = new Error('no connection');
  expect(await failuresAfter([null, fault, null])).toEqual([fault]);
});

it('leaves the stream from a member alone', async () => {
  expect(await failuresAfter([null, null, null])).toEqual([]);
});
