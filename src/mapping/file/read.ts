/** Reads a mapping file, YAML or JSON. All faults are reported at once, each with its place in the file. */
import type {z} from 'zod';
import {SyncError} from '../../errors.ts';
import type {ColumnMap, Condition, Mapping, ParentMap, Preference, TableMap} from '../mapping.ts';
import {parentsFirst, topologyFaults, type TableDraft} from '../topology.ts';
import {Decimal} from './decimal.ts';
import {decode, readBytes} from './bytes.ts';
import {readColumn, readCondition, textOf, zodFaults} from './columns.ts';
import {createFault} from './create.ts';
import {readDocument} from './document.ts';
import {didYouMean, formatFaults, type FileFault, type FilePath} from './faults.ts';
import {fileSchema, MAX_TABLES, parentSchema, tableSchema} from './schema.ts';

/** The file is beside the compiled program in the package, and at the top of a checkout. */
const BUILT_IN = new URL('../../../mappings/laas.yaml', import.meta.url);
const BUILT_IN_NAME = 'mappings/laas.yaml';

/**
 * @param path of a file; undefined for the built-in mapping
 * @throws SyncError `config-invalid` with every fault of the file
 */
export function loadMapping(path: string | undefined): Mapping {
  const name = path ?? BUILT_IN_NAME;
  let bytes: Buffer | null;
  try {
    bytes = readBytes(path ?? BUILT_IN);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'no code';
    throw new SyncError('config-invalid', `the mapping file ${name} cannot be read (${code})`, {
      cause: error,
    });
  }
  if (bytes === null)
    throw new SyncError(
      'config-invalid',
      `the mapping file ${name} has more than 1 MiB; is it the right file?`,
    );
  const text = decode(bytes);
  if (typeof text === 'string') return parseMapping(text, name);
  throw unusable(`${name}:${text.line}:${text.col}: ${text.message}`);
}

function unusable(faults: string): SyncError {
  return new SyncError('config-invalid', `the mapping is not usable:\n${faults}`);
}

/**
 * @param file the name under which faults are reported
 * @throws SyncError `config-invalid` with every fault of the text
 */
export function parseMapping(text: string, file: string): Mapping {
  const document = readDocument(text);
  const faults: FileFault[] = [...document.faults];
  // If the text is not YAML, there is nothing else to check.
  const {drafts, counts} = faults.length > 0 ? NOTHING : readTables(document.value, faults);
  faults.push(...topologyFaults(drafts), ...countsFaults(counts, drafts));
  if (faults.length > 0) throw unusable(formatFaults(file, faults, document.placeOf));
  const tables = drafts.flatMap(({table}) => table ?? []);
  const sorted = parentsFirst(tables);
  const labels = [...new Set([...counts, ...sorted.map(({label}) => label)])];
  return {tables: sorted, labels, canonical: canonicalForm(tables)};
}

interface Draft extends TableDraft {
  /** Null if the table has a fault. */
  readonly table: TableMap | null;
}

const NOTHING: {readonly drafts: readonly Draft[]; readonly counts: readonly string[]} = {
  drafts: [],
  counts: [],
};

/** Labels that no table has. */
function countsFaults(counts: readonly string[], drafts: readonly Draft[]): FileFault[] {
  const labels = drafts.flatMap(({label}) => label ?? []);
  // A table that could not be read may have the label.
  if (labels.length < drafts.length) return [];
  return counts.flatMap((label, i) =>
    labels.includes(label)
      ? []
      : [{path: ['counts', i], message: `no table has the label '${label}'${didYouMean(label, labels)}`}],
  );
}

/** Every table of the file, as far as it can be read. */
function readTables(written: unknown, faults: FileFault[]): typeof NOTHING {
  if (written === null || written === undefined) {
    faults.push({path: [], message: 'the file is empty; a mapping has `version` and `tables`'});
    return NOTHING;
  }
  const parsed = fileSchema.safeParse(written);
  if (!parsed.success) faults.push(...zodFaults(parsed.error, [], Object.keys(fileSchema.shape)));
  const entries = entriesOf(written, 'tables');
  if (parsed.success && entries.length === 0) faults.push({path: ['tables'], message: 'there is no table'});
  if (entries.length > MAX_TABLES) {
    faults.push({path: ['tables'], message: `there are more than ${MAX_TABLES} tables`});
    return NOTHING;
  }
  return {
    drafts: entries.map(([target, table]) => readTable(target, table, faults)),
    counts: parsed.data?.counts ?? [],
  };
}

