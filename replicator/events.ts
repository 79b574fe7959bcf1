/** What the source's log says, decoded: the language between the binlog source and the rest. */
import type {PackedRows, SourceRow} from '../src/mapping/packed.ts';
import type {LogOffset} from '../src/position/position.ts';

/** One row of a row event. A side is null where the event has none, as before an INSERT. */
export interface RowChange {
  /** By its name in the mapping. */
  readonly table: string;
  readonly before: SourceRow | null;
  readonly after: SourceRow | null;
  /** The images lack mapped columns, or hold text that cannot be told: read the row from the source. */
  readonly partial: boolean;
  /** Written by a session that did not check foreign keys. */
  readonly unchecked: boolean;
}

/** The rows of one event, kept as bytes until they are needed: read, they take several times the room. */
export interface RowBlock {
  readonly bytes: number;
  /** To be called once. @param into holds the rows */
  read(into: PackedRows): readonly RowChange[];
}

export type SourceEvent =
  /** A transaction follows; where it `begins` here (MariaDB), no BEGIN follows and only a commit or a rollback ends it. */
  | {readonly tag: 'gtid'; readonly gtid: string | null; readonly begins: boolean}
  | {readonly tag: 'rows'; readonly rows: RowBlock}
  /** Row images without the row's key, in a mapped table. */
  | {readonly tag: 'unreadable-rows'; readonly table: string}
  /** Rows of a table changed from which a foreign key's cascade reaches mapped rows, which the log does not show. */
  | {readonly tag: 'unlogged-cascade'}
  | {readonly tag: 'commit'; readonly offset: LogOffset | null; readonly committedAtMs: number}
  | {readonly tag: 'rollback'; readonly offset: LogOffset | null}
  /** Part of a transaction was undone after its rows were logged. */
  | {readonly tag: 'rollback-to-savepoint'}
  /** The rows so far are prepared (XA), and committed or not later. */
  | {readonly tag: 'xa-prepared'; readonly offset: LogOffset | null}
  /** Any other statement: DDL, or DML in statement format. */
  | {
      readonly tag: 'statement';
      /** The session's default schema. */
      readonly database: string;
      /** The schemas that it changed, as MySQL logs them; null where the log does not tell. */
      readonly databases: readonly string[] | null;
      readonly sql: string;
      readonly offset: LogOffset | null;
      readonly executedAtMs: number;
    }
  /** The log moved on without a change: a heartbeat, which says that there is no more for now, or a rotation. */
  | {readonly tag: 'advance'; readonly offset: LogOffset; readonly isEnd?: true};
