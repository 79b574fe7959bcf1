/** The smallest difference that a column of each type can have is drift: `verify` finds it, and a reconcile repairs it. */
import {expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
import {query} from '../servers/databases.ts';

/** A type, and values as SQL; each differs as little from the next as the type allows. */
type Kind = readonly [type: string, ...values: string[]];

const SHARED: readonly Kind[] = [
  ['BIGINT', '-9223372036854775808', '-9223372036854775807', '9007199254740992', '9007199254740993'],
  ['BIGINT UNSIGNED', '18446744073709551615', '18446744073709551614', '9223372036854775808'],
  ['DECIMAL(65,30)', "'1.000000000000000000000000000001'", "'1.000000000000000000000000000002'", '1'],
  ['DECIMAL(65,0)', `'${'9'.repeat(65)}'`, `'${'9'.repeat(64)}8'`],
  ['FLOAT', '0', '1e-45', '16777215', '16777216', '3.4028232e38', '3.4028235e38'],
  ['DOUBLE', '0', '5e-324', '0.30000000000000004', '0.3', '1.7976931348623155e308', '1.7976931348623157e308'],
  ['YEAR', '0', '1901', '1902'],
  ['BIT(64)', '18446744073709551615', '18446744073709551614', '0'],
  ['DATE', "'0000-00-00'", "'2024-00-00'", "'2024-01-00'", "'2024-01-01'"],
  ['TIME(6)', "'-00:00:00.000001'", "'00:00:00'", "'00:00:00.000001'", "'838:59:59'", "'-838:59:59'"],
  ['DATETIME(6)', "'0000-00-00 00:00:00'", "'0000-00-00 00:00:00.000001'", "'9999-12-31 23:59:59.999999'"],
  ['TIMESTAMP(6) NULL', "'2038-01-19 03:14:07'", "'2038-01-19 03:14:06.999999'", "'0000-00-00 00:00:00'"],
  ['CHAR(9)', "''", "'a'", "'A'", "'á'", "'ä'", "'a\\t'", "'a\\0'"],
  ['VARCHAR(9)', "''", "' '", "'a'", "'a '", "'A'", "'a\\0'", "'é'", "'é'", "'ß'", "'ss'"],
  ['TEXT', "''", "' '", "'a'", "'a '", "'A'"],
  ['VARCHAR(9) CHARACTER SET utf16', "'🎓'", "'🎔'", "'a'", "'a '"],
  ['BINARY(3)', "x'000000'", "x'200000'", "x'610000'", "x'612000'"],
  ['VARBINARY(9)', "x''", "x'00'", "x'0000'", "x'20'"],
  ['BLOB', "x''", "x'00'", "x'0000'", "x'1f'", "x'5c'"],
  ["ENUM('a','b','','ä') COLLATE utf8mb4_bin", "'a'", "'b'", "''", "'ä'"],
  ["SET('a','b','c')", "''", "'a'", "'a,b'", "'a,b,c'"],
  ['JSON', '\'{"a": 9007199254740992}\'', '\'{"a": 9007199254740993}\'', '\'{"A": 9007199254740993}\''],
  ['JSON', "'18446744073709551615'", "'18446744073709551614'", "'0.30000000000000004'", "'0.3'"],
  ['JSON', "'[]'", "'{}'", "'null'", '\'"null"\'', "'[null]'", "'true'", "'1'"],
];
const OF_MARIADB: readonly Kind[] = [
  ['UUID', "'6ccd780c-baba-1026-9564-5b8c656024db'", "'6ccd780c-baba-1026-9564-5b8c656024dc'"],
  ['INET6', "'::'", "'::1'", "'::ffff:0.0.0.1'"],
  ['INET4', "'0.0.0.0'", "'0.0.0.1'"],
  ['JSON', '\'{"a":1}\'', '\'{"a": 1}\'', '\'{"a":1.0}\'', '\'{"a":1,"a":1}\''],
  ['TEXT COMPRESSED', "''", "'a'", "'A'", "'a '"],
];
const OF_MYSQL: readonly Kind[] = [
  ['JSON', "'1.5'", 'JSON_EXTRACT(JSON_ARRAY(1.500000000000000001), "$[0]")', "'1.5000000000000002'"],
];

describeEachFlavour('the smallest difference of each type', places => {
  it('is drift, which a reconcile repairs', {timeout: 60_000}, async () => {
    // A column for each type, and a row for each of its values.
    const kinds = [...SHARED, ...(places.flavour === 'mysql' ? OF_MYSQL : OF_MARIADB)].map(
      ([type, ...values], i) => ({column: `v${i}`, type, values: ['NULL', ...values]}),
    );
    const create = `CREATE TABLE kinds (id INT PRIMARY KEY, ${kinds.map(({column, type}) => `${column} ${type}`).join(', ')})`;
    const fill = (shift: number) =>
      kinds.flatMap(({column, values}, kind) =>
        values.map(
          (_, i) =>
            `REPLACE INTO kinds (id, ${column}) VALUES (${kind * 100 + i}, ${values[(i + shift) % values.length]})`,
        ),
      );
    const modes = "SET sql_mode = 'NO_ENGINE_SUBSTITUTION'";
    const columns = Object.fromEntries(['id', ...kinds.map(({column}) => column)].map(name => [name, name]));
    await using stand = await MappedStand.open(places, {
      tables: {kinds: {from: 'kinds', key: 'id', columns}},
      from: [modes, create, ...fill(0)].join('; '),
      to: [modes, create].join('; '),
      // One piece: each piece that differs is compared several times.
      settings: {USER_SYNC_BATCH_SIZE: '1000'},
    });
    const rows = (column: string, type: string) => {
      const exact = /^(?:FLOAT|DOUBLE|YEAR|BIT)/.test(type)
        ? `CAST(${column} * 1 AS CHAR)`
        : `HEX(CAST(${column} AS CHAR))`;
      return `SELECT id, ${exact} AS v FROM kinds WHERE ${column} IS NOT NULL ORDER BY id`;
    };
    const agree = async () => {
      for (const {column, type} of kinds) {
        const wanted = await query(stand.source, rows(column, type));
        expect(await query(stand.target, rows(column, type)), type).toEqual(wanted);
      }
    };
    await stand.started();
    await stand.streamed();
    expect(await stand.letters()).toEqual([]);
    await agree();
    for (const one of fill(1)) await stand.target.query(one);
    const {tables} = await stand.verify();
    expect(tables['kinds']?.differingColumns).toEqual(
      Object.fromEntries(kinds.map(({column, values}) => [column, values.length])),
    );
    await stand.reconcile();
    await agree();
    expect(await stand.verify()).toMatchObject({equal: true});
  });
});
