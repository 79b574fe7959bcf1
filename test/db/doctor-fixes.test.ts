/** The SQL that the doctor prints fixes its finding, and changes nothing else of a table that others created. */
import {fc} from '../helpers/draws.ts';
import {afterAll, beforeAll, expect, it} from 'vitest';
import type mysql from 'mysql2/promise';
import {examine} from '../../src/doctor/doctor.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {connect, query} from '../servers/databases.ts';
import {configOf, findingsOf, furnish, type Stand} from './doctor-stand.ts';

const RUNS = Number(process.env['RUNS'] ?? 8);
const attributes = (defaults: readonly string[], more: readonly string[] = []) =>
  fc
    .record({
      fallback: fc.constantFrom('', ...defaults),
      more: fc.constantFrom('', ...more),
      comment: fc.constantFrom('', " COMMENT 'it''s, (theirs)'"),
    })
    .map(({fallback, more: other, comment}) => `${fallback}${other}${comment}`);
const COLLATIONS = ['', ' COLLATE utf8mb4_bin', ' COLLATE utf8mb4_unicode_ci'];
const narrowText = (charset: string, length: number) =>
  fc
    .record({
      collation: fc.constantFrom(...(charset === '' ? COLLATIONS : ['', ` COLLATE ${charset}_bin`])),
      rest: attributes([" DEFAULT 'd'", " DEFAULT 'a, b'"]),
      nullable: fc.constantFrom(' NOT NULL', ' NULL'),
    })
    .map(
      ({collation, rest, nullable}) =>
        `VARCHAR(${length})${charset === '' ? '' : ` CHARACTER SET ${charset}`}${collation}${nullable}${rest}`,
    );
const columns = fc.record({
  id: fc.constantFrom(
    'INT NOT NULL',
    'INT NOT NULL AUTO_INCREMENT',
    'SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT',
  ),
  idComment: fc.constantFrom('', " COMMENT 'the id'"),
  name: narrowText('', 30),
  image: narrowText('latin1', 200),
  theirs: attributes([], []).map(rest => `INT NOT NULL${rest}`),
});

describeEachFlavour('a fix that the doctor prints', ({server, source, target}) => {
  const stand: Stand = {server, source, target};
  let connection: mysql.Connection;
  beforeAll(async () => {
    await furnish(stand);
    connection = await connect(server, target);
  });
  afterAll(() => connection?.end());
  const doctor = () => examine(configOf(stand));
  const lines = async () => {
    const [row] = await query(connection, 'SHOW CREATE TABLE institute');
    return String(row?.['Create Table']).split('\n');
  };
  /** A line without the type of the column, its character set and its collation. */
  const bare = (line: string) =>
    line
      .replace(/^( +`\w+` )\w+(?:\(\d+\))?(?: unsigned)?/, '$1')
      .replace(/ CHARACTER SET \w+/, '')
      .replace(/ COLLATE \w+/, '')
      .replace(/AUTO_INCREMENT=\d+ /, '')
      .replace(' NOT NULL,', ',');

  it('leaves all other properties of a column unchanged', () =>
    fc.assert(
      fc.asyncProperty(columns, async ({id, idComment, name, image, theirs}) => {
        await connection.query(
          `DROP TABLE IF EXISTS institute_users, institute;
           CREATE TABLE institute (instituteId ${id}${idComment} PRIMARY KEY, name ${name}, imageUrl ${image}, theirs ${theirs},
             createdAt DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, updatedAt DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
             UNIQUE KEY named (name)) CHARACTER SET utf8mb4;
           CREATE TABLE institute_users (instituteId BIGINT, userId BIGINT, role VARCHAR(20) NOT NULL, isActive TINYINT NOT NULL,
             createdAt DATETIME(3) NOT NULL, updatedAt DATETIME(3) NOT NULL, PRIMARY KEY (instituteId, userId));
           INSERT INTO institute (instituteId, name, imageUrl, theirs) VALUES (1, 'Ann', 'i', 1), (2, 'bob', 'i', 2)`,
        );
        const before = await lines();
        for (const check of ['target-columns', 'target-width', 'target-charset'])
          for (const finding of findingsOf(await doctor(), check))
            if (finding.fix !== undefined && finding.fix !== null) await connection.query(finding.fix);
        expect((await lines()).map(bare)).toEqual(
          before.map(bare).map(line => (line.startsWith('  `theirs`') ? expect.any(String) : line)),
        );
        const after = await lines();
        for (const [i, line] of before.entries()) {
          const [, collation] = / COLLATE (\w+)/.exec(line) ?? [];
          if (collation?.startsWith('utf8mb4') === true && line.startsWith('  `'))
            expect(after[i]).toContain(collation);
        }
        const findings = await doctor();
        for (const check of ['target-columns', 'target-width', 'target-charset'])
          expect(findingsOf(findings, check).filter(({level}) => level !== 'ok')).toEqual([]);
      }),
      {numRuns: RUNS},
    ));

  it('adds a column to a table with rows, and reports everything missing at once', async () => {
    await connection.query(
      `DROP TABLE IF EXISTS institute_users;
       CREATE TABLE institute_users (instituteId BIGINT, userId BIGINT, role VARCHAR(20) NOT NULL, isActive TINYINT NOT NULL,
         createdAt DATE NOT NULL, must INT NOT NULL);
       INSERT INTO institute_users VALUES (1, 1, 'ADMIN', 1, '2024-01-01', 1)`,
    );
    const findings = await doctor();
    const reported = ['target-columns', 'target-keys'].flatMap(check =>
      findingsOf(findings, check).filter(({message}) => message.startsWith('institute_users')),
    );
    expect(reported.map(({message}) => message)).toEqual([
      'institute_users lacks updatedAt',
      'institute_users.createdAt is date, which cannot be mapped',
      'institute_users.must is not mapped, not nullable, and has no default',
      'institute_users has no unique key on (instituteId, userId)',
    ]);
    for (const {fix} of reported) await connection.query(String(fix));
    const left = findingsOf(await doctor(), 'target-columns').map(({message}) => message);
    expect(left.filter(message => message.startsWith('institute_users'))).toEqual([]);
  });
});
