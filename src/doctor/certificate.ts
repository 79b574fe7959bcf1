/**
 * Inspects the certificate of a server after a connection was refused because of it: the driver reports that TLS
 * failed, and not why.
 *
 * It reads the server's greeting, requests TLS as the protocol says (an SSLRequest packet), and makes the
 * handshake without verification, so that Node reports its verdict with the certificate. It sends nothing over
 * the connection: no name and no password.
 * Source: MySQL's protocol, Protocol::SSLRequest.
 */
import {readFileSync} from 'node:fs';
import {connect, isIP, type Socket} from 'node:net';
import {checkServerIdentity, connect as connectTls, type TLSSocket} from 'node:tls';
import type {DatabaseConfig} from '../config.ts';

export interface Certificate {
  readonly fault: 'none' | 'expired' | 'not-yet-valid' | 'untrusted' | 'host-name';
  /** OpenSSL's code, if it is untrusted. */
  readonly reason: string;
  readonly validFrom: string;
  readonly validTo: string;
  /** The names that it is valid for. */
  readonly names: string;
}

const TIMEOUT_MS = 10_000;
/** CLIENT_PROTOCOL_41 | CLIENT_SSL | CLIENT_SECURE_CONNECTION */
const CAPABILITIES = 0x200 | 0x800 | 0x8000;
const UTF8MB4 = 45;

/** @returns null if no certificate was received */
export async function inspectCertificate(config: DatabaseConfig): Promise<Certificate | null> {
  const socket = connect({host: config.host, port: config.port, timeout: TIMEOUT_MS});
  try {
    return await new Promise(resolve => {
      const give = () => resolve(null);
      socket.once('error', give).once('timeout', give).once('close', give);
      socket.once('data', () => {
        socket.write(sslRequest());
        const secure = overTls(socket, config);
        secure.once('error', give);
        secure.once('secureConnect', () => resolve(judge(secure, config)));
      });
    });
  } finally {
    socket.destroy();
  }
}

function sslRequest(): Buffer {
  const packet = Buffer.alloc(36);
  packet.writeUIntLE(32, 0, 3);
  packet.writeUInt8(1, 3);
  packet.writeUInt32LE(CAPABILITIES, 4);
  packet.writeUInt32LE(0x1000000, 8);
  packet.writeUInt8(UTF8MB4, 12);
  return packet;
}

function overTls(socket: Socket, config: DatabaseConfig): TLSSocket {
  const ca = config.tlsCa === undefined ? {} : {ca: readFileSync(config.tlsCa, 'utf8')};
  const servername = isIP(config.host) === 0 ? {servername: config.host} : {};
  return connectTls({socket, ...ca, ...servername, rejectUnauthorized: false});
}

function judge(socket: TLSSocket, config: DatabaseConfig): Certificate | null {
  const certificate = socket.getPeerCertificate();
  if (Object.keys(certificate).length === 0) return null;
  const error: unknown = socket.authorizationError;
  const reason =
    typeof error === 'string' ? error : error instanceof Error && 'code' in error ? String(error.code) : '';
  const misnamed =
    config.tls === 'verify-identity' && checkServerIdentity(config.host, certificate) !== undefined;
  const seen = {
    reason,
    validFrom: certificate.valid_from,
    validTo: certificate.valid_to,
    names: certificate.subjectaltname ?? String(certificate.subject.CN),
  };
  if (reason === 'CERT_HAS_EXPIRED') return {fault: 'expired', ...seen};
  if (reason === 'CERT_NOT_YET_VALID') return {fault: 'not-yet-valid', ...seen};
  if (reason !== '' && reason !== 'ERR_TLS_CERT_ALTNAME_INVALID') return {fault: 'untrusted', ...seen};
  return {fault: misnamed ? 'host-name' : 'none', ...seen};
}
