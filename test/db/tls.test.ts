import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {BinlogSource} from '../../replicator/source/binlog-source.ts';
import type {Config, TlsMode} from '../../src/config.ts';
import {connect, type Connection, queryRows, settledOptions, type Side} from '../../src/db/connection.ts';
import {readLogEnd, readServerInfo} from '../../src/db/server.ts';
import type {SyncError} from '../../src/errors.ts';
import {examine} from '../../src/doctor/doctor.ts';
import type {Finding} from '../../src/doctor/findings.ts';
import {cli, DaemonProcess, type Environment} from '../helpers/daemon.ts';
import {eventually} from '../helpers/eventually.ts';
import {createDatabases, query, withConnection} from '../servers/databases.ts';
import {describeEachEdition} from '../helpers/flavours.ts';
import {startServer, type TestServer} from '../servers/server.ts';
import {configOf, environmentOf, furnish, worst, type Stand} from './doctor-stand.ts';
import {plan} from '../unit/plan-fixture.ts';
import {Authority, type KeyPair} from './tls-authority.ts';

const anyPlan = plan();
const FILES = ['--ssl-ca=own-ca.pem', '--ssl-cert=own-cert.pem', '--ssl-key=own-key.pem'];

describeEachEdition('TLS to a server of its own', ({edition, flavour}) => {
  let server: TestServer;
  let stand: Stand;
  let authority: Authority;
  let stranger: Authority;

  beforeAll(async () => {
    [server, authority, stranger] = await Promise.all([
      startServer({edition}),
      Authority.create('our authority'),
      Authority.create('a stranger'),
    ]);
    const {source, target} = await createDatabases(server, 'tls');
    stand = {server, source, target};
    const pair = await authority.issue({names: 'DNS:localhost'});
    write(pair);
    await server.restart(FILES);
  });
  afterAll(async () => {
    await server.dispose();
    authority.dispose();
    stranger.dispose();
  });

  const write = ({certificate, key}: KeyPair) => {
    writeFileSync(join(server.dataDir, 'own-ca.pem'), readFileSync(authority.bundle));
    writeFileSync(join(server.dataDir, 'own-cert.pem'), certificate);
    writeFileSync(join(server.dataDir, 'own-key.pem'), key);
  };
  const show = async (pair: KeyPair) => {
    write(pair);
    await withConnection(server, undefined, connection =>
      connection.query(flavour === 'mysql' ? 'ALTER INSTANCE RELOAD TLS' : 'FLUSH SSL'),
    );
  };
  /** The settings of both sides, which must behave alike. */
  const extra = (mode: TlsMode, ca: string | null, host: string) =>
    Object.fromEntries(
      ['DB', 'ORG_DB'].flatMap(prefix => [
        [`${prefix}_HOST`, host],
        [`${prefix}_SSL`, mode],
        ...(ca === null ? [] : [[`${prefix}_SSL_CA`, ca]]),
      ]),
    ) as Environment;
  const openOne = async (side: Side, config: Config) => {
    const connection = await connect(side, config[side]);
    try {
      const [row] = await queryRows(side, connection, "SHOW SESSION STATUS LIKE 'Ssl_cipher'");
      return String(row?.[1]) === '' ? 'plain' : 'encrypted';
    } finally {
      connection.destroy();
    }
  };
  /** Opens each connection that a daemon has: to the target, to the source, and the one that carries the log. */
  const open = async (mode: TlsMode, ca: string | null = authority.bundle, host = 'localhost') => {
    const config = configOf(stand, extra(mode, ca, host));
    const outcomes = await Promise.allSettled([
      openOne('source', config),
      openOne('target', config),
      openLog(config),
    ]);
    const [source, target, log] = outcomes;
    // All messages agree, except for the name of the side.
    expect(outcomes.map(({status}) => status)).toEqual(outcomes.map(() => source.status));
    if (source.status === 'fulfilled') {
      expect([target, log]).toMatchObject([{value: source.value}, {value: 'open'}]);
      return source.value;
    }
    const {reason} = source;
    expect(target).toMatchObject({
      reason: {code: String((reason as SyncError).code).replace('source', 'target')},
    });
    expect(log).toMatchObject({reason: {code: (reason as SyncError).code}});
    throw reason;
  };
  /** The connection that zongji opens by itself, from the log's end on. */
  const openLog = async (config: Config): Promise<'open'> => {
    const end = await withPlain(async plain => readLogEnd(plain, await readServerInfo('source', plain)));
    const connection = await settledOptions('source', config.source);
    let log: BinlogSource | undefined;
    const opened = new Promise<'open'>((resolve, reject) => {
      log = new BinlogSource({
        connection,
        database: stand.source,
        serverId: config.serverId,
        position: {tag: 'file', file: end?.file ?? '', offset: end?.offset ?? 4},
        // No row must arrive.
        plan: () => anyPlan,
        collations: new Map(),
        charsets: new Map(),
        onEvent: () => resolve('open'),
        onFault: reject,
        now: Date.now,
      });
    });
    return opened.finally(() => log?.stop());
  };
  const withPlain = async <T>(look: (connection: Connection) => Promise<T>): Promise<T> => {
    const connection = await connect('source', configOf(stand).source);
    return look(connection).finally(() => connection.destroy());
  };
  /** The doctor's finding about TLS, which is the same for both sides. */
  const findingOf = async (
    mode: TlsMode,
    ca: string | null = authority.bundle,
    host = 'localhost',
  ): Promise<Finding> => {
    const findings = await examine(configOf(stand, extra(mode, ca, host)));
    const [source, target] = (['source', 'target'] as const).map(side =>
      worst(
        findings.filter(finding => finding.side === side),
        'tls',
      ),
    );
    if (source === undefined || target === undefined) throw new Error('nothing was said');
    const asSource = (text: string | null) => text?.replaceAll('ORG_DB_', 'DB_') ?? null;
    expect({
      ...target,
      side: 'source',
      message: asSource(target.message),
      why: asSource(target.why),
      fix: asSource(target.fix),
    }).toEqual(source);
    return source;
  };

  it('is as the mode says, with a certificate that is right', async () => {
    expect(await open('off', null)).toBe('plain');
    expect(await open('preferred', null)).toBe('encrypted');
    expect(await open('required', null)).toBe('encrypted');
    expect(await open('verify-ca')).toBe('encrypted');
    expect(await open('verify-identity')).toBe('encrypted');
    expect(await findingOf('verify-identity')).toMatchObject({
      level: 'ok',
      message: expect.stringContaining('verified (verify-identity)'),
    });
  });

  it('carries the stream, too, for accounts that the server accepts only by TLS', async () => {
    await furnish(stand);
    await withConnection(server, undefined, connection =>
      connection.query(
        `CREATE USER 'by_tls'@'%' IDENTIFIED BY 'Only-by-tls-1' REQUIRE SSL; GRANT ALL PRIVILEGES ON *.* TO 'by_tls'@'%'`,
      ),
    );
    const env = environmentOf(stand, {
      ...extra('verify-identity', authority.bundle, 'localhost'),
      DB_USERNAME: 'by_tls',
      DB_PASSWORD: 'Only-by-tls-1',
      ORG_DB_HOST: 'localhost',
      ORG_DB_USERNAME: 'by_tls',
      ORG_DB_PASSWORD: 'Only-by-tls-1',
    });
    const refused = await cli(['sync'], {
      ...env,
      DB_SSL: 'off',
      DB_SSL_CA: '',
      ORG_DB_SSL: 'verify-identity',
      ORG_DB_SSL_CA: authority.bundle,
    });
    expect(refused).toMatchObject({code: 1, stderr: expect.stringContaining('access-denied')});
    const daemon = await DaemonProcess.start(env);
    try {
      await daemon.until('streaming');
      await withConnection(server, stand.source, connection =>
        connection.query("INSERT INTO institutes (id, name) VALUES (1, 'One')"),
      );
      await eventually(
        async () =>
          (
            await withConnection(server, stand.target, connection =>
              query(connection, 'SELECT name FROM institute'),
            )
          )[0],
      );
    } finally {
      await daemon.stop();
    }
  });

  it('refuses an authority that it does not know, and says which bundle to set', async () => {
    for (const mode of ['verify-ca', 'verify-identity'] as const) {
      for (const ca of [stranger.bundle, null]) {
        await expect(open(mode, ca)).rejects.toMatchObject({code: 'source-unreachable'});
        expect(await findingOf(mode, ca)).toMatchObject({
          level: 'must-fix',
          message: expect.stringContaining('is not signed by'),
          fix: expect.stringContaining('DB_SSL_CA'),
        });
      }
    }
    expect(await open('required', stranger.bundle)).toBe('encrypted');
  });

  it('refuses a certificate for another host, unless only the authority counts', async () => {
    await show(await authority.issue({names: 'DNS:db.example.test'}));
    await expect(open('verify-identity')).rejects.toMatchObject({code: 'source-unreachable'});
    expect(await findingOf('verify-identity')).toMatchObject({
      level: 'must-fix',
      message: "the server's certificate is for DNS:db.example.test, not for localhost",
    });
    expect(await open('verify-ca')).toBe('encrypted');
  });

  it('refuses a certificate that has expired', async () => {
    // MySQL does not load an expired one, so it expires while the server runs.
    await show(await authority.issue({names: 'DNS:localhost', validMs: 3000}));
    for (const mode of ['verify-ca', 'verify-identity'] as const) {
      // While it expires, one connection may still succeed and the next one fail.
      await eventually(async () => {
        await expect(open(mode)).rejects.toMatchObject({code: 'source-unreachable'});
        return true;
      });
      expect(await findingOf(mode)).toMatchObject({
        level: 'must-fix',
        message: expect.stringContaining("the server's certificate expired on "),
      });
    }
    const result = await cli(
      ['doctor'],
      environmentOf(stand, extra('verify-ca', authority.bundle, 'localhost')),
    );
    expect(result).toMatchObject({code: 1, stdout: expect.stringContaining('certificate expired')});
    expect(await open('required')).toBe('encrypted');
  });

  it.runIf(flavour === 'mariadb')('refuses a certificate that is not valid yet', async () => {
    await show(await authority.issue({names: 'DNS:localhost', notBefore: new Date(Date.now() + 3_600_000)}));
    await expect(open('verify-ca')).rejects.toMatchObject({code: 'source-unreachable'});
    expect(await findingOf('verify-ca')).toMatchObject({
      level: 'must-fix',
      message: expect.stringContaining('is valid from'),
    });
  });

  it('requires a name to verify if the host is given as an address', async () => {
    await show(await authority.issue({names: 'DNS:localhost'}));
    expect(await findingOf('verify-identity', authority.bundle, '127.0.0.1')).toMatchObject({
      level: 'must-fix',
      message: 'DB_SSL is verify-identity, and DB_HOST is an address',
    });
    // The driver would compare with `localhost`, which this certificate holds.
    await expect(open('verify-identity', authority.bundle, '127.0.0.1')).rejects.toMatchObject({
      code: 'config-invalid',
    });
    expect((await findingOf('verify-ca', authority.bundle, '127.0.0.1')).level).toBe('ok');
  });

  it('accepts a bundle of several authorities, as RDS provides one', async () => {
    await show(await authority.issue({names: 'DNS:localhost'}));
    const bundle = join(authority.dir, 'global-bundle.pem');
    writeFileSync(bundle, readFileSync(stranger.bundle, 'utf8') + readFileSync(authority.bundle, 'utf8'));
    expect(await open('verify-identity', bundle)).toBe('encrypted');
    expect(await findingOf('verify-identity', join(authority.dir, 'no-such.pem'))).toMatchObject({
      level: 'must-fix',
      message: expect.stringContaining('cannot be read'),
    });
  });

  it('is optional with preferred, and required otherwise', async () => {
    // MariaDB has TLS by default from 11.4 on.
    await server.restart(flavour === 'mysql' ? ['--tls-version='] : ['--skip-ssl']);
    expect(await open('preferred', null)).toBe('plain');
    await expect(open('required', null)).rejects.toMatchObject({code: 'source-unreachable'});
    expect(await findingOf('required', null)).toMatchObject({
      level: 'must-fix',
      message: expect.stringContaining('does not support TLS'),
    });
    expect(await findingOf('preferred', null)).toMatchObject({
      level: 'ok',
      message: 'no TLS, on the loopback',
    });
  });

  it('is asked for once with preferred, and used when the server gets it', async () => {
    const plain = flavour === 'mysql' ? ['--tls-version='] : ['--skip-ssl'];
    await server.restart(plain);
    const {target} = configOf(stand, extra('preferred', null, 'localhost'));
    const opened = async (account = {}) => {
      const connection = await connect('target', {...target, ...account});
      try {
        const [[[, cipher] = []], [[, count] = []]] = await Promise.all([
          queryRows('target', connection, "SHOW SESSION STATUS LIKE 'Ssl_cipher'"),
          queryRows('target', connection, "SHOW GLOBAL STATUS LIKE 'Connections'"),
        ]);
        return {isPlain: cipher === '', count: Number(count)};
      } finally {
        connection.destroy();
      }
    };
    const [first, second] = [await opened(), await opened()];
    expect([first.isPlain, second.isPlain, second.count - first.count]).toEqual([true, true, 1]);
    await server.restart(FILES);
    expect([(await opened()).isPlain, (await opened()).isPlain]).toEqual([false, false]);
    await server.restart(plain);
    expect((await opened()).isPlain).toBe(true);
    await server.restart(FILES);
    await withConnection(server, undefined, connection =>
      connection.query("CREATE USER secure@'%' IDENTIFIED BY 'secure' REQUIRE SSL"),
    );
    expect((await opened({user: 'secure', password: 'secure', database: ''})).isPlain).toBe(false);
  });
});
