/** Random work on a source schema, reproducible from its seed. */
import type mysql from 'mysql2/promise';
import type {SourceSchemaCase} from './schemas.ts';

/** A small generator of random numbers (mulberry32): the same seed gives the same work. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const FIRST = ['Ada', '  Grace ', 'Ünïcode', '', null, 'Li', "O'Brien", 'Ana María', 'back\\slash'];
const LAST = ['Lovelace', 'Hopper', '', null, ' van  Dyk ', 'Müller', 'Ng'];
const EMOJI = ['🎓', '👩‍🏫', '日本語'];
const ROLES = ['admin', 'teacher', 'instructor', 'student', 'staff', 'director', 'guest', null];
const STATUSES = ['active', 'inactive', 'pending', null];

export class Workload {
  readonly #connection: mysql.Connection;
  readonly #schema: SourceSchemaCase;
  readonly #random: () => number;
  #nextId: number;
  #email = 0;

  constructor(connection: mysql.Connection, schema: SourceSchemaCase, seed: number) {
    this.#connection = connection;
    this.#schema = schema;
    this.#random = randomFrom(seed);
    this.#nextId = 1000 + Math.floor(this.#random() * 1000);
  }

  #pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.#random() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  #date(): string | null {
    const roll = this.#random();
    if (roll < 0.1) return null;
    const date = new Date(Date.UTC(2020, 0, 1) + Math.floor(this.#random() * 150_000_000_000));
    const text = date.toISOString().slice(0, 19).replace('T', ' ');
    return this.#schema.surrogate
      ? text
      : `${text}.${String(Math.floor(this.#random() * 1_000_000)).padStart(6, '0')}`;
  }

  async #ids(table: string, column = 'id'): Promise<number[]> {
    const [rows] = await this.#connection.query<mysql.RowDataPacket[]>(
      `SELECT ${column} AS id FROM ${table} ORDER BY 1`,
    );
    return rows.map(row => Number(row['id']));
  }

  /** One operation, drawn by chance. Duplicate keys and the like are part of the draw. */
  async step(): Promise<void> {
    const operations = [
      () => this.#insertUser(),
      () => this.#insertUser(),
      () => this.#insertInstitute(),
      () => this.#insertMembership(),
      () => this.#insertMembership(),
      () => this.#updateUser(),
      () => this.#updateUser(),
      () => this.#toggleUser(),
      () => this.#swapEmails(),
      () => this.#deleteUser(),
      () => this.#deleteInstitute(),
      () => this.#renameInstitute(),
      () => this.#changeMembership(),
      () => this.#moveMembership(),
      () => this.#deleteMembership(),
      () => this.#changeUserId(),
      () => this.#savepoint(),
      () => this.#rollback(),
      () => this.#nullEmail(),
      () => this.#bulk(),
    ];
    try {
      await this.#pick(operations)();
    } catch (error) {
      await this.#connection.query('ROLLBACK');
      // 1062 duplicate, 1452 no parent, 1451 has children, 1761 cascade would clash, 1205/1213 lock.
      if (!(
        error instanceof Error &&
        'errno' in error &&
        [1062, 1452, 1451, 1761, 1205, 1213].includes(Number(error.errno))
      ))
        throw error;
    }
  }

  async #insertUser(): Promise<void> {
    const name = this.#random() < 0.2 ? this.#pick(EMOJI) : this.#pick(FIRST);
    const last = this.#pick(LAST);
    await this.#connection.query(
      'INSERT INTO users (id, first_name, last_name, email, password, is_active, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      [
        this.#nextId++,
        name,
        last,
        this.#newEmail(),
        `$2b$10$${this.#nextId}`,
        this.#random() < 0.8 ? 1 : 0,
        this.#date(),
        this.#date(),
      ],
    );
  }

  #newEmail(): string {
    return `${this.#random() < 0.1 ? ' ' : ''}user${this.#email++}.${Math.floor(this.#random() * 1e6)}@example.test`;
  }

  async #insertInstitute(): Promise<void> {
    await this.#connection.query(
      `INSERT INTO institutes (id, name, imageUrl, created_at, updated_at) VALUES (?, ?, ?, ?, ?)`,
      [
        this.#nextId++,
        this.#random() < 0.1 ? null : `Institut für ${this.#nextId}`,
        this.#random() < 0.5 ? null : 'https://example.test/a.png',
        this.#date(),
        this.#date(),
      ],
    );
  }

  async #insertMembership(): Promise<void> {
    const [users, institutes] = [await this.#ids('users'), await this.#ids('institutes')];
    if (users.length === 0 || institutes.length === 0) return;
    await this.#connection.query(
      'INSERT INTO institute_user (institute_id, user_id, user_type, status, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)',
      [
        this.#pick(institutes),
        this.#pick(users),
        this.#pick(ROLES),
        this.#pick(STATUSES),
        this.#date(),
        this.#date(),
      ],
    );
  }

  async #someUser(): Promise<number> {
    const users = await this.#ids('users');
    return users.length === 0 ? -1 : this.#pick(users);
  }

  async #updateUser(): Promise<void> {
    await this.#connection.query(
      'UPDATE users SET first_name = ?, password = ?, updated_at = ? WHERE id = ?',
      [
        this.#random() < 0.3 ? this.#pick(EMOJI) : this.#pick(FIRST),
        `pw-${this.#random()}`,
        this.#date(),
        await this.#someUser(),
      ],
    );
  }

  async #toggleUser(): Promise<void> {
    await this.#connection.query('UPDATE users SET is_active = NOT is_active WHERE id = ?', [
      await this.#someUser(),
    ]);
  }

  async #nullEmail(): Promise<void> {
    await this.#connection.query('UPDATE users SET email = IF(email IS NULL, ?, NULL) WHERE id = ?', [
      this.#newEmail(),
      await this.#someUser(),
    ]);
  }

  async #swapEmails(): Promise<void> {
    const [a, b] = [await this.#someUser(), await this.#someUser()];
    if (a === b) return;
    const [rows] = await this.#connection.query<mysql.RowDataPacket[]>(
      'SELECT id, email FROM users WHERE id IN (?, ?)',
      [a, b],
    );
    const emails = new Map(rows.map(row => [Number(row['id']), row['email'] as string | null]));
    await this.#connection.query('START TRANSACTION');
    await this.#connection.query('UPDATE users SET email = NULL WHERE id = ?', [a]);
    await this.#connection.query('UPDATE users SET email = ? WHERE id = ?', [emails.get(a), b]);
    await this.#connection.query('UPDATE users SET email = ? WHERE id = ?', [emails.get(b), a]);
    await this.#connection.query('COMMIT');
  }

  async #deleteUser(): Promise<void> {
    await this.#connection.query('DELETE FROM users WHERE id = ?', [await this.#someUser()]);
  }

  async #deleteInstitute(): Promise<void> {
    const ids = await this.#ids('institutes');
    if (ids.length > 3)
      await this.#connection.query('DELETE FROM institutes WHERE id = ?', [this.#pick(ids)]);
  }

  async #renameInstitute(): Promise<void> {
    const ids = await this.#ids('institutes');
    if (ids.length > 0)
      await this.#connection.query(
        'UPDATE institutes SET name = IF(name IS NULL OR RAND() < 0.6, ?, NULL) WHERE id = ?',
        [`N ${this.#nextId++}`, this.#pick(ids)],
      );
  }

  async #changeMembership(): Promise<void> {
    await this.#connection.query(
      'UPDATE institute_user SET user_type = ?, status = ?, updated_at = ? WHERE user_id = ? LIMIT 1',
      [this.#pick(ROLES), this.#pick(STATUSES), this.#date(), await this.#memberId()],
    );
  }

  async #memberId(): Promise<number> {
    const ids = await this.#ids('institute_user', 'user_id');
    return ids.length === 0 ? -1 : this.#pick(ids);
  }

  async #moveMembership(): Promise<void> {
    const users = await this.#ids('users');
    if (users.length > 0)
      await this.#connection.query('UPDATE institute_user SET user_id = ? WHERE user_id = ? LIMIT 1', [
        this.#pick(users),
        await this.#memberId(),
      ]);
  }

  async #deleteMembership(): Promise<void> {
    await this.#connection.query('DELETE FROM institute_user WHERE user_id = ? LIMIT 1', [
      await this.#memberId(),
    ]);
  }

  async #changeUserId(): Promise<void> {
    await this.#connection.query('UPDATE users SET id = ? WHERE id = ?', [
      this.#nextId++,
      await this.#someUser(),
    ]);
  }

  async #savepoint(): Promise<void> {
    await this.#connection.query('START TRANSACTION');
    await this.#insertUser();
    await this.#connection.query('SAVEPOINT a');
    await this.#updateUser();
    await this.#insertInstitute();
    await this.#connection.query('ROLLBACK TO SAVEPOINT a');
    await this.#insertMembership();
    await this.#connection.query('COMMIT');
  }

  async #rollback(): Promise<void> {
    await this.#connection.query('START TRANSACTION');
    await this.#insertUser();
    await this.#toggleUser();
    await this.#connection.query('ROLLBACK');
  }

  async #bulk(): Promise<void> {
    await this.#connection.query('START TRANSACTION');
    for (let i = 0; i < 5; i++) {
      await this.#insertUser();
      await this.#insertMembership();
    }
    await this.#connection.query('COMMIT');
  }
}
