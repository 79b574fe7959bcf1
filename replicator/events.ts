/** Decoded events of the source's log: the interface between the binlog source and the rest. */
import type {PackedRows, SourceRow} from '../src/mapping/packed.ts';
import type {LogOffset} from '../src/position/position.ts';

/** One row of a row event. A side that the event does not have is null, as the before-image of an INSERT. */
export interface RowChange {
  /** Its name in the mapping. */
  readonly table: string;
  readonly before: SourceRow | null;
  readonly after: SourceRow | null;
  /** The images lack mapped columns, or hold text that cannot be decoded: read the row from the source. */
  readonly partial: boolean;
  /** Written by a session that did not check foreign keys. */
  readonly unchecked: boolean;
  /** Its key is a text that only the server can decode, so that its row is unknown. */
  readonly unidentified?: boolean;
}

/** The rows of one event, kept as bytes until they are needed: decoded, they take several times the memory. */
export interface RowBlock {
  readonly bytes: number;
  /** To be called once. @param into receives the rows */
  read(into: PackedRows): readonly RowChange[];
}

export type SourceEvent =
  /**
   * A transaction follows. If it `begins` here (MariaDB), no BEGIN follows, and only a commit or a rollback ends
   * it. `offset` is its own end in the log.
   */
  | {
      readonly tag: 'gtid';
      readonly gtid: string | null;
      readonly begins: boolean;
      readonly offset?: LogOffset | null;
    }
  | {readonly tag: 'rows'; readonly rows: RowBlock}
  /** Row images of a mapped table without the row's key. */
  | {readonly tag: 'unreadable-rows'; readonly table: string}
  /**
   * Rows changed in a table from which a foreign key's cascade reaches mapped rows; the log does not show those
   * changes.
   */
  | {readonly tag: 'unlogged-cascade'}
  | {readonly tag: 'commit'; readonly offset: LogOffset | null; readonly committedAtMs: number}
  | {readonly tag: 'rollback'; readonly offset: LogOffset | null}
  /** Part of a transaction was rolled back after its rows were logged. */
  | {readonly tag: 'rollback-to-savepoint'}
  /** The rows so far are prepared (XA); a later event says whether they are committed. */
  | {readonly tag: 'xa-prepared'; readonly offset: LogOffset | null}
  /** Any other statement: DDL, or DML in statement format. */
  | {
      readonly tag: 'statement';
      /** The session's default schema. */
      readonly database: string;
      /** The schemas that it changed, as MySQL logs them; null if the log does not say. */
      readonly databases: readonly string[] | null;
      readonly sql: string;
      readonly offset: LogOffset | null;
      readonly executedAtMs: number;
    }
  /** The position moved without a change: a heartbeat, which says that the log has no more events for now, or a rotation. */
  | {readonly tag: 'advance'; readonly offset: LogOffset; readonly isEnd?: true};
