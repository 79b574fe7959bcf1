/**
 * fast-check, with a seed that SEED in the environment repeats. Without SEED, each run draws another one, which
 * fast-check shows when a property fails.
 */
import fc from 'fast-check';

export const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);

fc.configureGlobal({...fc.readConfigureGlobal(), seed: SEED});

export {fc};
