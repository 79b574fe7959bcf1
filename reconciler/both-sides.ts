/** Connects to both servers and makes the plan, for commands that compare the two sides and write nothing. */
import type {Config} from '../src/config.ts';
import {connect, queryRows} from '../src/db/connection.ts';
import type {Query} from '../src/db/counted.ts';
import {readSourceSchema, readTargetSchema} from '../src/db/schema.ts';
import {settled} from '../src/lifecycle/settled.ts';
import {buildPlan, type Plan} from '../src/mapping/plan.ts';
import {connectionQuery} from '../src/source/reader.ts';

export interface BothSides {
  readonly plan: Plan;
  readonly source: Query;
  readonly target: Query;
}

/**
 * Closes the connections when `use` has ended.
 *
 * @throws SyncError if a server fails or a schema does not fit the mapping
 */
export async function withBothSides<T>(config: Config, use: (sides: BothSides) => Promise<T>): Promise<T> {
  const source = await connect('source', config.source);
  try {
    const target = await connect('target', config.target);
    try {
      const {mapping} = config;
      const [ofSource, ofTarget] = await settled([
        readSourceSchema(source, config.source.database, mapping),
        readTargetSchema(target, config.target.database, mapping, 'from its schema'),
      ]);
      return await use({
        plan: buildPlan(mapping, ofSource, ofTarget),
        source: connectionQuery(source),
        target: (sql, values) => queryRows('target', target, sql, values),
      });
    } finally {
      target.destroy();
    }
  } finally {
    source.destroy();
  }
}
