/**
 * The oracle for any mapping: computes what the target must hold, from the source's rows and docs/rules.md. It
 * shares only the parsed mapping with the product. Simple and slow.
 */
import type mysql from 'mysql2/promise';
import type {Mapping, TableMap} from '../../src/mapping/mapping.ts';
import {connect, query} from '../servers/databases.ts';
import type {Place} from './fault-stand.ts';
import {cellIn, isBefore, meets} from './graph-rules.ts';
import {Weights} from './graph-weights.ts';
import {
  make,
  printed,
  shownCell,
  shownPart,
  readColumns,
  type Cell,
  type Cells,
  type Column,
  type Columns,
} from './graph-values.ts';

/** `waits` is a row whose parent is a dead letter: like a dead letter, it may be in the target as it was. */
type State =
  | {readonly is: 'row'; readonly line: string}
  | {readonly is: 'dead'; readonly code: string}
  | {readonly is: 'waits'};

interface TableState {
  readonly map: TableMap;
  readonly states: Map<string, State>;
  /** The parts of a key, for messages. */
  readonly shown: Map<string, string>;
}

export class GraphOracle implements AsyncDisposable {
  readonly #mapping: Mapping;
  readonly #source: mysql.Connection;
  readonly #target: mysql.Connection;
  readonly #sourceColumns: ReadonlyMap<string, Columns>;
  readonly #targetColumns: ReadonlyMap<string, Columns>;
  readonly #weights: Weights;

  private constructor(
    mapping: Mapping,
    source: mysql.Connection,
    target: mysql.Connection,
    sourceColumns: ReadonlyMap<string, Columns>,
    targetColumns: ReadonlyMap<string, Columns>,
  ) {
    this.#mapping = mapping;
    this.#source = source;
    this.#target = target;
    this.#weights = new Weights(target);
    this.#sourceColumns = sourceColumns;
    this.#targetColumns = targetColumns;
  }

  /** Its sessions are in UTC; both schemas exist. */
  static async open(mapping: Mapping, source: Place, target: Place): Promise<GraphOracle> {
    const open = async ({server, database}: Place) => {
      const connection = await connect(server, database);
      await connection.query("SET time_zone = '+00:00', sql_mode = ''");
      return connection;
    };
    const [from, to] = [await open(source), await open(target)];
    const [given, wanted] = [new Map<string, Columns>(), new Map<string, Columns>()];
    for (const table of mapping.tables) {
      given.set(table.source, await readColumns(from, source.database, table.source));
      wanted.set(table.target, await readColumns(to, target.database, table.target));
    }
    return new GraphOracle(mapping, from, to, given, wanted);
  }

  /**
   * Returns the differences between the rows that the target holds and those that it must hold.
   *
   * @param letters `lenient` if dead letters of deleted rows may remain until the next reconcile
   */
  async differences(letters: 'exact' | 'lenient' = 'exact'): Promise<string[]> {
    const expected = await this.#expected();
    const found: string[] = [];
    const dead: string[] = [];
    const alive = new Set<string>();
    for (const {map, states, shown} of expected) {
      const actual = await this.#actual(map);
      for (const [key, state] of states) {
        const name = `${map.target} ${shown.get(key)}`;
        if (state.is === 'dead') dead.push(`${name} ${state.code}`);
        if (state.is !== 'row') continue;
        alive.add(name);
        const line = actual.get(key);
        if (line !== state.line) found.push(`${name}: ${line ?? 'missing'}, wanted ${state.line}`);
      }
      for (const [key, line] of actual)
        if (!states.has(key)) found.push(`${map.target} ${key}: must not be there: ${line}`);
    }
    const there = await query(
      this.#target,
      'SELECT target_table, row_key, code, detail FROM sync_dead_letter',
    );
    const names = there.map(row => `${String(row['target_table'])} ${String(row['row_key'])}`);
    const codes = there.map((row, i) => `${names[i]} ${String(row['code'])}`);
    for (const one of dead) if (!codes.includes(one)) found.push(`no dead letter ${one}`);
    for (const [i, one] of codes.entries())
      if (!dead.includes(one) && (letters === 'exact' || alive.has(names[i] ?? '')))
        found.push(`unexpected dead letter ${one} ${String(there[i]?.['detail'])}`);
    return found;
  }

