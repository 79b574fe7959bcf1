/** The whole program as a user runs it: two different schemas, random work, restarts, and every row compared. */
import {afterAll, beforeAll, expect, it} from 'vitest';
import type mysql from 'mysql2/promise';
import {cli, DaemonProcess, environment, type Environment} from '../helpers/daemon.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {eventually} from '../helpers/eventually.ts';
import {actualTarget, expectedTarget} from '../helpers/oracle.ts';
import {SOURCE_SCHEMAS} from '../helpers/schemas.ts';
import {Workload} from '../helpers/workload.ts';
import {connect} from '../servers/databases.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const STEPS = Number(process.env['STEPS'] ?? 150);

for (const schema of SOURCE_SCHEMAS) {
  describeEachFlavour(`replication of ${schema.name} (seed ${SEED})`, ({server, source, target}) => {
    let connection: mysql.Connection;
    let env: Environment;
    let work: Workload;
    let daemon: DaemonProcess;

    beforeAll(async () => {
      connection = await connect(server, source);
      await connection.query(schema.create);
      env = environment({...server, database: source}, {...server, database: target});
      work = new Workload(connection, schema, SEED);
      for (let i = 0; i < STEPS; i++) await work.step();
    });
    afterAll(async () => {
      await daemon?.kill();
      await connection?.end();
    });

    const isEqual = () =>
      eventually(
        async () => {
          expect(await actualTarget(connection, target)).toEqual(
            await expectedTarget(connection, source, schema.surrogate),
          );
          return true;
        },
        {timeoutMs: 20_000, what: 'equality'},
      ).catch(async error => {
        throw new Error(
          `${String(error)}\n${JSON.stringify(await daemon.status())}\n${daemon.log().slice(-3000)}`,
          {cause: error},
        );
      });

    it('loads a filled source while it is written', async () => {
      expect((await cli(['migrate'], env)).code).toBe(0);
      daemon = await DaemonProcess.start(env);
      for (let i = 0; i < STEPS; i++) await work.step();
      await daemon.until('streaming');
      await isEqual();
    });

    it('follows hundreds of random operations', async () => {
      for (let i = 0; i < STEPS * 2; i++) await work.step();
      await connection.query('ALTER TABLE users ADD COLUMN extra INT NULL FIRST');
      await connection.query('FLUSH BINARY LOGS');
      for (let i = 0; i < STEPS; i++) await work.step();
      await isEqual();
      const {code, stdout} = await cli(['verify', '--json'], env);
      expect({code, stdout}).toMatchObject({code: 0});
    });

    it('continues after a stop with the changes that it missed', async () => {
      expect(await daemon.stop()).toBe(0);
      for (let i = 0; i < STEPS; i++) await work.step();
      daemon = await DaemonProcess.start(env);
      for (let i = 0; i < STEPS; i++) await work.step();
      await daemon.until('streaming');
      await isEqual();
    });

    it('runs a reconcile on request, and answers with its results', async () => {
      await connection.query(`UPDATE \`${target}\`.\`user\` SET name = 'drifted' ORDER BY userId LIMIT 3`);
      const {status, body} = await daemon.post('/sync/trigger', {mode: 'diff'});
      expect({status, body}).toMatchObject({
        status: 200,
        body: {
          success: true,
          message: 'Data synchronization completed successfully',
          tables: {user: {repaired: 3}},
        },
      });
      await isEqual();
    });
  });
}
