/** Keeps the tables that the log describes, and the layouts of those that are mapped. */
import {SyncError} from '../../src/errors.ts';
import {cascadeKey} from '../../src/mapping/cascades.ts';
import type {Plan} from '../../src/mapping/plan.ts';
import type {CharsetTables} from '../../src/source/charset-tables.ts';
import type {Collations} from '../../src/source/collations.ts';
import {layoutOf, type ImageLayout} from '../decode/row-image.ts';
import {readTableMap, tableName, type LoggedColumn} from '../decode/table-map.ts';

/**
 * The most tables kept. A table gets a new number with each change of its definition, and whenever the server
 * opens it again.
 */
const MAX_TABLES = 1000;

interface Known {
  /** {@link cascadeKey} of the table. */
  readonly cascadeKey: string;
  /** The bytes of the table map: most are the same as the one before. */
  readonly body: Buffer;
  /** Null for a table that is not mapped. */
  readonly mapped: {
    /** The name in the mapping. */
    readonly name: string;
    readonly columns: readonly LoggedColumn[];
    layout: {readonly plan: Plan; readonly layout: ImageLayout} | null;
  } | null;
}

export interface LoggedTablesOptions {
  readonly database: string;
  readonly plan: () => Plan;
  readonly collations: Collations;
  /** Those of the plan's columns. */
  readonly charsets: CharsetTables;
  /** Known once the source has been reached. */
  readonly isMariadb: () => boolean;
  /** The source ignores case in table names (lower_case_table_names). Known when {@link isMariadb} is. */
  readonly isCaseless: () => boolean;
}

export class LoggedTables {
  readonly #options: LoggedTablesOptions;
  /** Tables in the order of their descriptions, the latest at the end. */
  readonly #known = new Map<number, Known>();

  constructor(options: LoggedTablesOptions) {
    this.#options = options;
  }

  /**
   * Records a table map.
   *
   * @param body the event without its header and its checksum
   * @throws SyncError `event-undecodable` if it does not name the columns, or holds an unknown type
   */
  add(tableId: number, body: Buffer): void {
    const known = this.#known.get(tableId);
    if (known?.body.equals(body) === true) return;
    this.#known.delete(tableId);
    const {schema, table} = tableName(body);
    const name = schema === this.#options.database ? this.#mappedName(table) : undefined;
    const copy = Buffer.from(body);
    this.#known.set(tableId, {
      cascadeKey: cascadeKey(schema, table),
      body: copy,
      mapped: name === undefined ? null : {name, columns: this.#columnsOf(copy, name), layout: null},
    });
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MAX_TABLES) break;
      this.#known.delete(oldest);
    }
  }

  /** Returns the mapping's name for a table of its schema; undefined for a table that is not mapped. */
  #mappedName(table: string): string | undefined {
    const {plan, isCaseless} = this.#options;
    const written = (name: string) => (isCaseless() ? name.toLowerCase() : name);
    return plan().sources.find(source => written(source.table) === written(table))?.table;
  }

  /** Returns the key of a table's name, mapped or not; undefined if the table was not described. */
  cascadeKeyOf(tableId: number): string | undefined {
    return this.#known.get(tableId)?.cascadeKey;
  }

  #columnsOf(body: Buffer, name: string): readonly LoggedColumn[] {
    try {
      const {collations, isMariadb} = this.#options;
      const {columns} = readTableMap(body, {collations, isMariadb: isMariadb()});
      if (columns !== null) return columns;
    } catch (cause) {
      throw new SyncError('event-undecodable', `the log's description of ${name} cannot be read`, {cause});
    }
    // The current names could put an old event into the wrong columns.
    throw new SyncError(
      'event-undecodable',
      `the log does not name the columns of ${name} (binlog_row_metadata)`,
    );
  }

  /** Whether this is a mapped table; the rows of other tables are skipped. */
  has(tableId: number): boolean {
    return (this.#known.get(tableId)?.mapped ?? null) !== null;
  }

  /**
   * Returns the layout of a table's rows, built once for each description and plan.
   *
   * @throws SyncError `event-unsupported` if a mapped text has a collation that the source does not list
   */
  layout(tableId: number): ImageLayout | null {
    const known = this.#known.get(tableId)?.mapped ?? null;
    if (known === null) return null;
    const plan = this.#options.plan();
    if (known.layout?.plan === plan) return known.layout.layout;
    const source = plan.sources.find(({table}) => table === known.name);
    if (source === undefined) throw new RangeError(`there is no plan of the source table ${known.name}`);
    const layout = layoutOf(plan, source, {columns: known.columns, tables: this.#options.charsets});
    if ('unknownText' in layout) {
      throw new SyncError(
        'event-unsupported',
        `the source does not list the collation that its log names for ${known.name}.${layout.unknownText}`,
      );
    }
    known.layout = {plan, layout};
    return layout;
  }
}
