/**
 * Finds missing rows that the target would not take: the server takes their key for that of another row, or refused
 * them before. Other unique keys are known to conflict only once a row has been refused. Reads only.
 */
import {classOf, typed} from '../src/apply/prospective.ts';
import {literal} from '../src/apply/sql-text.ts';
import type {UniqueKey} from '../src/apply/unique-keys.ts';
import {readClosed, type Query} from '../src/db/counted.ts';
import type {TablePlan} from '../src/mapping/columns.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import {exactTargetColumns, looseKeyColumns} from '../src/mapping/key-columns.ts';
import type {RowKey} from '../src/mapping/key.ts';
import {quoteName} from '../src/mapping/quote.ts';
import {judge, sourceKey} from '../src/mapping/row.ts';
import {toRow} from '../src/mapping/values.ts';
import type {SourceReader} from '../src/source/reader.ts';
import {presentKeys} from './target-rows.ts';

const KEYS_PER_QUERY = 500;
/** The most keys of one table that are remembered: a later row that conflicts with another one is not noticed. */
const MAX_SEEN = 1_000_000;

export interface ConflictDeps {
  readonly reader: Pick<SourceReader, 'byKeys'>;
  readonly target: Query;
  /** Returns which of these target rows are owned, and deleted if the source lacks them. */
  readonly deletable: (entity: EntityPlan, keys: readonly RowKey[]) => Promise<ReadonlySet<RowKey>>;
}

/** Remembers the keys to be inserted, so that a later row with the same key to the server is noticed. */
export class KeyConflicts {
  readonly #deps: ConflictDeps;
  /** For each table the key that is inserted, by what the server compares. */
  readonly #seen = new Map<TablePlan, Map<string, RowKey>>();

  constructor(deps: ConflictDeps) {
    this.#deps = deps;
  }

  /** Returns those of the missing rows whose key the server takes for another row's, in the order of writing. */
  async among(entity: EntityPlan, table: TablePlan, keys: readonly RowKey[]): Promise<Set<RowKey>> {
    const conflicting = new Set<RowKey>();
    if (looseKeyColumns(table).length === 0) return conflicting;
    const seen = this.#seen.get(table) ?? new Map<string, RowKey>();
    this.#seen.set(table, seen);
    for (let i = 0; i < keys.length; i += KEYS_PER_QUERY) {
      const slice = keys.slice(i, i + KEYS_PER_QUERY);
      const found = await this.#compared(entity, table, slice);
      const staying = await this.#staying(entity, [...new Set(found.flatMap(({holder}) => holder ?? []))]);
      for (const {key, weight, holder} of found) {
        const first = seen.get(weight) ?? key;
        if (first !== key || (holder !== null && holder !== key && staying.has(holder))) conflicting.add(key);
        else if (seen.size < MAX_SEEN) seen.set(weight, key);
      }
    }
    return conflicting;
  }

  /** Each key with what the server compares of it, and with the target row that it takes for the same. */
  async #compared(
    entity: EntityPlan,
    table: TablePlan,
    keys: readonly RowKey[],
  ): Promise<{key: RowKey; weight: string; holder: RowKey | null}[]> {
    const schemas = table.keyIndexes.flatMap(index => table.columns[index]?.schema ?? []);
    const rows = keys.map((key, i) => {
      const parts = entity.key.split(key);
      const cells = schemas.map(
        (schema, at) => `${typed(schema, valueOf(entity, at, parts[at] ?? ''))} AS k${at}`,
      );
      return `SELECT ${i} AS i, ${cells.join(', ')}`;
    });
    const own = schemas.map((_, at) => `c.k${at}`);
    const unique: UniqueKey = {
      name: '',
      parts: schemas.map((schema, at) => ({
        column: {...schema, generated: null, fallback: 'NULL'},
        prefix: null,
        expression: own[at] ?? '',
      })),
      columns: [],
    };
    const join = table.key.map((name, at) => `t.${quoteName(name)} = ${own[at]}`).join(' AND ');
    const found = await this.#deps.target(
      `SELECT c.i, ${classOf(unique, own)}, ${exactTargetColumns(table, table.key).join(', ')}
         FROM (${rows.join(' UNION ALL ')}) c LEFT JOIN ${quoteName(table.target)} t ON ${join} ORDER BY c.i`,
    );
    return found.map(([i, weight, ...cells]) => ({
      key: keys[Number(i)] ?? '',
      weight: String(weight),
      holder: entity.key.of(
        toRow(cells),
        schemas.map((_, at) => at),
      ),
    }));
  }

  /** Those of these target rows that are not deleted: foreign ones, and those that the source has. */
  async #staying(entity: EntityPlan, holders: readonly RowKey[]): Promise<Set<RowKey>> {
    if (holders.length === 0) return new Set();
    const owned = await this.#deps.deletable(entity, holders);
    const eligible = new Set<RowKey>();
    for (const row of await this.#deps.reader.byKeys(entity, holders)) {
      const key = sourceKey(entity, row);
      if (key !== null && judge(entity, entity.primary, row) !== 'ineligible') eligible.add(key);
    }
    return new Set(holders.filter(key => !owned.has(key) || eligible.has(key)));
  }
}

function valueOf({key}: EntityPlan, at: number, part: string): string {
  return key.columns[at]?.family === 'binary' ? key.literal(at, part) : literal(part);
}

/**
 * Reads the rows of a table that the server has refused, and would refuse again as far as that is known. A row that
 * waits for a unique value does so while the row that holds it is in the target.
 */
export async function refusedBefore(
  target: Query,
  stream: string,
  entity: EntityPlan,
  table: TablePlan,
): Promise<Set<RowKey>> {
  const rows = await readClosed(target, {
    columns: ['row_key', 'code', 'detail'],
    from: 'sync_dead_letter',
    where:
      "stream = ? AND target_table = ? AND (code IN ('unique-conflict', 'rejected') OR detail LIKE 'error %')",
    values: [stream, table.target],
  });
  const holders = rows.flatMap(([, code, detail]) =>
    code === 'unique-conflict' && detail !== null ? [String(detail)] : [],
  );
  const present = await presentKeys(target, entity, table, holders);
  return new Set(
    rows
      .filter(
        ([, code, detail]) => code !== 'unique-conflict' || detail === null || present.has(String(detail)),
      )
      .map(([key]) => String(key)),
  );
}
