import {expect, it} from 'vitest';
import {describeEachEdition, describeEachFlavour} from '../helpers/flavours.ts';
import {eventually} from '../helpers/eventually.ts';
import {connect, query, withConnection} from '../servers/databases.ts';
import {startProxy} from '../servers/proxy.ts';
import {startServer} from '../servers/server.ts';
import {isHostile} from '../servers/profile.ts';

describeEachFlavour('a shared server', ({flavour, server, source, target}) => {
  it('is of its flavour and logs whole rows that describe themselves', async () => {
    await withConnection(server, undefined, async connection => {
      const [row] = await query(
        connection,
        'SELECT @@version AS version, @@log_bin AS log, @@binlog_format AS format, ' +
          '@@binlog_row_image AS image, @@binlog_row_metadata AS metadata, @@server_id AS id',
      );
      expect(row).toMatchObject({log: 1, format: 'ROW', image: 'FULL', metadata: 'FULL'});
      expect(String(row?.['version']).includes('MariaDB')).toBe(flavour === 'mariadb');
    });
  });

  it('has the two schemas of the suite', async () => {
    await withConnection(server, source, connection =>
      connection.query('CREATE TABLE t (id INT PRIMARY KEY)'),
    );
    await withConnection(server, target, async connection => {
      expect(await query(connection, 'SHOW TABLES')).toEqual([]);
    });
  });

  it('shows numbers and times exactly', async () => {
    await withConnection(server, source, async connection => {
      const [row] = await query(
        connection,
        "SELECT CAST(18446744073709551615 AS UNSIGNED) AS n, CAST('2026-11-24 01:02:03.000001' AS DATETIME(6)) AS t",
      );
      expect(row).toEqual({n: '18446744073709551615', t: '2026-11-24 01:02:03.000001'});
    });
  });
});

describeEachEdition('a server of its own', ({edition}) => {
  it('keeps committed rows over a kill and a restart, on the same port', async () => {
    await using server = await startServer({edition});
    const {port} = server;
    await withConnection(server, undefined, async connection => {
      await connection.query(
        'CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1)',
      );
    });
    await server.kill();
    await expect(connect(server)).rejects.toMatchObject({code: 'ECONNREFUSED'});
    await server.start();
    await server.restart(['--max-connections=17', '--server-id=7']);
    expect(server.port).toBe(port);
    await withConnection(server, 'd', async connection => {
      expect(await query(connection, 'SELECT id, @@max_connections AS m, @@server_id AS s FROM t')).toEqual([
        {id: 1, m: 17, s: 7},
      ]);
    });
    expect(server.log()).toContain('ready for connections');
  });

  // The hostile profile sets a time zone of its own.
  it.skipIf(isHostile)('accepts a time zone by name and by offset', async () => {
    const zoneOf = async (timezone: string): Promise<unknown> => {
      await using server = await startServer({edition, timezone});
      return await withConnection(server, undefined, async connection => {
        const sql = 'SELECT TIMEDIFF(NOW(), UTC_TIMESTAMP()) AS ahead';
        return (await query(connection, sql))[0]?.['ahead'];
      });
    };
    expect(await zoneOf('Asia/Kolkata')).toBe('05:30:00');
    expect(await zoneOf('-03:00')).toBe('-03:00:00');
  });

  it('says why it does not start', async () => {
    await expect(startServer({edition, options: ['--no-such-option']})).rejects.toThrow(/no-such-option/);
  });

  it('does not answer while frozen', async () => {
    await using server = await startServer({edition});
    const connection = await connect(server);
    await server.freeze();
    let answered = false;
    const answer = query(connection, 'SELECT 1 AS one').then(rows => {
      answered = true;
      return rows;
    });
    await expect(eventually(() => answered, {timeoutMs: 300})).rejects.toThrow('did not hold');
    await server.thaw();
    expect(await answer).toEqual([{one: 1}]);
    await connection.end();
  });
});

describeEachFlavour('a proxy before a server', ({server}) => {
  const through = (port: number) => connect({...server, port});

  it('is silent in both directions while it is a black hole, and works afterwards', async () => {
    await using proxy = await startProxy(server);
    const old = await through(proxy.port);
    expect(await query(old, 'SELECT 1 AS one')).toEqual([{one: 1}]);
    proxy.blackhole();
    const settled: string[] = [];
    const answer = query(old, 'SELECT 2 AS two').finally(() => settled.push('old'));
    const fresh = through(proxy.port).finally(() => settled.push('new'));
    await eventually(() => proxy.connections() === 2);
    await expect(eventually(() => settled.length > 0, {timeoutMs: 300})).rejects.toThrow('did not hold');
    proxy.restore();
    expect(await answer).toEqual([{two: 2}]);
    expect(await query(await fresh, 'SELECT 3 AS three')).toEqual([{three: 3}]);
    await Promise.all([old.end(), (await fresh).end()]);
    await eventually(() => proxy.connections() === 0);
  });

  it('resets connections when cut', async () => {
    await using proxy = await startProxy(server);
    const connection = await through(proxy.port);
    const lost = new Promise<unknown>(resolve => connection.on('error', resolve));
    proxy.cut();
    expect(await lost).toMatchObject({code: 'ECONNRESET'});
    expect(proxy.connections()).toBe(0);
  });

  it('cuts in the middle of an answer', async () => {
    await using proxy = await startProxy(server);
    const connection = await through(proxy.port);
    connection.on('error', () => undefined);
    proxy.cutAfterBytes(1_000_000, 'toClient');
    expect(await query(connection, "SELECT LENGTH(REPEAT('x', 900000)) AS n")).toEqual([{n: 900000}]);
    await expect(query(connection, "SELECT REPEAT('x', 2000000) AS n")).rejects.toThrow();
    await withConnection({...server, port: proxy.port}, undefined, async next => {
      expect(await query(next, 'SELECT 1 AS one')).toEqual([{one: 1}]);
    });
  });

  it('refuses new connections only, then accepts them on the same port', async () => {
    await using proxy = await startProxy(server);
    const old = await through(proxy.port);
    await proxy.refuse(true);
    await expect(through(proxy.port)).rejects.toMatchObject({code: 'ECONNREFUSED'});
    expect(await query(old, 'SELECT 1 AS one')).toEqual([{one: 1}]);
    await proxy.refuse(false);
    await (await through(proxy.port)).end();
    await old.end();
  });

  it('holds everything back for the delay', async () => {
    await using proxy = await startProxy(server);
    const connection = await through(proxy.port);
    proxy.delay(100);
    const start = performance.now();
    await query(connection, 'SELECT 1 AS one');
    expect(performance.now() - start).toBeGreaterThan(190);
    await connection.end();
  });

  it('passes on large answers unchanged', async () => {
    await using proxy = await startProxy(server);
    const connection = await through(proxy.port);
    const [row] = await query(connection, "SELECT REPEAT('0123456789', 3000000) AS text");
    expect(row?.['text'] === '0123456789'.repeat(3_000_000)).toBe(true);
    await connection.end();
  });

  it('sends new connections to another server on request', async () => {
    await using proxy = await startProxy({host: '127.0.0.1', port: 1});
    await expect(through(proxy.port)).rejects.toThrow();
    proxy.retarget(server);
    await (await through(proxy.port)).end();
  });
});
