/** Certificates made for one test run, by the openssl command. */
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {run} from '../servers/run.ts';

export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** As openssl writes it: `DNS:localhost`, `IP:127.0.0.1`. */
  readonly names: string;
  readonly notBefore?: Date;
  /** How long it is valid from the time at which it is signed, at least; a day by default. */
  readonly validMs?: number;
}

const DAY_MS = 86_400_000;

/** A certification authority with a directory of its own. */
export class Authority {
  readonly dir: string;
  #serial = 0;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async create(name: string): Promise<Authority> {
    const authority = new Authority(mkdtempSync(join(tmpdir(), 'laas-sync-tls-')));
    await authority.#make(name);
    return authority;
  }

  /** The bundle to trust. */
  get bundle(): string {
    return join(this.dir, 'ca.pem');
  }

  async #make(name: string): Promise<void> {
    await run([
      'openssl',
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '3',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      join(this.dir, 'ca.key'),
      '-out',
      this.bundle,
    ]);
    mkdirSync(join(this.dir, 'issued'));
    writeFileSync(join(this.dir, 'index'), '');
    writeFileSync(
      join(this.dir, 'ca.conf'),
      [
        '[ca]',
        'default_ca = own',
        '[own]',
        `database = ${this.dir}/index`,
        `new_certs_dir = ${this.dir}/issued`,
        'rand_serial = yes',
        `certificate = ${this.bundle}`,
        `private_key = ${this.dir}/ca.key`,
        'default_md = sha256',
        'policy = any',
        'unique_subject = no',
        '[any]',
        'commonName = supplied',
        '',
      ].join('\n'),
    );
  }

  async issue({
    names,
    notBefore = new Date(Date.now() - DAY_MS),
    validMs = DAY_MS,
  }: CertificateOptions): Promise<KeyPair> {
    const base = join(this.dir, `server-${++this.#serial}`);
    await run([
      'openssl',
      'req',
      '-new',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      '/CN=database server',
      '-keyout',
      `${base}.key`,
      '-out',
      `${base}.csr`,
    ]);
    // Counted from now on, because making the key may take seconds.
    const notAfter = new Date(Math.ceil((Date.now() + validMs) / 1000) * 1000);
    writeFileSync(`${base}.ext`, `subjectAltName = ${names}\n`);
    await run([
      'openssl',
      'ca',
      '-batch',
      '-config',
      join(this.dir, 'ca.conf'),
      '-in',
      `${base}.csr`,
      '-out',
      `${base}.pem`,
      '-notext',
      '-startdate',
      time(notBefore),
      '-enddate',
      time(notAfter),
      '-extfile',
      `${base}.ext`,
    ]);
    return {certificate: readFileSync(`${base}.pem`, 'utf8'), key: readFileSync(`${base}.key`, 'utf8')};
  }

  dispose(): void {
    rmSync(this.dir, {recursive: true, force: true});
  }
}

function time(date: Date): string {
  return `${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
}
