/** Checks the mapped columns of the target, their types and keys, alone and against those of the source. */
import {SyncError} from '../errors.ts';
import {sourcePlans, targetTypeFaults, type ColumnPlan, type TablePlan} from '../mapping/columns.ts';
import {didYouMean, unmapped} from '../mapping/file/faults.ts';
import {nullable, recode, retype} from '../mapping/column-clause.ts';
import type {Mapping, TableMap} from '../mapping/mapping.ts';
import {buildPlan, type Plan} from '../mapping/plan.ts';
import type {ColumnSchema, SourceSchema, TableSchema, TargetSchema} from '../mapping/schema.ts';
import {definitionOf} from './definitions.ts';
import {mustFix, ok, typeFinding, warning, type Finding} from './findings.ts';
import {quoteName} from '../mapping/quote.ts';
import {hasLead} from './source-checks.ts';

export function checkTargetColumns(
  schemas: {source: SourceSchema; target: TargetSchema},
  mapping: Mapping,
): Finding[] {
  const {source, target} = schemas;
  const missing = mapping.tables.flatMap(map =>
    missingOf(map, target.tables.get(map.target), source.tables.get(map.source)),
  );
  const unfilled = mapping.tables.flatMap(map => unfilledOf(map, target.tables.get(map.target)));
  const plan = planOrFaults(schemas, mapping, missing);
  if (!('tables' in plan)) return [...missing, ...plan, ...unfilled];
  return [
    ok('target', 'target-columns', 'every mapped column and key exists'),
    ...plan.tables.flatMap(table => table.columns.flatMap(column => narrower(table, column))),
    ...unfilled,
    ...plan.entities.flatMap(({parents, primary}) =>
      parents.flatMap(({targetColumns, parentTable}) =>
        referenceFindings(primary, targetColumns, parentTable.target, target),
      ),
    ),
  ];
}

/**
 * The plan refuses a type that cannot be replicated, an unsuitable key, or a condition.
 *
 * @param missing without all columns and keys there is no plan, but the types of the existing columns are checked
 */
function planOrFaults(
  {source, target}: {source: SourceSchema; target: TargetSchema},
  mapping: Mapping,
  missing: readonly Finding[],
): Plan | Finding[] {
  try {
    const types = targetTypeFaults(mapping, sourcePlans(mapping, source), target);
    if (types.length + missing.length > 0) return types.map(typeFinding);
    return buildPlan(mapping, source, target);
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    const side = error.code === 'schema-incompatible' ? 'source' : 'target';
    return [
      mustFix(side, `${side}-columns`, {
        message: error.message,
        why: 'replication halts rather than write a guess',
        fix: 'change the mapping, or ALTER TABLE … MODIFY the column to a type that docs/mapping.md allows',
      }),
    ];
  }
}

function missingOf(
  map: TableMap,
  schema: TableSchema | undefined,
  source: TableSchema | undefined,
): Finding[] {
  const there = schema?.columns.map(({name}) => name) ?? [];
  const isThere = (name: string) => there.some(one => one.toLowerCase() === name.toLowerCase());
  const lacking = map.columns.filter(({target}) => !isThere(target));
  const table = quoteName(map.target);
  const findings: Finding[] = [];
  if (lacking.length > 0) {
    const near = lacking
      .map(({target}) =>
        didYouMean(
          target,
          unmapped(
            there,
            map.columns.map(one => one.target),
          ),
        ),
      )
      .filter(text => text !== '')
      .join('');
    findings.push(
      mustFix('target', 'target-columns', {
        message: `${map.target} lacks ${lacking.map(({target}) => target).join(', ')}${near}`,
        why: 'every mapped column is written',
        fix: lacking
          .map(
            column =>
              `ALTER TABLE ${table} ADD COLUMN ${quoteName(column.target)} ${definitionOf(map, column, source)};`,
          )
          .join(' '),
      }),
    );
  }
  const sorted = (names: readonly string[]) =>
    names
      .map(name => name.toLowerCase())
      .toSorted()
      .join('\0');
  if (schema?.uniqueKeys.some(columns => sorted(columns) === sorted(map.key)) === true) return findings;
  return [
    ...findings,
    mustFix('target', 'target-keys', {
      message: `${map.target} has no unique key on (${map.key.join(', ')})`,
      why: 'without it the same row would be written again and again',
      fix: `ALTER TABLE ${table} ADD UNIQUE KEY (${map.key.map(quoteName).join(', ')});`,
    }),
  ];
}

