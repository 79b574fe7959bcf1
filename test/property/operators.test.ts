/**
 * Each operator and each condition has three forms: on values, on packed bytes, and in SQL. They agree for every
 * type of column that a plan accepts: the target gives back what the program wrote, and the checksums of both sides
 * are equal.
 */
import {fc} from '../helpers/draws.ts';
import {beforeAll, expect, it} from 'vitest';
import {compareRange} from '../../reconciler/checksum.ts';
import {upserts} from '../../src/apply/statements.ts';
import {queryRows} from '../../src/db/connection.ts';
import {readSourceSchema, readTargetSchema} from '../../src/db/schema.ts';
import {SyncError} from '../../src/errors.ts';
import type {TablePlan} from '../../src/mapping/columns.ts';
import {isSameValue} from '../../src/mapping/families.ts';
import {parseMapping} from '../../src/mapping/file/read.ts';
import {PackedRows, type PackedRow} from '../../src/mapping/packed.ts';
import {buildPlan, type Plan} from '../../src/mapping/plan.ts';
import {judge, mapRow} from '../../src/mapping/row.ts';
import type {SourceSchema, TargetSchema} from '../../src/mapping/schema.ts';
import {targetSelectList} from '../../src/mapping/sql/columns.ts';
import {eligibleCondition} from '../../src/mapping/sql/eligible.ts';
import {EVERYTHING} from '../../src/mapping/sql/ranges.ts';
import {bytesOf, toRow, type Row, type Value} from '../../src/mapping/values.ts';
import {connectionQuery} from '../../src/source/reader.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {candidate, GIVEN, rows, WRITTEN, type Candidate} from './operator-draws.ts';
import {insert, readerOf, sessionsFor} from './stand.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 12);
/** As many candidates as are tried with the same rows; a plan refuses about half of them. */
const CANDIDATES = 60;

