/**
 * Reads a mapping file, YAML or JSON. All faults are reported at once, each with its place in the file. The
 * only importer of yaml.
 */
import {readFileSync} from 'node:fs';
import {LineCounter, parseDocument, stringify, type Document} from 'yaml';
import {SyncError} from '../../errors.ts';
import {type Mapping, type TableMap, type Preference} from '../mapping.ts';
import {parentsFirst, topologyFaults} from '../topology.ts';
import {readColumn, readCondition, textOf, zodFaults} from './columns.ts';
import {didYouMean, formatFaults, type FileFault, type FilePath} from './faults.ts';
import {fileSchema, tableSchema} from './schema.ts';

/** Stands in the package beside the compiled program, and in a checkout at its top. */
const BUILT_IN = new URL('../../../mappings/laas.yaml', import.meta.url);
const BUILT_IN_NAME = 'mappings/laas.yaml';

/**
 * @param path of a file; undefined for the built-in mapping
 * @throws SyncError `config-invalid` with every fault of the file
 */
export function loadMapping(path: string | undefined): Mapping {
  let text: string;
  try {
    text = readFileSync(path ?? BUILT_IN, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'no code';
    throw new SyncError(
      'config-invalid',
      `the mapping file ${path ?? BUILT_IN_NAME} cannot be read (${code})`,
      {
        cause: error,
      },
    );
  }
  return parseMapping(text, path ?? BUILT_IN_NAME);
}

/**
 * @param file the name that faults are reported with
 * @throws SyncError `config-invalid` with every fault of the text
 */
export function parseMapping(text: string, file: string): Mapping {
  const lines = new LineCounter();
  const document = parseDocument(text, {lineCounter: lines, intAsBigInt: true, prettyErrors: false});
  const fail = (faults: string): never => {
    throw new SyncError('config-invalid', `the mapping is not usable:\n${faults}`);
  };
  if (document.errors.length > 0) {
    return fail(
      document.errors
        .map(({pos, message}) => {
          const {line, col} = lines.linePos(pos[0]);
          return `${file}:${line}:${col}: ${message.split('\n')[0] ?? ''}`;
        })
        .join('\n'),
    );
  }
  const faults: FileFault[] = [];
  const {tables, names, counts} = readTables(document.toJS({reviver: plainNumber}), faults);
  faults.push(...topologyFaults(tables, names));
  if (faults.length === 0) faults.push(...countsFaults(counts, tables));
  if (faults.length > 0)
    return fail(formatFaults(file, faults, path => lines.linePos(offsetOf(document, path))));
  const sorted = parentsFirst(tables);
  const labels = [...new Set([...counts, ...sorted.map(({label}) => label)])];
  return {tables: sorted, labels, canonical: canonicalForm(tables)};
}

/** Labels that no table has. */
function countsFaults(counts: readonly string[], tables: readonly TableMap[]): FileFault[] {
  const labels = tables.map(({label}) => label);
  return counts.flatMap((label, i) =>
    labels.includes(label)
      ? []
      : [{path: ['counts', i], message: `no table has the label '${label}'${didYouMean(label, labels)}`}],
  );
}

/** Where a path begins in the text; for one that is not there, where the nearest thing around it begins. */
function offsetOf(document: Document.Parsed, path: FilePath): number {
  for (let length = path.length; length > 0; length--) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range))
      return Number(node.range[0]);
  }
  return document.contents?.range?.[0] ?? 0;
}

