/** Checks bearer tokens, and the sessions of browsers that sent one. No I/O, no clock. */
import {createHash, createHmac, timingSafeEqual} from 'node:crypto';
import type {Config} from '../config.ts';
import type {Access} from './context.ts';

/** Half a day: a shift at the screen, after which the token is requested again. */
export const SESSION_MS = 12 * 3_600_000;

interface Credential {
  readonly access: Access;
  readonly digest: Buffer;
  readonly sessionKey: Buffer;
}

/**
 * The tokens of one stream. A comparison takes the same time for every input: both sides are hashed to one
 * length, and every token is compared.
 */
export class Tokens {
  readonly #credentials: readonly Credential[];

  constructor(config: Pick<Config, 'http' | 'name'>) {
    const {apiToken, readToken} = config.http;
    this.#credentials = [
      ...(apiToken === undefined ? [] : [credential('full', apiToken, config.name)]),
      ...(readToken === undefined ? [] : [credential('read', readToken, config.name)]),
    ];
  }

  /** Without a token the server is open to everybody who reaches it; config.ts allows that on loopback only. */
  get required(): boolean {
    return this.#credentials.length > 0;
  }

  /** A token is set with which writes are allowed. */
  get canWrite(): boolean {
    return !this.required || this.#credentials.some(known => known.access === 'full');
  }

  check(token: string): Access | null {
    const presented = sha256(token);
    return this.#first(known => timingSafeEqual(known.digest, presented));
  }

  /** Returns the value of a session cookie: a signature by a key derived from the token, never the token. */
  openSession(access: Access, nowMs: number): string | null {
    const known = this.#credentials.find(each => each.access === access);
    if (known === undefined) return null;
    const body = `${access}.${(nowMs + SESSION_MS).toString(36)}`;
    return `${body}.${sign(known, body).toString('base64url')}`;
  }

  /** Null if the session is forged, has ended, or was opened with a token that has since changed. */
  checkSession(value: string, nowMs: number): Access | null {
    const [access = '', expires = '', signature = ''] = value.split('.');
    const expiresAtMs = Number.parseInt(expires, 36);
    const presented = sha256(signature);
    const found = this.#first(known => {
      const expected = sha256(sign(known, `${access}.${expires}`).toString('base64url'));
      return timingSafeEqual(expected, presented);
    });
    return expiresAtMs > nowMs ? found : null;
  }

  #first(matches: (known: Credential) => boolean): Access | null {
    let found: Access | null = null;
    for (const known of this.#credentials) if (matches(known) && found === null) found = known.access;
    return found;
  }
}

function credential(access: Access, token: string, name: string): Credential {
  return {
    access,
    digest: sha256(token),
    sessionKey: sha256(`laas-sync session\0${name}\0${access}\0${token}`),
  };
}

function sign(known: Credential, body: string): Buffer {
  return createHmac('sha256', known.sessionKey).update(body).digest();
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
