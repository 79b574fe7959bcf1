/** Every reason for which a target may refuse one row, each with a row of its own, and how to remove it. */
import type mysql from 'mysql2/promise';
import type {Flavour} from '../servers/provision.ts';

export interface Obstacle {
  /** The id of the user whose row, user_auth or membership is refused. */
  readonly id: number;
  /** Its line in {@link Stand.letters}. */
  readonly letter: string;
  readonly put: readonly string[];
  readonly takeAway: readonly string[];
}

/** More bytes than the server accepts. */
export const PACKET_BYTES = 65_536;
/** A user whose name is longer than {@link PACKET_BYTES}. */
export const LONG_ID = 1900;
const FIRST_ID = 1001;

/** SQLSTATE and number that a trigger signals; null leaves the number to the server. */
const SIGNALS: readonly (readonly [string, number | null])[] = [
  ['45000', null],
  ['HY000', null],
  ['40001', null],
  ['42000', null],
  ['28000', null],
  ['08S01', null],
  ['02000', null],
  ['XAE07', null],
  // With the numbers of a server that is full, read-only or lost, or that lacks a privilege, a table or a column.
  ...[1205, 1213, 1044, 1146, 2006, 2013, 1290, 1153].map(number => ['45000', number] as const),
  ...[1205, 1020, 1290, 1836, 1114, 1021, 1030, 1047, 1180, 1364, 1041, 3100].map(
    number => ['HY000', number] as const,
  ),
  ['40001', 1213],
  ['42000', 1142],
  ['28000', 1045],
  ['42S02', 1146],
  ['42S22', 1054],
  ['08S01', 1053],
  ['08004', 1040],
  ['70100', 1317],
  ['23000', 1062],
  ['23000', 1048],
];

interface Made {
  readonly table?: string;
  /** The error number of the dead letter, or its code and detail. */
  readonly as: number | string;
  readonly put: (id: number) => readonly string[];
  readonly takeAway: (id: number) => readonly string[];
}

