/** Upper and lower case are the same to the program and to both servers, whatever the collation of a column. */
import type {RowDataPacket} from 'mysql2/promise';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {connect} from '../servers/databases.ts';
import {lowerSql, toLower, toUpper, upperSql} from '../../src/mapping/operators/letter-case.ts';
import {normalised, normalisedLiteral, normalisedSql} from '../../src/mapping/operators/texts.ts';
import {bytesOf, toValue} from '../../src/mapping/values.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';

const FIRST = 0x20;
const LAST = 0x1f000;
const PER_STATEMENT = 4000;

describeEachFlavour('a letter', ({server, source}) => {
  let connection: Awaited<ReturnType<typeof connect>>;
  beforeAll(async () => {
    connection = await connect(server, source);
  });
  afterAll(() => connection?.end());

  const rowsOf = async (sql: string): Promise<unknown[][]> => {
    const [rows] = await connection.query<RowDataPacket[]>(sql);
    return rows.map(row => Object.values(row));
  };

  it('has the same upper and lower case in the program and in SQL', async () => {
    const different: string[] = [];
    for (let from = FIRST; from < LAST; from += PER_STATEMENT) {
      const letters = Array.from({length: PER_STATEMENT}, (_, i) => from + i)
        .filter(code => code < 0xd800 || code > 0xdfff)
        .map(code => String.fromCodePoint(code));
      if (letters.length === 0) continue;
      const values = letters.map((letter, i) => `SELECT ${i} AS i, _utf8mb4 x'${hex(letter)}' AS s`);
      const found = await rowsOf(
        `SELECT HEX(${upperSql('s')}), HEX(${lowerSql('s')}) FROM (${values.join(' UNION ALL ')}) t ORDER BY i`,
      );
      letters.forEach((letter, i) => {
        const ours = [hex(toUpper(letter)), hex(toLower(letter))];
        if (ours.join() !== found[i]?.join().toLowerCase())
          different.push(`U+${letter.codePointAt(0)?.toString(16)}: ${ours.join()} ${found[i]?.join()}`);
      });
    }
    expect(different).toEqual([]);
  }, 120_000);

  const TEXTS = ['Straße', 'ŉíİıǅﬁ', 'τέλος ᾳ', 'ŸÿµſK', ' ⅷ ⓐ Ａ ', 'ꭰ ẞ Ⴧ', '𐐨', ''];
  it.each([
    'utf8mb4 COLLATE utf8mb4_general_ci',
    'utf8mb4 COLLATE utf8mb4_unicode_520_ci',
    'utf8mb4 COLLATE utf8mb4_turkish_ci',
    'utf8mb4',
    'utf8mb3',
    'utf16',
    'latin1',
    'latin5',
  ])('compares alike in a column of %s', async charset => {
    const texts = [...TEXTS, 'abc', 'istanbul', 'I'];
    await connection.query('DROP TABLE IF EXISTS texts');
    await connection.query(
      `CREATE TABLE texts (id INT PRIMARY KEY, s VARCHAR(40) CHARACTER SET ${charset} NULL)`,
    );
    for (const [id, text] of texts.entries())
      await connection.query(`INSERT IGNORE INTO texts VALUES (${id}, _utf8mb4 x'${hex(text)}')`);
    const input = charset.startsWith('utf8mb4') ? 's' : 'CONVERT(s USING utf8mb4)';
    const rows = await rowsOf(
      `SELECT HEX(CONVERT(s USING utf8mb4)), HEX(${upperSql(input)}), HEX(${lowerSql(input)}), HEX(${normalisedSql(input)})
         FROM texts ORDER BY id`,
    );
    expect(rows).toHaveLength(texts.length);
    for (const [stored, upper, lower, form] of rows) {
      const text = Buffer.from(String(stored), 'hex').toString();
      expect([text, upper, lower, form].join().toLowerCase()).toBe(
        [text.toLowerCase(), hex(toUpper(text)), hex(toLower(text)), hex(normalised(text))].join(),
      );
    }
  });

  it.each(['VARBINARY(40)', 'BINARY(12)', 'BLOB'])('compares in bytes as in a text: %s', async type => {
    const bytes = [
      ...[...TEXTS, ' Zürich ', 'жук'].map(text => Buffer.from(text, 'utf8')),
      // Cut characters, surrogates, forms that are too long, numbers beyond Unicode, and latin1.
      ...['c3', '61ff20', 'f09f8e', 'eda080', 'c0af', 'f4908080', '5afc', '3f', 'efbfbd', '00', '20'].map(
        text => Buffer.from(text, 'hex'),
      ),
    ].filter(({length}) => length <= 12);
    await connection.query(
      `DROP TABLE IF EXISTS texts; CREATE TABLE texts (id INT PRIMARY KEY, s ${type} NULL)`,
    );
    for (const [id, value] of bytes.entries())
      await connection.query('INSERT INTO texts VALUES (?, ?)', [id, value]);
    await connection.query('INSERT INTO texts VALUES (99, NULL)');
    const rows = await rowsOf(`SELECT HEX(s), HEX(${normalisedSql('s', 'binary')}) FROM texts ORDER BY id`);
    expect(rows).toHaveLength(bytes.length + 1);
    for (const [stored, form] of rows) {
      const value = stored === null ? null : toValue(Buffer.from(String(stored), 'hex'));
      expect([stored, String(form).toLowerCase()]).toEqual([
        stored,
        bytesOf(normalised(value)).toString('hex'),
      ]);
    }
    // Both are written by hand: in the file, letters are in upper case as text.
    const found = await rowsOf(
      `SELECT COUNT(*) FROM texts WHERE ${normalisedSql('s', 'binary')} = ${normalisedLiteral(normalised('ЖУК'))}`,
    );
    expect(Number(found[0]?.[0])).toBe(type.startsWith('BINARY') ? 0 : 1);
  });
});

function hex(text: string): string {
  return Buffer.from(text, 'utf8').toString('hex');
}
