/**
 * Finds the statements whose cascades changed mapped rows without row events. It uses the known foreign keys; if
 * some cannot be read, it looks for mapped tables that a statement opened without logging a row of them. Pure.
 */
import {cascadeKey} from '../../src/mapping/cascades.ts';
import type {Plan} from '../../src/mapping/plan.ts';

export interface TableChange {
  /** {@link cascadeKey} of the table. */
  readonly table: string;
  readonly kind: 'insert' | 'update' | 'delete';
  /** Written by a session that did not check foreign keys, which does not cascade either. */
  readonly unchecked: boolean;
  /** These are the last rows of their statement. */
  readonly ends: boolean;
}

export class CascadeWatch {
  readonly #database: string;
  readonly #plan: () => Plan;
  /** State of the current statement. */
  readonly #opened = new Set<string>();
  readonly #changed = new Set<string>();

  constructor(database: string, plan: () => Plan) {
    this.#database = database;
    this.#plan = plan;
  }

  /** Called when a statement opens a table. */
  opened(table: string): void {
    if (this.#plan().cascades.hidden.length > 0) this.#opened.add(table);
  }

  /** @returns whether a cascade that the log does not show may have changed mapped rows */
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
