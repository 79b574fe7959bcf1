/** Checks bearer tokens, and derives the keys that sign the sessions of browsers. No I/O, no clock. */
import {createHash, timingSafeEqual} from 'node:crypto';
import type {Config} from '../config.ts';
import type {Access} from './context.ts';

export interface SessionKey {
  readonly access: Access;
  readonly sessionKey: Uint8Array<ArrayBuffer>;
}

interface Credential extends SessionKey {
  readonly digest: Buffer;
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

  /** The keys that sign sessions, each derived from one token: a session ends when its token changes. */
  get sessionKeys(): readonly SessionKey[] {
    return this.#credentials;
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
    sessionKey: Uint8Array.from(sha256(`laas-sync session\0${name}\0${access}\0${token}`)),
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
