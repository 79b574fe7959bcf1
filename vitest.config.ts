import {defineConfig} from 'vitest/config';

const SERVERS = 'test/helpers/global-setup.ts';
const CHROMIUM = 'test/helpers/chromium-setup.ts';

/** One project for each kind of test; the kinds that need servers share one of each edition. */
function project(name: string, options: {timeoutMs: number; setup: string[]; order: number}) {
  return {
    extends: true as const,
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: options.timeoutMs,
      hookTimeout: options.timeoutMs,
      globalSetup: options.setup,
      // Kinds that measure time or kill processes do not run beside the others.
      sequence: {groupOrder: options.order},
    },
  };
}

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    retry: 0,
    silent: 'passed-only',
    teardownTimeout: 30_000,
    projects: [
      project('unit', {timeoutMs: 30_000, setup: [], order: 0}),
      project('property', {timeoutMs: 60_000, setup: [SERVERS], order: 1}),
      project('db', {timeoutMs: 60_000, setup: [SERVERS], order: 2}),
      project('fault', {timeoutMs: 120_000, setup: [SERVERS], order: 3}),
      project('e2e', {timeoutMs: 120_000, setup: [SERVERS, CHROMIUM], order: 4}),
    ],
  },
});
