/** Checks that references of the source are written as the keys of their parents are. */
import {copiedFrom, type Mapping, type TableMap} from '../mapping/mapping.ts';
import {quoteName} from '../mapping/quote.ts';
import {findColumn, type ColumnSchema, type SourceSchema} from '../mapping/schema.ts';
import {mustFix, type Finding} from './findings.ts';
import {ask, type Probe} from './probe.ts';

/** A server compares texts by their collation, and laas-sync as they are written. */
export async function checkReferenceTexts(
  probe: Probe,
  schemas: SourceSchema,
  mapping: Mapping,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const child of mapping.tables) {
    for (const {table, columns} of child.parents) {
      const parent = mapping.tables.find(({target}) => target === table);
      if (parent !== undefined)
        findings.push(...(await checkReference(probe, schemas, child, columns, parent)));
    }
  }
  return findings;
}

async function checkReference(
  probe: Probe,
  schemas: SourceSchema,
  child: TableMap,
  columns: readonly string[],
  parent: TableMap,
): Promise<Finding[]> {
  const pairs = columns.map((name, i) => ({
    own: schemaOf(schemas, child.source, copiedFrom(child, name)),
    key: schemaOf(schemas, parent.source, copiedFrom(parent, parent.key[i] ?? '')),
  }));
  const loose = pairs.filter(({own, key}) => isLoose(own) && isLoose(key));
  // A companion has its parent's own key.
  if (loose.length === 0 || (child.source === parent.source && columns.join() === child.key.join()))
    return [];
  const equal = pairs
    .map(({own, key}) => `p.${quoteName(key?.name ?? '')} = c.${quoteName(own?.name ?? '')}`)
    .join(' AND ');
  const differ = loose.map(({own, key}) => `${written('p', key)} <> ${written('c', own)}`).join(' OR ');
  const join = `${quoteName(child.source)} c JOIN ${quoteName(parent.source)} p ON ${equal}`;
  const {rows} = await ask(probe, `SELECT 1 FROM ${join} WHERE ${differ} LIMIT 1`);
  if (rows === null || rows.length === 0) return [];
  const names = loose.map(({own}) => own?.name).join(', ');
  const assignments = loose
    .map(({own, key}) => `c.${quoteName(own?.name ?? '')} = p.${quoteName(key?.name ?? '')}`)
    .join(', ');
  return [
    mustFix('source', 'reference-texts', {
      message: `${child.source} has rows whose ${names} is not written as the key of ${parent.source} is: in another letter case, with other accents, or with spaces at the end`,
      why: 'texts are compared as they are written, so that such a row has no parent and is not replicated',
      fix: `UPDATE ${join} SET ${assignments} WHERE ${differ};`,
    }),
  ];
}

function schemaOf(schemas: SourceSchema, table: string, column: string): ColumnSchema | undefined {
  const schema = schemas.tables.get(table);
  return schema === undefined ? undefined : findColumn(schema, column);
}

/** Whether its collation may take two texts for one; the members of an ENUM are always written alike. */
function isLoose(column: ColumnSchema | undefined): boolean {
  return column?.charset != null && column.members === null && column.collation !== 'utf8mb4_0900_bin';
}

function written(alias: string, column: ColumnSchema | undefined): string {
  const name = `${alias}.${quoteName(column?.name ?? '')}`;
  return `CAST(CONVERT(${name} USING utf8mb4) AS BINARY)`;
}
