/**
 * Reads the mapped columns of row events from their bytes. Columns that are not mapped are skipped, whatever
 * their type. Pure.
 */
import type {SourcePlan} from '../../src/mapping/columns.ts';
import type {Plan} from '../../src/mapping/plan.ts';
import type {ColumnSchema} from '../../src/mapping/schema.ts';
import type {PackedRow, PackedRows} from '../../src/mapping/packed.ts';
import type {RowBlock, RowChange} from '../events.ts';
import type {CharsetTables} from '../../src/source/charset-tables.ts';
import type {Slab, Slabs} from './slabs.ts';
import {addressDecoder} from './addresses.ts';
import {decoderOf, isUtf8Charset} from './charsets.ts';
import {isCharacter, OLD_TIMES, T} from './column-types.ts';
import {ImageReader, type ImageColumn, type Presence, type RowShape} from './image-reader.ts';
import {BYTES, Cursor, type LoggedColumn} from './table-map.ts';
import {currentChange, rowEndIndex} from './versioning.ts';

/** How to read the images of one table. */
export interface ImageLayout extends RowShape {
  readonly source: SourcePlan;
  /** Some mapped column is not in this table, so its rows are read from the source. */
  readonly isIncomplete: boolean;
  /** The number of columns that identify a row. */
  readonly keyColumns: number;
  /** Whether this table has all of them. */
  readonly hasKey: boolean;
}

/**
 * Binds the columns that the log names to the places in a source row.
 *
 * The keys of all entities that are made of a table identify its rows.
 *
 * @returns the layout, or the name of a mapped column with a collation that the source does not list
 */
export function layoutOf(
  {entities}: Pick<Plan, 'entities'>,
  source: SourcePlan,
  {columns, tables}: {readonly columns: readonly LoggedColumn[]; readonly tables: CharsetTables},
): ImageLayout | {readonly unknownText: string} {
  const slotOf = new Map<string, number>();
  source.actual.forEach((name, i) => {
    if (name !== null) slotOf.set(name.toLowerCase(), i);
  });
  const slots = columns.map(({name}) => slotOf.get(name.toLowerCase()) ?? -1);
  const unknown = columns.find(
    (column, i) => (slots[i] ?? -1) >= 0 && isText(column.type) && column.charset === null,
  );
  if (unknown !== undefined) return {unknownText: unknown.name};
  const keys = new Set(
    entities.filter(entity => entity.source === source).flatMap(({keyPlaces}) => keyPlaces),
  );
  const isKey = slots.map(slot => keys.has(slot));
  const schemas = new Map(source.schema.columns.map(column => [column.name.toLowerCase(), column]));
  return {
    source,
    columns: columns.map((column, i) =>
      imageColumn(column, {
        schema: schemas.get(column.name.toLowerCase()),
        isKey: keys.has(slots[i] ?? -1),
        tables,
      }),
    ),
    slots,
    isKey,
    rowEnd: rowEndIndex(source.schema, columns),
    isIncomplete: slots.filter(slot => slot >= 0).length !== slotOf.size,
    keyColumns: keys.size,
    hasKey: isKey.filter(Boolean).length === keys.size,
  };
}

const isText = (type: number): boolean => isCharacter(type, false) || type === T.ENUM || type === T.SET;

interface ColumnUse {
  readonly schema: ColumnSchema | undefined;
  readonly isKey: boolean;
  readonly tables: CharsetTables;
}

function imageColumn(column: LoggedColumn, {schema, isKey, tables}: ColumnUse): ImageColumn {
  const printed = column.charset === BYTES ? addressDecoder(schema?.type, column.size) : undefined;
  const decode = printed ?? decoderOf(column.charset, tables, isKey);
  return {
    ...column,
    // Its decoded values are text, to which no zeros belong.
    charset: printed === undefined ? column.charset : 'ascii',
    isKey,
    isUtf8: isUtf8Charset(column.charset),
    decode,
    memberTexts: column.members.map(member => decode(member)),
    // The log does not distinguish the two old formats; only the current table does.
    oldDigits:
      OLD_TIMES.has(column.type) && schema?.definition.includes('mariadb-5.3') === true ? schema.fraction : 0,
  };
}

