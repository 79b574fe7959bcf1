/**
 * Reads which unique values rows want and which rows hold them, as the server compares them: in slices, with the
 * rows locked.
 */
import type {Query} from '../db/counted.ts';
import {quoteName} from '../mapping/quote.ts';
import {toRow} from '../mapping/values.ts';
import type {KeyedRow} from './decide.ts';
import {
  classOf,
  holdsSame,
  isSameKey,
  keyName,
  partName,
  prospectiveRows,
  valuesOf,
  type Frame,
} from './prospective.ts';
import type {Contender, Contention} from './write-order.ts';

const ROWS_PER_QUERY = 500;

export class UniqueValues {
  readonly #frame: Frame;
  readonly #query: Query;
  readonly #maxBytes: number;
  readonly #rows = new Map<string, Contender>();
  /** For each unique key, the other rows by the class they hold. */
  readonly #holders: Map<string, string>[];
  /** For each unique key, classes that the server considers equal although their weights differ. */
  readonly #same: Map<string, string>[];

  /** @param maxBytes the maximum length of one statement */
  constructor(frame: Frame, query: Query, maxBytes: number) {
    this.#frame = frame;
    this.#query = query;
    this.#maxBytes = maxBytes;
    this.#holders = frame.keys.map(() => new Map());
    this.#same = frame.keys.map(() => new Map());
  }

  /** Reads rows and the holders of the values they want. */
  async read(rows: readonly KeyedRow[]): Promise<void> {
    const {plan, keys} = this.#frame;
    const wants = keys.map((key, i) =>
      classOf(
        key,
        key.parts.map((_, j) => `p.${partName(i, j)}`),
      ),
    );
    const holds = keys.map(key =>
      classOf(
        key,
        key.parts.map(({expression}) => expression),
      ),
    );
    for (const values of this.#slices(rows)) {
      const sql =
        `SELECT ${['p.sync_key', 'p.sync_newer', ...wants, ...holds].join(', ')} FROM ${prospectiveRows(this.#frame, values)} p ` +
        `LEFT JOIN ${quoteName(plan.target)} t ON ${this.#isSameRow()} FOR UPDATE`;
      for (const [key, newer, ...classes] of await this.#query(sql)) {
        const texts = classes.map(cell => (cell === null ? null : String(cell)));
        this.#rows.set(String(key), {
          key: String(key),
          kept: Number(newer) === 1,
          wants: texts.slice(0, keys.length),
          holds: texts.slice(keys.length),
        });
      }
      await this.#readHolders(values, false);
    }
  }

  /**
   * Reads the holders of the values that these rows want again, without an index that might miss one.
   *
   * @returns the blocking row of each row that has one; new ones are added to {@link contention}
   */
  async learn(rows: readonly KeyedRow[]): Promise<Map<string, {holder: string; isNew: boolean}>> {
    const found = new Map<string, {holder: string; isNew: boolean}>();
    for (const values of this.#slices(rows)) {
      for (const {key, holder, isNew} of await this.#readHolders(values, true)) {
        if (found.get(key)?.isNew !== true) found.set(key, {holder, isNew});
      }
    }
    return found;
  }

  get contention(): Contention {
    const canonical = (value: string | null, i: number) =>
      value === null ? null : this.#canonical(i, value);
    return {
      contenders: [...this.#rows.values()].map(row => ({
        ...row,
        wants: row.wants.map(canonical),
        holds: row.holds.map(canonical),
      })),
      holders: this.#holders.map(
        (holders, i) => new Map([...holders].map(([value, key]) => [this.#canonical(i, value), key])),
      ),
    };
  }

  async #readHolders(values: readonly string[], thorough: boolean) {
    const {entity, plan, keys} = this.#frame;
    const found: {key: string; holder: string; isNew: boolean}[] = [];
    const holder = plan.key.map(name => `t.${quoteName(name)}`);
    const places = holder.map((_, part) => part);
    for (const [i, key] of keys.entries()) {
      const sql =
        `SELECT p.sync_key, ${holder.join(', ')}, ${classOf(
          key,
          key.parts.map((_, j) => `p.${partName(i, j)}`),
        )}, ` +
        `${classOf(
          key,
          key.parts.map(({expression}) => expression),
        )} FROM ${prospectiveRows(this.#frame, values)} p ` +
        `JOIN ${quoteName(plan.target)} t ON ${holdsSame(key, i, thorough)} AND NOT (${this.#isSameRow()}) FOR UPDATE`;
      for (const cells of await this.#query(sql)) {
        const [row = '', wanted = '', held = ''] = [cells[0], ...cells.slice(1 + holder.length)].map(String);
        const other = entity.key.of(toRow(cells.slice(1, 1 + holder.length)), places) ?? '';
        const isNew = this.#unite(i, wanted, held);
        const isKnown = this.#rows.has(other) || this.#holders[i]?.get(held) === other;
        if (!this.#rows.has(other)) this.#holders[i]?.set(held, other);
        found.push({key: row, holder: other, isNew: isNew || !isKnown});
      }
    }
    return found;
  }

  #isSameRow(): string {
    const {plan} = this.#frame;
    return isSameKey(plan, 't', i => `p.${keyName(i)}`);
  }

  *#slices(rows: readonly KeyedRow[]): Generator<string[]> {
    let slice: string[] = [];
    let length = 0;
    for (const row of rows) {
      const values = valuesOf(this.#frame, row);
      if (slice.length === ROWS_PER_QUERY || (slice.length > 0 && length + values.length > this.#maxBytes)) {
        yield slice;
        slice = [];
        length = 0;
      }
      slice.push(values);
      length += values.length;
    }
    if (slice.length > 0) yield slice;
  }

  #canonical(uniqueKey: number, value: string): string {
    const same = this.#same[uniqueKey];
    let found = value;
    for (let next = same?.get(found); next !== undefined; next = same?.get(found)) found = next;
    return found;
  }

  /** @returns whether they were not known to be equal */
  #unite(uniqueKey: number, one: string, other: string): boolean {
    const [from, to] = [this.#canonical(uniqueKey, one), this.#canonical(uniqueKey, other)];
    if (from === to) return false;
    this.#same[uniqueKey]?.set(from, to);
    return true;
  }
}
