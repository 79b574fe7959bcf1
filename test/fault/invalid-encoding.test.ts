/** Bytes that are not UTF-8: they reach no text column of the target, and stop no other row. */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {Stand, SURROGATE} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';

const CREATE = SURROGATE.create.replace('password VARCHAR(255)', 'password VARBINARY(255)');

describeEachFlavour('bytes of a binary column', ({server, source, target}) => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      schema: {...SURROGATE, create: CREATE},
    });
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) VALUES (1, 'One', 'one@example.test', 'hash-é'), (2, 'Two', 'two@example.test', X'C328')",
    );
    await stand.start();
    await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
  });
  afterAll(() => stand?.[Symbol.asyncDispose]());

  const passwords = async () =>
    Object.fromEntries(
      (await stand.targetRows('SELECT userId, password FROM user_auth ORDER BY userId')).map(row => [
        String(row['userId']),
        row['password'],
      ]),
    );
  const letters = async () => (await stand.letters()).filter(letter => !letter.startsWith('user_auth '));

  it('that are not UTF-8 make their row a dead letter, and others are written', async () => {
    expect(await passwords()).toEqual({1: 'hash-é'});
    expect(await letters()).toEqual(['user 2 invalid-encoding']);
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) VALUES (3, 'Three', 'three@example.test', X'FF00FE'), (4, 'Four', 'four@example.test', 'good')",
    );
    await stand.source.query("UPDATE users SET password = X'EDA080' WHERE id = 1");
    await stand.caughtUp();
    expect(await passwords()).toEqual({1: 'hash-é', 4: 'good'});
    expect(await letters()).toEqual([
      'user 1 invalid-encoding',
      'user 2 invalid-encoding',
      'user 3 invalid-encoding',
    ]);
    expect(stand.logText()).not.toContain('replication.retry');
  });

  it('are written once they are UTF-8', async () => {
    await stand.source.query("UPDATE users SET password = CONCAT('fixed', id) WHERE id <= 3");
    await stand.caughtUp();
    expect(await passwords()).toEqual({1: 'fixed1', 2: 'fixed2', 3: 'fixed3', 4: 'good'});
    expect(await stand.letters()).toEqual([]);
    expect((await stand.cli(['verify'])).code).toBe(0);
  });
});
