/**
 * A source that sets references to null without logging it: a row that only the same batch has is read again, so that
 * it is not taken for a row of the deleted parent.
 */
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, it} from 'vitest';
import {eventually} from '../helpers/eventually.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';

const MAPPINGS = join(import.meta.dirname, '../mappings');

describeEachFlavour('a reference that the source sets to null', ({server, source, target}) => {
  it('with the row in one batch leaves the row', async () => {
    await using stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      schema: {create: readFileSync(join(MAPPINGS, 'shop.sql'), 'utf8'), surrogate: false},
      env: {SYNC_MAPPING: join(MAPPINGS, 'shop.yaml'), USER_SYNC_ENABLED: 'false'},
    });
    await stand.source.query(`
      INSERT INTO regions (code, title, is_open) VALUES ('AAA', 't', 1);
      INSERT INTO customers (id, region_code, given_name, family_name, mail, standing) VALUES (UUID(), 'AAA', 'a', 'b', 'a@b.example', 'good');
      INSERT INTO couriers (id, name) VALUES (1, 'c')`);
    const daemon = await stand.start();
    await stand.until('the first load', ({lastRun}) => lastRun?.state === 'succeeded');
    await daemon.post('/replication/pause');
    await stand.source.query(`
      INSERT INTO orders (number, customer_id, courier_id, state) SELECT 288, id, 1, 'sent' FROM customers;
      DELETE FROM couriers WHERE id = 1`);
    await daemon.post('/replication/resume');
    const orders = () => stand.targetRows('SELECT number, courier FROM `order`');
    await stand.explained(
      eventually(async () => (await stand.targetRows('SELECT id FROM courier')).length === 0),
    );
    expect(await orders()).toMatchObject([{courier: null}]);
    expect(await daemon.stop()).toBe(0);
  });
});
