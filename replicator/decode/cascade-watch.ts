/**
 * Finds the statements whose cascades changed mapped rows without a row in the log: by the foreign keys as
 * they are known, and where some cannot be seen, by mapped tables that a statement opened and logged no
 * row of. Pure.
 */
import {cascadeKey} from '../../src/mapping/cascades.ts';
import type {Plan} from '../../src/mapping/plan.ts';

export interface TableChange {
  /** {@link cascadeKey} of the table. */
  readonly table: string;
  readonly kind: 'insert' | 'update' | 'delete';
  /** Written by a session that did not check foreign keys, which does not cascade either. */
  readonly unchecked: boolean;
  /** The last rows of their statement. */
  readonly ends: boolean;
}

export class CascadeWatch {
  readonly #database: string;
  readonly #plan: () => Plan;
  /** Of the statement that is under way. */
  readonly #opened = new Set<string>();
  readonly #changed = new Set<string>();

  constructor(database: string, plan: () => Plan) {
    this.#database = database;
    this.#plan = plan;
  }

  /** A statement opened a table. */
  opened(table: string): void {
    if (this.#plan().cascades.hidden.length > 0) this.#opened.add(table);
  }

  /** @returns whether mapped rows may have changed by a cascade that the log does not show */
  reaches({table, kind, unchecked, ends}: TableChange): boolean {
    const {sources, cascades} = this.#plan();
    const {unlogged, known, hidden} = cascades;
    const cascade = unlogged.get(table);
    if (cascade !== undefined && !unchecked)
      if ((kind === 'delete' && cascade.deletes) || (kind === 'update' && cascade.updates)) return true;
    if (hidden.length === 0) return false;
    this.#changed.add(table);
    if (!ends) return false;
    const mapped = sources.map(source => cascadeKey(this.#database, source.table));
    const isSilent = mapped.some(name => this.#opened.has(name) && !this.#changed.has(name));
    const isUnknown = [...this.#changed].some(name => !known.has(name));
    this.#opened.clear();
    this.#changed.clear();
    return isSilent && isUnknown && kind !== 'insert' && !unchecked;
  }
}
