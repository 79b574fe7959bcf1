/** Keys that the two servers order differently: rows that only the target has are found by the target's own pages. */
import {beforeAll, describe, expect, it} from 'vitest';
import {previewMapping} from '../../reconciler/preview.ts';
import {verifyTables} from '../../reconciler/verifier.ts';
import {syncCommand} from '../../src/cli/sync.ts';
import {migrateUp} from '../../src/db/migrate.ts';
import {openKnex} from '../../src/db/models.ts';
import {silentLogger} from '../helpers/silent-logger.ts';
import {parseMapping} from '../../src/mapping/file/read.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {query, withConnection} from '../servers/databases.ts';
import {configOf} from './doctor-stand.ts';

const GRADES = parseMapping(
  `version: 1
tables:
  grade: {from: grades, key: code, columns: {code: code, name: name}, where: {is_open: 1}}
  grade_note:
    from: grades
    key: code
    columns: {code: code, note: note}
    where: {is_open: 1}
    parents: {grade: code}
`,
  'grades.yaml',
);
const SOURCE = `
  CREATE TABLE grades (code VARCHAR(8) NOT NULL PRIMARY KEY, name VARCHAR(40) NOT NULL, note VARCHAR(40) NOT NULL, is_open TINYINT NOT NULL)
    DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
  INSERT INTO grades VALUES ('a', 'one', 'first', 1), ('B', 'two', 'second', 1), ('closed', 'three', 'third', 0)`;
const TARGET = `
  CREATE TABLE grade (code VARCHAR(8) NOT NULL PRIMARY KEY, name VARCHAR(40) NOT NULL) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
  CREATE TABLE grade_note (code VARCHAR(8) NOT NULL PRIMARY KEY, note VARCHAR(40) NOT NULL) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
  INSERT INTO grade VALUES ('a', 'one'), ('B', 'two'), ('closed', 'three'), ('gone', 'four'), ('other', 'five');
  INSERT INTO grade_note VALUES ('a', 'first'), ('B', 'second'), ('closed', 'third'), ('gone', 'fourth'), ('other', 'fifth')`;

describeEachFlavour('keys that the two servers order differently', ({server, source, target}) => {
  const config = {...configOf({server, source, target}), mapping: GRADES};
  const {signal} = new AbortController();
  const onTarget = (sql: string) => withConnection(server, target, connection => connection.query(sql));

  beforeAll(async () => {
    await withConnection(server, source, connection => connection.query(SOURCE));
    await onTarget(TARGET);
    const knex = await openKnex(config.target, silentLogger);
    await migrateUp(knex, GRADES).finally(() => knex.destroy());
    await onTarget(
      "INSERT INTO sync_owned_key (stream, kind, row_key) VALUES ('default', 'grade', 'a'), ('default', 'grade', 'B'), ('default', 'grade', 'closed'), ('default', 'grade', 'gone')",
    );
  });

  describe('each row of several tables is counted once', () => {
    it('by plan', async () => {
      const {tables} = await previewMapping(config, signal);
      const deletes = {insert: 0, change: 0, delete: 2, sampleKeys: {delete: ['closed', 'gone']}};
      expect(tables).toMatchObject({grade: deletes, grade_note: deletes});
    });

    it('by verify', async () => {
      const {tables} = await verifyTables(config, signal);
      const counts = {compared: 2, extra: 2, foreign: 1, sampleKeys: ['closed', 'gone']};
      expect(tables).toMatchObject({grade: counts, grade_note: counts});
    });

    it('by the brake of a reconcile, which 60 deletes do not reach', async () => {
      const codes = 'WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 60) SELECT';
      await onTarget(
        `INSERT INTO grade ${codes} CONCAT('g', i), '' FROM n; INSERT INTO grade_note ${codes} CONCAT('g', i), '' FROM n;
         INSERT INTO sync_owned_key (stream, kind, row_key) ${codes} 'default', 'grade', CONCAT('g', i) FROM n`,
      );
      expect(await syncCommand({config, logger: silentLogger, signal}, {mode: 'diff', json: true})).toBe(0);
      const left = await withConnection(server, target, connection =>
        query(connection, 'SELECT code FROM grade UNION ALL SELECT code FROM grade_note ORDER BY 1'),
      );
      expect(left.map(({code}) => String(code))).toEqual(['B', 'B', 'a', 'a', 'other', 'other']);
    });
  });
});
