/** Alerts that a webhook receives: one for each change, retried until accepted, without delaying the stream. */
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import {expect, it, onTestFinished} from 'vitest';
import type {AlertMessage} from '../../src/status/alerts.ts';
import {eventually} from '../helpers/eventually.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';

describeEachFlavour('alerts', ({server, source, target}) => {
  it('a halt and its end are reported once each, without delaying the stream', async () => {
    const taken: AlertMessage[] = [];
    const held: ServerResponse[] = [];
    let attempts = 0;
    const hook = createServer((request, response) => {
      void bodyOf(request).then(body => {
        attempts++;
        if (attempts === 1) return response.writeHead(500).end();
        taken.push(JSON.parse(body) as AlertMessage);
        // The second message is accepted but not answered: a daemon that waited for the answer would stop.
        if (taken.length === 2) return held.push(response);
        return response.end();
      });
    });
    await new Promise<void>(resolve => hook.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      hook.closeAllConnections();
      hook.close();
    });
    const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/secret-path`;
    await using stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      env: {ALERT_WEBHOOK_URL: url, SYNC_NAME: 'alerted'},
    });
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) VALUES (1, 'a', 'a@b', 'p')",
    );
    await stand.start();
    await stand.equal();
    await stand.source.query(
      "ALTER TABLE users RENAME COLUMN email TO mail; UPDATE users SET first_name = 'b' WHERE id = 1",
    );
    await stand.daemon.until('halted');
    await eventually(() => taken.length === 1, {what: 'the alert'});
    expect(attempts).toBe(2);
    expect(taken[0]).toMatchObject({name: 'alerted', healthy: false, state: 'halted'});
    expect(taken[0]?.reasons).toEqual((await stand.daemon.status()).reasons);
    expect(taken[0]?.text).toMatch(
      /^\[laas-sync alerted\] replication is HALTED: replication is halted: schema-/,
    );
    await stand.source.query('ALTER TABLE users RENAME COLUMN mail TO email');
    await stand.daemon.until('streaming');
    await eventually(() => held.length === 1, {what: 'the end of it'});
    // The change of the schema may have led to a reconcile, which may still run.
    expect(taken[1]).toMatchObject({
      healthy: true,
      state: expect.stringMatching(/^(?:streaming|snapshotting)$/) as string,
    });
    expect(taken[1]?.text).toContain('healthy again');
    await stand.source.query("UPDATE users SET first_name = 'c' WHERE id = 1");
    await stand.equal();
    held[0]?.end();
    expect(stand.daemon.log()).not.toContain('secret-path');
    // A stop with nothing to report sends no further message.
    expect(await stand.daemon.stop()).toBe(0);
    expect(taken).toHaveLength(2);
  });
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}
