/**
 * Every sequence of one and two bytes in every character set that the server has, and longer ones, is read from the
 * log as a SELECT gives it, as a value and as a key. Only what the server itself does not know is uncertain.
 */
import {beforeAll, expect, it} from 'vitest';
import {queryRows} from '../../src/db/connection.ts';
import {readSourceSchema, readTargetSchema} from '../../src/db/schema.ts';
import {parseMapping} from '../../src/mapping/file/read.ts';
import {cellOf} from '../../src/mapping/packed.ts';
import {buildPlan, type Plan} from '../../src/mapping/plan.ts';
import {EVERYTHING} from '../../src/mapping/sql/ranges.ts';
import type {Value} from '../../src/mapping/values.ts';
import {describeEachFlavour, isShort} from '../helpers/flavours.ts';
import {query} from '../servers/databases.ts';
import {changesOf, configOf, readerOf, sessionsFor} from './stand.ts';

const MAPPING = parseMapping(
  JSON.stringify({
    version: 1,
    tables: {
      tv: {from: 'v', key: 'id', columns: {id: 'id', v: 'v'}},
      tk: {from: 'k', key: 'k', columns: {id: 'id', k: 'k'}},
    },
  }),
  'characters',
);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);
const AT_ONCE_BYTES = 1_000_000;
const count = (from: number, to: number) => Array.from({length: to - from}, (_, i) => from + i);
const BYTES = count(0, 256);
const SINGLES = BYTES.map(a => Buffer.from([a]));
const PAIRS = BYTES.flatMap(a => BYTES.map(b => Buffer.from([a, b])));
/** In these, no byte is a character; in all others, a byte of ASCII is one, whatever follows. */
const WIDE = ['ucs2', 'utf16', 'utf16le', 'utf32'];
const HIGH_PAIRS = PAIRS.filter(([first = 0]) => first >= 0x80);
/** The sequences of more than two bytes that are not Unicode's. */
const LONGER: Readonly<Record<string, () => Buffer[]>> = {
  ujis: shifted,
  eucjpms: shifted,
  gb18030: fourBytes,
};
/** Halves of characters, which the servers store in ucs2 and utf32. */
const ALONE = /[\ud800-\udfff\ufffd]/u;

function shifted(): Buffer[] {
  return count(0xa0, 256).flatMap(b => count(0xa0, 256).map(c => Buffer.from([0x8f, b, c])));
}

/** The basic plane, its ends, and the ends of the planes beyond it. */
function fourBytes(): Buffer[] {
  const leads = [...count(0x81, 0x86), 0x8f, 0x90, 0xe3, 0xe4, 0xfe];
  return leads.flatMap(a =>
    count(0x30, 0x3a).flatMap(b =>
      count(0x81, 0xff).flatMap(c =>
        // Beyond the basic plane, a text of every character follows.
        count(0x30, a < 0x86 ? 0x3a : 0x31).map(d => Buffer.from([a, b, c, d])),
      ),
    ),
  );
}

/** Every character of Unicode, as long texts. */
function everyCharacter(withPlanes: boolean): Buffer[] {
  const [most, size] = [withPlanes ? 0x110000 : 0x10000, 256];
  return count(0, most / size).flatMap(row => {
    const codes = count(row * size, (row + 1) * size);
    return row >= 0xd8 && row < 0xe0 ? [] : [Buffer.from(String.fromCodePoint(...codes))];
  });
}

/** The server's own conversion of what it has stored. */
interface Stored {
  readonly bytes: Buffer;
  readonly text: Value;
  /** Whether its text has the same bytes. */
  readonly isSame: boolean;
}

interface Compared extends Stored {
  /** From the log. */
  readonly read: Value;
  readonly isSure: boolean;
  readonly isIdentified: boolean;
}

