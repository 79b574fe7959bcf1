/** Events as zongji has them, beneath its types. */
export interface ZongjiEvent {
  getTypeName(): string;
  readonly timestamp: number;
  readonly nextPosition: number;
  readonly [field: string]: unknown;
}
