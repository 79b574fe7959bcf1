/** The closed set of operators: how a target column's value is made of source columns. */
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
  /** The first input that is neither null nor a zero date. */
  | {readonly operator: 'first'; readonly otherwise: string | null}
  | {readonly operator: 'constant'; readonly value: string | null};
