/**
 * Reads row events from their bytes, mapped columns only: half the work of a decoder that must give every
 * column by name. What it does not know (a charset, a type, an image with columns missing) it leaves to
 * zongji's own decoder, whose values are the same. Pure.
 */
import {SOURCE_TABLES} from '../../src/mapping/tables.ts';
import type {SourcePlan} from '../../src/mapping/plan.ts';
import type {PackedRows} from '../../src/mapping/packed.ts';
import type {RowBlock, RowChange} from '../events.ts';
import {EXACT} from './rows.ts';
import type {Slab, Slabs} from './slabs.ts';
import {ImageReader, T, type ImageColumn, type RowShape} from './image-reader.ts';

/** How to read the images of one table. */
export interface ImageLayout extends RowShape {
  readonly source: SourcePlan;
}

const KEY_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  institutes: ['id'],
  users: ['id'],
  institute_user: ['institute_id', 'user_id'],
};
const UTF8 = new Set(['utf8mb4', 'utf8mb3', 'utf8', 'ascii']);

const READABLE = new Set<number>([
  T.TINY,
  T.SHORT,
  T.LONG,
  T.LONGLONG,
  T.INT24,
  T.DATE,
  T.VARCHAR,
  T.BIT,
  T.TIMESTAMP2,
  T.DATETIME2,
  T.ENUM,
  T.BLOB,
  T.STRING,
]);
const SKIPPABLE = new Set<number>([
  ...READABLE,
  T.FLOAT,
  T.DOUBLE,
  T.TIMESTAMP,
  T.TIME,
  T.DATETIME,
  T.YEAR,
  T.TIME2,
  T.JSON,
  T.NEWDECIMAL,
  T.SET,
  T.TINY_BLOB,
  T.MEDIUM_BLOB,
  T.LONG_BLOB,
  T.GEOMETRY,
]);

/** @returns null where the table has something that only zongji reads */
export function layoutOf(source: SourcePlan, columns: readonly ImageColumn[]): ImageLayout | null {
  const slotOf = new Map<string, number>();
  source.actual.forEach((name, i) => {
    if (name !== null) slotOf.set(name.toLowerCase(), i);
  });
  const slots = columns.map(({name}) => slotOf.get(name.toLowerCase()) ?? -1);
  if (slots.filter(slot => slot >= 0).length !== slotOf.size) return null;
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i];
    if (column === undefined || !SKIPPABLE.has(column.type)) return null;
    if ((slots[i] ?? -1) >= 0 && !isReadable(column)) return null;
  }
  const keys = new Set(
    KEY_COLUMNS[source.table]?.map(name => SOURCE_TABLES[source.table].columns.indexOf(name as never)),
  );
  return {source, columns, slots, isKey: slots.map(slot => keys.has(slot))};
}

function isReadable({type, charset, members, unsigned}: ImageColumn): boolean {
  if (!READABLE.has(type)) return false;
  if (type === T.ENUM) return members !== undefined && EXACT.has(charset ?? null);
  if (type === T.VARCHAR || type === T.STRING || type === T.BLOB)
    return typeof charset === 'string' && (UTF8.has(charset) || charset === 'latin1');
  if (type === T.TINY || type === T.SHORT || type === T.INT24 || type === T.LONG || type === T.LONGLONG)
    return unsigned !== undefined;
  return true;
}

export interface ImageEvent {
  readonly kind: 'insert' | 'update' | 'delete';
  readonly buffer: Buffer;
  /** Where the number of columns stands, and where the images end. */
  readonly from: number;
  readonly to: number;
  readonly unchecked: boolean;
}

/** @returns null where the images lack columns: then zongji reads them */
export function rowBlock(layout: ImageLayout, event: ImageEvent, slabs: Slabs): RowBlock | null {
  const reader = new ImageReader(event.buffer, event.from);
  const columns = reader.packedInteger();
  if (columns !== layout.columns.length) return null;
  const bitmaps = event.kind === 'update' ? 2 : 1;
  for (let i = 0; i < bitmaps; i++) if (!reader.isFull(columns)) return null;
  return new ImageBlock(layout, event, reader.at, slabs);
}

/** An object for each event, thousands of which wait at times: one, and not one more for each thing that it knows. */
class ImageBlock implements RowBlock {
  readonly #layout: ImageLayout;
  readonly #kind: ImageEvent['kind'];
  readonly #unchecked: boolean;
  readonly #slab: Slab;
  readonly #from: number;
  readonly bytes: number;

  constructor(layout: ImageLayout, {kind, unchecked, buffer, to}: ImageEvent, from: number, slabs: Slabs) {
    this.#layout = layout;
    this.#kind = kind;
    this.#unchecked = unchecked;
    this.bytes = to - from;
    // A copy: a part of a packet would hold on to all that came through the socket with it.
    this.#slab = slabs.withRoom(this.bytes);
    this.#from = this.#slab.add(buffer, from, to);
  }

  read(into: PackedRows): RowChange[] {
    const changes: RowChange[] = [];
    const layout = this.#layout;
    const {table, columns} = layout.source;
    const reader = new ImageReader(this.#slab.buffer, this.#from);
    const to = this.#from + this.bytes;
    while (reader.at < to) {
      const before = this.#kind === 'insert' ? null : reader.row(layout, into, columns.length, true);
      const after = this.#kind === 'delete' ? null : reader.row(layout, into, columns.length, false);
      changes.push({table, before, after, partial: reader.takeDoubt(), unchecked: this.#unchecked});
    }
    this.#slab.release();
    // Behind it stand the rows of others.
    if (reader.at !== to) throw new RangeError('row images do not end where their event does');
    return changes;
  }
}
