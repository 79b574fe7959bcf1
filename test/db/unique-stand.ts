/** Random unique keys of a target, and random changes of a source. */
import fc from 'fast-check';
import {LEFT, REREAD, type ChangeSet} from '../../src/apply/change-set.ts';
import type {Flavour} from '../servers/provision.ts';
import {changeSet, flagged} from '../unit/apply/changes-fixture.ts';
import {options, type ApplierStand} from './applier-stand.ts';

/** The unique keys that are added to a table, on both servers or on MySQL only. */
const KINDS = {
  user: [
    'ADD UNIQUE KEY u1 (email)',
    'ADD UNIQUE KEY u2 (email(3))',
    'ADD UNIQUE KEY u3 (name)',
    'ADD UNIQUE KEY u4 (name, email)',
    'ADD UNIQUE KEY u5 (name(1), email(2))',
    'ADD low VARCHAR(190) GENERATED ALWAYS AS (LOWER(email)) VIRTUAL, ADD UNIQUE KEY u6 (low)',
    "ADD host VARCHAR(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin GENERATED ALWAYS AS (CONCAT(name, '\\\\', SUBSTRING_INDEX(email, '@', 1), 'it''s')) STORED, ADD UNIQUE KEY u7 (host)",
    'ADD tenant INT NOT NULL DEFAULT 1, ADD UNIQUE KEY u8 (tenant, email)',
    "ADD region CHAR(4) NOT NULL DEFAULT 'e''u', ADD UNIQUE KEY u9 (email(4), region)",
    'ADD deleted_at DATETIME NULL, ADD UNIQUE KEY u10 (email, deleted_at)',
    'ADD removed DATETIME NULL, ADD live TINYINT GENERATED ALWAYS AS (IF(removed IS NULL, 1, NULL)) VIRTUAL, ADD UNIQUE KEY u11 (email, live)',
    'ADD UNIQUE KEY u12 (password(2), name)',
  ],
  // MySQL accepts it only in CREATE TABLE.
  userOfMariadb: ['ADD u CHAR(36) NOT NULL DEFAULT (UUID()), ADD UNIQUE KEY u13 (u)'],
  userOfMysql: [
    'ADD UNIQUE KEY m1 ((LOWER(email)))',
    "ADD UNIQUE KEY m2 (name, (REPLACE(email, 'it''s', '\\\\')))",
    'ADD gone DATETIME NULL, ADD UNIQUE KEY m3 (email, (IF(gone IS NULL, 1, NULL)))',
    'ADD UNIQUE KEY m4 ((LEFT(UPPER(email), 3)))',
  ],
  institute: [
    'ADD UNIQUE KEY i1 (name)',
    'ADD UNIQUE KEY i2 (name(2))',
    'ADD UNIQUE KEY i3 (imageUrl)',
    'ADD UNIQUE KEY i4 (name, imageUrl)',
  ],
  institute_users: [
    'ADD UNIQUE KEY r1 (userId, role)',
    "ADD director BIGINT GENERATED ALWAYS AS (IF(role = 'DIRECTOR', instituteId, NULL)) VIRTUAL, ADD UNIQUE KEY r2 (director)",
    'ADD UNIQUE KEY r3 (instituteId, role)',
  ],
  user_auth: ['ADD UNIQUE KEY a1 (password)', 'ADD UNIQUE KEY a2 (password(2))'],
} as const;

const COLLATIONS = {
  mariadb: [
    'utf8mb4_general_ci',
    'utf8mb4_bin',
    'utf8mb4_unicode_ci',
    'utf8mb4_nopad_bin',
    'utf8mb4_unicode_nopad_ci',
    'utf8mb4_unicode_520_ci',
  ],
  mysql: [
    'utf8mb4_general_ci',
    'utf8mb4_bin',
    'utf8mb4_unicode_ci',
    'utf8mb4_0900_ai_ci',
    'utf8mb4_0900_as_cs',
    'utf8mb4_0900_bin',
  ],
} as const;

const some = (kinds: readonly string[], most: number, least = 0) =>
  fc.subarray([...kinds], {minLength: least, maxLength: most});

