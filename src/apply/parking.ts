/**
 * Frees the unique values of rows that exchange them in a ring: each row gets a temporary value in the
 * transaction, until it is written.
 */
import {randomBytes} from 'node:crypto';
import type {ColumnPlan, TablePlan} from '../mapping/columns.ts';
import type {EntityPlan} from '../mapping/entities.ts';
import {targetOperands} from '../mapping/key-columns.ts';
import {quoteName} from '../mapping/quote.ts';
import {isDeadlock, isRefusal} from './refusal.ts';
import type {Session} from './session.ts';
import {literal} from './sql-text.ts';
import {inBatches} from './statements.ts';
import type {UniqueKey} from './unique-keys.ts';

const KEYS_PER_STATEMENT = 1000;

/**
 * Tries one value after another until the table accepts one: NULL, texts, other values of the type.
 *
 * @returns the rows for which it accepts none
 */
export async function park(
  session: Session,
  {entity, plan}: {readonly entity: EntityPlan; readonly plan: TablePlan},
  uniqueKey: UniqueKey,
  keys: readonly string[],
): Promise<string[]> {
  const updated = plan.columns[plan.newestIndex];
  const own = targetOperands(plan, plan.key);
  let left = [...keys];
  for (const column of movable(plan, uniqueKey)) {
    for (const value of candidates(column)) {
      if (left.length === 0) return [];
      // A server that sets this column on each update does not do so if the statement names it.
      const stays =
        updated === undefined || updated === column
          ? ''
          : `, ${quoteName(updated.name)} = ${quoteName(updated.name)}`;
      const set = `UPDATE ${quoteName(plan.target)} SET ${quoteName(column.name)} = ${value}${stays} WHERE `;
      const refused: string[] = [];
      for (const slice of inBatches(left, KEYS_PER_STATEMENT))
        refused.push(...(await updateAll(session, slice, some => set + entity.key.condition(some, own))));
      left = refused;
    }
  }
  return left;
}

/** @returns the rows that the server refuses, each by itself */
async function updateAll(
  session: Session,
  keys: readonly string[],
  statement: (keys: readonly string[]) => string,
): Promise<string[]> {
  try {
    await session.query(statement(keys));
    return [];
  } catch (error) {
    // A trigger may refuse it with any number. A deadlock has ended the transaction.
    if (!isRefusal(error) || isDeadlock(error)) throw error;
    if (keys.length === 1) return [...keys];
    const middle = keys.length >> 1;
    return [
      ...(await updateAll(session, keys.slice(0, middle), statement)),
      ...(await updateAll(session, keys.slice(middle), statement)),
    ];
  }
}

/** Returns the mapped columns in a key: a change of one of them changes the key's value. */
function movable(plan: TablePlan, uniqueKey: UniqueKey): ColumnPlan[] {
  return plan.columns.filter(
    (column, index) =>
      !plan.keyIndexes.includes(index) && uniqueKey.columns.some(({name}) => name === column.name),
  );
}

/** SQL of values that differ from row to row in the first characters, since a key may cover only a prefix. */
function candidates({family, schema}: ColumnPlan): string[] {
  const values = schema.nullable ? ['NULL'] : [];
  if (schema.type === 'enum' || schema.type === 'set')
    return [...values, ...[...schema.definition.matchAll(/'((?:[^']|'')*)'/gu)].map(([text]) => text)];
  if (family === 'text') {
    const salt = literal(randomBytes(4).toString('hex').slice(0, 3));
    const unique = `REVERSE(LOWER(CONV(UUID_SHORT(), 10, 36)))`;
    const length = schema.maxLength ?? 255;
    // Use an address for a check on addresses, and a name for a check on names.
    for (const text of [
      `CONCAT('~', ${unique}, '@', ${salt}, '.invalid')`,
      `CONCAT(${unique}, '@', ${salt}, '.invalid')`,
      `CONCAT('~', ${unique})`,
      unique,
      `UPPER(${unique})`,
    ])
      values.push(`LEFT(${text}, ${length})`);
  }
  if (family === 'moment')
    values.push(
      "'1971-01-01' + INTERVAL (UUID_SHORT() % 86400) SECOND",
      "'2001-01-01' + INTERVAL (UUID_SHORT() % 9000) DAY",
    );
  return values;
}
