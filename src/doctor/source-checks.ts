/** Checks the mapped columns of the source, their types, keys and indexes, by the rules of the plan. */
import {missingSourceColumns} from '../mapping/columns.ts';
import {copiedFrom, sourcesOf, type Mapping, type TableMap} from '../mapping/mapping.ts';
import {findColumn, isAmong, isUnique, type SourceSchema, type TableSchema} from '../mapping/schema.ts';
import {entitiesOf} from '../mapping/topology.ts';
import {sourceTypeFaults} from '../mapping/type-faults.ts';
import {mustFix, ok, typeFinding, warning, type Finding} from './findings.ts';
import {addIndex, notKeys, otherKey} from './key-sql.ts';
import {quoteName} from '../mapping/quote.ts';

export function checkSourceColumns(schema: SourceSchema, mapping: Mapping): Finding[] {
  const faults = sourcesOf(mapping).flatMap(table => columnFaults(table, schema, mapping));
  return faults.length > 0
    ? faults
    : [
        ok('source', 'source-columns', 'every mapped column exists, with a type that can be mapped'),
        ...checkSourceKeys(schema, mapping),
        ...checkReferences(schema, mapping),
      ];
}

function columnFaults(table: string, {tables}: SourceSchema, mapping: Mapping): Finding[] {
  const found = tables.get(table);
  if (found === undefined) return [];
  return [
    ...missingSourceColumns(mapping, table, found).map(message =>
      mustFix('source', 'source-columns', {
        message,
        why: 'replication halts rather than write a guess',
        fix: `correct the mapping, or ALTER TABLE ${quoteName(table)} … to restore the column`,
      }),
    ),
    ...sourceTypeFaults(mapping, table, found).map(typeFinding),
  ];
}

/** Rows are read by key, one by one and in ranges. */
function checkSourceKeys({tables}: SourceSchema, mapping: Mapping): Finding[] {
  const findings = new Map<string, Finding>();
  for (const {primary: map} of entitiesOf(mapping.tables)) {
    const schema = tables.get(map.source);
    const key = map.key.map(name => copiedFrom(map, name));
    if (schema === undefined || schema.isView === true) continue;
    const finding = keyFinding(map, key, schema);
    findings.set(`${finding.level} ${finding.message}`, finding);
    if (
      notKeys(schema, key).length === 0 &&
      !schema.indexes.some(([lead]) => lead !== undefined && isAmong(lead, key))
    )
      findings.set(`index ${map.source} ${key.join()}`, keyIndexFinding(map.source, key));
  }
  return [...findings.values()];
}

function keyFinding({source, prefer}: TableMap, key: readonly string[], schema: TableSchema): Finding {
  const columns = key.length === 1 ? key.join() : `(${key.join(', ')})`;
  const at = key.length === 1 ? `${source}.${columns}` : `${source} ${columns}`;
  if (isUnique(schema, key)) return ok('source', 'source-keys', `${at} is unique`);
  if (prefer.length > 0)
    return ok('source', 'source-keys', `${at} may repeat, and the mapping says which row counts`);
  const wrong = notKeys(schema, key);
  const isPrimary =
    schema.uniqueKeys.length === 0 && key.every(name => findColumn(schema, name)?.nullable === false);
  const kind = isPrimary ? 'PRIMARY KEY' : 'UNIQUE KEY';
  return mustFix('source', 'source-keys', {
    message: `${source} has no unique key on ${columns}`,
    why: 'two source rows with one key would be one row of the target, and which of them counts is not known',
    fix:
      wrong.length > 0
        ? otherKey(wrong)
        : `ALTER TABLE ${quoteName(source)} ADD ${kind} (${key.map(quoteName).join(', ')}); -- or say in the mapping which row counts (prefer:)`,
  });
}

function keyIndexFinding(source: string, key: readonly string[]): Finding {
  return warning('source', 'source-index', {
    message: `no index of ${source} begins with a column of the key (${key.join(', ')})`,
    why: 'each lookup of a row, and each range of a reconcile, reads the whole table',
    fix: `ALTER TABLE ${quoteName(source)} ADD INDEX (${key.map(quoteName).join(', ')});`,
  });
}

/** When a parent enters or is deleted, its children are found by their reference. */
function checkReferences({tables}: SourceSchema, mapping: Mapping): Finding[] {
  return entitiesOf(mapping.tables).flatMap(({primary: map}) =>
    map.parents.flatMap(parent => {
      const columns = parent.columns.map(name => copiedFrom(map, name));
      const schema = tables.get(map.source);
      if (schema?.isView === true || hasLead(schema?.indexes ?? [], columns)) return [];
      return [
        mustFix('source', 'source-index', {
          message: `no index of ${map.source} begins with ${columns.join(', ')}, which refers to ${parent.table}`,
          why: 'each change of a parent row reads the whole table',
          fix: addIndex(map.source, schema, columns),
        }),
      ];
    }),
  );
}

/** Whether an index begins with these columns, in any order. */
export function hasLead(indexes: readonly (readonly string[])[], columns: readonly string[]): boolean {
  return indexes.some(
    index =>
      index.length >= columns.length && index.slice(0, columns.length).every(name => isAmong(name, columns)),
  );
}
