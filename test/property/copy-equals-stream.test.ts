/** A row copied by SELECT equals the same row taken from the log, whatever types its columns have. */
import fc from 'fast-check';
import {expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {unpacked} from '../unit/plan-fixture.ts';
import {
  changesOf,
  configOf,
  insert,
  moment,
  nullable,
  planOf,
  readerOf,
  sessionsFor,
  text,
  zeroDate,
} from './stand.ts';

const CHARSETS = [
  'utf8mb4',
  'utf8mb3',
  'latin1',
  'ascii',
  'cp1251',
  'ucs2',
  'utf16',
  'utf16le',
  'utf32',
  'gbk',
  'sjis',
  'latin2',
  'cp1250',
  'koi8r',
  'big5',
  'euckr',
  'ujis',
  'cp932',
  'greek',
  'hebrew',
  'latin5',
  'tis620',
  'cp850',
  'macroman',
];
/** Decoded without a look at the source. */
const DIRECT = new Set(['utf8mb4', 'utf8mb3', 'latin1', 'ascii', 'ucs2', 'utf16', 'utf16le', 'utf32']);

const textType = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(
        'VARCHAR(60)',
        'VARCHAR(300)',
        'CHAR(40)',
        'CHAR(90)',
        'TINYTEXT',
        'TEXT',
        'MEDIUMTEXT',
        'LONGTEXT',
      ),
      // One in three is the one that the log's reader decodes by a table of its own.
      fc.oneof({weight: 2, arbitrary: fc.constantFrom(...CHARSETS)}, fc.constant('latin1')),
    )
    .map(([type, charset]) => ({sql: `${type} CHARACTER SET ${charset}`, direct: DIRECT.has(charset)})),
  fc.constantFrom('VARBINARY(200)', 'BINARY(90)', 'BLOB', 'TINYBLOB').map(sql => ({sql, direct: true})),
  fc.constant({sql: "ENUM('a','b,c','d''e','','é','ACTIVE','teacher')", direct: true}),
);
const idType = fc.constantFrom(
  'TINYINT',
  'TINYINT UNSIGNED',
  'SMALLINT',
  'SMALLINT UNSIGNED',
  'MEDIUMINT',
  'MEDIUMINT UNSIGNED',
  'INT',
  'INT UNSIGNED',
  'BIGINT',
  'BIGINT UNSIGNED',
  'BIGINT UNSIGNED',
);
const flagType = fc.constantFrom(
  'TINYINT(1)',
  'BIT(1)',
  'BIT(3)',
  'BIT(9)',
  'BOOLEAN',
  'INT',
  'SMALLINT UNSIGNED',
  'BIGINT',
);
const timeType = fc.oneof(
  fc
    .tuple(fc.constantFrom('DATETIME', 'TIMESTAMP'), fc.integer({min: 0, max: 6}))
    .map(([type, digits]) => `${type}(${digits})`),
  fc.constant('DATE'),
);

const schema = fc.record({
  id: idType,
  first_name: textType,
  last_name: textType,
  email: textType,
  password: textType,
  is_active: flagType,
  created_at: timeType,
  updated_at: timeType,
  metadata: fc.constantFrom('FULL' as const),
});

const number = fc.oneof(
  fc.integer({min: -128, max: 127}).map(String),
  fc.constantFrom(
    '-32768',
    '65535',
    '-8388608',
    '16777215',
    '2147483647',
    '-2147483648',
    '4294967295',
    '9007199254740993',
    '9223372036854775807',
    '-9223372036854775808',
    '18446744073709551615',
    '9223372036854775808',
    '-9007199254740993',
    '9007199254740991',
    '4294967296',
  ),
);
const words = nullable(
  fc.oneof({weight: 2, arbitrary: text}, fc.constantFrom('a', 'b,c', "d'e", 'é', '€ “ž”', 'ACTIVE')),
);
const rows = fc.uniqueArray(
  fc.record({
    id: number,
    first_name: words,
    last_name: words,
    email: words,
    password: words,
    is_active: fc.constantFrom(0, 1),
    created_at: nullable(fc.oneof({weight: 5, arbitrary: moment}, zeroDate)),
    updated_at: nullable(fc.oneof({weight: 5, arbitrary: moment}, zeroDate)),
  }),
  {minLength: 1, maxLength: 12, selector: ({id}) => id},
);

describeEachFlavour('a row', ({server, source, target}) => {
  const sessions = sessionsFor({server, source, target});

  it('#24 is the same by SELECT and from the log, for every type that a mapped column may have', async () => {
    const {sql, reading, writing} = sessions();
    let serverId = 3_000_000_000;
    await fc.assert(
      fc.asyncProperty(schema, rows, async (types, wanted) => {
        await sql.query('DROP TABLE IF EXISTS institute_user, users, institutes');
        await sql.query(
          `CREATE TABLE users (extra JSON NULL, updated_at ${types.updated_at} NULL DEFAULT NULL, note DECIMAL(12,3) NULL, first_name ${types.first_name.sql} NULL, id ${types.id} NOT NULL PRIMARY KEY,
             password ${types.password.sql} NULL, t TIME(3) NULL, last_name ${types.last_name.sql} NULL, email ${types.email.sql} NULL, kinds SET('x','y') NULL, is_active ${types.is_active} NULL, f DOUBLE NULL, created_at ${types.created_at} NULL DEFAULT NULL) DEFAULT CHARSET utf8mb4;
           CREATE TABLE institutes (id INT PRIMARY KEY, name TEXT, imageUrl TEXT, created_at DATETIME, updated_at DATETIME);
           CREATE TABLE institute_user (institute_id INT, user_id INT, user_type TEXT, status TEXT, created_at DATETIME, updated_at DATETIME, PRIMARY KEY (institute_id, user_id))`,
        );
        const plan = await planOf(reading, writing, {source, target});
        const changes = await changesOf(configOf(server, source), plan, serverId++, async () => {
          await insert(
            sql,
            'users',
            wanted.map(row => ({
              ...row,
              extra: '{"a":[1]}',
              note: '-12345.678',
              t: '-01:02:03.5',
              kinds: 'x,y',
              f: 0.1,
            })),
          );
          await sql.query("UPDATE users SET note = 1, extra = NULL, kinds = '', t = NULL");
        });
        const direct =
          types.first_name.direct && types.last_name.direct && types.email.direct && types.password.direct;
        const streamed = new Map(
          changes.map(change => {
            const after = unpacked('users', change.after);
            return [after?.[0], {...change, after}];
          }),
        );
        const copied = await readerOf(plan, reading).idRange('users', null, null);
        expect(copied.length).toBeGreaterThan(0);
        for (const row of copied) {
          const change = streamed.get(row[0]);
          expect(change, `the log has ${String(row[0])}`).toBeDefined();
          // An image that cannot be told is read from the source anyway.
          if (change?.partial === true && (!direct || row.some(value => value?.includes('\ufffd') === true)))
            continue;
          expect(change).toMatchObject({partial: false, after: row});
        }
      }),
      {
        numRuns: 40,
        endOnFailure: false,
        ...(process.env['SEED'] === undefined ? {} : {seed: Number(process.env['SEED'])}),
      },
    );
  }, 120_000);
});
