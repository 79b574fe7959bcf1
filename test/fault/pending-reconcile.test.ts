/** A reconcile that is requested while another runs and has already passed the rows in question. */
import {expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {eventually} from '../helpers/eventually.ts';
import {openWithOwnSource} from '../helpers/own-source.ts';
import {connect} from '../servers/databases.ts';

describeEachFlavour('A reconcile that is requested during another', ({edition, server}) => {
  it('#16 runs after it: the run that is active does not cover the request', async () => {
    // A batch for each user.
    await using own = await openWithOwnSource({edition}, server, {env: {USER_SYNC_BATCH_SIZE: '1'}});
    const {stand} = own;
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) VALUES (1, 'One', 'one@example.test', 'p'), (2, 'Two', 'two@example.test', 'p'), (3, 'Three', 'three@example.test', 'p')",
    );
    await stand.start();
    await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');

    const nameOfFirst = async () =>
      (await stand.targetRows('SELECT name FROM user WHERE userId = 1'))[0]?.['name'];
    await stand.target.query("UPDATE user SET name = 'Drifted' WHERE userId = 1");
    const owner = await connect(server, stand.env['ORG_DB_DATABASE']);
    await owner.query('START TRANSACTION; SELECT 1 FROM user WHERE userId = 2 FOR UPDATE');
    const run = stand.daemon.post('/sync/trigger', {mode: 'full'});
    await eventually(async () => (await nameOfFirst()) === 'One', {what: 'the first batch, past its end'});

    await stand.source.query("SET SESSION binlog_format = 'STATEMENT'");
    await stand.source.query("UPDATE users SET first_name = 'Later' WHERE id = 1");
    await stand.until('the statement', ({replication}) => (replication.lagSeconds ?? 0) > 0);
    await owner.query('COMMIT');
    await owner.end();
    expect((await run).status).toBe(200);

    await eventually(async () => (await nameOfFirst()) === 'Later', {
      what: 'the rows that the statement changed',
    });
    expect((await stand.cli(['verify'])).code).toBe(0);
  });
});