describeEachFlavour(`an operator (seed ${SEED})`, ({server, source, target}) => {
  const sessions = sessionsFor({server, source, target});
  let schemas: {readonly source: SourceSchema; readonly target: TargetSchema} | undefined;

  beforeAll(async () => {
    const {sql, reading, writing} = sessions();
    const given = Object.entries(GIVEN).map(([name, [type]]) => `\`${name}\` ${type} NULL DEFAULT NULL`);
    const written = Object.entries(WRITTEN).map(([name, type]) => `\`${name}\` ${type} NULL DEFAULT NULL`);
    await sql.query(`
      CREATE TABLE given (id INT PRIMARY KEY, ${given.join(', ')}) DEFAULT CHARSET utf8mb4;
      CREATE TABLE drawn LIKE given;
      CREATE TABLE \`${target}\`.written (id INT PRIMARY KEY, ${written.join(', ')}) DEFAULT CHARSET utf8mb4`);
    const mapping = mappingOf({column: 'tiny', use: {copy: 'tiny'}, where: null});
    schemas = {
      source: await readSourceSchema(reading, source, mapping),
      target: await readTargetSchema(writing, target, mapping),
    };
  });

  /** Null if the plan or the file refuses the candidate. */
  const planned = (drawn: Candidate): Plan | null => {
    if (schemas === undefined) throw new Error('not read yet');
    try {
      return buildPlan(mappingOf(drawn), schemas.source, schemas.target);
    } catch (error) {
      if (error instanceof SyncError) return null;
      throw error;
    }
  };

  it('and a condition are the same by value, by bytes and in SQL', async () => {
    const {sql, reading, writing} = sessions();
    const query = {
      source: connectionQuery(reading),
      target: (statement: string) => queryRows('target', writing, statement),
    };
    /** Writes a row; false if the server refuses it, which makes it a dead letter. */
    const write = async (table: TablePlan, row: Row): Promise<boolean> => {
      const statements = [...upserts(table, [{source: row}], {rows: 1, bytes: 1}, {newestWins: false})];
      expect([
        ...upserts(table, [{source: packedExactly(row)}], {rows: 1, bytes: 1}, {newestWins: false}),
      ]).toEqual(statements);
      try {
        for (const statement of statements) await query.target(statement);
        return true;
      } catch (error) {
        if (error instanceof SyncError && error.errno !== undefined) return false;
        throw error;
      }
    };
    const agree = async (plan: Plan, drawn: Candidate): Promise<void> => {
      const [entity] = plan.entities;
      const [table] = plan.tables;
      if (entity === undefined || table === undefined) throw new Error('an empty plan');
      const about = JSON.stringify(drawn);
      await sql.query(
        `DELETE FROM given; INSERT INTO given SELECT * FROM drawn; DELETE FROM \`${target}\`.written`,
      );
      const all = await readerOf(reading).range(entity, EVERYTHING);
      const eligible = await query.source(
        `SELECT s.id FROM given s WHERE ${eligibleCondition(entity)} ORDER BY s.id`,
      );
      const wanted: Row[] = [];
      const left: Value[] = ['-1'];
      const holding: Value[] = [];
      for (const row of all) {
        const verdict = judge(entity, table, row);
        expect(judge(entity, table, packedExactly(row)), about).toBe(verdict);
        if (verdict !== 'ineligible') holding.push(row[0] ?? null);
        if (verdict === 'row' && (await write(table, row))) wanted.push(mapRow(table, row));
        else left.push(row[0] ?? null);
      }
      expect(holding, about).toEqual(eligible.map(cells => String(cells[0])));
      const stored = (await query.target(`SELECT ${targetSelectList(table)} FROM written t ORDER BY id`)).map(
        toRow,
      );
      const isSame = (a: Row, b: Row) =>
        table.columns.every(({family}, i) => isSameValue(family, a[i] ?? null, b[i] ?? null));
      expect(
        stored.flatMap((row, i) => (isSame(row, wanted[i] ?? []) ? [] : [{stored: row, wanted: wanted[i]}])),
        about,
      ).toEqual([]);
      await sql.query(`DELETE FROM given WHERE id IN (${left.join()})`);
      const [compared] = await compareRange(entity, EVERYTHING, query);
      // MySQL orders the members of an object, and MariaDB does not: values that are not JSON are compared by
      // their rows.
      const [, {family, shape} = {family: null, shape: {inputs: []}}] = table.columns;
      const isCopied = 'copy' in drawn.use && shape.inputs[0]?.family === 'json';
      if (family === 'json' && !isCopied) return;
      expect({equal: compared?.equal, rows: compared?.source.rows}, about).toEqual({
        equal: true,
        rows: wanted.length,
      });
    };
    await fc.assert(
      fc.asyncProperty(
        rows,
        fc.array(candidate, {minLength: CANDIDATES, maxLength: CANDIDATES, size: 'max'}),
        async (given, candidates) => {
          await sql.query('DELETE FROM drawn');
          await insert(
            sql,
            'drawn',
            given.map((row, id) => ({id, ...row})),
          );
          for (const one of candidates) {
            const plan = planned(one);
            if (plan !== null) await agree(plan, one);
          }
        },
      ),
      // A failing candidate says all that there is to say, so that nothing is to be shrunk.
      {numRuns: RUNS, seed: SEED, endOnFailure: true},
    );
  }, 240_000);
});

function mappingOf({column, use, where}: Candidate) {
  const table = {from: 'given', key: 'id', columns: {id: 'id', [column]: use}, where: where ?? {}};
  return parseMapping(JSON.stringify({version: 1, tables: {written: table}}), 'drawn');
}

/** A row as bytes, also of values that are not texts. */
function packedExactly(row: Row): PackedRow {
  const into = new PackedRows(0);
  const packed = into.begin(row.length);
  row.forEach((value, index) => {
    if (value === null) return;
    const bytes = bytesOf(value);
    const at = into.reserve(bytes.length);
    bytes.copy(into.bytes, at);
    into.set(index, at + bytes.length);
  });
  return packed;
}