const DIGITS: Readonly<Record<string, number>> = {
  tinyint: 1,
  year: 2,
  smallint: 2,
  mediumint: 3,
  int: 4,
  integer: 4,
  bigint: 8,
};
const LOST_WHY = 'a row that does not fit waits as a dead letter, and the others are written';
/** Operators whose value comes from the mapping, whatever the source holds. */
const OWN_VALUES = new Set(['lookup', 'oneOf', 'constant']);

/** A target column that cannot hold every value of its source column. */
function narrower(table: TablePlan, column: ColumnPlan): Finding[] {
  if (OWN_VALUES.has(column.map.use.operator)) return [];
  const inputs = column.shape.inputs.map(({schema}) => schema);
  if (column.family === 'integer' && column.shape.inputs.every(({family}) => family === 'integer'))
    return narrowerNumber(table, column, inputs);
  const isText = column.family === 'text' && column.schema.type !== 'enum' && column.schema.type !== 'set';
  return isText && column.shape.inputs.every(({family}) => family === 'text' || family === 'binary')
    ? narrowerText(table, column, inputs)
    : [];
}

function narrowerNumber(table: TablePlan, column: ColumnPlan, inputs: readonly ColumnSchema[]): Finding[] {
  const wider = inputs.find(({type, unsigned}) => {
    const [from, to] = [DIGITS[type] ?? 8, DIGITS[column.schema.type] ?? 8];
    // No counter passes 2^63, so a different sign of 64-bit integers needs no warning.
    return from > to || (from === to && to < 8 && unsigned !== column.schema.unsigned);
  });
  if (wider === undefined) return [];
  return [
    warning('target', 'target-width', {
      message: `${table.target}.${column.name} is ${column.schema.definition}, its source ${wider.definition}`,
      why: LOST_WHY,
      fix: retype(quoteName(table.target), column.schema, wider.unsigned ? 'BIGINT UNSIGNED' : 'BIGINT'),
    }),
  ];
}

function narrowerText(table: TablePlan, column: ColumnPlan, inputs: readonly ColumnSchema[]): Finding[] {
  const at = `${table.target}.${column.name}`;
  const {use} = column.map;
  const {maxLength: room, charset} = column.schema;
  const lengths = inputs.map(({maxLength}) => maxLength ?? 0);
  const needed =
    use.operator === 'join'
      ? lengths.reduce((sum, length) => sum + length, use.with.length * (inputs.length - 1))
      : Math.max(0, ...lengths);
  const findings: Finding[] = [];
  if (room !== null && needed > room) {
    findings.push(
      warning('target', 'target-width', {
        message: `${at} holds ${room} characters, its source ${needed}`,
        why: LOST_WHY,
        fix: retype(
          quoteName(table.target),
          column.schema,
          needed > 16_000 ? 'MEDIUMTEXT' : `VARCHAR(${needed})`,
        ),
      }),
    );
  }
  if (charset !== null && charset !== 'utf8mb4' && inputs.some(input => input.charset !== charset)) {
    findings.push(
      warning('target', 'target-charset', {
        message: `${at} is ${charset}`,
        why: `text beyond it cannot be stored: ${LOST_WHY}`,
        fix: recode(quoteName(table.target), column.schema, 'utf8mb4'),
      }),
    );
  }
  return findings;
}

/** Columns that are not mapped and have no default. */
function unfilledOf({target, columns}: TableMap, schema: TableSchema | undefined): Finding[] {
  const ours = columns.map(column => column.target.toLowerCase());
  return (schema?.columns ?? [])
    .filter(column => !ours.includes(column.name.toLowerCase()) && !column.hasDefault)
    .map(column =>
      mustFix('target', 'target-columns', {
        message: `${target}.${column.name} is not mapped, not nullable, and has no default`,
        why: 'every new row is refused, and waits as a dead letter',
        fix: nullable(quoteName(target), column),
      }),
    );
}

/** When a parent is deleted, its children are found by their reference. */
function referenceFindings(
  {target: child}: TablePlan,
  columns: readonly string[],
  parent: string,
  {tables}: TargetSchema,
): Finding[] {
  if (hasLead(tables.get(child)?.indexes ?? [], columns)) return [];
  return [
    warning('target', 'target-index', {
      message: `no index of ${child} begins with ${columns.join(', ')}, which refers to ${parent}`,
      why: 'each delete of a parent row reads the whole table',
      fix: `ALTER TABLE ${quoteName(child)} ADD INDEX (${columns.map(quoteName).join(', ')});`,
    }),
  ];
}
