/**
 * The four tables of the Organization Service, only where they do not exist, as its ORM would have made
 * them, each whole in one statement. They are its own: going down leaves them.
 */
import type {Knex} from 'knex';
import {TARGET_ROLES} from '../src/mapping/tables.ts';

const TIMES = 'createdAt DATETIME(3) NOT NULL, updatedAt DATETIME(3) NOT NULL';

interface Definition {
  readonly table: string;
  readonly columns: string;
  readonly keys: readonly string[];
  readonly foreignKeys: readonly string[];
}

const TABLES: readonly Definition[] = [
  {
    table: 'institute',
    columns: `instituteId BIGINT NOT NULL, name VARCHAR(255) NOT NULL, imageUrl VARCHAR(1024) NULL, ${TIMES}`,
    keys: ['PRIMARY KEY (instituteId)'],
    foreignKeys: [],
  },
  {
    table: 'user',
    columns: `userId BIGINT NOT NULL, name VARCHAR(511) NOT NULL, email VARCHAR(255) NOT NULL, password VARCHAR(255) NOT NULL, ${TIMES}`,
    keys: ['PRIMARY KEY (userId)', 'UNIQUE KEY user_email_unique (email)'],
    foreignKeys: [],
  },
  {
    table: 'institute_users',
    columns: `instituteId BIGINT NOT NULL, userId BIGINT NOT NULL, role ENUM(${TARGET_ROLES.map(role => `'${role}'`).join(', ')}) NOT NULL DEFAULT 'STUDENT', isActive BOOLEAN NOT NULL DEFAULT 1, ${TIMES}`,
    keys: ['PRIMARY KEY (instituteId, userId)'],
    foreignKeys: [
      'CONSTRAINT institute_users_instituteid_foreign FOREIGN KEY (instituteId) REFERENCES institute (instituteId)',
      'CONSTRAINT institute_users_userid_foreign FOREIGN KEY (userId) REFERENCES user (userId)',
    ],
  },
  {
    table: 'user_auth',
    columns: `userId BIGINT NOT NULL, password VARCHAR(255) NOT NULL, ${TIMES}`,
    keys: ['PRIMARY KEY (userId)'],
    foreignKeys: ['CONSTRAINT user_auth_userid_foreign FOREIGN KEY (userId) REFERENCES user (userId)'],
  },
];

/** The parent is of another type, another engine or without a key: only its owner can mend that. */
const NO_FOREIGN_KEY = new Set([1005, 1215, 1822, 1824, 3780]);

export async function up(knex: Knex): Promise<void> {
  for (const {table, columns, keys, foreignKeys} of TABLES) {
    if (await knex.schema.hasTable(table)) continue;
    const create = (all: readonly string[]) =>
      knex.schema.raw(
        `CREATE TABLE \`${table}\` (${[columns, ...all].join(', ')}) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`,
      );
    try {
      await create([...keys, ...foreignKeys]);
    } catch (error) {
      const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : 0;
      if (foreignKeys.length === 0 || !NO_FOREIGN_KEY.has(errno)) throw error;
      await create(keys);
    }
  }
}

export function down(): Promise<void> {
  return Promise.resolve();
}
