import {defineConfig} from 'vitest/config';

/** One project for each kind of test (design.md §7); the kinds that need servers share one of each flavour. */
function project(name: string, options: {timeoutMs: number; servers: boolean; order: number}) {
  return {
    extends: true as const,
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: options.timeoutMs,
      hookTimeout: options.timeoutMs,
      globalSetup: options.servers ? ['test/helpers/global-setup.ts'] : [],
      // Kinds that measure time, or kill things, don't run beside the others.
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
      project('unit', {timeoutMs: 5_000, servers: false, order: 0}),
      project('property', {timeoutMs: 60_000, servers: true, order: 1}),
      project('db', {timeoutMs: 60_000, servers: true, order: 2}),
      project('fault', {timeoutMs: 120_000, servers: true, order: 3}),
      project('e2e', {timeoutMs: 120_000, servers: true, order: 4}),
    ],
  },
});
