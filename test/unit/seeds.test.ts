/** SEED in the environment repeats every random test. */
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, it} from 'vitest';
import {fc, SEED} from '../helpers/draws.ts';

const TESTS = join(import.meta.dirname, '..');
const DRAWS = join('helpers', 'draws.ts');

it('a property and a sample draw from the seed that SEED repeats', () => {
  expect(fc.check(fc.property(fc.nat(), () => true)).seed).toBe(SEED);
  const sampled = fc.sample(fc.nat(), 20);
  expect(sampled).toEqual(fc.sample(fc.nat(), {seed: SEED, numRuns: 20}));
});

it('everything that runs a property or a sample takes fast-check with that seed', () => {
  const running = readdirSync(TESTS, {recursive: true, encoding: 'utf8'})
    .filter(file => file.endsWith('.ts') && file !== DRAWS)
    .map(file => ({file, text: readFileSync(join(TESTS, file), 'utf8')}))
    .filter(({text}) => /\bfc\.(?:assert|check|sample|statistics)\(/.test(text));
  expect(running.length).toBeGreaterThan(10);
  expect(
    running.filter(({text}) => /^import .* from 'fast-check'/m.test(text)).map(({file}) => file),
  ).toEqual([]);
});
