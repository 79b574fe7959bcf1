/** Text of every character set, under collations old and new, equals the same text taken from the log. */
import {beforeAll, expect, it} from 'vitest';
import {EVERYTHING} from '../../src/mapping/sql/ranges.ts';
import {readCollations} from '../../src/source/collations.ts';
import {readServerInfo} from '../../src/db/server.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {query} from '../servers/databases.ts';
import {entityOf, unpacked} from '../unit/plan-fixture.ts';
import {changesOf, configOf, planOf, readerOf, sessionsFor} from './stand.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);
/** Of each character set, besides the first and the last one. */
const DRAWN = 2;
/** Tables are few, since each has four columns; the runs of a server stay short. */
const COLUMNS = ['first_name', 'last_name', 'email', 'password'] as const;
/** Which of these a character set has, the server decides. */
const LETTERS = Array.from(
  ` "#$%&'()*+,-./09:;<=>?@AZ[\\]^_az{|}~¡£¥§°±ßàéîöūÄÅÉÑÖÜŁłőśžΑΩαωЁЖЯжяёїאבתابแกაჰხՀայしソ表漢字汉龙가힣、。！～—“”€™♥🙂𠀀`,
);

const WORDS = 6;
/** Enough for each letter and each word in each column. */
const ROWS = COLUMNS.length * (LETTERS.length + WORDS);

interface Sample {
  readonly collation: string;
  readonly charset: string;
  readonly texts: readonly string[];
  /** For ENUM: as many members as are different under the collation. */
  readonly members: readonly string[];
}

function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

describeEachFlavour(`#24 every collation (seed ${SEED})`, ({server, source, target}) => {
  const sessions = sessionsFor({server, source, target});
  let samples: Sample[] = [];

  beforeAll(async () => {
    samples = await draw();
  }, 60_000);

  /** Several collations of each character set, with texts that it can hold. */
  const draw = async (): Promise<Sample[]> => {
    const {reading, sql} = sessions();
    const next = random(SEED);
    const byCharset = new Map<string, string[]>();
    for (const [collation = '', charset = ''] of await listed(sql)) {
      if (charset === 'binary') continue;
      byCharset.set(charset, [...(byCharset.get(charset) ?? []), collation]);
    }
    const known = new Set((await readCollations(reading, await readServerInfo('source', reading))).values());
    expect([...byCharset.keys()].filter(charset => !known.has(charset))).toEqual([]);
    const found: Sample[] = [];
    for (const [charset, collations] of byCharset) {
      const letters = await lettersOf(sql, charset);
      const chosen = new Set([collations[0] ?? '', collations.at(-1) ?? '']);
      for (let i = 0; i < DRAWN; i++) chosen.add(collations[Math.floor(next() * collations.length)] ?? '');
      for (const collation of chosen) {
        const words = Array.from({length: WORDS}, () =>
          Array.from(
            {length: 1 + Math.floor(next() * 8)},
            () => letters[Math.floor(next() * letters.length)],
          ).join(''),
        );
        const texts = [...words, ...letters];
        found.push({collation, charset, texts, members: await distinct(sql, collation, charset, letters)});
      }
    }
    return found;
  };

  it.each([
    ['text', ['VARCHAR(20)', 'CHAR(20)', 'TEXT', 'VARCHAR(200)']],
    ['members of ENUM', ['ENUM']],
  ])(
    '#24 gives the same %s by SELECT and from the log',
    async (_, types) => {
      const {sql, reading, writing} = sessions();
      let serverId = 3_200_000_000;
      for (let at = 0; at < samples.length; at += COLUMNS.length) {
        const part = COLUMNS.map((_, i) => samples[(at + i) % samples.length]);
        await sql.query('DROP TABLE IF EXISTS institute_user, users, institutes');
        const columns = part.map((sample, i) => {
          const type = types[(at / COLUMNS.length + i) % types.length] ?? '';
          const members = sample?.members.map(member => sql.escape(member)).join(',') ?? '';
          const full = type === 'ENUM' ? `ENUM(${members})` : type;
          return {
            isEnum: type === 'ENUM',
            sql: `${COLUMNS[i] ?? ''} ${full} CHARACTER SET ${sample?.charset ?? ''} COLLATE ${sample?.collation ?? ''} NULL`,
          };
        });
        await sql.query(`CREATE TABLE users (id INT PRIMARY KEY, ${columns.map(column => column.sql).join(', ')}, is_active INT, created_at DATETIME, updated_at DATETIME);
        CREATE TABLE institutes (id INT PRIMARY KEY, name TEXT, imageUrl TEXT, created_at DATETIME, updated_at DATETIME);
        CREATE TABLE institute_user (institute_id INT, user_id INT, user_type TEXT, status TEXT, created_at DATETIME, updated_at DATETIME, PRIMARY KEY (institute_id, user_id))`);
        const plan = await planOf(reading, writing, {source, target});
        const changes = await changesOf(configOf(server, source), plan, serverId++, async () => {
          // One text in a row, so that none hides behind another that is read from the source anyway.
          const rows = Array.from({length: ROWS}, (_, row) => [
            row,
            ...part.map((sample, i) => {
              if (sample === undefined || i !== row % part.length) return null;
              const turn = Math.floor(row / part.length);
              return columns[i]?.isEnum === true
                ? 1 + (turn % sample.members.length)
                : sample.texts[turn % sample.texts.length];
            }),
          ]);
          await sql.query('INSERT INTO users (id, first_name, last_name, email, password) VALUES ?', [rows]);
        });
        const of = part.map(sample => sample?.collation).join(', ');
        const copied = await readerOf(reading).range(entityOf(plan, 'user'), EVERYTHING);
        expect(copied).toHaveLength(ROWS);
        const streamed = new Map(changes.map(change => [unpacked('users', change.after)?.[0], change]));
        for (const row of copied) {
          const change = streamed.get(row[0]);
          expect(unpacked('users', change?.after ?? null), of).toEqual(row);
          // What cannot be decoded for sure is read from the source before it is applied.
          expect(change?.partial, of).toBe(false);
        }
      }
    },
    120_000,
  );
});