export const tablesOf = (flavour: Flavour) =>
  fc.record({
    collation: fc.constantFrom(...COLLATIONS[flavour]),
    user: some([...KINDS.user, ...(flavour === 'mysql' ? KINDS.userOfMysql : KINDS.userOfMariadb)], 3, 1),
    institute: some(KINDS.institute, 2),
    institute_users: some(KINDS.institute_users, 1),
    user_auth: fc.oneof(
      {weight: 4, arbitrary: fc.constant([])},
      {weight: 1, arbitrary: some(KINDS.user_auth, 1)},
    ),
    referring: fc.constantFrom('', ' ON DELETE CASCADE', 'none'),
    role: fc.constantFrom('VARCHAR(20)', "ENUM('ADMIN','FACULTY','STUDENT','STAFF','DIRECTOR')"),
    surrogate: fc.boolean(),
  });
type Tables = typeof tablesOf extends (flavour: Flavour) => fc.Arbitrary<infer T> ? T : never;

const EMAILS = [
  'ann@x',
  'ANN@x',
  'annette@y',
  'ann@z',
  'bo@x',
  'bob@x',
  'jose@x',
  'josé@x',
  'strasse@x',
  'straße@x',
  "a'b\\@x",
  '%_a@x',
  '!b@x',
];
const email = fc.oneof(
  {weight: 8, arbitrary: fc.constantFrom(...EMAILS)},
  {weight: 1, arbitrary: fc.constant('nonsense')},
);
const id = (last: number) => fc.integer({min: 1, max: last});
const change = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      tag: fc.constant('user' as const),
      id: id(6),
      email,
      name: fc.constantFrom('A', 'a', 'B', 'Ä', 'Bo'),
      password: fc.constantFrom('p1', 'p2', 'q1', 'q22'),
      active: fc.constantFrom(1, 1, 1, 1, 0),
    }),
  },
  {weight: 2, arbitrary: fc.record({tag: fc.constant('swap' as const), id: id(6), other: id(6)})},
  {weight: 1, arbitrary: fc.record({tag: fc.constant('no user' as const), id: id(6)})},
  {
    weight: 2,
    arbitrary: fc.record({
      tag: fc.constant('institute' as const),
      id: id(4),
      name: fc.constantFrom('One', 'one', 'One ', 'Two', 'On\u3000', null),
      image: fc.constantFrom('i', 'j', 'j ', null),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      tag: fc.constant('member' as const),
      institute: id(3),
      user: id(6),
      role: fc.constantFrom('director', 'admin', 'staff', 'student'),
    }),
  },
  {weight: 1, arbitrary: fc.record({tag: fc.constant('no member' as const), institute: id(3), user: id(6)})},
  {weight: 1, arbitrary: fc.record({tag: fc.constant('owner' as const), id: id(6), value: id(2)})},
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;
export const batchesOfChanges = fc.array(fc.array(change, {minLength: 1, maxLength: 7}), {
  minLength: 1,
  maxLength: 7,
});

/** Creates the target's tables again, with a foreign user in them. */
export async function makeTables(stand: ApplierStand, tables: Tables): Promise<void> {
  const refer =
    tables.referring === 'none' ? '' : `, FOREIGN KEY (userId) REFERENCES user (userId)${tables.referring}`;
  const pk = (columns: string) =>
    tables.surrogate
      ? `UNIQUE KEY mapped (${columns}), pk BIGINT AUTO_INCREMENT PRIMARY KEY`
      : `PRIMARY KEY (${columns})`;
  const dates = 'createdAt DATETIME(3) NOT NULL, updatedAt DATETIME(3) NOT NULL';
  const like = `CHARACTER SET utf8mb4 COLLATE ${tables.collation}`;
  await stand.other
    .query(`SET foreign_key_checks = 0; DROP TABLE IF EXISTS user_auth, institute_users, user, institute; SET foreign_key_checks = 1;
    CREATE TABLE institute (instituteId BIGINT NOT NULL, name VARCHAR(100) NOT NULL, imageUrl VARCHAR(100) NULL, ${dates}, ${pk('instituteId')}) ${like};
    CREATE TABLE user (userId BIGINT NOT NULL, name VARCHAR(100) NOT NULL, email VARCHAR(190) NOT NULL, password VARCHAR(100) NOT NULL, ${dates}, ${pk('userId')}) ${like};
    CREATE TABLE institute_users (instituteId BIGINT NOT NULL, userId BIGINT NOT NULL, role ${tables.role} NOT NULL, isActive TINYINT NOT NULL, ${dates}, ${pk('instituteId, userId')}${refer}) ${like};
    CREATE TABLE user_auth (userId BIGINT NOT NULL, password VARCHAR(100) NOT NULL, ${dates}, ${pk('userId')}${refer}) ${like};
    DELETE FROM sync_owned; DELETE FROM sync_dead_letter`);
  for (const table of ['user', 'institute', 'institute_users', 'user_auth'] as const)
    for (const kind of tables[table]) await stand.other.query(`ALTER TABLE ${table} ${kind}`);
}

