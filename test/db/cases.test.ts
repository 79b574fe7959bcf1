/**
 * One behaviour for each folder of test/cases, by each of the three ways of a row: the stream, the first copy,
 * and a reconcile.
 */
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, it} from 'vitest';
import {eventually} from '../helpers/eventually.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {describeEachFlavour, isShort} from '../helpers/flavours.ts';
import {sync, verify} from '../helpers/in-process.ts';
import {createDatabases} from '../servers/databases.ts';
import type {ServerAddress} from '../servers/server.ts';

const FOLDER = join(import.meta.dirname, '../cases');

interface Case {
  readonly source: string;
  readonly changes: string;
  /** A SELECT of the target, and the rows that it must return. */
  readonly expected: readonly {readonly sql: string; readonly rows: readonly string[]}[];
}

function readCase(name: string): Case {
  const read = (file: string) => readFileSync(join(FOLDER, name, file), 'utf8');
  const expected = read('expected.sql')
    .split(/^(?=SELECT )/m)
    .map(block => {
      const [sql = '', ...lines] = block.trim().split('\n');
      return {sql, rows: lines.map(line => line.slice(3)).filter(line => line !== 'none')};
    });
  return {source: read('source.sql'), changes: read('changes.sql'), expected};
}

async function expectTarget(stand: Stand, {expected}: Case): Promise<void> {
  for (const {sql, rows} of expected) {
    const found = await stand.targetRows(sql);
    const lines = found.map(row =>
      Object.values(row)
        .map(value => (value === null ? 'NULL' : String(value)))
        .join(' | '),
    );
    expect({sql, rows: lines}).toEqual({sql, rows});
  }
}

const WAYS: Readonly<Record<string, (stand: Stand, one: Case) => Promise<void>>> = {
  stream: async (stand, one) => {
    const daemon = await stand.start();
    await stand.until('the first copy', ({lastRun}) => lastRun?.state === 'succeeded');
    await stand.source.query(one.changes);
    await stand.explained(eventually(() => expectTarget(stand, one).then(() => true), {what: 'the rows'}));
    expect(await daemon.stop()).toBe(0);
  },
  'first copy': async (stand, one) => {
    await stand.source.query(one.changes);
    const daemon = await stand.start();
    await stand.explained(eventually(() => expectTarget(stand, one).then(() => true), {what: 'the rows'}));
    expect(await daemon.stop()).toBe(0);
  },
  reconcile: async (stand, one) => {
    expect(await sync(stand.env)).toBe(0);
    await stand.source.query(one.changes);
    expect(await sync(stand.env)).toBe(0);
    await expectTarget(stand, one);
  },
};

async function withStand(
  server: ServerAddress,
  one: Case,
  work: (stand: Stand) => Promise<void>,
): Promise<void> {
  const databases = await createDatabases(server, 'case');
  try {
    await using stand = await Stand.open({
      source: {server, database: databases.source},
      target: {server, database: databases.target},
      schema: {create: one.source, surrogate: false},
    });
    await work(stand);
  } finally {
    await databases.drop();
  }
}

describeEachFlavour('#31 cases', ({edition, server}) => {
  // The other ways hardly depend on a version, or in a short run on the server, and take a long time.
  const isEachWay = edition === 'mariadb' || (edition === 'mysql' && !isShort);
  const ways = Object.entries(WAYS).filter(([way]) => isEachWay || way === 'stream');
  for (const name of readdirSync(FOLDER)) {
    for (const [way, run] of ways) {
      it(`${name}, by ${way}`, async () => {
        const one = readCase(name);
        await withStand(server, one, async stand => {
          await run(stand, one);
          expect(await verify(stand.env)).toMatchObject({equal: true});
        });
      });
    }
  }
});
