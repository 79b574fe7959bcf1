import {expect, it} from 'vitest';
import {DeleteBudget, TooManyDeletesError} from '../../../src/apply/delete-budget.ts';
import {plan, tableOf} from '../plan-fixture.ts';

const plans = plan();
const [USER, USER_AUTH] = [tableOf(plans, 'user'), tableOf(plans, 'user_auth')];
const budgetOf = (most: number) => new DeleteBudget((_, count) => count > most);

it('is used up by several transactions together, table by table', () => {
  const budget = budgetOf(10);
  budget.open().take(USER, 6);
  budget.open().take(USER_AUTH, 10);
  const last = budget.open();
  last.take(USER, 4);
  expect(() => last.take(USER, 1)).toThrow(TooManyDeletesError);
});

it('says how many rows would have been deleted', () => {
  const budget = budgetOf(10);
  budget.open().take(USER, 6);
  try {
    budget.open().take(USER, 5);
    expect.unreachable();
  } catch (error) {
    if (!(error instanceof TooManyDeletesError)) throw error;
    expect(error.wanted[USER.index]).toBe(11);
    expect(error.wanted[USER_AUTH.index] ?? 0).toBe(0);
  }
});

it('gets back the share of a transaction that was rolled back, once', () => {
  const budget = budgetOf(10);
  const failed = budget.open();
  failed.take(USER, 10);
  failed.giveBack();
  failed.giveBack();
  const next = budget.open();
  next.take(USER, 10);
  expect(() => next.take(USER, 1)).toThrow(TooManyDeletesError);
});

it('is not used by deletes of nothing', () => {
  expect(() => budgetOf(-1).open().take(USER, 0)).not.toThrow();
});
