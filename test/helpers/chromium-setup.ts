/**
 * Finds a Chromium for the tests of the dashboard: an installed one, or Debian's package if packages may be
 * installed.
 */
import type {TestProject} from 'vitest/node';
import {installPackages, mayInstall, which} from '../servers/packages.ts';
import {tryRun} from '../servers/run.ts';

/** The program; or null, and why there is none. */
interface Chromium {
  readonly path: string | null;
  readonly why: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    chromium: Chromium;
  }
}

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const MISSING =
  "Chromium is not installed. 'sudo apt-get install chromium' (Debian) does it; run as root on Debian, npm test does it by itself";

export default async function setup(project: TestProject): Promise<void> {
  const isWanted = project.vitest.state.getPaths().some(path => path.includes('/test/e2e/dashboard/'));
  project.provide('chromium', isWanted ? await provisionChromium() : {path: null, why: MISSING});
}

async function provisionChromium(): Promise<Chromium> {
  const installed = await find();
  if (installed !== null) return {path: installed, why: ''};
  if (!mayInstall()) return {path: null, why: MISSING};
  try {
    await installPackages(['chromium'], async () => (await find()) !== null);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${why}\n`);
    return {path: null, why: `Chromium could not be installed: ${why.split('\n')[0] ?? ''}`};
  }
  return {path: await find(), why: MISSING};
}

/** Finds one that runs: a system's package may only print how to get it in another way. */
async function find(): Promise<string | null> {
  for (const name of PROGRAMS) {
    const path = which(name);
    if (path === undefined) continue;
    if ((await tryRun([path, '--version'], {timeoutMs: 30_000})).code === 0) return path;
  }
  return null;
}
