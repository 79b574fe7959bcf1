/** Checks the mapped columns of the target, their types and keys, alone and against those of the source. */
import {SyncError} from '../errors.ts';
import {planColumns, sourcePlans, type TablePlan} from '../mapping/columns.ts';
import {didYouMean, unmapped} from '../mapping/file/faults.ts';
import {nullable} from '../mapping/column-clause.ts';
import {copiedFrom, type Mapping, type TableMap} from '../mapping/mapping.ts';
import {buildPlan, type Plan} from '../mapping/plan.ts';
import type {SourceSchema, TableSchema, TargetSchema} from '../mapping/schema.ts';
import {addIndex, notKeys, otherKey} from './key-sql.ts';
import {columnWarnings} from './column-warnings.ts';
import {definitionOf} from './definitions.ts';
import {mustFix, ok, typeFinding, warning, type Finding} from './findings.ts';
import {quoteName} from '../mapping/quote.ts';
import {checkSourceColumns, hasLead} from './source-checks.ts';

export function checkTargetColumns(
  schemas: {source: SourceSchema; target: TargetSchema},
  mapping: Mapping,
): Finding[] {
  const {source, target} = schemas;
  const missing = mapping.tables.flatMap(map => [
    ...missingOf(map, target.tables.get(map.target), source.tables.get(map.source)),
    ...generatedOf(map, target.tables.get(map.target)),
  ]);
  const unfilled = mapping.tables.flatMap(map => unfilledOf(map, target.tables.get(map.target)));
  // What the source lacks is reported with the source, and a view with the engines; without them there is no plan.
  const ofSource = checkSourceColumns(source, mapping);
  const isWhole = ofSource.every(({check, level}) => check !== 'source-columns' || level === 'ok');
  const hasKeys = ofSource.every(({check, level}) => check !== 'source-keys' || level === 'ok');
  const hasView = mapping.tables.some(
    map => source.tables.get(map.source)?.isView === true || target.tables.get(map.target)?.isView === true,
  );
  if (!isWhole || hasView) return [...missing, ...unfilled];
  const tables = planColumns(mapping, sourcePlans(mapping, source), target);
  const types = tables.flatMap(({faults}) => faults.map(typeFinding));
  const widths = columnWarnings(tables);
  // Without all columns and keys there is no plan.
  const isPlanned = hasKeys && missing.length + types.length === 0;
  const plan = isPlanned ? planOrFaults(schemas, mapping) : [];
  if (!('tables' in plan)) return [...missing, ...types, ...plan, ...widths, ...unfilled];
  return [
    ok('target', 'target-columns', 'every mapped column and key exists'),
    ...widths,
    ...unfilled,
    ...plan.entities.flatMap(({parents, primary}) =>
      parents.flatMap(({targetColumns, parentTable}) =>
        referenceFindings(primary, targetColumns, parentTable.target, target),
      ),
    ),
  ];
}

/** The plan refuses an unsuitable key, or a condition. */
function planOrFaults(
  {source, target}: {source: SourceSchema; target: TargetSchema},
  mapping: Mapping,
): Plan | Finding[] {
  try {
    // The check of engines reports those.
    return buildPlan(mapping, source, {...target, otherEngines: new Map()});
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
  if (schema?.isView === true) return findings;
  if (schema?.uniqueKeys.some(columns => sorted(columns) === sorted(map.key)) === true) return findings;
  return [
    ...findings,
    mustFix('target', 'target-keys', {
      message: `${map.target} has no unique key on (${map.key.join(', ')})`,
      why: 'without it the same row would be written again and again',
      fix: uniqueKeyOf(map, schema, source),
    }),
  ];
}

/** Gives a column that cannot be in a key the type of its source first. */
function uniqueKeyOf(
  map: TableMap,
  schema: TableSchema | undefined,
  source: TableSchema | undefined,
): string {
  const table = quoteName(map.target);
  const sql = `ALTER TABLE ${table} ADD UNIQUE KEY (${map.key.map(quoteName).join(', ')});`;
  const from = map.key.map(name => copiedFrom(map, name));
  const wrong = notKeys(source, from);
  if (wrong.length > 0) return otherKey(wrong);
  const types = map.columns
    .filter(({target}) => map.key.includes(target) && notKeys(schema, [target]).length > 0)
    .map(
      column =>
        `ALTER TABLE ${table} MODIFY ${quoteName(column.target)} ${definitionOf(map, column, source)};`,
    );
  return [...types, sql].join(' ');
}

/** Mapped columns whose value the server computes. */
function generatedOf({target, columns}: TableMap, schema: TableSchema | undefined): Finding[] {
  const ours = columns.map(column => column.target.toLowerCase());
  return (schema?.columns ?? [])
    .filter(({name, generated}) => generated && ours.includes(name.toLowerCase()))
    .map(({name}) =>
      mustFix('target', 'target-columns', {
        message: `${target}.${name} is generated by the server`,
        why: 'it cannot be written',
        fix: 'remove the column from the mapping, or drop it on the target and add it again without GENERATED',
      }),
    );
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
      fix: addIndex(child, tables.get(child), columns),
    }),
  ];
}
