/** A suite whose stream alone must keep a graph of tables right: with an oracle, and without a reconcile to help. */
import {afterAll, beforeAll, expect} from 'vitest';
import {query} from '../servers/databases.ts';
import type {FlavourContext} from './flavours.ts';
import {GraphOracle} from './graph-oracle.ts';
import {MappedStand} from './mapped-stand.ts';

type Places = Pick<FlavourContext, 'server' | 'source' | 'target'>;

export class GraphSuite {
  #stand: MappedStand | undefined;
  #oracle: GraphOracle | undefined;

  /** Create it in a suite: all tests share one stand, which has caught up when the first one begins. */
  constructor({server, source, target}: Places, tables: Parameters<typeof MappedStand.open>[1]) {
    beforeAll(async () => {
      this.#stand = await MappedStand.open({server, source, target}, tables);
      const [from, to] = [
        {server, database: source},
        {server, database: target},
      ];
      this.#oracle = await GraphOracle.open(this.#stand.config.mapping, from, to);
      await this.#stand.started();
    });
    afterAll(async () => {
      await this.#oracle?.[Symbol.asyncDispose]();
      await this.#stand?.[Symbol.asyncDispose]();
    });
  }

  get stand(): MappedStand {
    if (this.#stand === undefined) throw new Error('the suite has not begun');
    return this.#stand;
  }

  differences(): Promise<string[]> {
    if (this.#oracle === undefined) throw new Error('the suite has not begun');
    return this.#oracle.differences();
  }

  /** Runs statements in one transaction, which is one batch, and waits until the stream has applied it. */
  async batch(...statements: readonly string[]): Promise<void> {
    await this.stand.source.query(`START TRANSACTION; ${statements.join('; ')}; COMMIT`);
    await this.stand.streamed();
  }

  /** The same, and expects each row to be right, with no run. */
  async streamed(...statements: readonly string[]): Promise<void> {
    const runs = () => query(this.stand.target, 'SELECT COUNT(*) AS n FROM sync_run');
    const before = await runs();
    await this.batch(...statements);
    expect(await this.differences()).toEqual([]);
    expect(await runs()).toEqual(before);
  }
}
