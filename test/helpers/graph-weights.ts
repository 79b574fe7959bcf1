/** Which values of a key are one, for the oracle of any mapping: the target's own collation decides. */
import type mysql from 'mysql2/promise';
import {query} from '../servers/databases.ts';
import {plain, type Column} from './graph-values.ts';

export class Weights {
  readonly #target: mysql.Connection;
  readonly #known = new Map<string, string>();

  constructor(target: mysql.Connection) {
    this.#target = target;
  }

  /** Returns one text for all values that the column treats as the same key. */
  async of({kind, collation, type}: Column, value: string): Promise<string> {
    if (kind !== 'text' || collation === null) return plain(kind, value);
    const isPadded = type === 'char' || !/0900|nopad|^binary$/.test(collation);
    const text = isPadded ? value.replace(/ +$/, '') : value;
    const name = `${collation} ${text}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const charset = collation.split('_')[0] ?? 'utf8mb4';
    const [row] = await query(
      this.#target,
      `SELECT HEX(WEIGHT_STRING(CONVERT(? USING ${charset}) COLLATE ${collation})) AS weight`,
      [text],
    );
    const weight = String(row?.['weight']);
    this.#known.set(name, weight);
    return weight;
  }
}
