/** Characters that a target column's character set does not have: dead letters, on every way to the target. */
import {expect, it} from 'vitest';
import {describeEachFlavour, isShort} from '../helpers/flavours.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
import {query} from '../servers/databases.ts';

/** The words that each character set holds. A server without strict mode would write ? for the others. */
const WORDS = ['a', '?', 'é', 'ж', '漢', '🎓', '€?'];
const HELD: Readonly<Record<string, readonly string[]>> = {
  latin1: ['a', '?', 'é', '€?'],
  utf8mb3: ['a', '?', 'é', 'ж', '漢', '€?'],
  ascii: ['a', '?'],
  cp1251: ['a', '?', 'ж', '€?'],
  gbk: ['a', '?', 'é', 'ж', '漢'],
};
const CHARSETS = isShort ? ['latin1'] : Object.keys(HELD);
/** The character sets that are known well enough to say which keys a column cannot have. */
const KEYS = ['ascii', 'latin1', 'utf8mb3'];

describeEachFlavour('a character', places => {
  it.each(CHARSETS)(
    'that %s does not have makes a dead letter',
    async charset => {
      const held = HELD[charset] ?? [];
      await using stand = await MappedStand.open(places, {
        tables: {
          t: {
            from: 's',
            key: 'id',
            columns: {id: 'id', w: 'w', u: 'w', n: {lookup: 'w', values: {'🎓': 1, Ж: 2}, otherwise: 0}},
            where: {w: WORDS},
          },
        },
        from: `CREATE TABLE s (id INT PRIMARY KEY, w VARCHAR(9)) DEFAULT CHARSET utf8mb4;
        INSERT INTO s VALUES ${WORDS.map((word, i) => `(${i}, '${word}')`).join(', ')}, (99, 'left out')`,
        to: `CREATE TABLE t (id INT PRIMARY KEY, w VARCHAR(9) NULL, u VARCHAR(9) NULL UNIQUE, n INT) DEFAULT CHARSET ${charset}`,
      });
      const numbers: Readonly<Record<string, number>> = {'🎓': 1, ж: 2};
      const holds = async (what: string, first: number) => {
        const rows = await query(stand.target, 'SELECT id, w, u, n FROM t ORDER BY id');
        expect(rows, what).toEqual(
          WORDS.flatMap((w, i) => (held.includes(w) ? [{id: first + i, w, u: w, n: numbers[w] ?? 0}] : [])),
        );
        const dead = WORDS.flatMap((w, i) => (held.includes(w) ? [] : [`t ${first + i} invalid-encoding`]));
        expect(await stand.letters(), what).toEqual(dead.toSorted());
        expect(await stand.verify(), what).toMatchObject({equal: true});
      };
      await stand.started();
      await holds('the first load', 0);
      await stand.reconcile();
      await holds('a reconcile', 0);
      await stand.source.query('UPDATE s SET id = id + 100');
      await stand.streamed();
      await holds('the stream', 100);
      await stand.daemon.pause();
      await stand.source.query('UPDATE s SET id = id + 100');
      await stand.reconcile();
      await holds('a reconcile after changes', 200);
    },
    60_000,
  );

  it.each(CHARSETS.filter(charset => KEYS.includes(charset)))(
    'of a key that %s does not have makes a dead letter',
    async charset => {
      const held = HELD[charset] ?? [];
      await using stand = await MappedStand.open(places, {
        tables: {t: {from: 's', key: ['w', 'n'], columns: {w: 'w', n: 'n', v: 'v'}}},
        from: `CREATE TABLE s (w VARCHAR(9), n INT, v INT, PRIMARY KEY (w, n)) DEFAULT CHARSET utf8mb4;
        INSERT INTO s VALUES ${WORDS.map(word => `('${word}', 1, 1)`).join(', ')}`,
        to: `CREATE TABLE t (w VARCHAR(9), n INT, v INT, PRIMARY KEY (w, n)) DEFAULT CHARSET ${charset}`,
      });
      const holds = async (what: string, v: number) => {
        const rows = await query(stand.target, 'SELECT w, v FROM t');
        expect(rows.map(row => `${String(row['w'])}=${String(row['v'])}`).toSorted(), what).toEqual(
          held.map(word => `${word}=${v}`).toSorted(),
        );
        const dead = WORDS.filter(word => !held.includes(word)).map(word => `t ${word}:1 invalid-encoding`);
        expect((await stand.letters()).toSorted(), what).toEqual(dead.toSorted());
        expect(await stand.verify(), what).toMatchObject({equal: true});
      };
      await stand.started();
      await holds('the first load', 1);
      await stand.source.query('UPDATE s SET v = 2');
      await stand.streamed();
      await holds('the stream', 2);
      await stand.daemon.pause();
      await stand.source.query('UPDATE s SET v = 3');
      await stand.reconcile();
      await holds('a reconcile', 3);
      await stand.source.query('DELETE FROM s');
      await stand.reconcile();
      expect([await query(stand.target, 'SELECT * FROM t'), await stand.letters()]).toEqual([[], []]);
    },
    60_000,
  );
});
