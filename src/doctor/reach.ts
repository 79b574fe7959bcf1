/** Checks whether a server can be reached, with the requested TLS, and what it is. */
import {isIP} from 'node:net';
import type {DatabaseConfig} from '../config.ts';
import {isLoopback} from '../loopback.ts';
import {connect, queryRows, type Connection, type Side} from '../db/connection.ts';
import {readServerInfo, settledName, type ServerInfo} from '../db/server.ts';
import {faultName, isOutsideCluster} from '../db/faults.ts';
import {SyncError} from '../errors.ts';
import {mustFix, ok, warning, type Finding} from './findings.ts';
import {quoteName} from '../mapping/quote.ts';
import {readPlatform, type Probe} from './probe.ts';
import {inspectCertificate, type Certificate} from './certificate.ts';

export interface Reached {
  readonly probe: Probe | null;
  readonly findings: readonly Finding[];
}

const prefix = (side: Side) => (side === 'source' ? 'DB' : 'ORG_DB');

/**
 * Opens the connection that the checks of one side share. The caller closes it.
 *
 * @param tables the tables of the mapping on this side
 */
export async function reach(side: Side, config: DatabaseConfig, tables: readonly string[]): Promise<Reached> {
  let connection: Connection | null = null;
  try {
    connection = await connect(side, config);
    const info = await readServerInfo(side, connection);
    const platform = await readPlatform(side, connection);
    const database = await settledName(side, connection, config.database);
    const probe = {side, connection, database, info, platform};
    return {
      probe,
      findings: [
        ok(side, 'reachable', `${config.host}:${config.port} answers`),
        ...(await checkTls(probe, config)),
        ...checkVersion(probe),
      ],
    };
  } catch (error) {
    connection?.destroy();
    if (!(error instanceof SyncError)) throw error;
    return {probe: null, findings: [await unreachable(side, config, error, tables)]};
  }
}

const NO_DATABASE = 1049;
const NO_RIGHT_TO_DATABASE = 1044;

async function unreachable(
  side: Side,
  config: DatabaseConfig,
  error: SyncError,
  tables: readonly string[],
): Promise<Finding> {
  const at = `${config.host}:${config.port}`;
  const name = prefix(side);
  const why = 'nothing can be read or written without it';
  if (isNameless(config)) return nameless(side);
  if (error.code === 'config-invalid')
    return mustFix(side, 'tls', {
      message: error.message,
      why: 'the server is verified with it',
      fix: `set ${name}_SSL_CA to a PEM file that this process may read`,
    });
  if (error.errno === NO_DATABASE) {
    const fix =
      side === 'target'
        ? `CREATE DATABASE ${quoteName(config.database)} CHARACTER SET utf8mb4;`
        : `set ${name}_DATABASE to the schema that holds ${tables.join(', ')}`;
    return mustFix(side, 'reachable', {
      message: `the database ${config.database} does not exist on ${at}`,
      why,
      fix,
    });
  }
  if (error.errno === NO_RIGHT_TO_DATABASE) {
    const privileges = side === 'source' ? 'SELECT' : 'SELECT, INSERT, UPDATE, DELETE';
    return mustFix(side, 'privilege-needed', {
      message: `the account may not use the database ${config.database} on ${at}, or it does not exist`,
      why,
      fix: `GRANT ${privileges} ON ${quoteName(config.database)}.* TO the account of ${name}_USERNAME; docs/grants.md has all privileges that it needs`,
    });
  }
  if (error.code === 'access-denied') {
    return mustFix(side, 'reachable', {
      message: `${at} refuses the account (error ${error.errno ?? '?'})`,
      why,
      fix: `correct ${name}_USERNAME and ${name}_PASSWORD, or CREATE USER and GRANT as docs/grants.md says; the account's host part must match this machine`,
    });
  }
  if (error.errno !== undefined && isOutsideCluster(error.errno))
    return mustFix(side, 'cluster', {
      message: `${at} answers, but it is not part of its cluster now, or is offline (error ${error.errno})`,
      why: 'it refuses every statement',
      fix: `repair the cluster; or set ${name}_HOST to a node that works, or to a proxy that checks its state (docs/clusters.md)`,
    });
  const code = faultName(error.cause) ?? 'no code';
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT') {
    return mustFix(side, 'tls', {
      message: `${at} does not support TLS, and ${name}_SSL is ${config.tls}`,
      why,
      fix: `give the server a certificate (ssl_cert, ssl_key), or set ${name}_SSL=preferred`,
    });
  }
  if (code === 'HANDSHAKE_SSL_ERROR') return certificateFault(side, config, await inspectCertificate(config));
  return mustFix(side, 'reachable', {
    message: `${at} cannot be reached (${code})`,
    why,
    fix: `check ${name}_HOST and ${name}_PORT, that the server runs, and that the network or security group lets this machine in`,
  });
}

/** Refused before a connection is tried: the driver would have no name to compare. */
function isNameless({tls, host}: DatabaseConfig): boolean {
  return tls === 'verify-identity' && isIP(host) !== 0;
}

function nameless(side: Side): Finding {
  const name = prefix(side);
  return mustFix(side, 'tls', {
    message: `${name}_SSL is verify-identity, and ${name}_HOST is an address`,
    why: 'an address is not compared with the certificate, so that any server with a certificate of this authority could answer',
    fix: `set ${name}_HOST to a name that is in the server's certificate; or ${name}_SSL=verify-ca to skip the name`,
  });
}

