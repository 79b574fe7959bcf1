import {expect, it} from 'vitest';
import {examine} from '../../src/doctor/doctor.ts';
import {DaemonProcess} from '../helpers/daemon.ts';
import {query, withConnection} from '../servers/databases.ts';
import {describeEachEdition} from '../helpers/flavours.ts';
import {isHostile} from '../servers/profile.ts';
import {configOf, environmentOf, faultsOf, withOwnServer, worst} from './doctor-stand.ts';

describeEachEdition(
  'settings that the doctor checks, on a server of its own',
  ({edition, flavour, server: other}) => {
    const own = withOwnServer(edition);
    const {doctor, preflightFault, run} = own;
    const withGlobal = async <T>(variable: string, value: string, work: () => Promise<T>): Promise<T> => {
      const [row] = await withConnection(own.server, undefined, connection =>
        query(connection, `SELECT @@GLOBAL.${variable} AS v`),
      );
      await run(`SET GLOBAL ${variable} = ${value}`);
      try {
        return await work();
      } finally {
        await run(`SET GLOBAL ${variable} = '${String(row?.['v'])}'`.replace(/'(\d+)'/, '$1'));
      }
    };

    it('finds nothing to fix except the account with all privileges', async () => {
      const faults = faultsOf(await doctor());
      expect(
        faults.filter(fault => !fault.startsWith('warning source privilege-excess: the account ')),
      ).toEqual([]);
      expect(faults).not.toEqual([]);
      expect(await preflightFault()).toBe('');
    });

    it.each([
      ['binlog-format', 'binlog_format', "'STATEMENT'"],
      ['binlog-image', 'binlog_row_image', "'MINIMAL'"],
    ])('asks for %s, and streams without it nevertheless', async (check, variable, value) => {
      await withGlobal(variable, value, async () => {
        expect(worst(await doctor(), check)).toMatchObject({
          level: 'must-fix',
          message: `${variable} is ${value.slice(1, -1)}`,
        });
        expect(await preflightFault()).toBe('');
      });
      expect(worst(await doctor(), check)).toMatchObject({level: 'ok', fix: null});
    });

    it('requires full metadata, and refuses to stream without it', async () => {
      await withGlobal('binlog_row_metadata', "'MINIMAL'", async () => {
        const finding = worst(await doctor(), 'binlog-metadata');
        expect(finding).toMatchObject({level: 'must-fix', message: 'binlog_row_metadata is MINIMAL'});
        const fault = await preflightFault();
        expect(fault).toContain(finding.message);
        expect(fault).toContain(String(finding.fix));
        // The printed fix works.
        await run(String(finding.fix).replace(/;.*/, ''));
        expect(worst(await doctor(), 'binlog-metadata').level).toBe('ok');
      });
    });

    // The hostile profile's init_connect would be listed, too.
    it.skipIf(isHostile)('only reads on both sides', async () => {
      await run("SET GLOBAL log_output = 'TABLE'; TRUNCATE mysql.general_log; SET GLOBAL general_log = ON");
      await doctor();
      await run('SET GLOBAL general_log = OFF');
      const rows = await withConnection(own.server, undefined, connection =>
        query(
          connection,
          "SELECT CONVERT(argument USING utf8mb4) AS statement FROM mysql.general_log WHERE command_type IN ('Query', 'Execute', 'Prepare')",
        ),
      );
      const others = rows
        .map(row => String(row['statement']))
        .filter(
          statement =>
            !/^(SELECT|SHOW|SET (NAMES|SESSION TRANSACTION ISOLATION|GLOBAL general_log)|SET STATEMENT max_statement_time = \d+ FOR SELECT) /.test(
              statement,
            ),
        );
      expect(others).toEqual([]);
      expect(rows.length).toBeGreaterThan(40);
    });

    it('are reported by a starting daemon, which continues once they are fixed', async () => {
      await withGlobal('binlog_row_metadata', "'MINIMAL'", async () => {
        const {message, fix} = worst(await doctor(), 'binlog-metadata');
        const daemon = await DaemonProcess.start(environmentOf(own.stand));
        try {
          const {reasons} = await daemon.until('halted');
          expect(reasons.join()).toContain(
            `preflight-failed, the source is not ready: ${message} (fix: ${String(fix)})`,
          );
          await run(String(fix).replace(/;.*/, ''));
          await daemon.until('streaming');
          // The doctor does not mistake our own stream for another client with its id.
          expect(worst(await doctor(), 'server-id').level).toBe('ok');
        } finally {
          await daemon.stop();
        }
      });
    });

    it.runIf(flavour === 'mysql')('refuses partial JSON, and accepts compression', async () => {
      await withGlobal('binlog_row_value_options', "'PARTIAL_JSON'", async () => {
        expect(worst(await doctor(), 'partial-json')).toMatchObject({
          level: 'must-fix',
          fix: "SET PERSIST binlog_row_value_options = '';",
        });
        expect(await preflightFault()).toBe('');
      });
      await withGlobal('binlog_transaction_compression', 'ON', async () => {
        expect(worst(await doctor(), 'binlog-compression')).toMatchObject({
          level: 'ok',
          message: 'transactions are compressed, which is supported',
        });
      });
    });

    it.runIf(flavour === 'mariadb')("warns of MariaDB's compressed events", async () => {
      await withGlobal('log_bin_compress', 'ON', async () => {
        expect(worst(await doctor(), 'binlog-compression')).toMatchObject({
          level: 'warning',
          fix: 'SET GLOBAL log_bin_compress = OFF;',
        });
      });
    });

    it('warns of a log that is kept for hours', async () => {
      await withGlobal('binlog_expire_logs_seconds', '7200', async () => {
        const finding = worst(await doctor(), 'binlog-expiry');
        expect(finding).toMatchObject({level: 'warning', message: 'the log is kept only for 2 hours'});
        expect(finding.fix).toContain('binlog_expire_logs_seconds = 604800');
      });
    });

    it("reads RDS's own retention", async () => {
      await run(
        'CREATE TABLE mysql.rds_configuration (name VARCHAR(100), value VARCHAR(100), description VARCHAR(300))',
      );
      await run("INSERT INTO mysql.rds_configuration VALUES ('binlog retention hours', NULL, '')");
      expect(worst(await doctor(), 'rds-retention')).toMatchObject({
        level: 'must-fix',
        fix: "CALL mysql.rds_set_configuration('binlog retention hours', 168);",
      });
      await run('UPDATE mysql.rds_configuration SET value = 24');
      expect(worst(await doctor(), 'rds-retention')).toMatchObject({
        level: 'warning',
        message: 'RDS keeps the log for only 24 hours',
      });
      await run('UPDATE mysql.rds_configuration SET value = 168');
      expect(worst(await doctor(), 'rds-retention').level).toBe('ok');
      await run('DROP TABLE mysql.rds_configuration');
    });

    it('warns of clocks that differ, and of small packets', async () => {
      const hourAhead = await examine(configOf(own.stand), {now: () => Date.now() + 3_600_000});
      expect(worst(hourAhead, 'clock')).toMatchObject({
        level: 'warning',
        message: "the clock is 3600.0 s behind this machine's",
      });
      await withGlobal('max_allowed_packet', '1048576', async () => {
        expect(worst(await doctor(), 'packet-size')).toMatchObject({
          level: 'warning',
          message: 'max_allowed_packet is 1 MiB',
        });
      });
    });

    it('warns of DATETIME columns on a server in another zone', async () => {
      await withGlobal('time_zone', "'+05:30'", async () => {
        expect(worst(await doctor(), 'time-zone').level).toBe('ok'); // TIMESTAMP columns
        await run('ALTER TABLE users MODIFY created_at DATETIME NULL');
        expect(worst(await doctor(), 'time-zone')).toMatchObject({
          level: 'warning',
          message: "the server's zone is +05:30, and users have times in DATETIME columns",
        });
      });
      await run('ALTER TABLE users MODIFY created_at TIMESTAMP NULL');
    });

    it('warns of a source that accepts no writes', async () => {
      expect((await doctor()).filter(({check}) => check === 'held')).toEqual([]);
      await withGlobal('read_only', 'ON', async () => {
        expect(worst(await doctor(), 'held')).toMatchObject({
          level: 'warning',
          message: 'the source is read-only (read_only), and not a replica',
          fix: expect.stringContaining('SET GLOBAL read_only = OFF;'),
        });
      });
    });

    it('requires a target that accepts writes', async () => {
      await withGlobal('read_only', 'ON', async () => {
        expect(worst(await doctor(), 'writable')).toMatchObject({
          level: 'must-fix',
          message: 'the target is read-only (read_only)',
        });
      });
    });

    // MySQL cannot be reached by TCP then.
    it.runIf(flavour === 'mariadb')('warns of grants that cannot be read', async () => {
      await own.server.restart(['--skip-grant-tables']);
      const findings = await doctor();
      expect(
        findings
          .filter(({check}) => check === 'privilege-needed')
          .map(({side, level, message}) => [side, level, message]),
      ).toEqual([
        ['source', 'warning', 'the grants of the account cannot be read'],
        ['source', 'ok', 'the account may read institutes, users, institute_user'],
        ['target', 'warning', 'the grants of the account cannot be read'],
      ]);
      await own.server.restart([]);
    });

    it('warns of a log with a size limit, on servers that have one', async context => {
      const has = await withConnection(own.server, undefined, connection =>
        query(connection, "SHOW GLOBAL VARIABLES LIKE 'max_binlog_total_size'"),
      );
      if (has.length === 0) context.skip('this version does not know max_binlog_total_size');
      await withGlobal('max_binlog_total_size', '1000000', async () => {
        expect(worst(await doctor(), 'binlog-size')).toMatchObject({
          level: 'warning',
          message: 'the log is limited to 1000000 bytes in total (max_binlog_total_size)',
        });
      });
    });

    it('reports a server that is down as one finding, and checks the other one', async () => {
      await own.server.stop();
      const config = configOf(
        own.stand,
        other === undefined ? {} : {ORG_DB_PORT: String(other.port), ORG_DB_DATABASE: 'mysql'},
      );
      const findings = await examine(config);
      expect(findings.filter(({side}) => side === 'source')).toEqual([
        expect.objectContaining({
          check: 'reachable',
          level: 'must-fix',
          message: `127.0.0.1:${own.server.port} cannot be reached (ECONNREFUSED)`,
        }),
      ]);
      expect(
        worst(
          findings.filter(({side}) => side === 'target'),
          'reachable',
        ).level,
      ).toBe('ok');
      await own.server.start();
    });
  },
);
