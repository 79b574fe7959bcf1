/**
 * JSON as the server prints it: integers of 64 bits, doubles and decimals, which only functions make.
 */
import {fc, SEED} from '../helpers/draws.ts';
import {expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
import {query} from '../servers/databases.ts';

const RUNS = Number(process.env['RUNS'] ?? 120);

const digits = fc.stringMatching(/^\d{1,30}$/);
const signed = (number: fc.Arbitrary<string>) =>
  fc.tuple(fc.constantFrom('', '-'), number).map(([sign, text]) => sign + text);
/** As SQL: a literal with a point is a decimal, and one with an exponent a double. */
const number = fc.oneof(
  signed(fc.tuple(digits, digits).map(([whole, fraction]) => `${whole}.${fraction}`)),
  signed(fc.constantFrom('0.00', '1.0', '1.50', '0.00001', '100000000000000000000', '1000000000000000.0')),
  fc.bigInt({min: -(2n ** 63n), max: 2n ** 64n - 1n}).map(String),
  fc.double({noNaN: true, noDefaultInfinity: true}).map(one => one.toExponential()),
);
const name = fc.oneof(
  fc.constantFrom("'a'", "'a.b'", "'a[0]'", "'$'", "''", "'\"'", "'\\\\'", "'é🎓'", "'\\n'", "'*'"),
  fc.stringMatching(/^[a-c]{1,2}$/).map(text => `'${text}'`),
);
const {document} = fc.letrec<{document: string; list: string; object: string}>(tie => ({
  document: fc.oneof(
    {maxDepth: 4},
    number,
    fc.constantFrom("'1.50'", 'NULL', 'TRUE'),
    tie('list'),
    tie('object'),
  ),
  list: fc.array(tie('document'), {maxLength: 4}).map(items => `JSON_ARRAY(${items.join(', ')})`),
  object: fc
    .array(fc.tuple(name, tie('document')), {maxLength: 4})
    .map(members => `JSON_OBJECT(${members.flat().join(', ')})`),
}));
const root = fc.oneof(
  fc.array(document, {minLength: 1, maxLength: 3}).map(items => `JSON_ARRAY(${items.join(', ')})`),
  number,
);

const TABLE = 'CREATE TABLE documents (id INT PRIMARY KEY, j JSON, t LONGTEXT)';
const READ = 'SELECT id, CAST(j AS CHAR) AS j, t FROM documents ORDER BY id';

describeEachFlavour(`the numbers of JSON (seed ${SEED})`, places => {
  const tables = {documents: {from: 'documents', key: 'id', columns: {id: 'id', j: 'j', t: 'j'}}};

  it(
    'are printed alike on both sides by first load, stream and reconcile',
    {timeout: 60_000 + 500 * RUNS},
    async () => {
      const drawn = fc.sample(root, RUNS);
      const isMysql = places.flavour === 'mysql';
      const values = (from: number) =>
        drawn
          .map(
            (sql, i) => `(${from + i}, ${isMysql && !sql.startsWith('JSON') ? `CAST(${sql} AS JSON)` : sql})`,
          )
          .join(', ');
      const insert = (from: number) => `INSERT INTO documents (id, j) VALUES ${values(from)}`;
      await using stand = await MappedStand.open(places, {tables, from: `${TABLE}; ${insert(1)}`, to: TABLE});
      const agree = async () => {
        const wanted = await query(stand.source, READ.replace('t FROM', 'CAST(j AS CHAR) AS t FROM'));
        expect(await stand.letters()).toEqual([]);
        expect(await query(stand.target, READ)).toEqual(wanted);
        expect(await stand.verify()).toMatchObject({equal: true});
        return wanted.length;
      };
      await stand.started();
      await stand.streamed();
      await agree();
      await stand.source.query(insert(1001));
      await stand.streamed();
      expect(await agree()).toBe(2 * drawn.length);
      await stand.target.query("UPDATE documents SET j = '{}'");
      await stand.reconcile();
      await agree();
    },
  );
});