function certificateFault(side: Side, config: DatabaseConfig, certificate: Certificate | null): Finding {
  const name = prefix(side);
  const why = `${name}_SSL is ${config.tls}: the other side must prove that it is the server`;
  switch (certificate?.fault) {
    case 'expired':
      return mustFix(side, 'tls', {
        message: `the server's certificate expired on ${certificate.validTo}`,
        why,
        fix: "renew the server's certificate (RDS: rotate to the current CA)",
      });
    case 'not-yet-valid':
      return mustFix(side, 'tls', {
        message: `the server's certificate is valid from ${certificate.validFrom} on`,
        why,
        fix: 'correct the clocks of both machines',
      });
    case 'host-name':
      return mustFix(side, 'tls', {
        message: `the server's certificate is for ${certificate.names}, not for ${config.host}`,
        why,
        fix: `set ${name}_HOST to a name in the certificate, or renew the certificate with this one; ${name}_SSL=verify-ca skips the name`,
      });
    case 'untrusted':
      return mustFix(side, 'tls', {
        message: `the server's certificate is not signed by ${config.tlsCa === undefined ? 'an authority that this machine trusts' : `an authority in ${config.tlsCa}`} (${certificate.reason})`,
        why,
        fix: `set ${name}_SSL_CA to the bundle that signed it (RDS: global-bundle.pem from truststore.pki.rds.amazonaws.com)`,
      });
    case 'none':
    case undefined:
      return mustFix(side, 'tls', {
        message: 'the TLS handshake failed',
        why,
        fix: 'check that server and client share a TLS version (tls_version on the server) and that nothing between them breaks TLS',
      });
  }
}

/** Reports what the current connection uses. */
async function checkTls({side, connection}: Probe, config: DatabaseConfig): Promise<Finding[]> {
  const name = prefix(side);
  const [row] = await queryRows(side, connection, "SHOW SESSION STATUS LIKE 'Ssl_cipher'");
  const cipher = String(row?.[1] ?? '');
  const fix = `set ${name}_SSL=verify-identity and ${name}_SSL_CA to the bundle that signed the server's certificate`;
  if (cipher === '') {
    if (isLoopback(config.host)) return [ok(side, 'tls', 'no TLS, on the loopback')];
    return [
      warning(side, 'tls', {
        message: 'the connection is not encrypted',
        why: 'rows, including passwords, can be read on the way',
        fix,
      }),
    ];
  }
  if (config.tls.startsWith('verify-'))
    return [ok(side, 'tls', `TLS with ${cipher}, verified (${config.tls})`)];
  if (isLoopback(config.host)) return [ok(side, 'tls', `TLS with ${cipher}, not verified, on the loopback`)];
  return [
    warning(side, 'tls', {
      message: `TLS with ${cipher}, but the server is not verified (${name}_SSL is ${config.tls})`,
      why: 'anybody in between can pose as the server',
      fix,
    }),
  ];
}

interface Release {
  readonly oldest: readonly [number, number, number];
  readonly current: readonly [number, number, number];
}

/** The `oldest` version has what the stream needs; from `current` on, no warning is given. */
const RELEASES: Readonly<Record<ServerInfo['flavour'], Record<Side, Release>>> = {
  mysql: {source: {oldest: [8, 0, 1], current: [8, 0, 0]}, target: {oldest: [5, 7, 0], current: [8, 0, 0]}},
  mariadb: {
    source: {oldest: [10, 5, 0], current: [10, 11, 0]},
    target: {oldest: [10, 2, 0], current: [10, 11, 0]},
  },
};

/** Pure. */
export function checkVersion({side, info, platform}: Pick<Probe, 'side' | 'info' | 'platform'>): Finding[] {
  const {oldest, current} = RELEASES[info.flavour][side];
  const what = `${info.flavour === 'mariadb' ? 'MariaDB' : 'MySQL'} ${info.version}${platform === 'own' ? '' : ` on ${platform === 'rds' ? 'RDS' : 'Aurora'}`}`;
  if (/tidb|vitess/i.test(info.version)) {
    return [
      warning(side, 'version', {
        message: `the server is ${info.version}`,
        why: 'laas-sync is made for MySQL and MariaDB, and was not tested with this server',
        fix: 'see docs/scale.md',
      }),
    ];
  }
  if (older(info.versionParts, oldest)) {
    return [
      mustFix(side, 'version', {
        message: `the server is ${what}`,
        why:
          side === 'source'
            ? 'its log cannot carry binlog_row_metadata=FULL'
            : 'it lacks features that the tables need',
        fix: `upgrade to ${info.flavour === 'mysql' ? 'MySQL 8.4' : 'MariaDB 10.11'} or later`,
      }),
    ];
  }
  if (older(info.versionParts, current)) {
    return [
      warning(side, 'version', {
        message: `the server is ${what}`,
        why: 'it is older than what laas-sync is made for',
        fix: `upgrade to ${info.flavour === 'mysql' ? 'MySQL 8.4' : 'MariaDB 10.11'} or later`,
      }),
    ];
  }
  return [ok(side, 'version', what)];
}

/** Compares numerically: 26.7 is newer than 9.7. */
function older(a: readonly number[], b: readonly number[]): boolean {
  for (const [index, part] of b.entries()) {
    const own = a[index] ?? 0;
    if (own !== part) return own < part;
  }
  return false;
}
