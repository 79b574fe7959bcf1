/** Odd tables: the first load and the stream copy each column alike, and `verify` agrees. */
import {expect, it} from 'vitest';
import {loadConfig} from '../../src/config.ts';
import {Daemon} from '../../src/daemon.ts';
import {migrateUp} from '../../src/db/migrate.ts';
import {openKnex} from '../../src/db/models.ts';
import {silentLogger} from '../helpers/silent-logger.ts';
import {parseMapping} from '../../src/mapping/file/read.ts';
import {createMetrics} from '../../src/status/metrics.ts';
import {environment} from '../helpers/daemon.ts';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {GraphOracle} from '../helpers/graph-oracle.ts';
import {withConnection} from '../servers/databases.ts';

interface Odd {
  readonly name: string;
  readonly key: readonly string[];
  /** Name, type, and the attributes that only the source has. */
  readonly columns: readonly (readonly [name: string, type: string, source?: string])[];
  /** Columns and rows, as in an INSERT. */
  readonly rows: readonly string[];
}

const LONG = 'L'.repeat(64);
const INT = ['id', 'INT NOT NULL'] as const;
const MIXED = "'漢字é'";
const CHARSETS = ['gbk', 'cp932', 'utf16', 'latin1', 'ucs2', 'utf8mb4'] as const;

const TABLES: readonly Odd[] = [
  {
    name: 'whole numbers',
    key: ['id'],
    columns: [
      INT,
      ['t', 'TINYINT'],
      ['s', 'SMALLINT UNSIGNED'],
      ['m', 'MEDIUMINT'],
      ['b', 'BIGINT'],
      ['u', 'BIGINT UNSIGNED'],
      ['y', 'YEAR'],
      ['z', 'BIT(64)'],
      ['o', 'BIT(1)'],
    ],
    rows: [
      "1, -128, 65535, -8388608, -9223372036854775808, 18446744073709551615, 1901, b'1111111111111111111111111111111111111111111111111111111111111111', b'1'",
      '2, 0, 0, 0, 0, 0, 0, 0, 0',
    ],
  },
  {
    name: 'fractions',
    key: ['id'],
    columns: [
      ['id', 'DECIMAL(20,5) NOT NULL'],
      ['d', 'DECIMAL(65,30)'],
      ['f', 'FLOAT'],
      ['g', 'DOUBLE'],
      ['n', 'DECIMAL(5,0) UNSIGNED'],
    ],
    rows: [
      '-1.50000, 12345678901234567890123456789012345.123456789012345678901234567890, 0.1, 0.1, 1',
      '0, 0, -3.4e38, 1e-300, 99999',
      '7, NULL, 16777217, -2.5e300, NULL',
    ],
  },
  {
    name: 'moments',
    key: ['id'],
    columns: [
      ['id', 'DATETIME(6) NOT NULL'],
      ['d', 'DATE'],
      ['t', 'TIMESTAMP(3) NULL'],
      ['i', 'TIME(6)'],
      ['j', 'TIME'],
    ],
    rows: [
      "'2024-02-29 12:00:00.000001', '9999-12-31', '2038-01-19 03:14:07.999', '-838:59:58.999999', '-00:00:01'",
      "'1000-01-01', '0000-00-00', NULL, '838:59:59', '00:00:00'",
      "'2024-01-01', '2024-00-00', '1970-01-01 00:00:01', '-00:00:00.000001', NULL",
    ],
  },
  {
    name: 'bytes',
    key: ['id'],
    columns: [
      ['id', 'BINARY(16) NOT NULL'],
      ['v', 'VARBINARY(20)'],
      ['b', 'BLOB'],
      ['l', 'LONGBLOB'],
      ['x', 'BINARY(3)'],
    ],
    rows: [
      "x'00000000000000000000000000000000', x'', x'00ff', x'27225c00', x'610000'",
      "x'0f8fad5bd9cb469fa16570867728950e', x'ff', NULL, '', x'202020'",
    ],
  },
  {
    name: 'members',
    key: ['e', 'i'],
    columns: [
      ['e', "ENUM('a,b','it''s','\"q\"','1') NOT NULL"],
      ['i', 'SMALLINT NOT NULL'],
      ['s', "SET('x','y z','ü')"],
      ['n', "ENUM('2','1')"],
    ],
    rows: [`'a,b', 1, 'x,ü', '1'`, `'it''s', 2, '', '2'`, `'"q"', 1, 'y z', NULL`, `'1', 3, NULL, '1'`],
  },
  {
    name: 'json',
    key: ['id'],
    columns: [INT, ['j', 'JSON']],
    rows: [
      `1, '{"b": [1, 2.5, null], "a": "é🎓"}'`,
      `2, '[]'`,
      `3, '"x"'`,
      '4, NULL',
      `5, 'true'`,
      `6, '-1'`,
    ],
  },
  ...CHARSETS.map((charset): Odd => ({
    name: `in ${charset}`,
    key: ['id'],
    columns: [
      ['id', `VARCHAR(20) CHARACTER SET ${charset} NOT NULL`],
      ['c', `CHAR(10) CHARACTER SET ${charset}`],
      ['t', `TEXT CHARACTER SET ${charset}`],
    ],
    rows: [
      "'a', 'b  ', ''",
      "'x:y%', NULL, '''\\\\'",
      charset === 'latin1'
        ? "'é', 'ÿ', '€'"
        : charset === 'cp932'
          ? "'漢字', 'カ', '表'"
          : charset === 'gbk'
            ? "'汉字', '漢', '縗'"
            : `${MIXED}, '字', 'ж'`,
    ],
  })),
  {
    name: 'SELECT',
    key: ['order', 'Group-By'],
    columns: [
      ['order', 'INT NOT NULL'],
      ['Group-By', 'DATE NOT NULL'],
      ['from`where', 'VARCHAR(9)'],
      ['UPPER', 'INT'],
      [LONG, 'INT'],
      ['spaß ☃', 'INT'],
    ],
    rows: ["1, '2024-01-01', 'x', 1, 2, 3", "1, '2024-01-02', '🎓', NULL, NULL, NULL"],
  },
  {name: LONG, key: ['id'], columns: [INT, ['Größe', 'VARCHAR(9)']], rows: ["1, '🎓🎓'", "2, ''"]},
  {
    name: 'back`tick-',
    key: ['k1', 'k2', 'k3', 'k4'],
    columns: [
      ['k1', 'INT NOT NULL'],
      ['k2', 'CHAR(36) NOT NULL'],
      ['k3', 'VARBINARY(8) NOT NULL'],
      ['k4', 'TIME NOT NULL'],
      ['v', 'INT'],
    ],
    rows: [
      "1, '0f8fad5b-d9cb-469f-a165-70867728950e', x'3a25', '-01:00:00', 1",
      "1, 'x', '', '00:00:00', NULL",
    ],
  },
  {
    name: 'computed',
    key: ['id'],
    columns: [
      INT,
      ['a', 'VARCHAR(9)'],
      ['v', 'VARCHAR(30)', "AS (CONCAT(a, '-', a)) VIRTUAL"],
      ['s', 'INT', 'AS (id * 2) STORED'],
    ],
    rows: ["1, 'x'", '2, NULL'],
  },
];

