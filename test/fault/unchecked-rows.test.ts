/** When foreign keys of the source prove that each row has its parent, and that this is looked up only when it must be. */
import {afterEach, expect, it} from 'vitest';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {SEED, Stand, TIMEOUT_MS} from '../helpers/fault-stand.ts';
import {openWithOwnSource} from '../helpers/own-source.ts';
import {randomFrom} from '../helpers/workload.ts';
import {connect} from '../servers/databases.ts';

const STEPS = 30;
/** So few that a child waits for its parent often. */
const USERS = 5;
const UNCHECKED = (sql: string) => `SET foreign_key_checks = 0; ${sql}; SET foreign_key_checks = 1`;
const ADD_KEY =
  'ALTER TABLE institute_user ADD CONSTRAINT iu_u FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE';

describeEachFlavour(`#45 rows without their parents (seed ${SEED})`, ({server, source, target, edition}) => {
  let stand: Stand;
  afterEach(async () => {
    await stand?.[Symbol.asyncDispose]();
    const cleaner = await connect(server);
    await cleaner.query('SET foreign_key_checks = 0');
    for (const name of [source, target])
      await cleaner.query(`DROP DATABASE IF EXISTS ${name}; CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
    await cleaner.end();
  });

  it(
    'and keys that come and go, live and while down, end in the same rows',
    async () => {
      stand = await Stand.open({source: {server, database: source}, target: {server, database: target}});
      await stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One')");
      const random = randomFrom(SEED);
      const id = () => 1 + Math.floor(random() * USERS);
      let hasKey = true;
      let isUp = false;
      const done: string[] = [];
      const member = (user: number) =>
        `INSERT INTO institute_user (institute_id, user_id, user_type, status) VALUES (1, ${user}, 'staff', 'active')`;
      const parent = (user: number) =>
        stand.source.query(
          `INSERT IGNORE INTO users (id, email, password) VALUES (${user}, 'p${user}@example.test', 'p')`,
        );
      const stop = async () => {
        if (isUp) expect(await stand.daemon.stop()).toBe(0);
        isUp = false;
      };
      const start = async () => {
        if (!isUp) await stand.start();
        isUp = true;
        await stand.caughtUp();
        await stand.equal();
      };
      const addKey = async () => {
        if (!hasKey) await stand.source.query(UNCHECKED(ADD_KEY));
        hasKey = true;
      };
      const childThenParent = async () => {
        const user = id();
        await stand.source.query(UNCHECKED(`DELETE FROM users WHERE id = ${user}; ${member(user)}`));
        // The child is behind the saved position, so that only the saved proof can know of it.
        await start();
        await stop();
        await start();
        await parent(user);
        await start();
      };
      /** The names say what each step may leave: children without parents, parents with older children. */
      const steps: Record<string, () => Promise<unknown>> = {
        'an unchecked child': () => stand.source.query(UNCHECKED(member(id()))),
        'a child that no key holds': () =>
          stand.source.query(hasKey ? UNCHECKED(member(id())) : member(id())),
        'a parent': () => parent(id()),
        'an unchecked child, and its parent after a restart': childThenParent,
        'an unchecked parent': () => {
          const user = id();
          return stand.source.query(
            UNCHECKED(
              `REPLACE INTO users (id, email, password) VALUES (${user}, 'p${user}@example.test', 'q')`,
            ),
          );
        },
        'a parent deleted': () => stand.source.query(`DELETE FROM users WHERE id = ${id()}`),
        'a parent deleted without checks': () =>
          stand.source.query(UNCHECKED(`DELETE FROM users WHERE id = ${id()}`)),
        'the key dropped': async () => {
          if (hasKey) await stand.source.query('ALTER TABLE institute_user DROP FOREIGN KEY iu_u');
          hasKey = false;
        },
        'the key added': addKey,
        stopped: stop,
        started: start,
        restarted: () => stop().then(start),
      };
      const often = 'an unchecked child, and its parent after a restart';
      const names = [...Object.keys(steps), often, often];
      await start();
      for (let i = 0; i < STEPS; i++) {
        const name = names[Math.floor(random() * names.length)] ?? '';
        done.push(name);
        await steps[name]?.().catch((error: unknown) => {
          throw new Error(`after ${done.join(', ')}: ${String(error)}`, {cause: error});
        });
      }
      await addKey();
      await childThenParent();
      expect((await stand.cli(['verify'])).code, done.join(', ')).toBe(0);
    },
    TIMEOUT_MS,
  );

  it('are looked for once, and again after a definition, and without checks', async () => {
    const own = await openWithOwnSource({edition}, server);
    await using _ = own;
    const text = 'CONVERT(argument USING utf8mb4)';
    /**
     * Those of the stream and of runs, which ask for the version once more before they read the schema. The counts of
     * the status, which may begin at any time, only read the schema.
     */
    const lookups = async () => {
      const [row] = await own.stand.sourceRows(
        `SELECT COUNT(*) AS n FROM mysql.general_log WHERE ${text} LIKE '%NOT EXISTS (SELECT 1 FROM \`users\`%'
            AND ${text} NOT LIKE '%general_log%' AND thread_id IN
              (SELECT thread_id FROM mysql.general_log WHERE ${text} = 'SELECT VERSION()' GROUP BY thread_id HAVING COUNT(*) > 1)`,
      );
      return Number(row?.['n']);
    };
    await own.stand.source.query("SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = ON");
    await own.stand.start();
    await own.stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
    await own.stand.caughtUp();
    const once = await lookups();
    expect(once).toBeGreaterThan(0);
    expect(await own.stand.daemon.stop()).toBe(0);
    await own.stand.start();
    await own.stand.caughtUp();
    expect(await own.stand.daemon.post('/sync/trigger', {mode: 'diff'})).toMatchObject({
      body: {success: true},
    });
    await eventually(async () => (await lookups()) <= once, {
      timeoutMs: 10_000,
      what: 'no more lookups after a restart and a reconcile',
    });
    await own.stand.source.query('ALTER TABLE institutes ADD COLUMN note INT NULL');
    await own.stand.caughtUp();
    await eventually(async () => (await lookups()) <= once, {
      timeoutMs: 10_000,
      what: 'no lookup after a definition of another parent',
    });
    await own.stand.source.query('ALTER TABLE users ADD COLUMN note INT NULL');
    await own.stand.caughtUp();
    const twice = await lookups();
    expect(twice, 'after a definition').toBeGreaterThan(once);

    await own.stand.source.query(
      UNCHECKED(
        "INSERT INTO institute_user (institute_id, user_id, user_type, status) VALUES (1, 100, 'staff', 'active')",
      ),
    );
    await own.stand.caughtUp();
    expect(await own.stand.daemon.post('/sync/trigger', {mode: 'diff'})).toMatchObject({
      body: {success: true},
    });
    expect(await lookups(), 'a run after the checks were off').toBeGreaterThan(twice);
  });
});
