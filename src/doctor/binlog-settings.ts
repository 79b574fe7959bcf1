/** Checks the source's log: that it is written, complete, readable, and kept for long enough. */
import {ok, mustFix, warning, type Finding} from './findings.ts';
import {ask, askAny, settingFix, variables, type Probe} from './probe.ts';

interface Wanted {
  readonly check: string;
  readonly variable: string;
  readonly value: string;
  /** What a server without the variable does. */
  readonly absent: string;
  readonly why: string;
}

const WANTED: readonly Wanted[] = [
  {
    check: 'binlog-format',
    variable: 'binlog_format',
    value: 'ROW',
    absent: 'ROW',
    why: 'a change logged as a statement carries no rows: each one needs a whole reconcile before the target shows it',
  },
  {
    check: 'binlog-image',
    variable: 'binlog_row_image',
    value: 'FULL',
    absent: 'FULL',
    why: 'for an event without all columns, laas-sync reads the row again, and it may have changed by then',
  },
  {
    check: 'binlog-metadata',
    variable: 'binlog_row_metadata',
    value: 'FULL',
    absent: 'unknown to this server',
    why: 'without names and types in the log, an event from before a schema change is read with the columns after the change',
  },
  {
    check: 'partial-json',
    variable: 'binlog_row_value_options',
    value: '',
    absent: '',
    why: 'partial JSON updates cannot be read: replication halts at the first one',
  },
];

const LOG_OFF = 'there is nothing to replicate from: only the nightly reconcile would update the target';

export async function checkBinlog(probe: Probe): Promise<Finding[]> {
  const names = [
    ...WANTED.map(({variable}) => variable),
    'log_bin',
    'server_id',
    'binlog_transaction_compression',
    'log_bin_compress',
  ];
  const found = await variables(probe, names);
  if (!isOn(found.get('log_bin')))
    return [
      mustFix('source', 'binlog', {message: 'the binary log is off', why: LOG_OFF, fix: logFix(probe)}),
    ];
  return [
    ok('source', 'binlog', 'the binary log is on'),
    ...WANTED.map(wanted => judge(probe, wanted, found.get(wanted.variable))),
    compression(found),
    ...(await filters(probe)),
  ];
}

function judge(
  probe: Probe,
  {check, variable, value, absent, why}: Wanted,
  found: string | undefined,
): Finding {
  const is = (found ?? absent).toUpperCase();
  if (is === value)
    return ok('source', check, value === '' ? `${variable} is empty` : `${variable} is ${value}`);
  return mustFix('source', check, {
    message: `${variable} is ${found ?? absent}`,
    why,
    fix: settingFix(probe, variable, value === '' ? (probe.platform === 'own' ? "''" : '(empty)') : value),
  });
}

function logFix(probe: Probe): string {
  switch (probe.platform) {
    case 'own':
      return "under [mysqld] in the server's option file: log_bin = binlog and server_id = 1; then restart the server";
    case 'rds':
      return 'set the backup retention period of the instance to 1 day or more, which turns the log on';
    case 'aurora':
      return 'in the DB cluster parameter group: binlog_format = ROW, then reboot the writer';
  }
}

function compression(found: ReadonlyMap<string, string>): Finding {
  if (isOn(found.get('log_bin_compress'))) {
    return warning('source', 'binlog-compression', {
      message: 'log_bin_compress is ON',
      why: "MariaDB's compressed events are supported, but only one test covers them; a change that cannot be read needs a whole reconcile",
      fix: 'SET GLOBAL log_bin_compress = OFF;',
    });
  }
  const on = isOn(found.get('binlog_transaction_compression'));
  return ok(
    'source',
    'binlog-compression',
    on ? 'transactions are compressed, which is supported' : 'the log is not compressed',
  );
}

/** Checks `binlog_do_db` and `binlog_ignore_db`, which only the log's status shows. */
async function filters(probe: Probe): Promise<Finding[]> {
  const {rows} = await askAny(probe, ['SHOW BINARY LOG STATUS', 'SHOW MASTER STATUS']);
  const [row] = rows ?? [];
  if (row === undefined) return [];
  const [only, ignored] = [row[2], row[3]].map(list =>
    String(list ?? '')
      .split(',')
      .filter(name => name !== ''),
  );
  const left =
    ignored?.includes(probe.database) === true ||
    (only !== undefined && only.length > 0 && !only.includes(probe.database));
  if (!left) return [ok('source', 'binlog-filter', `the log includes ${probe.database}`)];
  const option = ignored?.includes(probe.database) === true ? 'binlog_ignore_db' : 'binlog_do_db';
  return [
    mustFix('source', 'binlog-filter', {
      message: `${option} excludes ${probe.database} from the log`,
      why: LOG_OFF,
      fix: `remove ${option} from the server's option file (or add ${probe.database} to binlog_do_db) and restart the server`,
    }),
  ];
}

