/**
 * The character sets of a table's columns, as the source itself has them. zongji has a table of collations of
 * its own, and takes each that is not in it for utf8mb4. Pure, but for the table that it corrects.
 */
import type {Collations} from '../../src/source/collations.ts';

/** What of zongji's event that describes a table is used. */
export interface TableMapEvent {
  /** For each column the number of its collation, or undefined where it has none. */
  readonly _columnCharsetIds?: readonly (number | undefined)[];
  /** What its columns are like, by the event alone. */
  buildColumnSchemas(): ColumnDescription[];
}

interface ColumnDescription {
  CHARACTER_SET_NAME?: string | null;
  ENUM_VALUES?: string[];
  SET_VALUES?: string[];
}

/** The same table as zongji keeps it. */
export interface DescribedTable {
  readonly columns: readonly {readonly name: string; charset?: string | null}[];
  readonly columnSchemas: readonly ColumnDescription[];
}

const BINARY = 'binary';
/** zongji has no table of these, and would print a warning for each value. */
const WITHOUT_TABLE: ReadonlySet<string> = new Set(['dec8', 'geostd8', 'hp8', 'keybcs2', 'swe7']);
/** What we give such a column instead of its character set: each byte is then a character. */
export const BYTES = 'binary';

/**
 * Gives each column the character set that its collation has on the source, and its members accordingly.
 *
 * @returns the columns with a collation that the source does not list; they are left as they were
 */
export function correctCharsets(
  event: TableMapEvent,
  table: DescribedTable,
  collations: Collations,
): readonly string[] {
  const ids = event._columnCharsetIds ?? [];
  const charsets = table.columns.map((_, i) => {
    const id = ids[i];
    return id === undefined ? BINARY : collations.get(id);
  });
  const isRight = charsets.every((charset, i) => charset === (table.columns[i]?.charset ?? BINARY));
  if (!isRight) redescribe(event, table, charsets, collations);
  for (const column of table.columns) if (WITHOUT_TABLE.has(column.charset ?? '')) column.charset = BYTES;
  return table.columns.flatMap(({name}, i) => (charsets[i] === undefined ? [name] : []));
}

/** As zongji describes the event where each collation is the oldest of its character set: it knows those. */
function redescribe(
  event: TableMapEvent,
  table: DescribedTable,
  charsets: readonly (string | undefined)[],
  collations: Collations,
): void {
  const oldest = new Map<string, number>();
  for (const [id, charset] of collations) oldest.set(charset, Math.min(id, oldest.get(charset) ?? id));
  const ids = event._columnCharsetIds ?? [];
  const known = charsets.map((charset, i) =>
    ids[i] === undefined || charset === undefined ? ids[i] : oldest.get(charset),
  );
  const copy = Object.create(event, {_columnCharsetIds: {value: known}}) as TableMapEvent;
  const described = copy.buildColumnSchemas();
  table.columns.forEach((column, i) => {
    const now = described[i];
    const schema = table.columnSchemas[i];
    if (now === undefined || schema === undefined || charsets[i] === undefined) return;
    column.charset = now.CHARACTER_SET_NAME ?? null;
    schema.CHARACTER_SET_NAME = column.charset;
    if (schema.ENUM_VALUES !== undefined && now.ENUM_VALUES !== undefined)
      schema.ENUM_VALUES = now.ENUM_VALUES;
    if (schema.SET_VALUES !== undefined && now.SET_VALUES !== undefined) schema.SET_VALUES = now.SET_VALUES;
  });
}
