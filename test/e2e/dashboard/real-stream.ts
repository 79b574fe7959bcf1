/** A real stream for the dashboard: a real server with both schemas, the built daemon, and people in the source. */
import type {Browser, Page} from 'playwright-core';
import {inject} from 'vitest';
import {Stand} from '../../helpers/fault-stand.ts';
import type {Environment} from '../../helpers/daemon.ts';
import {createDatabases, type Databases} from '../../servers/databases.ts';
import {freePort} from '../../servers/ports.ts';
import {isLive, newPage, withBrowser} from './browser.ts';

export const USERS = 300;
/** Two of them have a bad address, and become dead letters. */
const PEOPLE = `
INSERT INTO institutes (id, name) VALUES (1, 'Northfield'), (2, 'Southfield'), (3, NULL);
INSERT INTO users (id, first_name, last_name, email, password, created_at, updated_at)
  WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < ${USERS})
  SELECT i, CONCAT('First', i), CONCAT('Last', i), CONCAT('n', i, '@example.test'), 'secret', '2024-01-01', '2024-01-02' FROM n;
UPDATE users SET email = CONCAT('no at ', id) WHERE id IN (7, 8);
INSERT INTO institute_user (institute_id, user_id, user_type, status) SELECT 1 + id % 3, id, 'student', 'active' FROM users;`;

export class RealStream implements AsyncDisposable {
  readonly stand: Stand;
  readonly #databases: Databases;

  private constructor(stand: Stand, databases: Databases) {
    this.stand = stand;
    this.#databases = databases;
  }

  /** One flavour is enough here, because the page does not depend on it. The daemon keeps its port. */
  static async start(env: Environment = {}): Promise<RealStream> {
    const server = Object.values(inject('servers'))[0];
    if (server === undefined) throw new Error('there is no server');
    const databases = await createDatabases(server, 'page');
    const {source, target} = databases;
    const stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      env: {SYNC_NAME: 'staging', PORT: String(await freePort()), ...env},
    });
    await stand.source.query(PEOPLE);
    await stand.start();
    await stand.until('the first load', ({lastRun}) => lastRun?.state === 'succeeded');
    return new RealStream(stand, databases);
  }

  get url(): string {
    return `http://127.0.0.1:${this.stand.env['PORT']}/`;
  }

  /** The name of a user in the target. */
  async nameOf(userId: number): Promise<unknown> {
    return (await this.stand.targetRows('SELECT name FROM user WHERE userId = ?', [userId]))[0]?.['name'];
  }

  /** A row of the target is held by another transaction until the returned function is called. */
  async hold(userId: number): Promise<() => Promise<void>> {
    const {target} = this.stand;
    await target.query('START TRANSACTION; SELECT * FROM user WHERE userId = ? FOR UPDATE', [userId]);
    return async () => {
      await target.query('ROLLBACK');
    };
  }

  /** Deletes users without logging it, so that only a reconcile finds out. */
  async deleteUnseen(fromId: number): Promise<void> {
    await this.stand.source.query(
      'SET SESSION sql_log_bin = 0; DELETE FROM users WHERE id >= ?; SET SESSION sql_log_bin = 1',
      [fromId],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stand[Symbol.asyncDispose]();
    await this.#databases.drop();
  }
}

export interface StreamInBrowser {
  readonly browser: Browser;
  readonly real: RealStream;
  /** Opens a dashboard, by default that of the stream. */
  open(url?: string): Promise<Page>;
}

/** A browser and a real stream for the tests of a file, which are closed after them. */
export function withRealStream(): StreamInBrowser {
  let opened: {browser: Browser; real: RealStream} | undefined;
  withBrowser(
    async browser => {
      opened = {browser, real: await RealStream.start()};
    },
    async () => opened?.real[Symbol.asyncDispose](),
  );
  const current = () => {
    if (opened === undefined) throw new Error('no stream is running');
    return opened;
  };
  return {
    get browser() {
      return current().browser;
    },
    get real() {
      return current().real;
    },
    async open(url = current().real.url) {
      const page = await newPage(current().browser);
      await page.goto(url);
      await isLive(page);
      return page;
    },
  };
}
