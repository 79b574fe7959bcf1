/** The driver's TLS options. */
import {readFileSync} from 'node:fs';
import {isIP} from 'node:net';
import type {DatabaseConfig} from '../config.ts';
import {SyncError} from '../errors.ts';

interface TlsOptions {
  readonly ca?: string;
  readonly rejectUnauthorized: boolean;
  readonly verifyIdentity?: boolean;
}

/**
 * Implements the five TLS modes. For `preferred`, the connection tries with TLS, and then without.
 *
 * @throws SyncError `config-invalid` if the bundle cannot be read, or a name is needed and missing
 */
export function tlsOptions(config: DatabaseConfig): {ssl?: TlsOptions} {
  if (config.tls === 'off') return {};
  if (config.tls === 'verify-identity' && isIP(config.host) !== 0) {
    // mysql2 would have no name to compare, and Node would use `localhost`: any server would pass.
    throw new SyncError(
      'config-invalid',
      `${config.host} is an address, and verify-identity needs a name that is in the server's certificate: set the host to that name, or use verify-ca`,
    );
  }
  let ca: {ca?: string} = {};
  if (config.tlsCa !== undefined) {
    try {
      ca = {ca: readFileSync(config.tlsCa, 'utf8')};
    } catch (cause) {
      throw new SyncError('config-invalid', `the TLS bundle ${config.tlsCa} cannot be read`, {cause});
    }
  }
  switch (config.tls) {
    case 'preferred':
    case 'required':
      return {ssl: {...ca, rejectUnauthorized: false}};
    case 'verify-ca':
      return {ssl: {...ca, rejectUnauthorized: true, verifyIdentity: false}};
    case 'verify-identity':
      return {ssl: {...ca, rejectUnauthorized: true, verifyIdentity: true}};
  }
}