const DAY_SECONDS = 86_400;
/** A weekend and a spare day: nobody notices a halted stream on Saturday. */
const GOOD_SECONDS = 3 * DAY_SECONDS;
const EXPIRY_WHY =
  'after a stop that lasts longer than the log is kept, the stream must compare or load every row again';

/** Checks how long the log is kept, by the server and by RDS's own purge as well. */
export async function checkExpiry(probe: Probe): Promise<Finding[]> {
  const found = await variables(probe, [
    'binlog_expire_logs_seconds',
    'expire_logs_days',
    'binlog_expire_logs_auto_purge',
    'max_binlog_total_size',
  ]);
  const seconds =
    Number(found.get('binlog_expire_logs_seconds') ?? 0) ||
    Number(found.get('expire_logs_days') ?? 0) * DAY_SECONDS;
  const kept = isOff(found.get('binlog_expire_logs_auto_purge')) ? 0 : seconds;
  const rds = await checkRdsRetention(probe);
  const size = Number(found.get('max_binlog_total_size') ?? 0);
  return [
    expiry(probe, kept),
    ...(size === 0
      ? []
      : [
          warning('source', 'binlog-size', {
            message: `the log is limited to ${size} bytes in total (max_binlog_total_size)`,
            why: EXPIRY_WHY,
            fix: settingFix(probe, 'max_binlog_total_size', '0'),
          }),
        ]),
    ...rds,
  ];
}

function expiry(probe: Probe, seconds: number): Finding {
  const duration =
    seconds === 0
      ? 'without a limit'
      : seconds >= DAY_SECONDS
        ? `for ${round(seconds / DAY_SECONDS)} days`
        : `for ${round(seconds / 3600)} hours`;
  if (seconds === 0 || seconds >= GOOD_SECONDS)
    return ok('source', 'binlog-expiry', `the log is kept ${duration}`);
  return warning('source', 'binlog-expiry', {
    message: `the log is kept only ${duration}`,
    why: EXPIRY_WHY,
    fix: settingFix(probe, 'binlog_expire_logs_seconds', String(7 * DAY_SECONDS)),
  });
}

const RDS_FIX = "CALL mysql.rds_set_configuration('binlog retention hours', 168);";
const NO_SUCH_TABLE = 1146;

/** RDS purges by a setting of its own, which no variable shows: if it is unset, RDS deletes files as soon as it can. */
async function checkRdsRetention(probe: Probe): Promise<Finding[]> {
  const {rows, errno} = await ask(
    probe,
    "SELECT value FROM mysql.rds_configuration WHERE name = 'binlog retention hours'",
  );
  if (rows === null) {
    if (probe.platform === 'own' || errno === NO_SUCH_TABLE) return [];
    return [
      warning('source', 'rds-retention', {
        message: "RDS's own retention cannot be read by this account",
        why: `${EXPIRY_WHY}; RDS purges at once unless 'binlog retention hours' is set`,
        fix: `CALL mysql.rds_show_configuration; and, if it is NULL: ${RDS_FIX}`,
      }),
    ];
  }
  const value = rows[0]?.[0];
  if (value === null || value === undefined) {
    return [
      mustFix('source', 'rds-retention', {
        message: "'binlog retention hours' is not set",
        why: 'RDS purges the log as soon as it can, even while the stream needs it',
        fix: RDS_FIX,
      }),
    ];
  }
  if (Number(value) * 3600 >= GOOD_SECONDS)
    return [ok('source', 'rds-retention', `RDS keeps the log for ${Number(value)} hours`)];
  return [
    warning('source', 'rds-retention', {
      message: `RDS keeps the log for only ${Number(value)} hours`,
      why: EXPIRY_WHY,
      fix: RDS_FIX,
    }),
  ];
}

export function isOn(value: string | undefined): boolean {
  return value !== undefined && ['ON', '1'].includes(value.toUpperCase());
}

function isOff(value: string | undefined): boolean {
  return value !== undefined && ['OFF', '0'].includes(value.toUpperCase());
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