type Sql = ReturnType<ReturnType<typeof sessionsFor>>['sql'];

/** By the names that a column definition takes. */
async function listed(sql: Sql): Promise<[string, string][]> {
  const [version] = await query(sql, 'SELECT VERSION() AS v');
  const isMariadb = String(version?.['v']).includes('MariaDB');
  const [table, name] = isMariadb
    ? ['COLLATION_CHARACTER_SET_APPLICABILITY', 'FULL_COLLATION_NAME']
    : ['COLLATIONS', 'COLLATION_NAME'];
  const rows = await query(
    sql,
    `SELECT ${name} AS name, CHARACTER_SET_NAME AS charset FROM information_schema.${table} ORDER BY ID`,
  );
  return rows.map(row => [String(row['name']), String(row['charset'])]);
}

/** The texts that the server returns unchanged. */
async function lettersOf(sql: Sql, charset: string): Promise<string[]> {
  const columns = LETTERS.map(
    (letter, i) =>
      `CONVERT(CONVERT(${sql.escape(letter)} USING ${charset}) USING utf8mb4) = BINARY ${sql.escape(letter)} AS l${i}`,
  );
  const [row] = await query(sql, `SELECT ${columns.join(', ')}`);
  return LETTERS.filter((_, i) => Number(row?.[`l${i}`]) === 1);
}

/** Some texts that differ under the collation, as members must. */
async function distinct(
  sql: Sql,
  collation: string,
  charset: string,
  letters: readonly string[],
): Promise<string[]> {
  const union = letters
    .filter(letter => letter !== ' ')
    .map(letter => `SELECT CONVERT(${sql.escape(`x${letter}y`)} USING ${charset}) COLLATE ${collation} AS m`)
    .join(' UNION ALL ');
  const rows = await query(
    sql,
    `SELECT CONVERT(MIN(m) USING utf8mb4) AS m FROM (${union}) AS all_of_them GROUP BY m LIMIT 40`,
  );
  return rows.map(row => String(row['m']));
}