describeEachFlavour(`#24 in every character set (seed ${SEED})`, ({server, source, target}) => {
  const sessions = sessionsFor({server, source, target});
  let charsets: {name: string; longest: number}[] = [];
  let serverId = 3_300_000_000;
  let state = SEED;
  const draw = (below: number) =>
    Math.floor(((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32) * below);

  beforeAll(async () => {
    const rows = await query(
      sessions().sql,
      "SELECT CHARACTER_SET_NAME AS name, MAXLEN AS longest FROM information_schema.CHARACTER_SETS WHERE CHARACTER_SET_NAME <> 'binary'",
    );
    const all = rows.map(row => ({name: String(row['name']), longest: Number(row['longest'])}));
    expect(all.length).toBeGreaterThan(30);
    charsets = isShort ? all.filter(() => draw(4) === 0) : all;
    for (const table of ['tv (id INT PRIMARY KEY, v LONGTEXT)', 'tk (id INT, k VARCHAR(60) PRIMARY KEY)'])
      await sessions().writing.query(`CREATE TABLE ${table} CHARSET utf8mb4`);
  });

  /** Writes the bytes as values of a column, and compares them by both ways. */
  const compare = async (
    charset: string,
    [column, type]: readonly [column: 'v' | 'k', type: string],
    values: readonly string[],
  ): Promise<Compared[]> => {
    const {sql, reading, writing} = sessions();
    const own = `${type} CHARACTER SET ${charset} COLLATE ${charset}_bin NOT NULL`;
    await sql.query(`SET sql_mode = ''; DROP TABLE IF EXISTS v, k;
      CREATE TABLE v (id INT PRIMARY KEY, v ${column === 'v' ? own : 'INT'});
      CREATE TABLE k (id INT, k ${column === 'k' ? own : 'INT'} PRIMARY KEY)`);
    const plan: Plan = buildPlan(
      MAPPING,
      await readSourceSchema(reading, source, MAPPING),
      await readTargetSchema(writing, target, MAPPING),
    );
    const changes = await changesOf(configOf(server, source), plan, serverId++, async () => {
      let rows: string[] = [];
      const send = async () => {
        if (rows.length > 0) await sql.query(`INSERT IGNORE INTO ${column} VALUES ${rows.join()}`);
        rows = [];
      };
      let bytes = 0;
      for (const [id, value] of values.entries()) {
        rows.push(`(${id},${value})`);
        bytes += value.length;
        if (bytes > AT_ONCE_BYTES) await send();
        if (rows.length === 0) bytes = 0;
      }
      await send();
    });
    const entity = plan.entities.find(one => one.source.table === column);
    if (entity === undefined) throw new Error('there is no such entity');
    const place = (name: string) => entity.source.columns.indexOf(name);
    const textById = new Map<Value, Value>();
    for (const row of await readerOf(reading).range(entity, EVERYTHING))
      textById.set(cellOf(row, place('id')), cellOf(row, place(column)));
    const stored = new Map<Value, Stored>();
    const bytes = `CAST(${column} AS BINARY)`;
    for (const [id, hex, isSame] of await queryRows(
      'source',
      reading,
      `SELECT id, HEX(${bytes}), CAST(CONVERT(CONVERT(${column} USING utf8mb4) USING ${charset}) AS BINARY) = ${bytes} FROM ${column}`,
    ))
      stored.set(String(id), {
        bytes: Buffer.from(String(hex), 'hex'),
        text: textById.get(String(id)) ?? null,
        isSame: Number(isSame) === 1,
      });
    expect(changes).toHaveLength(stored.size);
    return changes.map(({after, partial, unidentified}) => {
      const row = after === null ? undefined : stored.get(cellOf(after, place('id')));
      if (after === null || row === undefined) throw new Error('a row of the log is not in its table');
      const read = cellOf(after, place(column));
      return {...row, read, isSure: !partial, isIdentified: unidentified !== true};
    });
  };

  /** The rows for which the log's text is not the one of a SELECT, or is uncertain without need. */
  const faults = (what: string, rows: readonly Compared[], isKey: boolean) =>
    rows
      .filter(({text, isSame, read, isSure, isIdentified}) => {
        if (isKey ? isIdentified : isSure) return read !== text || (isKey && !isSame);
        return isKey ? isSame && !ALONE.test(text ?? '') : !/[?]/.test(text ?? '') && !ALONE.test(text ?? '');
      })
      .map(({bytes, text, read, isSure}) =>
        [
          what,
          bytes.toString('hex'),
          JSON.stringify(text),
          isSure ? JSON.stringify(read) : 'uncertain',
        ].join(),
      )
      .slice(0, 20);
  const raw = (values: readonly Buffer[]) => values.map(bytes => `x'${bytes.toString('hex')}'`);

  it('one and two bytes are the same from the log as by SELECT', {timeout: 300_000}, async () => {
    for (const {name, longest} of charsets) {
      const values = raw([...SINGLES, ...(longest === 1 ? [] : WIDE.includes(name) ? PAIRS : HIGH_PAIRS)]);
      expect(faults(name, await compare(name, ['v', 'VARCHAR(8)'], values), false)).toEqual([]);
      const keys = await compare(name, ['k', 'VARCHAR(8)'], values);
      expect(faults(`${name}, a key`, keys, true)).toEqual([]);
      // A server that stores nothing proves nothing.
      expect(keys.filter(({isIdentified}) => isIdentified).length, name).toBeGreaterThanOrEqual(
        longest === 1 ? 120 : 1900,
      );
    }
  });

  it('texts are the same from the log as by SELECT', {timeout: 300_000}, async () => {
    for (const {name, longest} of charsets) {
      // What has more than two bytes, and what is cut off.
      const own = LONGER[name]?.() ?? [];
      const drawn = count(0, 2000).map(() => Buffer.from(count(0, 2 + draw(9)).map(() => draw(256))));
      const short = raw([...own, ...drawn]);
      expect(faults(name, await compare(name, ['v', 'VARCHAR(40)'], short), false)).toEqual([]);
      expect(faults(`${name}, a key`, await compare(name, ['k', 'VARCHAR(40)'], short), true)).toEqual([]);
      const texts = raw(everyCharacter(longest === 4)).map(text => `_utf8mb4 ${text}`);
      const long = await compare(name, ['v', 'LONGTEXT'], texts);
      expect(faults(name, long, false).map(fault => fault.slice(0, 200))).toEqual([]);
      expect(long.filter(({isSure}) => !isSure)).toEqual([]);
    }
  });
});
