/**
 * The closed set of operators: how a target column's value is derived from source columns. Each operator has a
 * file with three forms of the same function: on values, on packed bytes, and in SQL. A property test compares
 * the three, so that checksums on two servers prove that a table is right.
 */
import type {Family} from '../families.ts';
import type {PackedRow, SourceRow} from '../packed.ts';
import type {ColumnSchema} from '../schema.ts';
import type {Value} from '../values.ts';

export type OperatorUse =
  | {readonly operator: 'copy' | 'trim' | 'lower' | 'upper'}
  | {readonly operator: 'join'; readonly with: string}
  | {
      readonly operator: 'lookup';
      /** The value for each input, which is trimmed and in upper case. */
      readonly values: Readonly<Record<string, string>>;
      /** The value for all other inputs; if it is undefined, such a row is a dead letter. */
      readonly otherwise: string | null | undefined;
    }
  /** 1 if the input, trimmed and in upper case, is one of these; otherwise 0. */
  | {readonly operator: 'oneOf'; readonly values: readonly string[]}
  /** The first input that is neither null nor a date with a zero part. */
  | {readonly operator: 'first'; readonly otherwise: string | null}
  | {readonly operator: 'constant'; readonly value: string | null};
export type OperatorName = OperatorUse['operator'];
export type UseOf<Name extends OperatorName> = OperatorUse & {readonly operator: Name};

/** A target column and the source columns from which its value is derived. */
export interface Shape {
  readonly column: ColumnSchema;
  readonly family: Family;
  readonly inputs: readonly {
    readonly schema: ColumnSchema;
    readonly family: Family;
    /** The index of the column in a source row. */
    readonly place: number;
  }[];
}

/** Receives a statement's values, one after another. */
export interface ValueSink {
  value(value: Value): void;
  /** Adds a text as UTF-8. */
  bytes(from: Buffer, start: number, end: number): void;
  /** Adds two texts of one buffer, with a space in between. */
  joined(from: Buffer, start: number, end: number, nextStart: number, nextEnd: number): void;
}

export type PackedWriter = (row: PackedRow, sink: ValueSink) => void;

export interface Operator<Use extends OperatorUse = OperatorUse> {
  /** Why the operator cannot derive a value of this column from these inputs; null if it can. */
  readonly refuses: (use: Use, shape: Shape) => string | null;
  /** @param fraction the number of fractional digits of a second in a moment or a time */
  readonly value: (use: Use, shape: Shape, fraction: number) => (row: SourceRow) => Value;
  /** The same from bytes to bytes; null if the value form is used. */
  readonly packed: (use: Use, shape: Shape, fraction: number) => PackedWriter | null;
  /** @param inputs expressions for the source columns, text as UTF-8, bytes unchanged */
  readonly sql: (use: Use, inputs: readonly string[], shape: Shape) => string;
}

/** An SQL literal of a text of the mapping, for every character set and SQL mode of the connection. */
export function textLiteral(text: string): string {
  return `CONVERT(x'${Buffer.from(text, 'utf8').toString('hex')}' USING utf8mb4)`;
}

/** The same literal for comparisons byte by byte. */
export function bytesLiteral(text: string): string {
  return `x'${Buffer.from(text, 'utf8').toString('hex')}'`;
}