export interface ImageEvent {
  readonly kind: 'insert' | 'update' | 'delete';
  readonly buffer: Buffer;
  /** The offsets of the number of columns and of the end of the images. */
  readonly from: number;
  readonly to: number;
  readonly unchecked: boolean;
}

/**
 * @returns `keyless` if the images do not identify their rows
 * @throws RangeError if the event and its table have different columns
 */
export function rowBlock(layout: ImageLayout, event: ImageEvent, slabs: Slabs): RowBlock | 'keyless' {
  const cursor = new Cursor(event.buffer, event.from);
  const columns = cursor.integer();
  if (columns !== layout.columns.length)
    throw new RangeError('a row event and its table have different columns');
  const reader = new ImageReader(event.buffer, cursor.at);
  const first = reader.presence(columns);
  const second = event.kind === 'update' ? reader.presence(columns) : first;
  if (!identifies(layout, first)) return 'keyless';
  return new ImageBlock(layout, event, reader.at, {before: first, after: second}, slabs);
}

interface Presences {
  readonly before: Presence;
  readonly after: Presence;
}

function identifies({isKey, keyColumns, hasKey}: ImageLayout, presence: Presence): boolean {
  return presence === null
    ? hasKey
    : presence.filter((isPresent, i) => isPresent && isKey[i] === true).length === keyColumns;
}

/** Flat fields and no nested objects: thousands of these are queued at once. */
class ImageBlock implements RowBlock {
  readonly #layout: ImageLayout;
  readonly #kind: ImageEvent['kind'];
  readonly #unchecked: boolean;
  readonly #presences: Presences | null;
  readonly #slab: Slab;
  readonly #from: number;
  readonly bytes: number;

  constructor(
    layout: ImageLayout,
    {kind, unchecked, buffer, to}: ImageEvent,
    from: number,
    presences: Presences,
    slabs: Slabs,
  ) {
    this.#layout = layout;
    this.#kind = kind;
    this.#unchecked = unchecked;
    this.#presences = presences.before === null && presences.after === null ? null : presences;
    this.bytes = to - from;
    // Copy the bytes: a view of a packet would keep alive everything that came through the socket with it.
    this.#slab = slabs.withRoom(this.bytes);
    this.#from = this.#slab.add(buffer, from, to);
  }

  read(into: PackedRows): RowChange[] {
    const changes: RowChange[] = [];
    const layout = this.#layout;
    const {table, columns} = layout.source;
    const reader = new ImageReader(this.#slab.buffer, this.#from);
    const to = this.#from + this.bytes;
    const {before: first = null, after: second = null} = this.#presences ?? {};
    const isPartial = layout.isIncomplete || lacksMapped(layout, this.#kind === 'insert' ? first : second);
    while (reader.at < to) {
      const before = this.#kind === 'insert' ? null : reader.row(layout, into, columns.length, true, first);
      const wasHistory = reader.isHistory;
      const after = this.#kind === 'delete' ? null : reader.row(layout, into, columns.length, false, second);
      if (before !== null && after !== null && second !== null) completeKey(layout, before, after, second);
      const partial = reader.takeDoubt() || isPartial;
      const change = {
        table,
        before,
        after,
        partial: after !== null && partial,
        unchecked: this.#unchecked,
        unidentified: reader.takeKeyDoubt(),
      };
      if (layout.rowEnd < 0) changes.push(change);
      else changes.push(...currentChange(change, wasHistory, reader.isHistory));
    }
    this.#slab.release();
    // The bytes behind it belong to other events.
    if (reader.at !== to) throw new RangeError('row images do not end where their event does');
    return changes;
  }
}

function lacksMapped({slots}: ImageLayout, presence: Presence): boolean {
  return presence !== null && slots.some((slot, i) => slot >= 0 && presence[i] !== true);
}

/** An image without the key columns leaves the key unchanged. */
function completeKey(
  {isKey, slots}: ImageLayout,
  before: PackedRow,
  after: PackedRow,
  presence: Presence,
): void {
  slots.forEach((slot, i) => {
    if (isKey[i] === true && presence?.[i] !== true) after.takeFrom(before, slot);
  });
}
