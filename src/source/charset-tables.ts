/**
 * Reads the character sets of mapped columns from the source, as tables from bytes to characters. Each server has
 * tables of its own, which differ in hundreds of places from those of other programs.
 */
import {queryRows, type Connection} from '../db/connection.ts';
import type {ColumnSchema} from '../mapping/schema.ts';

/** Which character each sequence of bytes is, as the server converts it to utf8mb4. */
export interface CharsetTable {
  /** By a character's only byte: a {@link Char}. */
  readonly single: Uint32Array;
  /** By the bytes of a longer character as one number, the first byte highest: a {@link Char}. */
  readonly longer: ReadonlyMap<number, number>;
  /** The number of bytes of the longest character. */
  readonly longest: number;
}

/** By the name of a character set. */
export type CharsetTables = ReadonlyMap<string, CharsetTable>;

/**
 * The parts of an entry: the code point, whether there is one, and whether the server converts it back to other
 * bytes. Several bytes can be one character; a comparison with this character finds only one of them.
 */
export const CODE = 0x1fffff;
export const PRESENT = 0x200000;
export const ONE_WAY = 0x400000;

/** Converted without a table (`replicator/decode/charsets.ts`). */
const WITHOUT_TABLE: ReadonlySet<string> = new Set([
  'binary',
  'utf8mb4',
  'utf8mb3',
  'utf8',
  'ascii',
  'latin1',
  'ucs2',
  'utf16',
  'utf16le',
  'utf32',
]);

/** The values of a byte. */
interface Range {
  readonly from: number;
  readonly to: number;
}
const ANY: Range = {from: 0, to: 0xff};
const HIGH: Range = {from: 0x80, to: 0xff};
const DIGIT: Range = {from: 0x30, to: 0x39};
/** The first byte of the Japanese characters that have three. */
const SHIFT: Range = {from: 0x8f, to: 0x8f};
const PAIR = [HIGH, ANY];
const TRIPLE = [SHIFT, HIGH, HIGH];

/** The sequences that may be characters of several bytes. All other character sets have one byte each. */
const LONGER: Readonly<Record<string, readonly (readonly Range[])[]>> = {
  big5: [PAIR],
  gbk: [PAIR],
  gb2312: [PAIR],
  euckr: [PAIR],
  sjis: [PAIR],
  cp932: [PAIR],
  ujis: [PAIR, TRIPLE],
  eucjpms: [PAIR, TRIPLE],
  // Those beyond the basic plane are computed.
  gb18030: [PAIR, [{from: 0x81, to: 0x84}, DIGIT, HIGH, DIGIT]],
};

/** The character sets of the columns that are mapped, without those that need no table. */
export function charsetsOf(
  sources: readonly {readonly schemas: readonly (Pick<ColumnSchema, 'charset'> | undefined)[]}[],
): Set<string> {
  const names = sources.flatMap(({schemas}) => schemas.flatMap(schema => schema?.charset ?? []));
  return new Set(names.filter(name => !WITHOUT_TABLE.has(name)));
}

/**
 * Reads the tables that are missing. For a character set of one byte, this is one short query; for others, one of
 * 0.1 to 0.5 s on the source's processor for each number of bytes.
 *
 * @param into gets the tables
 * @throws SyncError if the source cannot be read
 */
export async function readCharsetTables(
  connection: Connection,
  names: ReadonlySet<string>,
  into: Map<string, CharsetTable>,
): Promise<void> {
  for (const name of names) if (!into.has(name)) into.set(name, await readTable(connection, name));
}

async function readTable(connection: Connection, charset: string): Promise<CharsetTable> {
  const single = new Uint32Array(256);
  for (const [bytes, entry] of await readEntries(connection, charset, [ANY])) single[bytes] = entry;
  const longer = new Map<number, number>();
  const ranges = LONGER[charset] ?? [];
  for (const range of ranges) {
    const firstIsWorth = 256 ** (range.length - 1);
    for (const [bytes, entry] of await readEntries(connection, charset, range))
      // MySQL drops bytes that are no character: what is left may be a shorter one.
      if (single[Math.floor(bytes / firstIsWorth)] === 0) longer.set(bytes, entry);
  }
  return {single, longer, longest: Math.max(1, ...ranges.map(range => range.length))};
}

const QUESTION = '?';

/** Returns the characters among the sequences. A server writes ? for bytes that are no character, or null. */
async function readEntries(
  connection: Connection,
  charset: string,
  sequence: readonly Range[],
): Promise<[bytes: number, entry: number][]> {
  const rows = await queryRows('source', connection, entriesSql(charset, sequence));
  return rows.flatMap(([number, text, isSame]): [number, number][] => {
    const bytes = Number(number);
    const [char, ...others] = String(text ?? '');
    // A sequence that is several characters has its own entries for them.
    if (char === undefined || others.length > 0) return [];
    if (char === QUESTION && bytes !== QUESTION.charCodeAt(0)) return [];
    return [[bytes, (char.codePointAt(0) ?? 0) | PRESENT | (Number(isSame) === 1 ? 0 : ONE_WAY)]];
  });
}

/** Returns a row for each sequence: its bytes as a number, its text, and whether its text has the same bytes. */
function entriesSql(charset: string, sequence: readonly Range[]): string {
  const tables = sequence.map(
    ({from, to}, i) => `(${numbers(from >> 4, to >> 4)}) h${i} JOIN (${numbers(0, 15)}) l${i}
      ON h${i}.n * 16 + l${i}.n BETWEEN ${from} AND ${to}`,
  );
  const number = sequence
    .map((_, i) => `(h${i}.n * 16 + l${i}.n)`)
    .reduce((sum, byte) => `(${sum} * 256 + ${byte})`);
  const bytes = `UNHEX(LPAD(HEX(${number}), ${sequence.length * 2}, '0'))`;
  const text = `CONVERT(CONVERT(${bytes} USING ${charset}) USING utf8mb4)`;
  return `SELECT ${number}, ${text}, CAST(CONVERT(${text} USING ${charset}) AS BINARY) = ${bytes}
            FROM ${tables.join(' JOIN ')}`;
}

function numbers(from: number, to: number): string {
  return Array.from({length: to - from + 1}, (_, i) => `SELECT ${from + i} AS n`).join(' UNION ALL ');
}
