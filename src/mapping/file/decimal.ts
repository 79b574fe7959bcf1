/** A number with a point, as it was written: 1.50 is not 1.5, and 0.1 has no exact value in JavaScript. */
export class Decimal {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** Not a property of its own, so that no reader of an object's parts takes it for one. */
  get text(): string {
    return this.#text;
  }
}
