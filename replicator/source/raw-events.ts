/** Events and tables as zongji has them, beneath its types, and what the decoders take of them. */
import type {SourcePlan} from '../../src/mapping/plan.ts';
import type {Collations} from '../../src/source/collations.ts';
import {correctCharsets, type TableMapEvent} from '../decode/charsets.ts';
import type {ImageColumn} from '../decode/image-reader.ts';
import type {RawRowsEvent} from '../decode/rows.ts';

export interface ZongjiEvent {
  getTypeName(): string;
  readonly timestamp: number;
  readonly nextPosition: number;
  readonly size: number;
  readonly [field: string]: unknown;
}

/** A table map as zongji keeps it. */
export interface RawTable {
  readonly tableName: string;
  readonly columns: readonly {
    name: string;
    type: number;
    charset?: string | null;
    metadata?: Record<string, number>;
  }[];
  readonly columnSchemas: readonly {UNSIGNED?: boolean; ENUM_VALUES?: string[]}[];
}

export function imageColumns({columns, columnSchemas}: RawTable): ImageColumn[] {
  return columns.map(({name, type, charset, metadata}, i) => ({
    name,
    type,
    charset,
    metadata,
    unsigned: columnSchemas[i]?.UNSIGNED,
    members: columnSchemas[i]?.ENUM_VALUES,
  }));
}

/**
 * Gives the columns of a table the character sets that they have on the source.
 *
 * @returns why a mapped column cannot be read, or null where all can
 */
export function unknownText(
  event: ZongjiEvent,
  table: RawTable,
  source: SourcePlan,
  collations: Collations,
): string | null {
  const mapped = new Set(source.actual.map(column => column?.toLowerCase()));
  const unknown = correctCharsets(event as unknown as TableMapEvent, table, collations).find(column =>
    mapped.has(column.toLowerCase()),
  );
  return unknown === undefined
    ? null
    : `the source does not list the collation that its log names for ${source.table}.${unknown}`;
}

export function rawRows(
  event: ZongjiEvent,
  {columns}: RawTable,
  columnNames: readonly string[],
): RawRowsEvent {
  const kind =
    event.getTypeName() === 'WriteRows'
      ? 'insert'
      : event.getTypeName() === 'DeleteRows'
        ? 'delete'
        : 'update';
  const present = event['columns_present_bitmap'] as Uint8Array;
  return {
    kind,
    rows: event['rows'] as RawRowsEvent['rows'],
    columnNames,
    charsets: columns.map(({charset}) => charset ?? null),
    presentBefore: present,
    presentAfter: (event['columns_present_bitmap2'] as Uint8Array | undefined) ?? present,
    unchecked: (Number(event['flags']) & 2) !== 0,
  };
}
