import {createServer} from 'node:http';
import {connect, type AddressInfo} from 'node:net';
import {expect, it, onTestFinished} from 'vitest';
import {eventually} from '../../helpers/eventually.ts';
import {silentLogger} from '../../helpers/silent-logger.ts';
import {runServer, type ServerOptions} from '../../../src/server/server.ts';
import {appUnderTest, gate} from './app-under-test.ts';

type Address = Parameters<NonNullable<ServerOptions['onListening']>>[0];

async function listening(port = 0) {
  const test = appUnderTest();
  const address = gate<Address>();
  const http = {host: '127.0.0.1', port, apiToken: undefined, readToken: undefined};
  const ended = runServer(
    {app: test.app, config: {http}, logger: silentLogger, onListening: address.resolve},
    test.stop.signal,
  );
  return {...test, ended, address: await Promise.race([address.promise, ended.then(() => null)])};
}

it('listens on a free port with PORT 0, and resolves when stopped', async () => {
  const {address, stop, ended} = await listening();
  expect(address?.port).toBeGreaterThan(0);
  expect((await fetch(`${address?.url}healthz`)).status).toBe(200);
  stop.abort();
  await ended;
  await expect(fetch(`${address?.url}healthz`)).rejects.toThrow();
});

it('ends an open event stream when it stops, rather than waiting for it', async () => {
  const {address, stop, ended} = await listening();
  const response = await fetch(`${address?.url}sync/events`);
  const text = response.text();
  const stoppedAtMs = Date.now();
  stop.abort();
  await ended;
  expect(Date.now() - stoppedAtMs).toBeLessThan(2000);
  expect(await text).toContain('event: status');
});

it('stops without waiting for a connection that was opened ahead of need', async () => {
  const {address, stop, ended} = await listening();
  const socket = connect(address?.port ?? 0, '127.0.0.1');
  const closed = new Promise(resolve => socket.once('close', resolve));
  // It has been accepted when a later one is answered.
  await fetch(`${address?.url}healthz`);
  const stoppedAtMs = Date.now();
  stop.abort();
  await ended;
  expect(Date.now() - stoppedAtMs).toBeLessThan(2000);
  await closed;
});

it('answers a waiting trigger before it ends', async () => {
  const {address, stop, ended, operations} = await listening();
  const answer = fetch(`${address?.url}sync/trigger`, {method: 'POST'});
  const started = gate<void>();
  operations.subscribe(() => started.resolve());
  await started.promise;
  stop.abort();
  expect((await answer).status).toBe(503);
  await ended;
});

it('continues the run when the client of a trigger disconnects', async () => {
  const {address, operations} = await listening();
  const started = gate<void>();
  operations.subscribe(() => started.resolve());
  const client = new AbortController();
  const answer = fetch(`${address?.url}sync/trigger`, {method: 'POST', signal: client.signal});
  await started.promise;
  client.abort();
  await expect(answer).rejects.toThrow();
  operations.end('succeeded');
  expect((await fetch(`${address?.url}sync/runs/run-2`)).status).toBe(200);
});

it('ends an event stream whose client disconnected', async () => {
  const {address, operations} = await listening();
  const client = new AbortController();
  const response = await fetch(`${address?.url}sync/events`, {signal: client.signal});
  await response.body?.getReader().read();
  expect(operations.watchers).toBe(1);
  client.abort();
  await eventually(() => operations.watchers === 0);
});

it('rejects with one clear error that names PORT if the port is taken', async () => {
  const other = createServer();
  onTestFinished(() => void other.close());
  const port = await new Promise<number>(resolve => {
    other.listen(0, '127.0.0.1', () => resolve((other.address() as AddressInfo).port));
  });
  await expect(listening(port)).rejects.toMatchObject({
    code: 'config-invalid',
    message: expect.stringContaining(`PORT: ${port}`),
  });
});

it('accepts a POST without a body or a length, as curl sends it', async () => {
  const {address, stop, ended} = await listening();
  const socket = connect(address?.port ?? 0, '127.0.0.1');
  socket.write('POST /sync/dead-letters/retry HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  expect(answer).toMatch(/^HTTP\/1\.1 200/);
  stop.abort();
  await ended;
});
