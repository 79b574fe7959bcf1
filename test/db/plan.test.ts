/** The preview of a mapping on real servers: before anything has run, and beside rows that belong to the stream. */
import {beforeAll, describe, expect, it} from 'vitest';
import {previewMapping, type TablePreview} from '../../reconciler/preview.ts';
import {migrateUp} from '../../src/db/migrate.ts';
import {openKnex} from '../../src/db/models.ts';
import {silentLogger} from '../helpers/silent-logger.ts';
import {parseMapping} from '../../src/mapping/file/read.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {query, withConnection} from '../servers/databases.ts';
import {configOf} from './doctor-stand.ts';

const SHOPS = parseMapping(
  `version: 1
tables:
  region: {from: regions, key: code, columns: {code: code, name: name}, where: {is_open: 1}}
  shop:
    from: shops
    key: id
    columns: {id: id, region: region_code, name: {copy: name, check: notEmpty}}
    parents: {region: region}
`,
  'shops.yaml',
);

const SOURCE = `
  CREATE TABLE regions (code CHAR(3) NOT NULL PRIMARY KEY, name VARCHAR(40) NOT NULL, is_open TINYINT NOT NULL) DEFAULT CHARACTER SET utf8mb4;
  CREATE TABLE shops (id BIGINT NOT NULL PRIMARY KEY, region_code CHAR(3) NULL, name VARCHAR(40) NOT NULL, KEY (region_code)) DEFAULT CHARACTER SET utf8mb4;
  INSERT INTO regions VALUES ('eu', 'Europe', 1), ('as', 'Asia', 0);
  INSERT INTO shops VALUES (1, 'eu', 'one'), (2, 'as', 'two'), (3, NULL, 'three'), (4, 'eu', '')`;
const TARGET = `
  CREATE TABLE region (code CHAR(3) NOT NULL PRIMARY KEY, name VARCHAR(40) NOT NULL) DEFAULT CHARACTER SET utf8mb4;
  CREATE TABLE shop (id BIGINT NOT NULL PRIMARY KEY, region CHAR(3) NULL, name VARCHAR(40) NOT NULL, KEY (region)) DEFAULT CHARACTER SET utf8mb4`;

const NONE: TablePreview = {
  insert: 0,
  change: 0,
  delete: 0,
  setAside: 0,
  differingColumns: {},
  sampleKeys: {insert: [], change: [], delete: [], setAside: []},
};

describeEachFlavour('plan', ({server, source, target}) => {
  const config = {...configOf({server, source, target}), mapping: SHOPS};
  const preview = () => previewMapping(config, new AbortController().signal);
  const onTarget = (sql: string) => withConnection(server, target, connection => connection.query(sql));

  beforeAll(async () => {
    await withConnection(server, source, connection => connection.query(SOURCE));
    await onTarget(TARGET);
  });

  describe('before anything has run, without bookkeeping tables', () => {
    it('inserts eligible rows, with children of rows to come, and sets aside what fails', async () => {
      expect(await preview()).toMatchObject({
        nothingToDo: false,
        tables: {
          region: {...NONE, insert: 1, sampleKeys: {insert: ['eu']}},
          shop: {...NONE, insert: 2, setAside: 1, sampleKeys: {insert: ['1', '3'], setAside: ['4']}},
        },
      });
    });

    it('names the columns that differ, and deletes nothing that it does not own', async () => {
      await onTarget(
        "INSERT INTO region VALUES ('eu', 'Old'), ('xx', 'foreign'); INSERT INTO shop VALUES (1, 'eu', 'old'), (3, NULL, 'three'), (9, NULL, 'foreign')",
      );
      const {tables} = await preview();
      expect(tables).toMatchObject({
        region: {...NONE, change: 1, differingColumns: {name: 1}, sampleKeys: {change: ['eu']}},
        shop: {
          ...NONE,
          change: 1,
          setAside: 1,
          differingColumns: {name: 1},
          sampleKeys: {change: ['1'], setAside: ['4']},
        },
      });
      expect(JSON.stringify(tables)).not.toMatch(/Europe|Old|old|one|foreign/);
    });

    it('writes nothing', async () => {
      const tables = await withConnection(server, target, connection => query(connection, 'SHOW TABLES'));
      expect(tables.map(row => String(Object.values(row)[0])).sort()).toEqual(['region', 'shop']);
    });
  });

  describe('with rows that belong to the stream', () => {
    beforeAll(async () => {
      const knex = await openKnex(config.target, silentLogger);
      try {
        await migrateUp(knex, SHOPS);
      } finally {
        await knex.destroy();
      }
    });

    it('deletes those that the source does not have any more', async () => {
      await onTarget(
        `UPDATE region SET name = 'Europe' WHERE code = 'eu'; UPDATE shop SET name = 'one' WHERE id = 1;
         INSERT INTO sync_owned_key (stream, kind, row_key) VALUES ('default', 'region', 'xx'), ('default', 'region', 'eu')`,
      );
      expect((await preview()).tables).toMatchObject({
        region: {...NONE, delete: 1, sampleKeys: {delete: ['xx']}},
        shop: {...NONE, setAside: 1, sampleKeys: {setAside: ['4']}},
      });
    });

    it('has nothing to do once both sides agree; rows that wait change nothing of that', async () => {
      await onTarget("DELETE FROM region WHERE code = 'xx'");
      expect(await preview()).toMatchObject({nothingToDo: true, tables: {shop: {setAside: 1}}});
    });
  });

  it('repeats the migration without effect, and widens what an older version created', async () => {
    const widths = () =>
      withConnection(server, target, connection =>
        query(
          connection,
          "SELECT CONCAT(TABLE_NAME, '.', COLUMN_NAME) AS name, CHARACTER_MAXIMUM_LENGTH AS size FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND (TABLE_NAME LIKE 'sync_owned%' OR TABLE_NAME = 'sync_dead_letter') AND COLUMN_NAME IN ('kind', 'scope', 'row_key', 'code', 'detail', 'target_table') ORDER BY 1",
        ),
      );
    const fresh = await widths();
    await onTarget(
      `ALTER TABLE sync_owned MODIFY kind VARCHAR(16) NOT NULL, MODIFY scope VARCHAR(20) NOT NULL;
       ALTER TABLE sync_dead_letter MODIFY target_table VARCHAR(32) NOT NULL, MODIFY row_key VARCHAR(48) NOT NULL, MODIFY code VARCHAR(32) NOT NULL, MODIFY detail VARCHAR(255) NULL;
       DROP TABLE sync_owned_key; ALTER TABLE sync_checkpoint DROP COLUMN mapping;
       DELETE FROM sync_migrations WHERE name = '0004-mapping'`,
    );
    const knex = await openKnex(config.target, silentLogger);
    try {
      expect(await migrateUp(knex, SHOPS)).toEqual(['0004-mapping']);
      expect(await migrateUp(knex, SHOPS)).toEqual([]);
    } finally {
      await knex.destroy();
    }
    expect(await widths()).toEqual(fresh);
    expect(fresh).toHaveLength(8);
  });
});
