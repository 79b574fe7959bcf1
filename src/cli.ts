#!/usr/bin/env -S node --max-old-space-size=256 --max-semi-space-size=4 --heap-growing-percent=50 --v8-pool-size=1 --no-sparkplug
/** The command line: sets V8's flags, and then loads the commands. */
import {setFlagsFromString} from 'node:v8';

/**
 * Keeps the heap small where the program was not started by its first line, as in `node dist/src/cli.js`. Not all of
 * that line's options can be set here: the heap has its limits by now, but it has not grown yet.
 */
const FLAGS = {
  '--heap-growing-percent': '--heap-growing-percent=50',
  '--max-semi-space-size': '--semi-space-growth-factor=1',
  '--no-sparkplug': '--no-sparkplug',
};

for (const [option, flag] of Object.entries(FLAGS))
  if (!process.execArgv.some(argument => argument.startsWith(option))) setFlagsFromString(flag);

await import('./cli/program.ts');
