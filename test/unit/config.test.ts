import {describe, expect, it} from 'vitest';
import {deriveServerId, loadConfig} from '../../src/config.ts';
import {isLoopback} from '../../src/loopback.ts';
import {SyncError} from '../../src/errors.ts';

const minimal = {DB_HOST: 'source', DB_USERNAME: 'reader', DB_PASSWORD: 's3cret'};

function faultsOf(env: Record<string, string>, options?: Parameters<typeof loadConfig>[1]): string {
  try {
    loadConfig(env, options);
  } catch (error) {
    if (error instanceof SyncError && error.code === 'config-invalid') return error.message;
    throw error;
  }
  return '';
}
const names = (message: string) => [...message.matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name);

describe('settings', () => {
  it('need no more than the source', () => {
    const config = loadConfig(minimal);
    expect(config).toMatchObject({
      source: {
        host: 'source',
        port: 3306,
        user: 'reader',
        password: 's3cret',
        database: 'laas',
        tls: 'preferred',
      },
      target: {
        host: 'source',
        port: 3306,
        user: 'reader',
        password: 's3cret',
        database: 'organizations',
        tls: 'preferred',
      },
      name: 'default',
      replicationEnabled: true,
      reconcile: {enabled: true, cron: '30 2 * * *', timezone: 'UTC', maxDeleteRatio: 0.2},
      deletes: 'mirror',
      conflicts: 'source',
      maxLagSeconds: 60,
      http: {host: '127.0.0.1', port: 3000, apiToken: undefined, readToken: undefined},
      logLevel: 'info',
      logFormat: 'json',
    });
    expect(loadConfig(minimal, {terminal: true}).logFormat).toBe('pretty');
  });

  it('of the target are independent of the source’s', () => {
    const env = {
      ...minimal,
      DB_PORT: '3307',
      DB_SSL: 'required',
      ORG_DB_HOST: 'target',
      ORG_DB_PASSWORD: '',
      ORG_DB_SSL: 'off',
    };
    expect(loadConfig(env).target).toMatchObject({
      host: 'target',
      port: 3307,
      user: 'reader',
      password: '',
      tls: 'off',
    });
  });

  it('that are empty count as unset, except for passwords', () => {
    expect(loadConfig({...minimal, DB_PASSWORD: '', DB_PORT: '', SYNC_NAME: ''})).toMatchObject({
      source: {password: '', port: 3306},
      name: 'default',
    });
    expect(names(faultsOf({DB_HOST: '', DB_USERNAME: 'x', DB_PASSWORD: 'x'}))).toEqual(['DB_HOST']);
  });

  it('at fault are named all at once', () => {
    const env = {
      DB_PORT: '99999',
      DB_SSL: 'maybe',
      REPLICATION_ENABLED: 'perhaps',
      REPLICATION_SERVER_ID: '0',
      USER_SYNC_TIMEZONE: 'Mars/Olympus',
      USER_SYNC_BATCH_SIZE: '1.5',
      SYNC_NAME: 'has space',
      SYNC_DELETES: 'never',
      SYNC_CONFLICTS: 'target',
      SYNC_MAX_DELETE_RATIO: '2',
      HEALTH_MAX_LAG_SECONDS: '-1',
      PORT: 'http',
      ALERT_WEBHOOK_URL: 'not a url',
      LOG_LEVEL: 'loud',
    };
    expect(names(faultsOf(env)).toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual(
      [...Object.keys(env), 'DB_HOST', 'DB_USERNAME', 'DB_PASSWORD'].toSorted((a, b) =>
        String(a).localeCompare(String(b)),
      ),
    );
  });

  it('that depend on each other, and the cron expression, are named too', () => {
    const env = {...minimal, HOST: '0.0.0.0', DB_SSL: 'off', DB_SSL_CA: '/ca.pem', USER_SYNC_CRON: 'soon'};
    expect(names(faultsOf(env, {isCron: () => false}))).toEqual(['HOST', 'DB_SSL_CA', 'USER_SYNC_CRON']);
  });

  it('never show a value', () => {
    const secret = 'Tr0ub4dor';
    const env = Object.fromEntries(
      [
        'DB_PORT',
        'DB_SSL',
        'REPLICATION_SERVER_ID',
        'USER_SYNC_TIMEZONE',
        'SYNC_NAME',
        'SYNC_DELETES',
        'PORT',
        'ALERT_WEBHOOK_URL',
        'LOG_LEVEL',
        'SYNC_MAX_DELETE_RATIO',
      ].map(name => [name, `${secret} ${name.toLowerCase()}`]),
    );
    const message = faultsOf({...env, DB_PASSWORD: secret, SYNC_API_TOKEN: secret});
    expect(names(message)).toContain('ALERT_WEBHOOK_URL');
    expect(message).not.toContain(secret);
  });
});

describe('the HTTP server', () => {
  it('is open to the network only with a token', () => {
    expect(names(faultsOf({...minimal, HOST: '0.0.0.0'}))).toEqual(['HOST']);
    expect(names(faultsOf({...minimal, HOST: '::'}))).toEqual(['HOST']);
    expect(loadConfig({...minimal, HOST: '0.0.0.0', SYNC_READ_TOKEN: 't'}).http.host).toBe('0.0.0.0');
    for (const host of ['127.0.0.1', '127.8.8.8', 'localhost', '::1'])
      expect(loadConfig({...minimal, HOST: host}).http.host).toBe(host);
  });

  it('knows a loopback address from a name that looks like one', () => {
    expect(isLoopback('127.0.0.1.example.org')).toBe(false);
    expect(isLoopback('127.example.org')).toBe(false);
  });
});

describe('the server id', () => {
  it('is the same for one stream and host, and in the upper half of the range', () => {
    const ids = ['a', 'b', 'c'].flatMap(name => ['x', 'y'].map(host => deriveServerId(name, host)));
    expect(new Set(ids).size).toBe(6);
    expect(deriveServerId('a', 'x')).toBe(ids[0]);
    for (const id of ids) expect(id).toBeGreaterThanOrEqual(0x80000000);
    for (const id of ids) expect(id).toBeLessThanOrEqual(0xfffffffe);
  });
});