/** All of them for one flavour; they can exist at the same time. */
export function obstacles(flavour: Flavour): readonly Obstacle[] {
  const trigger = (as: number | string, body: (id: number) => string, table = 'user'): Made => ({
    table,
    as,
    put: id => [
      `CREATE TRIGGER refuses_${id} BEFORE INSERT ON \`${table}\` FOR EACH ROW IF NEW.userId = ${id} THEN ${body(id)}; END IF`,
    ],
    takeAway: id => [`DROP TRIGGER refuses_${id}`],
  });
  const made: readonly Made[] = [
    ...SIGNALS.map(([state, number]) =>
      trigger(
        number === 1153
          ? 'value-too-long error 1153'
          : number === 1062
            ? 'unique-conflict'
            : (number ?? (state === '02000' ? 1643 : 1644)),
        () => signal(state, number),
      ),
    ),
    trigger(1644, () => signal('45000', null), 'user_auth'),
    trigger(1213, () => signal('40001', 1213), 'institute_users'),
    trigger(1146, () => 'INSERT INTO no_such_table VALUES (1)'),
    trigger(1305, () => 'CALL no_such_procedure()'),
    trigger(1054, () => 'INSERT INTO sync_run (no_such_column) VALUES (1)'),
    trigger(1364, () => "INSERT INTO sync_run (run_id) VALUES ('x')"),
    trigger('out-of-range error 1264', () => "SET NEW.userId = CAST('99999999999999999999' AS DECIMAL(30))"),
    {
      as: 1449,
      // A trigger without its definer would refuse every row, so a nested one checks the row.
      put: id => [
        `CREATE TABLE asked_${id} (id INT)`,
        `CREATE DEFINER = 'nobody'@'nowhere' TRIGGER asked_${id} BEFORE INSERT ON asked_${id} FOR EACH ROW SET @asked = 1`,
        `CREATE TRIGGER refuses_${id} BEFORE INSERT ON user FOR EACH ROW IF NEW.userId = ${id} THEN INSERT INTO asked_${id} VALUES (1); END IF`,
      ],
      takeAway: id => [`DROP TRIGGER refuses_${id}`, `DROP TABLE asked_${id}`],
    },
    {
      as: flavour === 'mariadb' ? 4025 : 3819,
      put: id => [`ALTER TABLE user ADD CONSTRAINT refuses_${id} CHECK (userId <> ${id})`],
      takeAway: id => [`ALTER TABLE user DROP CONSTRAINT refuses_${id}`],
    },
    {
      as: 'out-of-range error 1264',
      put: id => [
        `ALTER TABLE user ADD g_${id} TINYINT GENERATED ALWAYS AS (IF(userId = ${id}, 1000, 1)) STORED`,
      ],
      takeAway: id => [`ALTER TABLE user DROP COLUMN g_${id}`],
    },
    {
      as: flavour === 'mariadb' ? 4025 : 3141,
      put: id => [
        flavour === 'mariadb'
          ? `ALTER TABLE user ADD j_${id} TEXT AS (IF(userId = ${id}, '{', '{}')) STORED, ADD CONSTRAINT json_${id} CHECK (json_valid(j_${id}))`
          : `ALTER TABLE user ADD j_${id} JSON AS (CAST(IF(userId = ${id}, '{', '{}') AS JSON)) STORED`,
      ],
      takeAway: id => [
        ...(flavour === 'mariadb' ? [`ALTER TABLE user DROP CONSTRAINT json_${id}`] : []),
        `ALTER TABLE user DROP COLUMN j_${id}`,
      ],
    },
    {
      table: 'institute_users',
      as: 1452,
      put: id => [
        'CREATE TABLE known (id BIGINT PRIMARY KEY)',
        `INSERT INTO known WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 999) SELECT i FROM n UNION ALL SELECT i + 999 FROM n WHERE i + 999 <> ${id}`,
        'ALTER TABLE institute_users ADD CONSTRAINT refuses_unknown FOREIGN KEY (userId) REFERENCES known (id)',
      ],
      takeAway: () => ['ALTER TABLE institute_users DROP FOREIGN KEY refuses_unknown', 'DROP TABLE known'],
    },
    // This is the last one, because no greater id has a partition, either.
    {
      table: 'user_auth',
      as: 1526,
      put: id => [
        'ALTER TABLE user_auth DROP FOREIGN KEY user_auth_userid_foreign',
        `ALTER TABLE user_auth PARTITION BY RANGE (userId) (PARTITION p VALUES LESS THAN (${id}))`,
      ],
      takeAway: () => [
        'ALTER TABLE user_auth REMOVE PARTITIONING',
        'ALTER TABLE user_auth ADD CONSTRAINT user_auth_userid_foreign FOREIGN KEY (userId) REFERENCES user (userId)',
      ],
    },
  ];
  const small = made.map(({table = 'user', as, put, takeAway}, index) => {
    const id = FIRST_ID + index;
    const key = table === 'institute_users' ? `1:${id}` : String(id);
    const what = typeof as === 'number' ? `rejected error ${as}` : as;
    return {id, letter: `${table} ${key} ${what}`, put: put(id), takeAway: takeAway(id)};
  });
  const long = {
    id: LONG_ID,
    letter: `user ${LONG_ID} value-too-long error 1153`,
    put: [`SET GLOBAL max_allowed_packet = ${PACKET_BYTES}`],
    takeAway: ['SET GLOBAL max_allowed_packet = 16777216'],
  };
  return [...small, long];
}

/** Triggers that refuse to delete some rows, and how those are listed. */
export function deleteObstacles(): readonly Obstacle[] {
  const of = (id: number, table: string, state: string, number: number | null) => ({
    id,
    letter: `${table} ${table === 'institute_users' ? `1:${id}` : id} delete-blocked error ${number ?? 1644}`,
    put: [
      `CREATE TRIGGER keeps_${id} BEFORE DELETE ON \`${table}\` FOR EACH ROW IF OLD.userId = ${id} THEN ${signal(state, number)}; END IF`,
    ],
    takeAway: [`DROP TRIGGER keeps_${id}`],
  });
  return [
    of(21, 'user', '45000', null),
    of(22, 'user', 'HY000', 1205),
    of(23, 'user', '42000', 1142),
    of(24, 'user', 'HY000', 1290),
    of(25, 'user_auth', '40001', 1213),
    of(26, 'institute_users', '45000', null),
    of(27, 'institute_users', '08S01', 2006),
  ];
}

export async function run(connection: mysql.Connection, statements: readonly string[]): Promise<void> {
  for (const sql of statements) await connection.query(sql);
}

function signal(state: string, number: number | null): string {
  const named = number === null ? '' : ` SET MYSQL_ERRNO = ${number}`;
  return `SIGNAL SQLSTATE '${state}'${named}`;
}
