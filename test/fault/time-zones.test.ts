/** Times are UTC from end to end, whatever the zones of the source's sessions, the servers and the process are. */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {openWithOwnSource, type OwnSource} from '../helpers/own-source.ts';

const TABLES = `
CREATE TABLE institutes (id INT PRIMARY KEY, name VARCHAR(90), imageUrl TEXT, created_at DATETIME(6) NULL, updated_at TIMESTAMP(6) NULL);
CREATE TABLE users (id INT PRIMARY KEY, first_name VARCHAR(80), last_name VARCHAR(80), email VARCHAR(90), password VARCHAR(90), is_active INT, created_at TIMESTAMP NULL, updated_at DATETIME NULL);
CREATE TABLE institute_user (institute_id INT, user_id INT, user_type VARCHAR(20), status VARCHAR(20), created_at TIMESTAMP(6) NULL, updated_at TIMESTAMP(6) NULL, PRIMARY KEY (institute_id, user_id));`;

/**
 * The value that a session in a zone writes into a TIMESTAMP, and the same instant in UTC: before and after
 * both clock changes of New York.
 */
const INSTANTS = [
  ['-05:00', '2024-03-10 01:59:59.999499', '2024-03-10 06:59:59.999'],
  ['-04:00', '2024-03-10 03:00:00.000500', '2024-03-10 07:00:00.001'],
  ['-04:00', '2024-11-03 01:30:00.250000', '2024-11-03 05:30:00.250'],
  ['-05:00', '2024-11-03 01:30:00.750000', '2024-11-03 06:30:00.750'],
  ['+05:30', '2024-03-10 08:00:00.123456', '2024-03-10 02:30:00.123'],
  ['+00:00', '2024-03-10 02:30:00.999500', '2024-03-10 02:30:01.000'],
  ['+13:00', '2024-01-01 12:59:59.999999', '2024-01-01 00:00:00.000'],
] as const;

describeEachFlavour('#23 times of a source at +05:30, with the process in New York', ({edition, server}) => {
  let own: OwnSource;
  beforeAll(async () => {
    own = await openWithOwnSource({edition, timezone: '+05:30'}, server, {
      schema: {create: TABLES, surrogate: false},
      env: {TZ: 'America/New_York'},
    });
    await own.stand.start();
  });
  afterAll(() => own?.[Symbol.asyncDispose]());

  it('are the same instants by the stream and by the copy, over summer time changes', async () => {
    const {stand} = own;
    expect((await stand.sourceRows('SELECT TIMEDIFF(NOW(), UTC_TIMESTAMP()) AS d'))[0]?.['d']).toBe(
      '05:30:00',
    );
    for (const [i, [zone, local]] of INSTANTS.entries()) {
      await stand.source.query(`SET time_zone = '${zone}'`);
      // A DATETIME has no zone: it is copied unchanged. A TIMESTAMP is an instant.
      await stand.source.query(
        'INSERT INTO institutes (id, name, created_at, updated_at) VALUES (?, ?, ?, ?)',
        [i, `at ${zone}`, local, local],
      );
      await stand.source.query(
        "INSERT INTO users (id, email, password, is_active, created_at, updated_at) VALUES (?, ?, 'p', 1, ?, ?)",
        [i, `u${i}@x.test`, local.slice(0, 19), local.slice(0, 19)],
      );
      await stand.source.query(
        'INSERT INTO institute_user (institute_id, user_id, created_at, updated_at) VALUES (?, ?, ?, ?)',
        [i, i, local, local],
      );
    }
    const rounded = (text: string) => {
      const [, whole = '', digits = ''] = /^(.{19})\.(\d{6})$/.exec(text) ?? [];
      const atMs = Date.parse(`${whole.replace(' ', 'T')}Z`) + Math.floor((Number(digits) + 500) / 1000);
      return new Date(atMs).toISOString().replace('T', ' ').replace('Z', '');
    };
    const check = async () => {
      expect(
        await stand.targetRows('SELECT instituteId, createdAt, updatedAt FROM institute ORDER BY 1'),
      ).toEqual(
        INSTANTS.map(([, local, utc], instituteId) => ({
          instituteId,
          createdAt: rounded(local),
          updatedAt: utc,
        })),
      );
      expect(await stand.targetRows('SELECT userId, updatedAt FROM user ORDER BY 1')).toEqual(
        INSTANTS.map(([, local], userId) => ({userId, updatedAt: `${local.slice(0, 19)}.000`})),
      );
      expect(
        await stand.targetRows('SELECT userId, createdAt, updatedAt FROM institute_users ORDER BY 1'),
      ).toEqual(INSTANTS.map(([, , utc], userId) => ({userId, createdAt: utc, updatedAt: utc})));
      return true;
    };
    await stand.explained(eventually(check, {what: 'the times'}));
    const {body} = await stand.daemon.post('/sync/trigger', {mode: 'diff'});
    expect(body).toMatchObject({
      tables: {
        institute: {repaired: 0, compared: INSTANTS.length},
        user: {repaired: 0, compared: INSTANTS.length},
        institute_users: {repaired: 0, compared: INSTANTS.length},
      },
    });
    await stand.target.query(
      'DELETE FROM institute_users; DELETE FROM user_auth; DELETE FROM user; DELETE FROM institute',
    );
    expect((await stand.daemon.post('/sync/trigger', {mode: 'full'})).status).toBe(200);
    await check();
  });
});
