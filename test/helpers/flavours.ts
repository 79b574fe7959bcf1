/** Runs a suite on MariaDB and on MySQL alike. */
import {afterAll, beforeAll, describe, inject} from 'vitest';
import {type Databases, createDatabases, uniqueNames} from '../servers/databases.ts';
import {FLAVOURS, type Flavour} from '../servers/provision.ts';
import type {ServerAddress} from '../servers/server.ts';

export interface FlavourContext {
  readonly flavour: Flavour;
  /** The shared server: other suites use it too, so stop, freeze or reconfigure only one of your own. */
  readonly server: ServerAddress;
  /** The suite's own schemas, empty; they are there from `beforeAll` on, and dropped after the suite. */
  readonly source: string;
  readonly target: string;
}

/** Describes `name` once for each flavour that this run has. */
export function describeEachFlavour(name: string, suite: (context: FlavourContext) => void): void {
  const servers = inject('servers');
  for (const flavour of FLAVOURS) {
    const server = servers[flavour];
    if (server === undefined) continue;
    describe(`${name} [${flavour}]`, () => {
      const names = uniqueNames('t');
      let databases: Databases | undefined;
      beforeAll(async () => {
        databases = await createDatabases(server, 't', names);
      });
      afterAll(() => databases?.drop());
      suite({flavour, server, ...names});
    });
  }
}
