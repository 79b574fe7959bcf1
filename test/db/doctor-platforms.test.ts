import {describe, expect, it} from 'vitest';
import type {ServerInfo} from '../../src/db/server.ts';
import {checkExpiry} from '../../src/doctor/binlog-settings.ts';
import {settingFix, type Platform, type Probe} from '../../src/doctor/probe.ts';
import {checkVersion} from '../../src/doctor/reach.ts';
import {toTable} from '../../src/doctor/report.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {connect as connectAsSync, coreOf} from '../../src/db/connection.ts';
import {configOf} from './doctor-stand.ts';

function info(version: string): ServerInfo {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(part => Number.parseInt(part, 10) || 0);
  const flavour = version.includes('MariaDB') ? 'mariadb' : 'mysql';
  return {flavour, version, versionParts: [major, minor, patch], identity: '', hasGtids: true};
}

describe('versions', () => {
  const level = (version: string, side: 'source' | 'target' = 'source') =>
    checkVersion({side, info: info(version), platform: 'own'})[0]?.level;

  it('compare as numbers, each side by its own requirement', () => {
    expect(['5.7.44', '8.0.0', '10.4.33-MariaDB'].map(version => level(version))).toEqual([
      'must-fix',
      'must-fix',
      'must-fix',
    ]);
    expect(
      ['8.0.1', '8.4.6', '9.7.4', '26.7.0', '10.11.6-MariaDB', '11.8.2-MariaDB'].map(version =>
        level(version),
      ),
    ).toEqual(['ok', 'ok', 'ok', 'ok', 'ok', 'ok']);
    expect(['10.5.9-MariaDB', '8.0.11-TiDB-v8.5.0', '8.0.30-Vitess'].map(version => level(version))).toEqual([
      'warning',
      'warning',
      'warning',
    ]);
    expect(level('5.7.44', 'target')).toBe('warning');
  });
});

describe('a setting is changed', () => {
  const fix = (platform: Platform, version: string, restart = false) =>
    settingFix({platform, info: info(version)}, 'binlog_row_image', 'FULL', {restart});

  it('by SQL on a server of your own, by parameter group on RDS and Aurora', () => {
    expect(fix('own', '8.4.6')).toBe('SET PERSIST binlog_row_image = FULL;');
    expect(fix('own', '10.11.6-MariaDB')).toContain('SET GLOBAL binlog_row_image = FULL; -- and');
    expect(fix('own', '8.4.6', true)).toContain('then restart the server');
    expect(fix('rds', '8.4.6')).toBe('in the DB parameter group: binlog_row_image = FULL');
    expect(fix('aurora', '8.0.36', true)).toBe(
      'in the DB cluster parameter group: binlog_row_image = FULL, then reboot the writer',
    );
  });
});

describeEachFlavour('a server that shows that it is RDS', ({server, source, target}) => {
  it('shows how long RDS keeps the log, if the account may read it', async () => {
    const {source: config} = configOf({server, source, target});
    const connection = await connectAsSync('source', config);
    // As for an account without the privilege: the table cannot be read.
    const core = coreOf(connection);
    const send = core.query.bind(core);
    core.query = (options, done) =>
      send(
        options.sql.includes('rds_configuration')
          ? {...options, sql: "SIGNAL SQLSTATE '42000' SET MYSQL_ERRNO = 1142"}
          : options,
        done,
      );
    const probe: Probe = {
      side: 'source',
      connection,
      database: source,
      info: info('8.4.6'),
      platform: 'rds',
    };
    const findings = await checkExpiry(probe);
    expect(findings.find(({check}) => check === 'rds-retention')).toMatchObject({
      level: 'warning',
      fix: "CALL mysql.rds_show_configuration; and, if it is NULL: CALL mysql.rds_set_configuration('binlog retention hours', 168);",
    });
    connection.destroy();
  });
});

describe('the table', () => {
  it('has the reason and the fix under each finding that is not ok, and a sum', () => {
    expect(
      toTable([
        {side: 'source', check: 'binlog', level: 'ok', message: 'the binary log is on', why: '', fix: null},
        {
          side: 'target',
          check: 'clock',
          level: 'warning',
          message: 'late',
          why: 'lag is off',
          fix: 'set it',
        },
        {
          side: 'target',
          check: 'migrated',
          level: 'must-fix',
          message: 'no',
          why: 'w',
          fix: 'laas-sync migrate',
        },
      ]),
    ).toBe(
      [
        'ok        source  binlog    the binary log is on',
        'warning   target  clock     late',
        '                            why:  lag is off',
        '                            fix:  set it',
        'MUST FIX  target  migrated  no',
        '                            why:  w',
        '                            fix:  laas-sync migrate',
        '',
        '1 must be fixed, 1 warning',
        '',
      ].join('\n'),
    );
  });
});
