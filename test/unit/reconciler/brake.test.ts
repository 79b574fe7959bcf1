import {expect, it} from 'vitest';
import {needsConfirmation} from '../../../reconciler/brake.ts';

const owned = [1000, 1000, 1000, 1000];
const braked = (rows: number, ratio: number, of = owned) => needsConfirmation([0, 0, 0, rows], of, ratio);

it('more than the ratio of a table need confirmation, not as many', () => {
  expect(braked(200, 0.2)).toBe(false);
  expect(braked(201, 0.2)).toBe(true);
});

it('a hundred never need one, however small the table is', () => {
  expect(
    braked(
      100,
      0.2,
      owned.map(() => 100),
    ),
  ).toBe(false);
  expect(
    braked(
      101,
      0.2,
      owned.map(() => 101),
    ),
  ).toBe(true);
});
