/** The mapped columns, their types and keys on both sides, judged by the plan that everything else uses. */
import {readSourceSchema, readTargetSchema} from '../db/schema.ts';
import {SyncError} from '../errors.ts';
import {
  buildPlan,
  inputsOf,
  sourcePlan,
  type ColumnPlan,
  type Plan,
  type TablePlan,
} from '../mapping/plan.ts';
import type {SourceSchema, TableSchema, TargetSchema} from '../mapping/schema.ts';
import {SOURCE_TABLE_NAMES, TABLE_MAPS, type TableMap, type TargetTable} from '../mapping/tables.ts';
import {sourceTypeFaults, targetTypeFaults, type TypeFault} from '../mapping/type-faults.ts';
import {nullable, recode, retype} from '../mapping/column-clause.ts';
import {mustFix, ok, warning, type Finding} from './findings.ts';
import {quoteName, type Probe} from './probe.ts';

export interface Schemas {
  readonly source: SourceSchema | null;
  readonly target: TargetSchema | null;
}

/** Null, with a finding, where a table is missing. */
export async function readSchemas(
  source: Probe | null,
  target: Probe | null,
): Promise<{schemas: Schemas; findings: Finding[]}> {
  const findings: Finding[] = [];
  const read = async <T>(
    fault: (message: string) => Finding,
    reader: (() => Promise<T>) | null,
  ): Promise<T | null> => {
    try {
      return reader === null ? null : await reader();
    } catch (error) {
      if (!(error instanceof SyncError) || !error.code.endsWith('-incompatible')) throw error;
      findings.push(fault(error.message));
      return null;
    }
  };
  const schemas = {
    source: await read(
      missingSourceTable,
      source && (() => readSourceSchema(source.connection, source.database)),
    ),
    target: await read(
      missingTargetTable,
      target && (() => readTargetSchema(target.connection, target.database)),
    ),
  };
  return {schemas, findings};
}

function missingSourceTable(message: string): Finding {
  return mustFix('source', 'source-columns', {
    message,
    why: 'its rows cannot be read',
    mend: 'set DB_DATABASE to the schema that holds users, institutes and institute_user, and GRANT SELECT on it (docs/grants.md)',
  });
}

function missingTargetTable(message: string): Finding {
  return mustFix('target', 'target-columns', {
    message,
    why: 'there is nowhere to write',
    mend: 'laas-sync migrate',
  });
}

export function checkSourceColumns(schema: SourceSchema): Finding[] {
  const types = SOURCE_TABLE_NAMES.flatMap(table =>
    sourceTypeFaults(table, schema[table]).map(fault =>
      typeFinding(
        'source',
        table,
        fault,
        'the log, a SELECT and a condition in SQL would read it differently',
      ),
    ),
  );
  if (types.length > 0) return types;
  const faults = SOURCE_TABLE_NAMES.flatMap(table => {
    try {
      sourcePlan(table, schema[table]);
      return [];
    } catch (error) {
      if (!(error instanceof SyncError)) throw error;
      return [
        mustFix('source', 'source-columns', {
          message: error.message,
          why: 'replication halts rather than write a guess',
          mend: `ALTER TABLE ${quoteName(table)} … to bring the columns back`,
        }),
      ];
    }
  });
  return faults.length > 0
    ? faults
    : [
        ok('source', 'source-columns', 'every mapped column is there, with a type that can be mapped'),
        ...checkSourceKeys(schema),
      ];
}

function typeFinding(side: 'source' | 'target', table: string, fault: TypeFault, why: string): Finding {
  return mustFix(side, `${side}-columns`, {
    message: `${table}.${fault.column} is ${fault.definition}, which cannot be mapped`,
    why,
    mend: fault.mend,
  });
}

/** Rows are looked up and walked through by key. */
function checkSourceKeys(schema: SourceSchema): Finding[] {
  return (['users', 'institutes'] as const).map(table =>
    schema[table].uniqueKeys.some(key => key.length === 1 && key[0]?.toLowerCase() === 'id')
      ? ok('source', 'source-keys', `${table}.id is unique`)
      : mustFix('source', 'source-keys', {
          message: `${table} has no unique key on id`,
          why: 'two rows with one id would be one row of the target, and each lookup reads the whole table',
          mend: `ALTER TABLE ${quoteName(table)} ADD PRIMARY KEY (id);`,
        }),
  );
}

/** The target's columns and keys, alone and against what the source holds. */
export function checkTargetColumns(schemas: {source: SourceSchema; target: TargetSchema}): Finding[] {
  const faults = TABLE_MAPS.flatMap(map => {
    const source = sourcePlan(map.source, schemas.source[map.source]);
    const types = targetTypeFaults(map, schemas.target[map.target], column => inputsOf(source, column));
    return [
      ...missingOf(map, schemas.target[map.target]),
      ...types.map(fault =>
        typeFinding('target', map.target, fault, 'it does not give back what is written to it'),
      ),
    ];
  });
  const unfilled = TABLE_MAPS.flatMap(map => unfilledOf(map, schemas.target[map.target]));
  if (faults.length > 0) return [...faults, ...unfilled];
  const plan = buildPlan(schemas.source, schemas.target);
  const narrow = Object.values(plan.tables).flatMap(table =>
    table.columns.flatMap(column => narrower(plan, table, column)),
  );
  return [ok('target', 'target-columns', 'every mapped column and key is there'), ...narrow, ...unfilled];
}