/** Whole numbers are read as big ones, so that none of them is rounded. */
function plainNumber(_: unknown, value: unknown): unknown {
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** The tables without a fault of their own, and the names of all. */
function readTables(
  written: unknown,
  faults: FileFault[],
): {tables: TableMap[]; names: readonly string[]; counts: readonly string[]} {
  const file = fileSchema.safeParse(written);
  if (!file.success) {
    faults.push(...zodFaults(file.error, [], Object.keys(fileSchema.shape)));
    return {tables: [], names: [], counts: []};
  }
  const entries = Object.entries(file.data.tables);
  if (entries.length === 0) faults.push({path: ['tables'], message: 'there is no table'});
  return {
    tables: entries.flatMap(([target, table]) => readTable(target, table, faults) ?? []),
    names: entries.map(([target]) => target),
    counts: file.data.counts ?? [],
  };
}

function readTable(target: string, written: unknown, faults: FileFault[]): TableMap | null {
  const path: FilePath = ['tables', target];
  const before = faults.length;
  const parsed = tableSchema.safeParse(written);
  if (!parsed.success) faults.push(...zodFaults(parsed.error, path, Object.keys(tableSchema.shape)));
  // Columns and conditions are read even where the table has another fault, so that all are reported at once.
  const columns = entriesOf(written, 'columns').flatMap(
    ([name, column]) => readColumn(name, column, [...path, 'columns', name], faults) ?? [],
  );
  const where = entriesOf(written, 'where').flatMap(
    ([name, condition]) => readCondition(name, condition, [...path, 'where', name], faults) ?? [],
  );
  if (parsed.success && columns.length === 0 && faults.length === before)
    faults.push({path: [...path, 'columns'], message: 'there is no column'});
  if (!parsed.success || faults.length > before) return null;
  const table = parsed.data;
  return {
    target,
    source: table.from,
    label: table.label ?? target,
    key: listOf(table.key),
    columns,
    where,
    parents: Object.entries(table.parents).map(([parent, own]) => ({table: parent, columns: listOf(own)})),
    prefer: table.prefer.map((preference): Preference => {
      const {column, optional} = preference;
      return 'order' in preference
        ? {column, optional, by: 'order', order: preference.order}
        : {column, optional, by: 'values', values: preference.first.map(textOf)};
    }),
    newest: table.newest ?? null,
    ownedAs: table.ownedAs ?? null,
    create: table.create === undefined ? [] : listOf(table.create),
  };
}

function entriesOf(written: unknown, part: 'columns' | 'where'): [string, unknown][] {
  if (typeof written !== 'object' || written === null || !(part in written)) return [];
  const found = (written as Readonly<Record<string, unknown>>)[part];
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? Object.entries(found) : [];
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value;
}

/** Without what changes no row: labels, statements that create tables, and the order of tables and columns. */
function canonicalForm(tables: readonly TableMap[]): string {
  const byName = <T>(list: readonly T[], name: (item: T) => string) =>
    list.toSorted((a, b) => (name(a) < name(b) ? -1 : 1));
  return JSON.stringify(
    byName(tables, ({target}) => target).map(table => ({
      target: table.target,
      source: table.source,
      key: table.key,
      columns: byName(table.columns, ({target}) => target),
      where: byName(table.where, ({column}) => column),
      parents: byName(table.parents, parent => parent.table),
      prefer: table.prefer,
      newest: table.newest,
    })),
  );
}

/** The mapping in the form of a file, with every default written out. */
export function formatMapping({tables, labels}: Mapping): string {
  return stringify({
    version: 1,
    counts: labels,
    tables: Object.fromEntries(tables.map(table => [table.target, tableOf(table)])),
  });
}

function tableOf(table: TableMap): object {
  return {
    from: table.source,
    label: table.label,
    key: oneOrMany(table.key),
    columns: Object.fromEntries(table.columns.map(column => [column.target, columnOf(column)])),
    where: Object.fromEntries(
      table.where.map(condition => [
        condition.column,
        condition.is === 'in' ? condition.values : condition.is,
      ]),
    ),
    parents: Object.fromEntries(table.parents.map(parent => [parent.table, oneOrMany(parent.columns)])),
    prefer: table.prefer.map(preference =>
      preference.by === 'order'
        ? {column: preference.column, order: preference.order, optional: preference.optional}
        : {column: preference.column, first: preference.values, optional: preference.optional},
    ),
    ...(table.newest === null ? {} : {newest: table.newest}),
    ...(table.ownedAs === null ? {} : {ownedAs: table.ownedAs}),
    ...(table.create.length === 0 ? {} : {create: oneOrMany(table.create)}),
  };
}

function columnOf({from, use, checks}: TableMap['columns'][number]): object {
  const check = checks.map(one => (one.check === 'maxLength' ? {maxLength: one.characters} : one.check));
  const more = check.length === 0 ? {} : {check: check.length === 1 ? check[0] : check};
  switch (use.operator) {
    case 'copy':
    case 'trim':
    case 'lower':
    case 'upper':
      return {[use.operator]: from[0], ...more};
    case 'join':
      return {join: from, with: use.with, ...more};
    case 'lookup':
      return {
        lookup: from[0],
        values: use.values,
        ...(use.otherwise === undefined ? {} : {otherwise: use.otherwise}),
        ...more,
      };
    case 'oneOf':
      return {oneOf: from[0], values: use.values, ...more};
    case 'first':
      return {first: from, ...(use.otherwise === null ? {} : {otherwise: use.otherwise}), ...more};
    case 'constant':
      return {constant: use.value, ...more};
  }
}

function oneOrMany(list: readonly string[]): string | readonly string[] {
  const [only] = list;
  return list.length === 1 && only !== undefined ? only : list;
}