  /** Returns how many rows the target must hold. */
  async rows(): Promise<number> {
    const states = (await this.#expected()).flatMap(table => [...table.states.values()]);
    return states.filter(({is}) => is === 'row').length;
  }

  async #expected(): Promise<TableState[]> {
    const done: TableState[] = [];
    const visit = async (map: TableMap): Promise<TableState> => {
      const known = done.find(one => one.map === map);
      if (known !== undefined) return known;
      const parents: TableState[] = [];
      for (const {table} of map.parents) {
        const parent = this.#mapping.tables.find(({target}) => target === table);
        if (parent === undefined) throw new Error(`no table ${table}`);
        parents.push(await visit(parent));
      }
      const state = await this.#stateOf(map, parents);
      done.push(state);
      return state;
    };
    for (const map of this.#mapping.tables) await visit(map);
    return done;
  }

  async #stateOf(map: TableMap, parents: readonly TableState[]): Promise<TableState> {
    const source = this.#columnsOf(this.#sourceColumns, map.source);
    const names = [...source.values()];
    const [rows] = await this.#source.query<mysql.RowDataPacket[][]>({
      sql: `SELECT ${names.map(printed).join(', ')} FROM \`${map.source.replaceAll('`', '``')}\``,
      rowsAsArray: true,
    });
    const read = rows.map(
      (row): Cells => new Map(names.map(({name}, i) => [name.toLowerCase(), cellOf((row as unknown[])[i])])),
    );
    const winners = new Map<string, {row: Cells; isEligible: boolean}>();
    const shown = new Map<string, string>();
    for (const row of read) {
      const key = await this.#keyOf(map, map.key, source, row, map);
      if (key === null) continue;
      const isEligible = (await this.#statesOfParents(map, source, row, parents)) !== null;
      const other = winners.get(key.id);
      const isFirst =
        other === undefined ||
        (isEligible === other.isEligible ? isBefore(map, source, row, other.row) : isEligible);
      if (!isFirst) continue;
      winners.set(key.id, {row, isEligible});
      shown.set(key.id, key.shown);
    }
    const states = new Map<string, State>();
    for (const [key, {row}] of winners) {
      const state = await this.#judge(map, source, row, parents);
      if (state !== null) states.set(key, state);
    }
    return {map, states, shown};
  }

  /** Returns the state of the parents that a row refers to; null if the row is not eligible. */
  async #statesOfParents(
    map: TableMap,
    source: Columns,
    row: Cells,
    parents: readonly TableState[],
  ): Promise<State[] | null> {
    for (const condition of map.where) {
      const column = source.get(condition.column.toLowerCase());
      if (column === undefined || !meets(condition, column, cellIn(row, condition.column))) return null;
    }
    const states: State[] = [];
    for (const [i, {columns}] of map.parents.entries()) {
      const parent = parents[i];
      if (parent === undefined) throw new Error('no parent');
      const key = await this.#keyOf(map, columns, source, row, parent.map);
      if (key === null) continue;
      const state = parent.states.get(key.id);
      if (state === undefined) return null;
      states.push(state);
    }
    return states;
  }

  async #judge(
    map: TableMap,
    source: Columns,
    row: Cells,
    parents: readonly TableState[],
  ): Promise<State | null> {
    const states = await this.#statesOfParents(map, source, row, parents);
    if (states === null) return null;
    if (states.some(({is}) => is !== 'row')) return {is: 'waits'};
    const target = this.#columnsOf(this.#targetColumns, map.target);
    const cells: string[] = [];
    for (const column of map.columns) {
      const to = columnIn(target, column.target);
      const made = make(column, source, row, to);
      if ('code' in made) return {is: 'dead', code: made.code};
      cells.push(shownCell(to, made.value));
    }
    return {is: 'row', line: cells.join(' | ')};
  }

  /**
   * The key that some columns of a row hold, in the form of a table's key: two keys are equal if the target's
   * own collation says so. Null if a part of it is null.
   */
  async #keyOf(
    map: TableMap,
    columns: readonly string[],
    source: Columns,
    row: Cells,
    keyed: TableMap,
  ): Promise<{id: string; shown: string} | null> {
    const target = this.#columnsOf(this.#targetColumns, keyed.target);
    const ids: string[] = [];
    const parts: string[] = [];
    for (const [i, name] of columns.entries()) {
      const use = map.columns.find(column => column.target === name);
      const to = columnIn(target, keyed.key[i] ?? '');
      if (use === undefined) throw new Error(`no column ${name}`);
      const made = make({...use, checks: []}, source, row, to);
      if ('code' in made) {
        // A value that does not fit the key's column is a key that no other row has.
        const raw = String(cellIn(row, use.from[0] ?? ''));
        ids.push(`!${raw}`);
        parts.push(raw);
        continue;
      }
      if (made.value === null) return null;
      ids.push(await this.#weights.of(to, made.value));
      parts.push(shownPart(to, made.value));
    }
    return {
      id: ids.join(':'),
      shown:
        parts.length === 1
          ? parts.join()
          : parts.map(part => part.replaceAll('%', '%25').replaceAll(':', '%3A')).join(':'),
    };
  }

  async #actual(map: TableMap): Promise<Map<string, string>> {
    const target = this.#columnsOf(this.#targetColumns, map.target);
    const columns = map.columns.map(column => columnIn(target, column.target));
    const [rows] = await this.#target.query<mysql.RowDataPacket[][]>({
      sql: `SELECT ${columns.map(printed).join(', ')} FROM \`${map.target.replaceAll('`', '``')}\``,
      rowsAsArray: true,
    });
    const found = new Map<string, string>();
    for (const row of rows) {
      const cells = columns.map((column, i): [Column, Cell] => [column, cellOf((row as unknown[])[i])]);
      const ids: string[] = [];
      for (const name of map.key) {
        const [column, cell] = cells.find(([one]) => one.name.toLowerCase() === name.toLowerCase()) ?? [];
        if (column === undefined || cell == null) throw new Error(`a row without ${name}`);
        ids.push(await this.#weights.of(column, cell));
      }
      found.set(ids.join(':'), cells.map(([column, cell]) => shownCell(column, cell)).join(' | '));
    }
    return found;
  }

  #columnsOf(of: ReadonlyMap<string, Columns>, table: string): Columns {
    const columns = of.get(table);
    if (columns === undefined || columns.size === 0) throw new Error(`no table ${table}`);
    return columns;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source.end();
    await this.#target.end();
  }
}

const cellOf = (value: unknown): Cell => (value === null || value === undefined ? null : String(value));

function columnIn(columns: Columns, name: string): Column {
  const column = columns.get(name.toLowerCase());
  if (column === undefined) throw new Error(`no column ${name}`);
  return column;
}
