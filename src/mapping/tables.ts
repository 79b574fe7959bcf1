/**
 * THE mapping, as data: what of `laas` becomes what in `organizations`.
 *
 * Stream, snapshot, repair, verify, counts, doctor and docs all derive from these tables through
 * `plan.ts`; nothing else names a column of either database.
 */

export type SourceTable = 'institutes' | 'users' | 'institute_user';
/** Parents before children, as they are written; deletes go the other way. */
export const TARGET_TABLES = ['institute', 'user', 'institute_users', 'user_auth'] as const;
export type TargetTable = (typeof TARGET_TABLES)[number];

/** How a target column's value comes about; each has a value form and an SQL form in transforms.ts. */
export type TransformName =
  'id' | 'copy' | 'secret' | 'trimmed' | 'full-name' | 'role' | 'is-active' | 'timestamp';

export interface ColumnMap {
  readonly target: string;
  readonly transform: TransformName;
  /** Source columns in the order that the transform takes them. */
  readonly from: readonly string[];
}

export interface TableMap {
  readonly target: TargetTable;
  readonly source: SourceTable;
  /** Target columns that name a row; each an id. */
  readonly key: readonly string[];
  readonly columns: readonly ColumnMap[];
  /** A source row is eligible when these are not null … */
  readonly notNull: readonly string[];
  /** … this flag is 1 … */
  readonly flag?: string;
  /** … and the rows that it refers to are replicated. */
  readonly parents: readonly {readonly table: TargetTable; readonly key: string}[];
}

export interface SourceTableMap {
  /** The columns that are read. */
  readonly columns: readonly string[];
  /** Columns that a schema may lack. */
  readonly optional: readonly string[];
}

export const SOURCE_TABLES = {
  institutes: {
    columns: ['id', 'name', 'imageUrl', 'created_at', 'updated_at'],
    optional: [],
  },
  users: {
    columns: ['id', 'first_name', 'last_name', 'email', 'password', 'is_active', 'created_at', 'updated_at'],
    optional: [],
  },
  institute_user: {
    columns: ['institute_id', 'user_id', 'user_type', 'status', 'created_at', 'updated_at', 'id'],
    // A surrogate key, where there is one: it breaks ties between rows of one pair.
    optional: ['id'],
  },
} as const satisfies Record<SourceTable, SourceTableMap>;

const createdAt = {target: 'createdAt', transform: 'timestamp', from: ['created_at', 'updated_at']} as const;
const updatedAt = {target: 'updatedAt', transform: 'timestamp', from: ['updated_at', 'created_at']} as const;

/** In the order of writing: parents before children. Deletes go the other way. */
export const TABLE_MAPS = [
  {
    target: 'institute',
    source: 'institutes',
    key: ['instituteId'],
    columns: [
      {target: 'instituteId', transform: 'id', from: ['id']},
      {target: 'name', transform: 'copy', from: ['name']},
      {target: 'imageUrl', transform: 'copy', from: ['imageUrl']},
      createdAt,
      updatedAt,
    ],
    notNull: ['name'],
    parents: [],
  },
  {
    target: 'user',
    source: 'users',
    key: ['userId'],
    columns: [
      {target: 'userId', transform: 'id', from: ['id']},
      {target: 'name', transform: 'full-name', from: ['first_name', 'last_name']},
      {target: 'email', transform: 'trimmed', from: ['email']},
      {target: 'password', transform: 'secret', from: ['password']},
      createdAt,
      updatedAt,
    ],
    notNull: ['email', 'password'],
    flag: 'is_active',
    parents: [],
  },
  {
    target: 'institute_users',
    source: 'institute_user',
    key: ['instituteId', 'userId'],
    columns: [
      {target: 'instituteId', transform: 'id', from: ['institute_id']},
      {target: 'userId', transform: 'id', from: ['user_id']},
      {target: 'role', transform: 'role', from: ['user_type']},
      {target: 'isActive', transform: 'is-active', from: ['status']},
      createdAt,
      updatedAt,
    ],
    notNull: ['institute_id', 'user_id'],
    parents: [
      {table: 'institute', key: 'instituteId'},
      {table: 'user', key: 'userId'},
    ],
  },
  {
    target: 'user_auth',
    source: 'users',
    key: ['userId'],
    columns: [
      {target: 'userId', transform: 'id', from: ['id']},
      {target: 'password', transform: 'secret', from: ['password']},
      createdAt,
      updatedAt,
    ],
    notNull: ['email', 'password'],
    flag: 'is_active',
    parents: [{table: 'user', key: 'userId'}],
  },
] as const satisfies readonly TableMap[];

export const SOURCE_TABLE_NAMES = Object.keys(SOURCE_TABLES) as readonly SourceTable[];

/** Source roles and what they become; all others, and none, become STUDENT. */
export const ROLES = {
  ADMIN: 'ADMIN',
  TEACHER: 'FACULTY',
  INSTRUCTOR: 'FACULTY',
  STUDENT: 'STUDENT',
  STAFF: 'STAFF',
  DIRECTOR: 'DIRECTOR',
} as const satisfies Readonly<Record<string, string>>;
export const OTHER_ROLE = 'STUDENT';
export const TARGET_ROLES = [...new Set<string>([...Object.values(ROLES), OTHER_ROLE])];