/** Reads all parts of a table even if one has a fault, so that all faults are reported at once. */
function readTable(target: string, written: unknown, faults: FileFault[]): Draft {
  const path: FilePath = ['tables', target];
  const before = faults.length;
  const parsed = tableSchema.safeParse(written instanceof Decimal ? Number(written.text) : written);
  const wrong = new Set<PropertyKey>();
  if (!parsed.success) {
    faults.push(...zodFaults(parsed.error, path, Object.keys(tableSchema.shape)));
    for (const issue of parsed.error.issues) wrong.add(issue.path[0] ?? '');
  }
  const columns = new Map(
    entriesOf(written, 'columns').map(([name, column]) => [
      name,
      readColumn(name, column, [...path, 'columns', name], faults),
    ]),
  );
  const where = entriesOf(written, 'where').flatMap(
    ([name, condition]) => readCondition(name, condition, [...path, 'where', name], faults) ?? [],
  );
  const parents = entriesOf(written, 'parents').map(([parent, own]) =>
    readParent(parent, own, [...path, 'parents', parent], faults),
  );
  if (parsed.success && columns.size === 0)
    faults.push({path: [...path, 'columns'], message: 'there is no column'});
  const sound = soundPart(written, wrong);
  faults.push(...createFaults(sound.create, target, path));
  const table =
    parsed.success && faults.length === before
      ? tableFrom(target, parsed.data, [...columns.values()], where, parents)
      : null;
  return {
    target,
    label: wrong.has('label') ? null : (sound.label ?? target),
    key: sound.key === undefined ? null : listOf(sound.key),
    columns: columns.size === 0 ? null : columns,
    parents,
    newest: sound.newest ?? null,
    ownedAs: sound.ownedAs ?? null,
    table,
  };
}

function createFaults(
  create: string | readonly string[] | undefined,
  target: string,
  path: FilePath,
): FileFault[] {
  const statements = create === undefined ? [] : listOf(create);
  return statements.flatMap((statement, i) => {
    const message = createFault(statement, target);
    const place = typeof create === 'string' ? ['create'] : ['create', i];
    return message === null ? [] : [{path: [...path, ...place], message}];
  });
}

const partSchema = tableSchema
  .pick({label: true, key: true, newest: true, ownedAs: true, create: true})
  .partial()
  .strip();

/** The properties of a table that are checked together with others, without those that have a fault. */
function soundPart(written: unknown, wrong: ReadonlySet<PropertyKey>): z.infer<typeof partSchema> {
  const isObject = typeof written === 'object' && written !== null && !Array.isArray(written);
  const entries = isObject ? Object.entries(written).filter(([part]) => !wrong.has(part)) : [];
  return partSchema.safeParse(Object.fromEntries(entries)).data ?? {};
}

function readParent(
  table: string,
  written: unknown,
  path: FilePath,
  faults: FileFault[],
): {readonly table: string; readonly columns: readonly string[] | null} {
  const parsed = parentSchema.safeParse(written);
  if (parsed.success) return {table, columns: listOf(parsed.data)};
  faults.push(...zodFaults(parsed.error, path, []));
  return {table, columns: null};
}

function tableFrom(
  target: string,
  table: z.infer<typeof tableSchema>,
  columns: readonly (ColumnMap | null)[],
  where: readonly Condition[],
  parents: TableDraft['parents'],
): TableMap {
  return {
    target,
    source: table.from,
    label: table.label ?? target,
    key: listOf(table.key),
    columns: columns.flatMap(column => column ?? []),
    where,
    parents: parents.flatMap((parent): ParentMap[] =>
      parent.columns === null ? [] : [{table: parent.table, columns: parent.columns}],
    ),
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

function entriesOf(written: unknown, part: 'tables' | 'columns' | 'where' | 'parents'): [string, unknown][] {
  if (typeof written !== 'object' || written === null || !Object.hasOwn(written, part)) return [];
  const found = (written as Readonly<Record<string, unknown>>)[part];
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? Object.entries(found) : [];
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value;
}

/** Leaves out what changes no row: labels, statements that create tables, and the order of tables and columns. */
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
