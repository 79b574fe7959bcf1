/** The events of zongji that its types do not describe. */
export interface ZongjiEvent {
  getTypeName(): string;
  readonly timestamp: number;
  readonly nextPosition: number;
  readonly [field: string]: unknown;
}
