/** Keys that are text on one side and bytes on the other: on every way to the target, with other tables behind them. */
import {expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
import {query} from '../servers/databases.ts';

const ANY = ["'é'", "'a'", "'b '", "'zz'"];
/** Types of the source and of the target, and keys. */
const PAIRS: readonly (readonly [from: string, to: string, keys: readonly string[]])[] = [
  ...['latin1', 'utf16', 'utf8mb4'].map(
    charset => [`VARCHAR(9) CHARACTER SET ${charset}`, 'VARBINARY(40)', ANY] as const,
  ),
  ['VARBINARY(20)', 'VARCHAR(20)', [...ANY, "'漢'", "X'ff'", "X'c3'", "X'ff61'"]],
  ['VARBINARY(20)', 'VARCHAR(20) CHARACTER SET latin1', [...ANY, "'漢'", "X'e9'"]],
  ['BINARY(2)', 'VARCHAR(20)', ["'ab'", "X'c3a9'", "X'ffff'"]],
  ['BIGINT UNSIGNED', 'VARCHAR(30)', ['18446744073709551615', '18446744073709551614', '9007199254740993']],
];

describeEachFlavour('a key', places => {
  it('#55 that is text on one side and bytes on the other is copied', {timeout: 60_000}, async () => {
    const names = PAIRS.flatMap((_, i) => [`one${i}`, `two${i}`]);
    const each = (how: (name: string, pair: (typeof PAIRS)[number]) => string) =>
      PAIRS.flatMap((pair, i) => [how(`one${i}`, pair), how(`two${i}`, pair)]).join(';');
    const table = (name: string, type: string) =>
      `CREATE TABLE ${name} (k ${type} NOT NULL, n INT NOT NULL, v INT, PRIMARY KEY (k${name.startsWith('two') ? ', n' : ''})) DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_bin`;
    const columns = {k: 'k', n: 'n', v: 'v'};
    await using stand = await MappedStand.open(places, {
      tables: Object.fromEntries(
        names.map(name => [name, {from: name, key: name.startsWith('two') ? ['k', 'n'] : 'k', columns}]),
      ),
      from: each(
        (name, [type, , keys]) =>
          `${table(name, type)}; INSERT INTO ${name} VALUES ${keys.map(key => `(${key}, 1, 1)`).join(', ')}`,
      ),
      to: each((name, [, type]) => table(name, type)),
    });
    const rows = async (on: typeof stand.source, name: string, type: string) => {
      const key = /CHAR/.test(type)
        ? 'HEX(CONVERT(k USING utf8mb4))'
        : /BINARY/.test(type)
          ? 'HEX(k)'
          : 'HEX(CONCAT(k))';
      return (await query(on, `SELECT ${key} AS k, n, v FROM ${name}`))
        .map(row => Object.values(row).map(String).join())
        .toSorted();
    };
    const holds = async (what: string) => {
      const letters = await stand.letters();
      for (const [i, [from, to]] of PAIRS.entries()) {
        for (const name of [`one${i}`, `two${i}`]) {
          const [source, target] = [await rows(stand.source, name, from), await rows(stand.target, name, to)];
          const missing = source.filter(row => !target.includes(row));
          const own = letters.filter(letter => letter.startsWith(`${name} `));
          expect(
            target.filter(row => !source.includes(row)),
            `${what}: ${from} to ${to}`,
          ).toEqual([]);
          expect(missing.length, `${what}: ${from} to ${to}`).toBe(own.length);
          expect(
            own.every(letter => letter.endsWith(' invalid-encoding')),
            what,
          ).toBe(true);
          const noText = /^(?:FF|C3,|E9,)/;
          expect(
            missing.every(row => noText.test(row) || (to.includes('latin1') && row.startsWith('E6'))),
            what,
          ).toBe(true);
        }
      }
      expect(await stand.verify(), what).toMatchObject({equal: true});
    };
    const all = (sql: string) => stand.source.query(names.map(name => sql.replace('$', name)).join(';'));
    await stand.started();
    await holds('the first load');
    await all('UPDATE $ SET v = v + 1');
    await stand.streamed();
    await holds('the stream');
    // The last key is bytes that are no text, where there are such.
    await all('DELETE FROM $ ORDER BY k DESC LIMIT 1');
    await stand.streamed();
    await holds('the stream, of deletes');
    await stand.daemon.pause();
    await all('UPDATE $ SET v = v + 1, n = n + 1');
    await all('DELETE FROM $ ORDER BY k LIMIT 1');
    await stand.reconcile();
    await holds('a reconcile');
  });

  it('#55 of a parent that is bytes which are no text stops nobody else', {timeout: 60_000}, async () => {
    const [p, c] = [
      '(k VARBINARY(9) PRIMARY KEY, v INT)',
      '(id INT PRIMARY KEY, ref VARBINARY(9), KEY (ref))',
    ];
    const text = (table: string) => table.replace('VARBINARY', 'VARCHAR');
    await using stand = await MappedStand.open(places, {
      tables: {
        p: {from: 'p', key: 'k', columns: {k: 'k', v: 'v'}},
        c: {from: 'c', key: 'id', columns: {id: 'id', ref: 'ref'}, parents: {p: 'ref'}},
      },
      from: `CREATE TABLE p ${p}; CREATE TABLE c ${c};
        INSERT INTO p VALUES ('a', 1), ('b', 1), (X'ff', 1), (X'c3', 1);
        INSERT INTO c VALUES (1, 'a'), (2, 'b'), (3, X'ff'), (4, X'c3')`,
      to: `CREATE TABLE p ${text(p)} COLLATE utf8mb4_bin; CREATE TABLE c ${text(c)} COLLATE utf8mb4_bin`,
    });
    const holds = async (what: string, parents: readonly string[], children: readonly number[]) => {
      const rows = await query(stand.target, 'SELECT k FROM p ORDER BY k');
      expect(
        rows.map(({k}) => k),
        what,
      ).toEqual(parents);
      const ids = await query(stand.target, 'SELECT id FROM c ORDER BY id');
      expect(
        ids.map(({id}) => id),
        what,
      ).toEqual(children);
      expect(await stand.verify(), what).toMatchObject({equal: true});
    };
    await stand.started();
    await holds('the first load', ['a', 'b'], [1, 2]);
    await stand.source.query('UPDATE p SET v = 2; UPDATE c SET id = id + 10');
    await stand.streamed();
    await holds('the stream', ['a', 'b'], [11, 12]);
    await stand.source.query("DELETE FROM p WHERE k IN (X'ff', 'a'); UPDATE p SET k = 'c' WHERE k = X'c3'");
    await stand.streamed();
    await holds('the stream, of deletes', ['b', 'c'], [12]);
    await stand.source.query("UPDATE p SET k = X'ff' WHERE k = 'b'");
    await stand.streamed();
    await holds('the stream, of a change to bytes', ['c'], []);
    await stand.daemon.pause();
    await stand.source.query("UPDATE p SET k = 'b' WHERE k = X'ff'");
    await stand.reconcile();
    await holds('a reconcile', ['b', 'c'], [12]);
    expect(await stand.letters()).toEqual([]);
  });
});

describeEachFlavour('bytes that are no text', places => {
  it.each(['upper', 'lower', 'join'])('stop nobody else beside a text with %s', async operator => {
    const form = operator === 'join' ? {join: ['a', 'd']} : {[operator]: 'a'};
    await using stand = await MappedStand.open(places, {
      tables: {t: {from: 't', key: 'id', columns: {id: 'id', b: 'b', o: form}}},
      from: `CREATE TABLE t (id INT PRIMARY KEY, b VARBINARY(9), a VARCHAR(9) COLLATE utf8mb4_unicode_ci, d VARCHAR(9) COLLATE utf8mb4_bin)
          DEFAULT CHARSET utf8mb4;
        INSERT INTO t VALUES (1, X'ff', 'Aé', 'Bö'), (2, 'é', 'Aé', 'Bö'), (3, NULL, 'Aé', 'Bö'), (4, '', '', '')`,
      to: 'CREATE TABLE t (id INT PRIMARY KEY, b VARCHAR(9), o VARCHAR(30)) DEFAULT CHARSET utf8mb4',
    });
    await stand.started();
    const holds = async (ids: readonly number[]) => {
      expect((await query(stand.target, 'SELECT id FROM t ORDER BY id')).map(({id}) => id)).toEqual(ids);
      expect(await stand.letters()).toEqual(['t 1 invalid-encoding']);
      expect(await stand.verify()).toMatchObject({equal: true});
    };
    await holds([2, 3, 4]);
    await stand.daemon.pause();
    await stand.source.query("UPDATE t SET a = 'ß' WHERE id < 4; DELETE FROM t WHERE id = 4");
    await stand.reconcile();
    await holds([2, 3]);
  });
});
