/**
 * Text keys that only one side distinguishes, by letter case, accents or blanks at the end: each row is in the
 * target unchanged, or a dead letter because of another row that is. SEED and RUNS repeat a run or make it
 * longer.
 */
import {fc} from '../helpers/draws.ts';
import {expect, it} from 'vitest';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour, isShort} from '../helpers/flavours.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
import {query} from '../servers/databases.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const ROUNDS = Number(process.env['RUNS'] ?? (isShort ? 1 : 2));

/** Case counts or not, and blanks count or not. */
const COLLATIONS = {
  mariadb: {
    exact: 'utf8mb4_nopad_bin',
    padded: 'utf8mb4_bin',
    loose: 'utf8mb4_general_ci',
    bare: 'utf8mb4_general_nopad_ci',
  },
  mysql: {
    exact: 'utf8mb4_0900_bin',
    padded: 'utf8mb4_bin',
    loose: 'utf8mb4_general_ci',
    bare: 'utf8mb4_0900_ai_ci',
  },
} as const;
type Name = keyof (typeof COLLATIONS)['mysql'];
const NAMES: readonly Name[] = ['exact', 'padded', 'loose', 'bare'];
/** Some collations consider two of these equal, but not all do. */
const KEYS = ['a', 'A', 'á', 'b', 'b ', 'B', 'c  ', 'C'];

const key = fc.constantFrom(...KEYS);
const step = fc.oneof(
  key.map(k => ({sql: 'INSERT IGNORE INTO s (k, n, v) VALUES (?, 1, 1)', values: [k]})),
  key.map(k => ({sql: 'DELETE FROM s WHERE BINARY k = BINARY ?', values: [k]})),
  key.map(k => ({sql: 'UPDATE s SET v = v + 1 WHERE BINARY k = BINARY ?', values: [k]})),
  fc.tuple(key, key).map(values => ({
    sql: 'UPDATE IGNORE s SET k = ? WHERE BINARY k = BINARY ?',
    values,
  })),
);
const steps = fc.array(step, {minLength: 4, maxLength: 12});

const PAIRS: readonly (readonly [from: Name, to: Name, type: string])[] = isShort
  ? [
      ['exact', 'loose', 'VARCHAR(9)'],
      ['exact', 'padded', 'CHAR(9)'],
    ]
  : [
      ...NAMES.flatMap(from => NAMES.map(to => [from, to, 'VARCHAR(9)'] as const)),
      ['exact', 'padded', 'CHAR(9)'],
      ['padded', 'padded', 'CHAR(9)'],
      ['loose', 'bare', 'CHAR(9)'],
    ];

describeEachFlavour(`a loose key (seed ${SEED})`, ({flavour, ...places}) => {
  it.each(PAIRS)(
    'is followed, or refused by name: %s to %s %s',
    async (from, to, type) => {
      const names = COLLATIONS[flavour];
      const columns = {k: 'k', n: 'n', v: 'v'};
      const create = (table: string, column: string, collation: Name) =>
        `CREATE TABLE ${table} (k ${column} COLLATE ${names[collation]} NOT NULL, n INT NOT NULL, v INT, PRIMARY KEY (k, n)) DEFAULT CHARSET utf8mb4`;
      await using stand = await MappedStand.open(places, {
        tables: {t: {from: 's', key: ['k', 'n'], columns}},
        from: `${create('s', 'VARCHAR(9)', from)}; ${KEYS.slice(0, 5)
          .map(k => `INSERT IGNORE INTO s VALUES ('${k}', 1, 1)`)
          .join('; ')}`,
        to: create('t', type, to),
      });
      const isChar = type.startsWith('CHAR');
      const isPadded = from === 'padded' || from === 'loose';
      const done: string[] = [];
      const holds = async (what: string) => {
        const about = `${what}\n${done.join(';\n')}`;
        const read = async (connection: MappedStand['source'], table: string) =>
          (await query(connection, `SELECT CONCAT('[', k, ']', v) AS line, k FROM ${table}`)).map(row => ({
            line: isChar ? String(row['line']).replace(/ +\]/, ']') : String(row['line']),
            k: String(row['k']),
          }));
        const [there, here] = [await read(stand.source, 's'), await read(stand.target, 't')];
        const letters = await query(
          stand.target,
          "SELECT REPLACE(SUBSTRING_INDEX(row_key, ':', 1), '␠', '') AS k, code FROM sync_dead_letter",
        );
        const lines = here.map(({line}) => line);
        // The target holds no row that differs from the source's.
        expect(
          there.map(({line}) => line),
          about,
        ).toEqual(expect.arrayContaining(lines));
        const waiting = there.filter(row => {
          const letter = letters.find(({k}) => k === row.k);
          return letter !== undefined && !(isChar && isPadded && lines.includes(row.line));
        });
        expect(waiting.length, about).toBe(letters.length);
        expect(
          there
            .filter(row => !waiting.includes(row))
            .map(({line}) => line)
            .toSorted(),
          about,
        ).toEqual(lines.toSorted());
        for (const {k, code} of letters) {
          if (code === 'invalid-k') expect([isChar, String(k).endsWith(' ')], about).toEqual([true, true]);
          else {
            expect(code, about).toBe('unique-conflict');
            expect(await query(stand.target, 'SELECT 1 FROM t WHERE k = ?', [k]), about).toHaveLength(1);
          }
        }
        expect(await stand.verify(), about).toMatchObject({equal: true});
        return true;
      };
      await stand.started();
      expect(stand.fault).toBeNull();
      await holds('the first load');
      for (const round of fc.sample(steps, {seed: SEED, numRuns: ROUNDS})) {
        const run = async () => {
          for (const {sql, values} of round) {
            await stand.source.query(sql, values);
            done.push(stand.source.format(sql, values));
          }
        };
        await run();
        await stand.streamed();
        await eventually(() => holds('the stream'), {timeoutMs: 20_000, what: 'the stream'});
        await stand.daemon.pause();
        await run();
        await stand.reconcile();
        await holds('a reconcile');
        await stand.daemon.resume();
        await stand.streamed();
        await eventually(() => holds('the stream after it'), {
          timeoutMs: 20_000,
          what: 'the stream after it',
        });
      }
    },
    120_000,
  );
});