const quoted = (name: string) => `\`${name.replaceAll('`', '``')}\``;
const tableSql = ({name, key, columns}: Odd, side: 'source' | 'target') =>
  `CREATE TABLE ${quoted(name)} (${columns
    .map(
      ([column, type, source]) =>
        `${quoted(column)} ${type} ${side === 'source' ? (source ?? '') : ''}${/NULL/.test(type) || source !== undefined ? '' : ' NULL'}`,
    )
    .join(', ')}, PRIMARY KEY (${key.map(quoted).join(', ')})) DEFAULT CHARSET utf8mb4`;
const insertSql = ({name, columns, rows}: Odd) =>
  `INSERT INTO ${quoted(name)} (${columns.flatMap(([column, , source]) => (source === undefined ? quoted(column) : [])).join(', ')}) VALUES ${rows.map(row => `(${row})`).join(', ')}`;

describeEachFlavour('odd tables', ({server, source, target}) => {
  it('are the same by first load and by stream, and verify says so', {timeout: 60_000}, async () => {
    const tables = Object.fromEntries(
      TABLES.map(({name, key, columns}) => [
        name,
        {from: name, key, columns: Object.fromEntries(columns.map(([column]) => [column, column]))},
      ]),
    );
    const mapping = parseMapping(JSON.stringify({version: 1, tables}), 'odd');
    const env = environment(
      {...server, database: source},
      {...server, database: target},
      {USER_SYNC_ENABLED: 'false'},
    );
    const config = {...loadConfig(env), mapping};
    const onSource = (sql: readonly string[]) =>
      withConnection(server, source, async connection => {
        await connection.query("SET time_zone = '+00:00', sql_mode = ''");
        for (const one of sql) await connection.query(one);
      });
    await onSource([...TABLES.map(table => tableSql(table, 'source')), ...TABLES.map(insertSql)]);
    await withConnection(server, target, async connection => {
      for (const table of TABLES) await connection.query(tableSql(table, 'target'));
    });
    const knex = await openKnex(config.target, silentLogger);
    await migrateUp(knex, mapping);
    await using oracle = await GraphOracle.open(
      mapping,
      {server, database: source},
      {server, database: target},
    );
    const metrics = createMetrics(config.name, mapping, {version: 'test'});
    const daemon = new Daemon({config, knex, logger: silentLogger, metrics, holder: 'test'});
    const stop = new AbortController();
    const serving = daemon.serve(stop.signal);
    const equal = (what: string) =>
      eventually(
        async () => {
          const {fault} = daemon.status().replication;
          expect(fault).toBeNull();
          expect(await oracle.differences(), what).toEqual([]);
          return true;
        },
        {timeoutMs: 10_000, intervalMs: 100, what},
      );
    const rows = TABLES.reduce((sum, table) => sum + table.rows.length, 0);
    try {
      await equal('the first load');
      expect(await oracle.rows()).toBe(rows);
      expect(await daemon.verify(stop.signal)).toMatchObject({equal: true});
      await onSource(TABLES.map(({name}) => `DELETE FROM ${quoted(name)}`));
      await equal('the stream, of deletes');
      await onSource(TABLES.map(insertSql));
      await equal('the stream, of inserts');
      expect(await oracle.rows()).toBe(rows);
      expect(await daemon.verify(stop.signal)).toMatchObject({equal: true});
    } finally {
      stop.abort();
      await serving;
      await knex.destroy();
    }
  });
});
