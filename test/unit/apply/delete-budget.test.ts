import {expect, it} from 'vitest';
import {DeleteBudget, TooManyDeletesError} from '../../../src/apply/delete-budget.ts';

const budgetOf = (most: number) => new DeleteBudget((_, count) => count > most);

it('is used up by several transactions together, table by table', () => {
  const budget = budgetOf(10);
  budget.open().take('user', 6);
  budget.open().take('user_auth', 10);
  const last = budget.open();
  last.take('user', 4);
  expect(() => last.take('user', 1)).toThrow(TooManyDeletesError);
});

it('says how many would have gone', () => {
  const budget = budgetOf(10);
  budget.open().take('user', 6);
  try {
    budget.open().take('user', 5);
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({wanted: {user: 11, user_auth: 0}});
  }
});

it('gets back what a transaction took that was rolled back, once', () => {
  const budget = budgetOf(10);
  const failed = budget.open();
  failed.take('user', 10);
  failed.giveBack();
  failed.giveBack();
  const next = budget.open();
  next.take('user', 10);
  expect(() => next.take('user', 1)).toThrow(TooManyDeletesError);
});

it('is not used by deletes of nothing', () => {
  expect(() => budgetOf(-1).open().take('user', 0)).not.toThrow();
});
