/** Two streams of one source: different server ids keep them apart; with one id they take turns and say why. */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {eventually} from '../helpers/eventually.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {createDatabases, type Databases} from '../servers/databases.ts';

describeEachFlavour('#17 two streams from one source', ({server, source, target}) => {
  let second: Databases;
  let stands: Stand[] = [];
  beforeAll(async () => {
    second = await createDatabases(server, 'ids');
    stands = [
      await Stand.open({source: {server, database: source}, target: {server, database: target}}),
      await Stand.open({
        source: {server, database: source},
        target: {server, database: second.target},
        schema: {create: 'DO 1', surrogate: true},
        env: {SYNC_NAME: 'second'},
      }),
    ];
    await stands[0]?.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One')");
  });
  afterAll(async () => {
    for (const stand of stands) await stand[Symbol.asyncDispose]();
    await second?.drop();
  });

  const rename = (name: string) => stands[0]?.source.query('UPDATE institutes SET name = ?', [name]);
  const both = (name: string, timeoutMs = 20_000) =>
    Promise.all(
      stands.map(stand =>
        stand.explained(
          eventually(
            async () =>
              (await stand.targetRows('SELECT 1 FROM institute WHERE name = ?', [name])).length === 1,
            {timeoutMs, what: name},
          ),
        ),
      ),
    );

  it('have ids of their own, so that neither ends the other', async () => {
    for (const stand of stands) await stand.start();
    for (let i = 0; i < 5; i++) {
      await rename(`apart${i}`);
      await both(`apart${i}`);
    }
    for (const stand of stands) {
      expect((await stand.daemon.status()).replication).toMatchObject({reconnects: 0});
      expect(await stand.daemon.stop()).toBe(0);
    }
  });

  it('with one id by mistake take turns, back off, lose nothing, and name the reason', async () => {
    for (const stand of stands) await stand.start({REPLICATION_SERVER_ID: '77777'});
    await Promise.any(
      stands.map(stand =>
        stand.until('the reason', ({reasons, warnings}) =>
          [...reasons, ...(warnings as string[])].join().includes('stream-displaced'),
        ),
      ),
    );
    await rename('in turns');
    await both('in turns', 40_000);
    // Alone again, the other is healthy. Another suite on the same server may cause warnings of its own.
    expect(await stands[1]?.daemon.stop()).toBe(0);
    await stands[0]?.until(
      'health',
      ({isHealthy, replication, warnings}) =>
        isHealthy &&
        replication.state === 'streaming' &&
        !(warnings as string[]).some(warning => /stream-displaced|reconnecting/.test(warning)),
      40_000,
    );
    await rename('alone');
    await stands[0]?.equal();
  });
});
