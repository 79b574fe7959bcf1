/** Numbers and moments that a narrower target column does not hold: found before they are written, on every way. */
import {expect, it} from 'vitest';
import {previewMapping} from '../../reconciler/preview.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
import {query} from '../servers/databases.ts';

const NUMBERS = [
  '0',
  '1',
  '-1',
  '7',
  '8',
  '15',
  '16',
  '99',
  '100',
  '127',
  '128',
  '999',
  '1000',
  '9999',
  '-1000',
];
const FRACTIONS = [...NUMBERS, '0.5', '-0.01', '999.99', '999.995', '1000.01', '99999999.99', '-99999999.99'];
const BITS = NUMBERS.filter(number => !number.startsWith('-') && Number(number) < 1024);
// What lies between 2038 and 2106 depends on the server.
const MOMENTS = [
  "'0000-00-00'",
  "'1000-01-01'",
  "'1970-01-01'",
  "'1970-01-01 00:00:01'",
  "'2024-02-29 23:59:59.999999'",
  "'2038-01-19 03:14:06.4'",
  "'2107-01-01'",
  "'9999-12-31 23:59:59'",
  "'9999-12-31 23:59:59.999999'",
];
/** Types of the source and of the target, and values. */
const PAIRS: readonly (readonly [from: string, to: string, values: readonly string[]])[] = [
  ['INT', 'DECIMAL(4,1)', NUMBERS],
  ['INT', 'DECIMAL(12,2) UNSIGNED', NUMBERS],
  ['INT', 'BIT(3)', NUMBERS],
  ['BIGINT', 'BIT', NUMBERS],
  ['DECIMAL(10,2)', 'DECIMAL(5,2)', FRACTIONS],
  ['DECIMAL(10,2)', 'DECIMAL(8,4)', FRACTIONS],
  ['DECIMAL(10,2)', 'DECIMAL(10,2) UNSIGNED', FRACTIONS],
  ['BIT(10)', 'BIT(4)', BITS],
  ['BIT(10)', 'DECIMAL(2,0)', BITS],
  ['BIT(10)', 'TINYINT', BITS],
  ['FLOAT', 'FLOAT UNSIGNED', FRACTIONS],
  ['DOUBLE', 'DOUBLE UNSIGNED', FRACTIONS],
  ['DATETIME(6)', 'DATETIME', MOMENTS],
  ['DATETIME(6)', 'DATETIME(5)', MOMENTS],
  ['DATETIME', 'TIMESTAMP NULL', MOMENTS],
  ['DATETIME(6)', 'TIMESTAMP(1) NULL', MOMENTS],
  ['DATE', 'TIMESTAMP NULL', MOMENTS],
];

describeEachFlavour('a number', places => {
  it('that a column does not hold makes a dead letter, as the plan said', {timeout: 120_000}, async () => {
    const table = (name: string, type: string) => `CREATE TABLE ${name} (id INT PRIMARY KEY, v ${type})`;
    const on = (how: (pair: (typeof PAIRS)[number], i: number) => string) => PAIRS.map(how).join(';');
    const insert = (name: string, values: readonly string[], from: number) =>
      `INSERT IGNORE INTO ${name} VALUES ${values.map((value, id) => `(${from + id}, ${value})`).join(', ')}`;
    await using stand = await MappedStand.open(places, {
      tables: Object.fromEntries(
        PAIRS.map((_, i) => [`t${i}`, {from: `s${i}`, key: 'id', columns: {id: 'id', v: 'v'}}]),
      ),
      from: `SET sql_mode = ''; ${on(([type, , values], i) => `${table(`s${i}`, type)}; ${insert(`s${i}`, values, 0)}`)}`,
      to: on(([, type], i) => `${table(`t${i}`, type)}; ${table(`o${i}`, type)}`),
    });
    /** The rows that the server takes, each by itself: those of the stand's oracle, `o`. */
    const rows = async (name: string) =>
      (await query(stand.target, `SELECT id, CONCAT(v + 0) AS v FROM ${name} ORDER BY id`)).map(row =>
        Object.values(row).map(String).join(),
      );
    const holds = async (what: string) => {
      for (const [i, [from, to]] of PAIRS.entries()) {
        await stand.target.query(`DELETE FROM o${i}`);
        const digits = /\((\d)\)/.exec(to)?.[1] ?? '0';
        const value = from.startsWith('DATE') ? `DATE_FORMAT(v, '%Y-%m-%d %H:%i:%s.%f')` : 'CONCAT(v + 0)';
        // MariaDB truncates a fraction that MySQL rounds.
        const half =
          places.flavour === 'mariadb' ? ` + INTERVAL ${5 * 10 ** (5 - Number(digits))} MICROSECOND` : '';
        const refused: string[] = [];
        for (const {id, v} of await query(stand.source, `SELECT id, ${value} AS v FROM s${i}`)) {
          const wanted = from.startsWith('DATE')
            ? `CAST('${String(v)}'${half} AS DATETIME(${digits}))`
            : String(v);
          const isZero = String(v).startsWith('0000');
          await stand.target
            .query(`INSERT INTO o${i} SELECT ${String(id)}, ${isZero ? "'0000-00-00'" : wanted}`)
            .then(async () => {
              const [kept] = await query(
                stand.target,
                `SELECT v IS NULL AS n FROM o${i} WHERE id = ${String(id)}`,
              );
              // A moment beyond the last one becomes null.
              if (Number(kept?.['n']) !== 1) return;
              await stand.target.query(`DELETE FROM o${i} WHERE id = ${String(id)}`);
              refused.push(`t${i} ${String(id)} out-of-range`);
            })
            .catch(() => refused.push(`t${i} ${String(id)} out-of-range`));
        }
        expect(await rows(`t${i}`), `${what}: ${from} to ${to}`).toEqual(await rows(`o${i}`));
        const letters = (await stand.letters()).filter(letter => letter.startsWith(`t${i} `));
        expect(letters.toSorted(), `${what}: ${from} to ${to}`).toEqual(refused.toSorted());
      }
      expect(
        await query(
          stand.target,
          'SELECT target_table, row_key, detail FROM sync_dead_letter WHERE detail IS NOT NULL',
        ),
      ).toEqual([]);
      expect(await stand.verify(), what).toMatchObject({equal: true});
    };
    await stand.started();
    await holds('the first load');
    await stand.source.query(on((_, i) => `UPDATE s${i} SET id = id + 100`));
    await stand.streamed();
    await holds('the stream');
    await stand.daemon.pause();
    await stand.source.query(on((_, i) => `UPDATE s${i} SET id = id + 100`));
    await stand.reconcile();
    await holds('a reconcile');
    const {config} = stand;
    const larger = {...config, reconcile: {...config.reconcile, batchRows: 1000}};
    expect(await previewMapping(larger, new AbortController().signal)).toMatchObject({nothingToDo: true});
  });
});
