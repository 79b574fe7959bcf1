/** What the driver is told about TLS. */
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
 * TLS as the five modes mean it. For `preferred` the connection tries with TLS, and then without.
 *
 * @throws SyncError `config-invalid` where the bundle cannot be read, or a name is needed and is not there
 */
export function tlsOptions(config: DatabaseConfig): {ssl?: TlsOptions} {
  if (config.tls === 'off') return {};
  if (config.tls === 'verify-identity' && isIP(config.host) !== 0) {
    // mysql2 has no name to compare then, and Node takes `localhost` for it: any server would do.
    throw new SyncError(
      'config-invalid',
      `${config.host} is an address, and verify-identity needs a name that the server's certificate holds: set the host to it, or verify-ca to do without`,
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
