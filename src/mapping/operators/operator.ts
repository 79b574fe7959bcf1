/**
 * The closed set of operators: how a target column's value is made of source columns. Each operator has a file
 * of its own with three forms of the same function: on values, on packed bytes, and in SQL. A property test
 * holds the three together, which is what lets a checksum on two servers prove that a table is right.
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
      /** By the input, trimmed and in upper case. */
      readonly values: Readonly<Record<string, string>>;
      /** For all other inputs; undefined makes such a row a dead letter. */
      readonly otherwise: string | null | undefined;
    }
  /** 1 where the input, trimmed and in upper case, is one of these; else 0. */
  | {readonly operator: 'oneOf'; readonly values: readonly string[]}
  /** The first input that is neither null nor a date with a part that is zero. */
  | {readonly operator: 'first'; readonly otherwise: string | null}
  | {readonly operator: 'constant'; readonly value: string | null};
export type OperatorName = OperatorUse['operator'];
export type UseOf<Name extends OperatorName> = OperatorUse & {readonly operator: Name};

/** A target column and the source columns that its value is made of. */
export interface Shape {
  readonly column: ColumnSchema;
  readonly family: Family;
  readonly inputs: readonly {
    readonly schema: ColumnSchema;
    readonly family: Family;
    /** Where the column stands in a source row. */
    readonly place: number;
  }[];
}

/** What takes a statement's values, one after another. */
export interface ValueSink {
  value(value: Value): void;
  /** A text, as its UTF-8. */
  bytes(from: Buffer, start: number, end: number): void;
  /** Two texts of one buffer, with a space in between. */
  joined(from: Buffer, start: number, end: number, nextStart: number, nextEnd: number): void;
}

export type PackedWriter = (row: PackedRow, sink: ValueSink) => void;

export interface Operator<Use extends OperatorUse = OperatorUse> {
  /** Why the operator cannot make a value of this column of these inputs; null where it can. */
  readonly refuses: (use: Use, shape: Shape) => string | null;
  /** @param fraction digits of a second that a moment or a time gets */
  readonly value: (use: Use, shape: Shape, fraction: number) => (row: SourceRow) => Value;
  /** The same from bytes to bytes; null where the value form is what is used. */
  readonly packed: (use: Use, shape: Shape, fraction: number) => PackedWriter | null;
  /** @param inputs expressions that yield the source columns, text as UTF-8, bytes as they are */
  readonly sql: (use: Use, inputs: readonly string[], shape: Shape) => string;
}

/** An SQL literal of a text of the mapping, whatever the connection's character set and mode. */
export function textLiteral(text: string): string {
  return `CONVERT(x'${Buffer.from(text, 'utf8').toString('hex')}' USING utf8mb4)`;
}

/** The same for comparisons byte by byte. */
export function bytesLiteral(text: string): string {
  return `x'${Buffer.from(text, 'utf8').toString('hex')}'`;
}
