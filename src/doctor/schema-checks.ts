/** The mapped columns of the target, their types and keys, alone and against what the source holds. */
import {SyncError} from '../errors.ts';
import {sourcePlans, targetTypeFaults, type ColumnPlan, type TablePlan} from '../mapping/columns.ts';
import {didYouMean} from '../mapping/file/faults.ts';
import type {Mapping, TableMap} from '../mapping/mapping.ts';
import {buildPlan, type Plan} from '../mapping/plan.ts';
import type {ColumnSchema, SourceSchema, TableSchema, TargetSchema} from '../mapping/schema.ts';
import {definitionOf} from './definitions.ts';
import {mustFix, ok, typeFinding, warning, type Finding} from './findings.ts';
import {quoteName} from './probe.ts';
import {hasLead} from './source-checks.ts';

export function checkTargetColumns(
  schemas: {source: SourceSchema; target: TargetSchema},
  mapping: Mapping,
): Finding[] {
  const {source, target} = schemas;
  const faults = mapping.tables.flatMap(map =>
    missingOf(map, target.tables.get(map.target), source.tables.get(map.source)),
  );
  if (faults.length > 0) return faults;
  const plan = planOrFaults(schemas, mapping);
  if (!('tables' in plan)) return plan;
  return [
    ok('target', 'target-columns', 'every mapped column and key is there'),
    ...plan.tables.flatMap(table => table.columns.flatMap(column => narrower(table, column))),
    ...plan.tables.flatMap(table => unfilledOf(table, target.tables.get(table.target))),
    ...plan.entities.flatMap(({parents, primary}) =>
      parents.flatMap(({targetColumns, parentTable}) =>
        referenceFindings(primary, targetColumns, parentTable.target, target),
      ),
    ),
  ];
}

/** What the plan refuses is a type that cannot be carried, a key that cannot be one, or a condition. */
function planOrFaults(
  {source, target}: {source: SourceSchema; target: TargetSchema},
  mapping: Mapping,
): Plan | Finding[] {
  try {
    const types = targetTypeFaults(mapping, sourcePlans(mapping, source), target);
    if (types.length > 0) return types.map(typeFinding);
    return buildPlan(mapping, source, target);
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    const side = error.code === 'schema-incompatible' ? 'source' : 'target';
    return [
      mustFix(side, `${side}-columns`, {
        message: error.message,
        why: 'replication halts rather than write a guess',
        mend: 'change the mapping, or ALTER TABLE … MODIFY the column to a type that docs/mapping.md allows',
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
  if (lacking.length > 0) {
    const near = lacking
      .map(({target}) => didYouMean(target, there))
      .filter(text => text !== '')
      .join('');
    return [
      mustFix('target', 'target-columns', {
        message: `${map.target} lacks ${lacking.map(({target}) => target).join(', ')}${near}`,
        why: 'every mapped column is written',
        mend: lacking
          .map(
            column =>
              `ALTER TABLE ${table} ADD COLUMN ${quoteName(column.target)} ${definitionOf(map, column, source)};`,
          )
          .join(' '),
      }),
    ];
  }
  const sorted = (names: readonly string[]) =>
    names
      .map(name => name.toLowerCase())
      .toSorted()
      .join('\0');
  if (schema?.uniqueKeys.some(columns => sorted(columns) === sorted(map.key)) === true) return [];
  return [
    mustFix('target', 'target-keys', {
      message: `${map.target} has no unique key on (${map.key.join(', ')})`,
      why: 'without it the same row would be written again and again',
      mend: `ALTER TABLE ${table} ADD UNIQUE KEY (${map.key.map(quoteName).join(', ')});`,
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
const LOST_WHY = 'a row that does not fit waits as a dead letter, and the others go on';
/** Operators whose value is one of the mapping's own, whatever the source holds. */
const OWN_VALUES = new Set(['lookup', 'oneOf', 'constant']);

/** A target column that cannot hold all that its source column can. */
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

function modify(table: TablePlan, {name, schema}: ColumnPlan, type: string): string {
  return `ALTER TABLE ${quoteName(table.target)} MODIFY ${quoteName(name)} ${type}${schema.nullable ? '' : ' NOT NULL'};`;
}

function narrowerNumber(table: TablePlan, column: ColumnPlan, inputs: readonly ColumnSchema[]): Finding[] {
  const wider = inputs.find(({type, unsigned}) => {
    const [from, to] = [DIGITS[type] ?? 8, DIGITS[column.schema.type] ?? 8];
    // Nobody counts past 2^63: a sign apart in 64 bits is nothing to warn of.
    return from > to || (from === to && to < 8 && unsigned !== column.schema.unsigned);
  });
  if (wider === undefined) return [];
  return [
    warning('target', 'target-width', {
      message: `${table.target}.${column.name} is ${column.schema.definition}, its source ${wider.definition}`,
      why: LOST_WHY,
      mend: modify(table, column, wider.unsigned ? 'BIGINT UNSIGNED' : 'BIGINT'),
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
        mend: modify(table, column, needed > 16_000 ? 'MEDIUMTEXT' : `VARCHAR(${needed})`),
      }),
    );
  }
  if (charset !== null && charset !== 'utf8mb4' && inputs.some(input => input.charset !== charset)) {
    findings.push(
      warning('target', 'target-charset', {
        message: `${at} is ${charset}`,
        why: `text beyond it cannot be stored: ${LOST_WHY}`,
        mend: `ALTER TABLE ${quoteName(table.target)} CONVERT TO CHARACTER SET utf8mb4;`,
      }),
    );
  }
  return findings;
}

/** Columns that we do not write, and that the server has no value for. */
function unfilledOf(plan: TablePlan, schema: TableSchema | undefined): Finding[] {
  const ours = plan.columns.map(({name}) => name);
  return (schema?.columns ?? [])
    .filter(column => !ours.includes(column.name) && !column.hasDefault)
    .map(column =>
      mustFix('target', 'target-columns', {
        message: `${plan.target}.${column.name} is not mapped, not nullable, and has no default`,
        why: 'every new row is refused, and waits as a dead letter',
        mend: `ALTER TABLE ${quoteName(plan.target)} MODIFY ${quoteName(column.name)} ${column.definition} NULL;`,
      }),
    );
}

/** A parent that leaves takes its children along, which are found by their reference. */
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
      why: 'each parent row that leaves reads the whole table',
      mend: `ALTER TABLE ${quoteName(child)} ADD INDEX (${columns.map(quoteName).join(', ')});`,
    }),
  ];
}