function missingOf(map: TableMap, schema: TableSchema): Finding[] {
  const names = schema.columns.map(({name}) => name.toLowerCase());
  const lacking = map.columns.map(({target}) => target).filter(name => !names.includes(name.toLowerCase()));
  const absent = mustFix('target', 'target-columns', {
    message: `${map.target} lacks ${lacking.join(', ')}`,
    why: 'every mapped column is written',
    mend: lacking
      .map(
        name =>
          `ALTER TABLE ${quoteName(map.target)} ADD COLUMN ${quoteName(name)} ${typeOf(map.target, name)};`,
      )
      .join(' '),
  });
  const findings = lacking.length > 0 ? [absent] : [];
  const key = map.key.map(name => name.toLowerCase()).sort();
  const isKey = (columns: readonly string[]) =>
    columns
      .map(name => name.toLowerCase())
      .sort()
      .join() === key.join();
  if (schema.uniqueKeys.some(isKey)) return findings;
  return [
    ...findings,
    mustFix('target', 'target-keys', {
      message: `${map.target} has no unique key on (${map.key.join(', ')})`,
      why: 'without it the same row would be written again and again',
      mend: `ALTER TABLE ${quoteName(map.target)} ADD UNIQUE KEY (${map.key.map(quoteName).join(', ')});`,
    }),
  ];
}

/** As the migration makes them. */
function typeOf(table: TargetTable, column: string): string {
  if (column.endsWith('Id')) return 'BIGINT NOT NULL';
  // The rows that are there need a value, and a server may refuse the zero date.
  if (column.endsWith('At')) return 'DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)';
  if (column === 'isActive') return 'BOOLEAN NOT NULL DEFAULT TRUE';
  if (column === 'role')
    return "ENUM('ADMIN', 'FACULTY', 'STUDENT', 'STAFF', 'DIRECTOR') NOT NULL DEFAULT 'STUDENT'";
  if (column === 'imageUrl') return 'VARCHAR(1024) NULL';
  return `VARCHAR(${column === 'name' && table === 'user' ? 511 : 255}) NOT NULL`;
}

const DIGITS: Readonly<Record<string, number>> = {
  tinyint: 1,
  smallint: 2,
  mediumint: 3,
  int: 4,
  integer: 4,
  bigint: 8,
};
const LOST_WHY = 'a row that does not fit waits as a dead letter, and the others go on';

/** A target column that cannot hold all that its source column can. */
function narrower(plan: Plan, table: TablePlan, column: ColumnPlan): Finding[] {
  const source = plan.sources[table.source];
  const inputs = column.inputs.flatMap(
    index => source.schema.columns.find(({name}) => name === source.actual[index]) ?? [],
  );
  const at = `${table.target}.${column.name}`;
  const mend = (type: string) => retype(quoteName(table.target), column.schema, type);
  if (column.kind === 'integer') {
    const wider = inputs.find(({type, unsigned}) => {
      const [from, to] = [DIGITS[type] ?? 8, DIGITS[column.schema.type] ?? 8];
      // Nobody counts past 2^63: a sign apart in 64 bits is nothing to warn of.
      return from > to || (from === to && to < 8 && unsigned !== column.schema.unsigned);
    });
    if (wider === undefined) return [];
    return [
      warning('target', 'target-width', {
        message: `${at} is ${column.schema.definition}, its source ${wider.definition}`,
        why: LOST_WHY,
        mend: mend(wider.unsigned ? 'BIGINT UNSIGNED' : 'BIGINT'),
      }),
    ];
  }
  if (column.kind !== 'text' || column.map.transform === 'role') return [];
  const room = column.schema.maxLength;
  const needed = inputs.reduce((sum, input) => sum + (input.maxLength ?? 0), inputs.length - 1);
  const findings: Finding[] = [];
  if (room !== null && needed > room) {
    findings.push(
      warning('target', 'target-width', {
        message: `${at} holds ${room} characters, its source ${needed}`,
        why: LOST_WHY,
        mend: mend(needed > 16_000 ? 'MEDIUMTEXT' : `VARCHAR(${needed})`),
      }),
    );
  }
  if (
    column.schema.charset !== null &&
    column.schema.charset !== 'utf8mb4' &&
    inputs.some(({charset}) => charset !== column.schema.charset)
  ) {
    findings.push(
      warning('target', 'target-charset', {
        message: `${at} is ${column.schema.charset}`,
        why: `text beyond it cannot be stored: ${LOST_WHY}`,
        mend: recode(quoteName(table.target), column.schema, 'utf8mb4'),
      }),
    );
  }
  return findings;
}

/** Columns that we do not write, and that the server has no value for. */
function unfilledOf({target, columns}: TableMap, schema: TableSchema): Finding[] {
  const ours = columns.map(column => column.target.toLowerCase());
  return schema.columns
    .filter(column => !ours.includes(column.name.toLowerCase()) && !column.hasDefault)
    .map(column =>
      mustFix('target', 'target-columns', {
        message: `${target}.${column.name} is not mapped, not nullable, and has no default`,
        why: 'every new row is refused, and waits as a dead letter',
        mend: nullable(quoteName(target), column),
      }),
    );
}