/** A foreign user. */
export async function makeForeign(stand: ApplierStand): Promise<void> {
  await stand.other.query(
    "INSERT INTO user (userId, name, email, password, createdAt, updatedAt) VALUES (90, 'Z', 'bob@x', 'zz', '2020-01-01', '2020-01-01')",
  );
}

/** Applies changes of the source as the stream does: by key, and then the rows that wait for a freed value. */
export async function applyLikeStream(stand: ApplierStand, set: ChangeSet, offset: number): Promise<void> {
  const {applier, writer} = stand;
  const first = await applier.apply(writer, set, options(offset));
  let retry = await applier.waitingFor(writer.session, set, first.evicted);
  for (let rounds = 0; retry.size > 0 && rounds < 100; rounds++) {
    const again = await applier.apply(writer, retry, {progress: null, follow: true, need: null});
    retry = await applier.waitingFor(writer.session, null, again.evicted);
  }
}

/** Changes the source, and reports the changes by their keys. */
export async function makeChanges(
  stand: ApplierStand,
  source: (sql: string, values?: readonly unknown[]) => Promise<unknown>,
  changes: readonly Change[],
): Promise<ChangeSet> {
  const users = new Set<string>();
  const institutes = new Set<string>();
  const pairs = new Set<string>();
  for (const one of changes) {
    switch (one.tag) {
      case 'user':
        users.add(String(one.id));
        await source(
          'INSERT INTO users (id, first_name, email, password, is_active, created_at, updated_at) VALUES (?, ?, ?, ?, ?, NOW(), NOW()) ON DUPLICATE KEY UPDATE first_name = VALUES(first_name), email = VALUES(email), password = VALUES(password), is_active = VALUES(is_active)',
          [one.id, one.name, one.email, one.password, one.active],
        );
        break;
      case 'swap':
        users.add(String(one.id)).add(String(one.other));
        await source(
          'UPDATE users a JOIN users b ON a.id = ? AND b.id = ? SET a.phone = b.email, b.phone = a.email',
          [one.id, one.other],
        );
        await source('UPDATE users SET email = phone WHERE id IN (?, ?) AND phone IS NOT NULL', [
          one.id,
          one.other,
        ]);
        await source('UPDATE users SET phone = NULL');
        break;
      case 'no user':
        users.add(String(one.id));
        await source('DELETE FROM institute_user WHERE user_id = ?', [one.id]);
        await source('DELETE FROM users WHERE id = ?', [one.id]);
        break;
      case 'institute':
        institutes.add(String(one.id));
        await source(
          'INSERT INTO institutes (id, name, imageUrl) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE name = VALUES(name), imageUrl = VALUES(imageUrl)',
          [one.id, one.name, one.image],
        );
        break;
      case 'member':
      case 'no member':
        pairs.add(`${one.institute}:${one.user}`);
        await source('DELETE FROM institute_user WHERE institute_id = ? AND user_id = ?', [
          one.institute,
          one.user,
        ]);
        if (one.tag === 'member')
          await source(
            "INSERT INTO institute_user (institute_id, user_id, user_type, status) SELECT i.id, u.id, ?, 'active' FROM institutes i, users u WHERE i.id = ? AND u.id = ?",
            [one.role, one.institute, one.user],
          );
        break;
      case 'owner':
        // The source's log does not show it: rows that wait for this row are retried, as in a reconcile.
        users.add(String(one.id));
        for (const set of [
          'tenant = ?',
          "region = IF(? = 1, 'e', 'e''u')",
          "deleted_at = IF(? = 1, NULL, '2020-01-01')",
          "removed = IF(? = 1, NULL, '2020-01-01')",
          "gone = IF(? = 1, NULL, '2020-01-01')",
        ])
          // A column that this target lacks, or a value that it refuses, changes nothing.
          await stand.other
            .query(`UPDATE user SET ${set} WHERE userId = ?`, [one.value, one.id])
            .catch(() => undefined);
        break;
    }
  }
  const reread = (keys: ReadonlySet<string>) =>
    Object.fromEntries(Array.from(keys, key => [key, flagged(null, REREAD | LEFT)]));
  return changeSet(stand.plan, {
    user: reread(users),
    institute: reread(institutes),
    institute_users: reread(pairs),
  });
}
