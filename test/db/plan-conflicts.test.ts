/** What plan says of rows that the target does not take is what happens then. */
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect, it, onTestFinished} from 'vitest';
import {loadConfig} from '../../src/config.ts';
import {previewMapping, type Preview} from '../../reconciler/preview.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {migrate, sync} from '../helpers/in-process.ts';
import {connect, query} from '../servers/databases.ts';
import {environmentOf} from './doctor-stand.ts';

/** Texts that many collations take for each other: by case, accent, width and padding. */
const TEXTS = ['a', 'A', 'á', 'Å', 'b', 'B ', 'b ', 'ss', 'ß', 'SS', 'x', 'ｘ', 'か', 'カ', 'e', 'é'];
const COLLATIONS = ['utf8mb4_general_ci', 'utf8mb4_unicode_520_ci', 'latin1_swedish_ci', 'utf8mb4_bin'];

describeEachFlavour('plan', places => {
  it('says which rows will be unique conflicts, by the key or as before', {timeout: 60_000}, async () => {
    const distinct = places.flavour === 'mysql' ? 'utf8mb4_0900_bin' : 'utf8mb4_nopad_bin';
    const texts = (collation: string) =>
      collation.startsWith('latin1') ? TEXTS.filter(text => !/[ｘかカ]/.test(text)) : TEXTS;
    const table = (name: string, key: string, collation: string) =>
      `CREATE TABLE ${name} (n INT, k VARCHAR(9) COLLATE ${collation}, mail VARCHAR(20), PRIMARY KEY (${key}))`;
    const columns = {n: 'n', k: 'k', mail: 'mail'};
    const each = <T>(make: (collation: string, i: number) => T): T[] => COLLATIONS.map(make);
    const tables = Object.fromEntries([
      ...each((_, i) => [`one${i}`, {from: `one${i}`, key: 'k', columns}]),
      ...each((_, i) => [`two${i}`, {from: `two${i}`, key: ['n', 'k'], columns}]),
      ['mails', {from: 'mails', key: 'n', columns}],
      ['checked', {from: 'checked', key: 'n', columns}],
    ]);
    await using stand = {
      source: await connect(places.server, places.source),
      target: await connect(places.server, places.target),
      async [Symbol.asyncDispose]() {
        await this.source.end();
        await this.target.end();
      },
    };
    await stand.source.query(
      [
        ...each((_, i) => `${table(`one${i}`, 'k', distinct)}; ${table(`two${i}`, 'n, k', distinct)}`),
        table('mails', 'n', distinct),
        table('checked', 'n', distinct),
      ].join(';'),
    );
    await stand.target.query(
      [
        ...each(
          (collation, i) => `${table(`one${i}`, 'k', collation)}; ${table(`two${i}`, 'n, k', collation)}`,
        ),
        `${table('mails', 'n', distinct)}; ALTER TABLE mails ADD UNIQUE (mail)`,
        `${table('checked', 'n', distinct)}; ALTER TABLE checked ADD CHECK (mail <> 'bad')`,
      ].join(';'),
    );
    const folder = await mkdtemp(join(tmpdir(), 'laas-sync-plan-'));
    onTestFinished(() => rm(folder, {recursive: true}));
    const file = join(folder, 'mapping.json');
    await writeFile(file, JSON.stringify({version: 1, tables}));
    const env = environmentOf(places, {
      SYNC_MAPPING: file,
      USER_SYNC_BATCH_SIZE: '5',
      SYNC_MAX_DELETE_RATIO: '1',
    });
    await migrate(env);
    const reconcile = async () => expect(await sync(env)).toBe(0);
    const plan = () => previewMapping(loadConfig(env), new AbortController().signal);
    const letters = async () =>
      (
        await query(
          stand.target,
          'SELECT target_table AS t, row_key AS k, code AS c FROM sync_dead_letter ORDER BY 1, 2',
        )
      ).map(row => Object.values(row).map(String).join(' '));
    /** Reconciles, and checks that all went as the plan says. */
    const goes = async (what: string, {tables}: Preview) => {
      const count = async (name: string) =>
        Number((await query(stand.target, `SELECT COUNT(*) AS n FROM ${name}`))[0]?.['n']);
      const before = new Map<string, number>();
      for (const name of Object.keys(tables)) before.set(name, await count(name));
      await reconcile();
      const found = await letters();
      for (const [name, planned] of Object.entries(tables)) {
        const grown = (await count(name)) - (before.get(name) ?? 0);
        const refused = found.filter(letter => letter.startsWith(`${name} `)).length;
        expect({grown, refused}, `${what}, ${name}`).toEqual({
          grown: planned.insert - planned.delete,
          refused: planned.setAside,
        });
      }
      expect(await plan(), what).toMatchObject({nothingToDo: true});
    };
    const rows = (i: number) => texts(COLLATIONS[i] ?? '').map(text => `'${text}'`);
    // Rows of others hold keys that are alike.
    await stand.target.query(
      each(
        (_, i) => `INSERT INTO one${i} VALUES (0, 'A', NULL); INSERT INTO two${i} VALUES (1, 'É', NULL)`,
      ).join(';'),
    );
    await stand.source.query(
      each((_, i) =>
        [
          `INSERT INTO one${i} VALUES ${rows(i)
            .map(text => `(1, ${text}, NULL)`)
            .join(', ')}`,
          `INSERT INTO two${i} VALUES ${rows(i)
            .flatMap(text => [`(1, ${text}, NULL)`, `(2, ${text}, NULL)`])
            .join(', ')}`,
        ].join(';'),
      ).join(';'),
    );
    await goes('a first load', await plan());
    // The rows that were written leave, and those that are alike take their place.
    await stand.source.query(
      each(
        (_, i) =>
          `DELETE FROM one${i} WHERE k IN ('b', 'e', 'ss'); DELETE FROM two${i} WHERE n = 2 AND k < 'b'`,
      ).join(';'),
    );
    await reconcile();
    expect(await plan()).toMatchObject({nothingToDo: true});
    await stand.source.query(
      each(
        (_, i) =>
          `DELETE FROM one${i}; INSERT INTO one${i} VALUES (1, 'A', NULL), (1, 'B', NULL), (1, 'SS', NULL)`,
      ).join(';'),
    );
    await goes('other texts', await plan());
    await stand.source.query(
      "INSERT INTO mails VALUES (1, 'k', 'm'), (2, 'k', 'm'), (3, 'k', NULL); INSERT INTO checked VALUES (1, 'k', 'bad'), (2, 'k', 'good')",
    );
    await reconcile();
    expect(await letters()).toEqual(
      expect.arrayContaining(['checked 1 rejected', 'mails 2 unique-conflict']),
    );
    expect(await plan()).toMatchObject({
      nothingToDo: true,
      tables: {mails: {setAside: 1}, checked: {setAside: 1}},
    });
    // Without the row that holds the value, the other one will be written.
    await stand.source.query('DELETE FROM mails WHERE n = 1');
    await stand.target.query('DELETE FROM mails WHERE n = 1');
    expect(await plan()).toMatchObject({nothingToDo: false, tables: {mails: {insert: 1, setAside: 0}}});
  });
});
