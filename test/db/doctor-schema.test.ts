import {beforeAll, describe, expect, it} from 'vitest';
import {connect as connectAsSync} from '../../src/db/connection.ts';
import {examine} from '../../src/doctor/doctor.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {cli} from '../helpers/daemon.ts';
import {query, withConnection} from '../servers/databases.ts';
import {configOf, environmentOf, findingsOf, furnish, worst, type Stand} from './doctor-stand.ts';

describeEachFlavour('schemas that the doctor checks', ({server, source, target}) => {
  const stand: Stand = {server, source, target};
  const doctor = (extra = {}) => examine(configOf(stand, extra));
  const onSource = (sql: string) => withConnection(server, source, connection => connection.query(sql));
  const onTarget = (sql: string) => withConnection(server, target, connection => connection.query(sql));
  const fix = async (check: string) => String(worst(await doctor(), check).fix);

  it('says which database does not exist', async () => {
    const findings = await doctor({DB_DATABASE: 'no_such_laas', ORG_DB_DATABASE: 'no_such_org'});
    expect(findings).toMatchObject([
      {
        side: 'source',
        check: 'reachable',
        level: 'must-fix',
        message: expect.stringContaining('the database no_such_laas does not exist on'),
      },
      {
        side: 'target',
        check: 'reachable',
        level: 'must-fix',
        fix: 'CREATE DATABASE `no_such_org` CHARACTER SET utf8mb4;',
      },
    ]);
  });

  it('says which tables an empty source and an empty target lack', async () => {
    const findings = await doctor();
    expect(worst(findings, 'source-columns')).toMatchObject({level: 'must-fix', side: 'source'});
    expect(worst(findings, 'target-columns')).toMatchObject({
      level: 'must-fix',
      side: 'target',
      fix: 'laas-sync migrate',
    });
    expect(worst(findings, 'migrated')).toMatchObject({level: 'warning', fix: 'laas-sync migrate'});
  });

  describe('with all tables', () => {
    beforeAll(() => furnish(stand));

    it('names a mapped column of the source that is missing or has an unsupported type', async () => {
      await onSource('ALTER TABLE users RENAME COLUMN email TO mail');
      expect(worst(await doctor(), 'source-columns')).toMatchObject({
        level: 'must-fix',
        message: "the source table users lacks the column email; did you mean 'mail'?",
      });
      // It is said once, although no plan can be made without the column.
      expect(findingsOf(await doctor(), 'source-columns')).toHaveLength(1);
      await onSource('ALTER TABLE users RENAME COLUMN mail TO email');
      await onSource('ALTER TABLE users MODIFY first_name POINT NULL, RENAME COLUMN last_name TO surname');
      expect(findingsOf(await doctor(), 'source-columns').map(({message}) => message)).toEqual([
        'the source table users lacks the column last_name',
        'users.first_name is point, which cannot be mapped',
      ]);
      await onSource('ALTER TABLE users RENAME COLUMN surname TO last_name');
      expect(findingsOf(await doctor(), 'source-columns')).toHaveLength(1);
      expect(worst(await doctor(), 'source-columns')).toMatchObject({
        level: 'must-fix',
        message: 'users.first_name is point, which cannot be mapped',
        fix: 'ALTER TABLE `users` ADD COLUMN `first_name_text` LONGTEXT AS (ST_AsText(`first_name`)) STORED; /* and map this column instead */',
      });
      await onSource(await fix('source-columns'));
      await onSource('ALTER TABLE users DROP COLUMN first_name_text');
      await onSource('ALTER TABLE users MODIFY is_active BINARY(1) NULL');
      const flag = findingsOf(await doctor(), 'source-columns').find(({message}) =>
        message.includes('is_active'),
      );
      expect(flag).toMatchObject({
        message: 'users.is_active is binary(1), which cannot be mapped',
        fix: 'ALTER TABLE `users` MODIFY `is_active` TINYINT DEFAULT NULL;',
      });
      await onSource('ALTER TABLE users MODIFY is_active TINYINT NULL');
      await onSource('ALTER TABLE users DROP COLUMN first_name, ADD COLUMN first_name VARCHAR(120) NULL');
      expect(worst(await doctor(), 'source-columns').level).toBe('ok');
    });

    it('fixes a target without a column by the SQL that it prints', async () => {
      await onTarget('ALTER TABLE institute DROP COLUMN imageUrl');
      expect(worst(await doctor(), 'target-columns')).toMatchObject({
        level: 'must-fix',
        message: 'institute lacks imageUrl',
      });
      await onTarget(await fix('target-columns'));
      expect(worst(await doctor(), 'target-columns').level).toBe('ok');
    });

    it.each([
      ['user_auth', 'userId', 'BIGINT(12) UNSIGNED ZEROFILL NOT NULL', /zerofill$/, 'userId'],
      ['institute', 'name', 'BINARY(255) NOT NULL', /^binary\(255\)$/, 'name'],
      ['institute', 'name', "ENUM('One','Two') NOT NULL", /^enum/, 'name'],
      ['institute_users', 'isActive', "ENUM('no','yes') NOT NULL", /^enum/, 'isActive'],
      ['institute_users', 'isActive', 'BINARY(1) NOT NULL', /^binary/, 'isActive'],
      ['institute_users', 'isActive', 'DECIMAL(2,1) NOT NULL', /^decimal/, 'isActive'],
    ])(
      'fixes a target whose %s.%s is %s, by the SQL that it prints',
      async (table, column, type, definition, name) => {
        await onTarget(
          `ALTER TABLE ${table} RENAME TO kept; CREATE TABLE ${table} LIKE kept; ALTER TABLE ${table} MODIFY ${column} ${type}`,
        );
        const {level, message} = worst(await doctor(), 'target-columns');
        expect(level).toBe('must-fix');
        const [, found = ''] = /^\S+ is (.*), which cannot be mapped$/.exec(message) ?? [];
        expect(message).toContain(`${table}.${name} is `);
        expect(found).toMatch(definition);
        await onTarget(await fix('target-columns'));
        expect(worst(await doctor(), 'target-columns').level).toBe('ok');
        await onTarget(`DROP TABLE ${table}; ALTER TABLE kept RENAME TO ${table}`);
      },
    );

    it('fixes a target without its key by the SQL that it prints', async () => {
      await onTarget(
        'CREATE TABLE parked AS SELECT * FROM user_auth; DROP TABLE user_auth; RENAME TABLE parked TO user_auth',
      );
      expect(worst(await doctor(), 'target-keys')).toMatchObject({
        level: 'must-fix',
        message: 'user_auth has no unique key on (userId)',
      });
      await onTarget(await fix('target-keys'));
      expect(findingsOf(await doctor(), 'target-keys')).toEqual([]);
    });

    it('fixes a target with a column that is never filled by the SQL that it prints', async () => {
      await onTarget('ALTER TABLE institute ADD COLUMN region VARCHAR(10) NOT NULL');
      expect(worst(await doctor(), 'target-columns').message).toBe(
        'institute.region is not mapped, not nullable, and has no default',
      );
      await onTarget(await fix('target-columns'));
      expect(worst(await doctor(), 'target-columns').level).toBe('ok');
    });

    it('says what to do about a mapped column that the target generates', async () => {
      await onTarget(
        'ALTER TABLE institute ADD COLUMN kept VARCHAR(1024) NULL; UPDATE institute SET kept = imageUrl',
      );
      await onTarget(
        'ALTER TABLE institute DROP COLUMN imageUrl, ADD COLUMN imageUrl VARCHAR(1024) AS (CONCAT(name, kept)) STORED',
      );
      expect(findingsOf(await doctor(), 'target-columns')).toMatchObject([
        {
          level: 'must-fix',
          message: 'institute.imageUrl is generated by the server',
          fix: expect.stringMatching(/^remove the column from the mapping/),
        },
      ]);
      await onTarget('ALTER TABLE institute DROP COLUMN imageUrl, RENAME COLUMN kept TO imageUrl');
      expect(worst(await doctor(), 'target-columns').level).toBe('ok');
    });

    it('warns of a target column narrower than its source, and the SQL widens it', async () => {
      await onTarget(
        'ALTER TABLE institute MODIFY name VARCHAR(100) NOT NULL; ALTER TABLE user_auth MODIFY userId INT NOT NULL',
      );
      expect(
        findingsOf(await doctor(), 'target-width').map(({message}) => message.replace(/int\(\d+\)/, 'int')),
      ).toEqual([
        'institute.name holds 100 characters, its source 255',
        expect.stringMatching(/^user_auth\.userId is int/),
      ]);
      for (const {fix: sql} of findingsOf(await doctor(), 'target-width')) await onTarget(String(sql));
      expect(findingsOf(await doctor(), 'target-width')).toEqual([]);
    });

    it('warns of a target that cannot store every character', async () => {
      await onTarget('ALTER TABLE institute MODIFY name VARCHAR(255) CHARACTER SET latin1 NOT NULL');
      expect(worst(await doctor(), 'target-charset').message).toBe('institute.name is latin1');
      await onTarget(await fix('target-charset'));
      expect(findingsOf(await doctor(), 'target-charset')).toEqual([]);
    });

    it('requires tables that support transactions', async () => {
      await onTarget('ALTER TABLE user_auth ENGINE = MyISAM');
      expect(findingsOf(await doctor(), 'engine')[0]).toMatchObject({
        level: 'must-fix',
        side: 'target',
        message: 'user_auth is MyISAM',
      });
      await onTarget(await fix('engine'));
      expect(worst(await doctor(), 'engine').level).toBe('ok');
    });

    it('warns of a source table that is not transactional', async () => {
      await onSource(
        'CREATE TABLE kept LIKE institute_user; RENAME TABLE institute_user TO aside, kept TO institute_user; ALTER TABLE institute_user ENGINE = MyISAM',
      );
      expect(worst(await doctor(), 'engine')).toMatchObject({
        level: 'warning',
        side: 'source',
        message: 'institute_user is MyISAM',
      });
      await onSource(await fix('engine'));
      expect(worst(await doctor(), 'engine').level).toBe('ok');
      await onSource('DROP TABLE institute_user; RENAME TABLE aside TO institute_user');
    });

    it('refuses a view in place of a source table', async () => {
      await onSource(
        'RENAME TABLE institute_user TO aside; CREATE VIEW institute_user AS SELECT * FROM aside',
      );
      expect(worst(await doctor(), 'engine')).toMatchObject({
        level: 'must-fix',
        side: 'source',
        message: 'institute_user is a view',
      });
      const faults = (await doctor()).filter(({level}) => level === 'must-fix');
      expect(faults.map(({message}) => message)).toEqual(['institute_user is a view']);
      await onSource('DROP VIEW institute_user; RENAME TABLE aside TO institute_user');
    });

    it('requires unique ids on the source', async () => {
      await onSource(
        'ALTER TABLE institute_user DROP FOREIGN KEY iu_i; ALTER TABLE institutes MODIFY id BIGINT UNSIGNED NOT NULL, DROP PRIMARY KEY',
      );
      const finding = worst(await doctor(), 'source-keys');
      expect(finding).toMatchObject({level: 'must-fix', message: 'institutes has no unique key on id'});
      await onSource(String(finding.fix).replace(/ -- .*$/, ''));
      expect(worst(await doctor(), 'source-keys').level).toBe('ok');
      await onSource(
        'ALTER TABLE institute_user ADD CONSTRAINT iu_i FOREIGN KEY (institute_id) REFERENCES institutes (id) ON DELETE CASCADE ON UPDATE CASCADE',
      );
    });

    it('changes nothing on either side, and only reads the source', async () => {
      const state = () =>
        withConnection(server, undefined, connection =>
          query(
            connection,
            'SELECT TABLE_SCHEMA, TABLE_NAME, CREATE_TIME, UPDATE_TIME FROM information_schema.TABLES WHERE TABLE_SCHEMA IN (?) ORDER BY 1, 2',
            [[source, target]],
          ),
        );
      const before = await state();
      await doctor();
      expect(await state()).toEqual(before);
      const connection = await connectAsSync('source', configOf(stand).source);
      await expect(connection.query('DELETE FROM users')).rejects.toMatchObject({errno: 1792});
      connection.destroy();
    });

    it('is a table for people and JSON for machines, with its exit code', async () => {
      const table = await cli(['doctor'], environmentOf(stand));
      expect(table.stdout).toContain('nothing must be fixed');
      expect(table.code).toBe(0);
      await onTarget('ALTER TABLE institute DROP COLUMN imageUrl');
      const json = await cli(['doctor', '--json'], environmentOf(stand));
      expect(json.code).toBe(1);
      const report: unknown = JSON.parse(json.stdout);
      expect(report).toMatchObject({
        mustFix: 1,
        findings: expect.arrayContaining([
          expect.objectContaining({
            check: 'target-columns',
            level: 'must-fix',
            fix: 'ALTER TABLE `institute` ADD COLUMN `imageUrl` VARCHAR(1024) NULL;',
            mend: 'ALTER TABLE `institute` ADD COLUMN `imageUrl` VARCHAR(1024) NULL;',
          }),
        ]),
      });
    });
  });
});
