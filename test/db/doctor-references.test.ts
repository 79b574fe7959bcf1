/** The doctor's checks of foreign keys, cascades and triggers on both sides. */
import {beforeAll, expect, it} from 'vitest';
import {examine} from '../../src/doctor/doctor.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {query, withConnection} from '../servers/databases.ts';
import {isHostile} from '../servers/profile.ts';
import {configOf, faultsOf, furnish, worst, type Stand} from './doctor-stand.ts';

describeEachFlavour('foreign keys that the doctor checks', ({flavour, server, source, target}) => {
  const stand: Stand = {server, source, target};
  const doctor = () => examine(configOf(stand));
  const onSource = (sql: string) => withConnection(server, source, connection => connection.query(sql));
  const onTarget = (sql: string) => withConnection(server, target, connection => connection.query(sql));

  beforeAll(() => furnish(stand));

  // The account of the hostile profile sees no triggers.
  it.skipIf(isHostile)("warns of others' foreign keys, cascades and triggers on the target", async () => {
    await onTarget(`
      CREATE TABLE grade (id INT PRIMARY KEY, userId BIGINT NOT NULL, CONSTRAINT grade_user FOREIGN KEY (userId) REFERENCES user (userId));
      ALTER TABLE institute_users ADD CONSTRAINT member FOREIGN KEY (userId) REFERENCES user (userId) ON DELETE CASCADE;
      CREATE TRIGGER shout BEFORE INSERT ON institute FOR EACH ROW SET NEW.name = UPPER(NEW.name)`);
    const findings = await doctor();
    expect(worst(findings, 'target-foreign-keys').message).toBe(
      `${target}.grade refers to user (grade_user)`,
    );
    expect(worst(findings, 'target-cascades').message).toBe('institute_users.member cascades from user');
    expect(worst(findings, 'triggers').message).toBe('the trigger shout fires on institute');
    for (const check of ['target-foreign-keys', 'target-cascades'])
      await onTarget(String(worst(findings, check).fix).replace(/^.*; or /, ''));
    await onTarget('DROP TRIGGER shout; DROP TABLE grade');
    expect(faultsOf(await doctor()).filter(fault => / target (?!.*lease)/.test(fault))).toEqual([]);
  });

  it('names the foreign keys of other schemas that are hidden, and the grant for them', async () => {
    const far = `${target}_far`;
    const blind = `b_${target.slice(0, 12)}`;
    const admin = (sql: string) => onTarget(sql);
    await admin(
      `CREATE DATABASE ${far}; CREATE TABLE ${far}.away (userId BIGINT, CONSTRAINT far_user FOREIGN KEY (userId) REFERENCES ${target}.user (userId) ON DELETE CASCADE);
       CREATE USER '${blind}'@'%' IDENTIFIED BY 'Least-privilege-1'; GRANT SELECT, INSERT, UPDATE, DELETE ON ${target}.* TO '${blind}'@'%'`,
    );
    const look = async () =>
      worst(
        await examine(configOf(stand, {ORG_DB_USERNAME: blind, ORG_DB_PASSWORD: 'Least-privilege-1'})),
        'target-foreign-keys',
      );
    const unseen = await look();
    expect(unseen).toMatchObject({
      level: 'warning',
      message: `this account cannot see foreign keys of schemas other than ${target}`,
    });
    // InnoDB shows it to an account with PROCESS: then the table is known by name.
    await admin(`GRANT PROCESS ON *.* TO '${blind}'@'%'`);
    const named = await look();
    expect(named.message).toBe(`${far}.away refers to user, and this account cannot see how`);
    await admin(String(named.fix));
    expect((await look()).message).toBe(`${far}.away refers to user (far_user)`);
    await admin(`DROP DATABASE ${far}`);
    expect((await look()).level).toBe('ok');
    await admin(`REVOKE PROCESS ON *.* FROM '${blind}'@'%'`);
    await admin(String(unseen.fix).replace(/; -- .*/, ''));
    expect((await look()).message).toBe('no other table refers to the mapped ones');
    await admin(`DROP USER '${blind}'@'%'`);
  });

  it('warns of a cascade that the log does not show, which costs a reconcile', async () => {
    await onSource(`
      CREATE TABLE account (id BIGINT UNSIGNED PRIMARY KEY);
      ALTER TABLE users ADD COLUMN account_id BIGINT UNSIGNED NULL, ADD CONSTRAINT by_account FOREIGN KEY (account_id) REFERENCES account (id) ON DELETE CASCADE`);
    const finding = worst(await doctor(), 'cascades');
    const [row] = await withConnection(server, source, connection =>
      query(connection, 'SELECT VERSION() AS version'),
    );
    const logs = flavour === 'mysql' && Number.parseFloat(String(row?.['version'])) >= 9.6;
    if (logs)
      expect(finding).toMatchObject({
        level: 'ok',
        message: '3 foreign keys cascade, and this server logs the effects',
      });
    else {
      expect(finding).toMatchObject({
        level: 'warning',
        message: `users.by_account cascades from ${source}.account`,
      });
      await onSource(String(finding.fix));
      expect(worst(await doctor(), 'cascades')).toMatchObject({
        level: 'ok',
        message: '2 foreign keys cascade between mapped tables, which the stream follows',
      });
    }
    await onSource(
      'ALTER TABLE users DROP FOREIGN KEY ' +
        (logs ? 'by_account' : 'users_ibfk_1') +
        '; ALTER TABLE users DROP COLUMN account_id; DROP TABLE account',
    );
  });
});
