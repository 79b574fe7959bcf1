/** Keys whose stored text would be too long, or equal to that of another, if it were their values alone. */
import {expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
import {query} from '../servers/databases.ts';

const NO_PAD = {mariadb: 'utf8mb4_nopad_bin', mysql: 'utf8mb4_0900_bin'} as const;

/** Two texts of 255 characters: with the separator between them, the longest key that is accepted. */
const WIDE = '🎓'.repeat(255);
const TEXTS = [
  ':'.repeat(255),
  '%'.repeat(255),
  `${':'.repeat(254)} `,
  WIDE,
  'a',
  'a ',
  'a  ',
  '',
  ' ',
  'a:%',
];
const PAIRS = TEXTS.flatMap(a => TEXTS.map(b => [a, b] as const));

describeEachFlavour('a key of long texts', ({flavour, ...places}) => {
  const text = `VARCHAR(255) CHARACTER SET utf8mb4 COLLATE ${NO_PAD[flavour]} NOT NULL`;
  const create = (columns: string, key: string) =>
    `CREATE TABLE t (${columns}, v INT NULL, PRIMARY KEY (${key})) ROW_FORMAT = DYNAMIC`;
  const open = (columns: string, key: readonly string[], rows: readonly (readonly string[])[]) => {
    const all = Object.fromEntries([...key, 'v'].map(name => [name, name]));
    const sql = create(columns, key.join(', '));
    const values = rows.map(row => `(${row.map(part => `_utf8mb4 x'${hex(part)}'`).join(', ')}, 1)`);
    return MappedStand.open(places, {
      tables: {t: {from: 't', key, columns: all}},
      from: `${sql}; INSERT INTO t VALUES ${values.join(', ')}`,
      to: sql,
    });
  };
  const lines = async (connection: MappedStand['source'], key: readonly string[]) => {
    const parts = key.map(name => `HEX(${name})`).join(", '/', ");
    const rows = await query(connection, `SELECT CONCAT(${parts}, '=', COALESCE(v, '-')) AS line FROM t`);
    return rows.map(({line}) => String(line)).toSorted();
  };

  it.each([
    {key: ['a', 'b'], columns: `a ${text}, b ${text}`, rows: PAIRS},
    {
      key: ['a', 'n'],
      columns: `a ${text}, n INT NOT NULL`,
      rows: TEXTS.flatMap(a => [
        [a, '1'],
        [a, '-7'],
      ]),
    },
    {key: ['a'], columns: `a ${text}`, rows: TEXTS.map(a => [a])},
  ])(
    'is followed by load, stream and reconcile: $key',
    async ({key, columns, rows}) => {
      await using stand = await open(columns, key, rows);
      await stand.started();
      const equal = async (count: number) => {
        const wanted = await lines(stand.source, key);
        expect(wanted).toHaveLength(count);
        expect(await lines(stand.target, key)).toEqual(wanted);
        expect(await stand.letters()).toEqual([]);
        expect(await stand.verify()).toMatchObject({equal: true});
      };
      await stand.streamed();
      await equal(rows.length);
      await stand.source.query('UPDATE t SET v = 2; START TRANSACTION');
      const some = rows.filter((_, i) => i % 3 === 0);
      for (const row of some)
        await stand.source.query(
          `DELETE FROM t WHERE ${key.map((name, i) => `${name} = _utf8mb4 x'${hex(row[i] ?? '')}'`).join(' AND ')}`,
        );
      await stand.source.query('COMMIT');
      await stand.streamed();
      await equal(rows.length - some.length);
      await stand.daemon.pause();
      await stand.source.query('DELETE FROM t WHERE CHAR_LENGTH(a) < 200; UPDATE t SET v = 3');
      await stand.reconcile();
      await equal(Number((await query(stand.source, 'SELECT COUNT(*) AS n FROM t'))[0]?.['n']));
    },
    60_000,
  );
});

function hex(text: string): string {
  return Buffer.from(text, 'utf8').toString('hex');
}
