/** Keys in every character set are followed row by row: a change of their rows needs no reconcile. */
import {expect, it} from 'vitest';
import {charsetsHeldBy} from '../helpers/charsets.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
import {connect, query} from '../servers/databases.ts';

const WORDS = [
  'é',
  'ж',
  '漢',
  '字',
  'か',
  '한',
  'א',
  'ا',
  'ไ',
  'ğ',
  'ł',
  'ß',
  'Ω',
  'Ä',
  'ა',
  'Ա',
  'ő',
  'ñ',
  'ķ',
  '€',
  '🎓',
];

describeEachFlavour('#57 a key with a character of its own', places => {
  const keyed = (name: string) => ({from: name, key: ['k', 'n'], columns: {k: 'k', n: 'n', v: 'v'}});
  const columns = '(k VARCHAR(9), n INT, v VARCHAR(9), PRIMARY KEY (k, n))';
  const runs = async (stand: MappedStand) => {
    const [row] = await query(stand.target, 'SELECT COUNT(*) AS n FROM sync_run');
    return Number(row?.['n']);
  };

  it('is followed in any character set without a reconcile', {timeout: 120_000}, async () => {
    const connection = await connect(places.server);
    const charsets = await charsetsHeldBy(places.server);
    const held = new Map<string, string[]>();
    for (const charset of charsets) {
      const [row] = await query(
        connection,
        `SELECT ${WORDS.map((word, i) => `CAST(CONVERT(CONVERT('${word}' USING ${charset}) USING utf8mb4) AS BINARY) = '${word}' AS w${i}`).join(', ')}`,
      );
      held.set(
        charset,
        WORDS.filter((_, i) => Number(row?.[`w${i}`]) === 1),
      );
    }
    await connection.end();
    const words = (charset: string) => ['a', ...(held.get(charset) ?? [])];
    expect(charsets.filter(charset => words(charset).length === 1)).toEqual(['ascii']);
    const each = (sql: (charset: string, i: number) => string) => charsets.map(sql).join(';');
    const insert = (charset: string, n: number) =>
      `INSERT INTO s_${charset} VALUES ${words(charset)
        .map(word => `('${word}', ${n}, '${word}')`)
        .join(', ')}`;
    await using stand = await MappedStand.open(places, {
      tables: Object.fromEntries(charsets.map(charset => [`t_${charset}`, keyed(`s_${charset}`)])),
      from: each(
        charset =>
          `CREATE TABLE s_${charset} ${columns} CHARSET ${charset} COLLATE ${charset}_bin; ${insert(charset, 1)}`,
      ),
      to: each(charset => `CREATE TABLE t_${charset} ${columns} CHARSET utf8mb4 COLLATE utf8mb4_bin`),
    });
    const expectRows = async (what: string) => {
      for (const charset of charsets) {
        const rows = async (side: 'source' | 'target', name: string) =>
          (await query(stand[side], `SELECT k, n, v FROM ${name}`))
            .map(row => Object.values(row).join())
            .toSorted();
        const there = await rows('source', `s_${charset}`);
        expect(there.length, charset).toBeGreaterThan(0);
        expect(await rows('target', `t_${charset}`), `${what}, ${charset}`).toEqual(there);
      }
    };
    await stand.started();
    await expectRows('the first load');
    const before = await runs(stand);
    for (const [what, sql] of Object.entries({
      inserts: (charset: string) => insert(charset, 2),
      updates: (charset: string) => `UPDATE s_${charset} SET v = CONCAT(k, v, 'x')`,
      'changes of keys': (charset: string) => `UPDATE s_${charset} SET k = CONCAT(k, k), n = n + 10`,
      deletes: (charset: string) => `DELETE FROM s_${charset} WHERE n = 12`,
    })) {
      await stand.source.query(each(sql));
      await stand.streamed();
      await expectRows(what);
    }
    expect(await runs(stand)).toBe(before);
    expect(await stand.verify()).toMatchObject({equal: true});
  });

  it('is followed after its column has got another character set', {timeout: 60_000}, async () => {
    await using stand = await MappedStand.open(places, {
      tables: {t: keyed('s')},
      from: `CREATE TABLE s ${columns} CHARSET utf8mb4; INSERT INTO s VALUES ('ж', 1, 'ж')`,
      to: `CREATE TABLE t ${columns} CHARSET utf8mb4`,
    });
    await stand.started();
    await stand.source.query('ALTER TABLE s CONVERT TO CHARACTER SET koi8r');
    await stand.source.query("INSERT INTO s VALUES ('a', 2, 'a')");
    await stand.streamed();
    const before = await runs(stand);
    await stand.source.query("UPDATE s SET v = 'Ж', k = 'жЖ' WHERE n = 1");
    await stand.streamed();
    expect(await query(stand.target, 'SELECT k, n, v FROM t ORDER BY n')).toEqual([
      {k: 'жЖ', n: 1, v: 'Ж'},
      {k: 'a', n: 2, v: 'a'},
    ]);
    expect(await runs(stand)).toBe(before);
  });
});
