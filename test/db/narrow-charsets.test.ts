/** Characters that a target column's character set does not have: dead letters, on every way to the target. */
import {expect, it} from 'vitest';
import {describeEachFlavour, isShort} from '../helpers/flavours.ts';
import {charsetsHeldBy} from '../helpers/charsets.ts';
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

  it('#55 of a key that any character set does not have makes a dead letter', async () => {
    const charsets = await charsetsHeldBy(places.server);
    const all = [...WORDS, 'ÿ', 'ñ', '字', 'か'];
    const table = (charset: string) =>
      `(w VARCHAR(9), n INT, v INT, PRIMARY KEY (w, n)) DEFAULT CHARSET ${charset}`;
    const mapped = (name: string) => ({from: name, key: ['w', 'n'], columns: {w: 'w', n: 'n', v: 'v'}});
    await using stand = await MappedStand.open(places, {
      tables: {
        ...Object.fromEntries(charsets.map(charset => [`t_${charset}`, {...mapped('s')}])),
        ...Object.fromEntries(charsets.map(charset => [`u_${charset}`, mapped(`s_${charset}`)])),
      },
      from: `CREATE TABLE s ${table('utf8mb4 COLLATE utf8mb4_bin')};
        INSERT INTO s VALUES ${all.map(word => `('${word}', 1, 1)`).join(', ')};
        ${charsets.map(charset => `CREATE TABLE s_${charset} ${table(charset)}; INSERT INTO s_${charset} VALUES ('a', 1, 1), ('b', 1, 1)`).join(';')}`,
      // Rows of others, whose keys the source does not have.
      to: charsets
        .map(
          charset =>
            `CREATE TABLE t_${charset} ${table(charset)}; CREATE TABLE u_${charset} ${table('utf8mb4 COLLATE utf8mb4_bin')}; INSERT INTO u_${charset} VALUES ('🎓é', 1, 1)`,
        )
        .join(';'),
    });
    const held = new Map<string, readonly string[]>();
    for (const charset of charsets) {
      const [row] = await query(
        stand.source,
        `SELECT ${all.map((word, i) => `CAST(CONVERT(CONVERT('${word}' USING ${charset}) USING utf8mb4) AS BINARY) = '${word}' AS w${i}`).join(', ')}`,
      );
      held.set(
        charset,
        all.filter((_, i) => Number(row?.[`w${i}`]) === 1),
      );
    }
    const holds = async (what: string, v: number) => {
      const dead: string[] = [];
      for (const charset of charsets) {
        const has = held.get(charset) ?? [];
        const rows = await query(stand.target, `SELECT w, v FROM t_${charset} ORDER BY v`);
        expect(
          rows.map(row => `${String(row['w'])}=${String(row['v'])}`).toSorted(),
          `${what}, ${charset}`,
        ).toEqual(has.map(word => `${word}=${v}`).toSorted());
        const foreign = await query(stand.target, `SELECT w, v FROM u_${charset} ORDER BY w`);
        expect(
          foreign.map(row => `${String(row['w'])}=${String(row['v'])}`),
          `${what}, from ${charset}`,
        ).toEqual([`a=${v}`, `b=${v}`, '🎓é=1']);
        dead.push(
          ...all.filter(word => !has.includes(word)).map(word => `t_${charset} ${word}:1 invalid-encoding`),
        );
      }
      expect((await stand.letters()).toSorted(), what).toEqual(dead.toSorted());
      expect(await stand.verify(), what).toMatchObject({equal: true});
    };
    const change = (v: number) =>
      stand.source.query(
        ['s', ...charsets.map(charset => `s_${charset}`)]
          .map(name => `UPDATE ${name} SET v = ${v}`)
          .join(';'),
      );
    await stand.started();
    await holds('the first load', 1);
    await change(2);
    await stand.streamed();
    await holds('the stream', 2);
    await stand.daemon.pause();
    await change(3);
    await stand.reconcile();
    await holds('a reconcile', 3);
    await stand.source.query('DELETE FROM s');
    await stand.reconcile();
    const left = await Promise.all(
      charsets.map(charset => query(stand.target, `SELECT * FROM t_${charset}`)),
    );
    expect([left.flat(), await stand.letters()]).toEqual([[], []]);
  }, 120_000);
});
