/** Runs a suite on each server that this run has: MariaDB, a later MariaDB and MySQL alike. */
import {afterAll, beforeAll, describe, expect, inject} from 'vitest';
import {type Databases, createDatabases, uniqueNames} from '../servers/databases.ts';
import {EDITION_NAMES, EDITIONS, type Edition, type Flavour} from '../servers/provision.ts';
import type {ServerAddress} from '../servers/server.ts';

export interface FlavourContext {
  /** How the server behaves; both MariaDBs are 'mariadb'. */
  readonly flavour: Flavour;
  /** For `startServer`: another server of the same kind and version. */
  readonly edition: Edition;
  /**
   * The shared server: other suites use it, too, so stop, freeze or reconfigure only a server of your own, and log
   * statements only there.
   */
  readonly server: ServerAddress;
  /** The suite's own empty schemas; they exist from `beforeAll` on, and are dropped after the suite. */
  readonly source: string;
  readonly target: string;
}

/** A short run leaves out tests whose subject other tests nearly cover. */
export const isShort = process.env['TEST_SHORT'] === '1';

/** Long suites whose subject hardly depends on the server: a short run runs them on one server only. */
const ON_ONE_SERVER = [
  'db/doctor-fixes',
  'db/doctor-keys',
  'db/doctor-schema',
  'db/doctor-types',
  'db/engines',
  'db/long-keys',
  'db/loose-keys',
  'db/narrow-charsets',
  'db/narrow-numbers',
  'db/next-batch',
  'db/plan-conflicts',
  'db/refused-parents',
  'db/segments',
  'db/unique-keys',
  'db/unique-moves',
  'fault/answers',
  'fault/cascades',
  'fault/connections',
  'fault/continuity',
  'fault/dead-letters',
  'fault/distance',
  'fault/failover-answers',
  'fault/graph',
  'fault/kill',
  'fault/late-deletes',
  'fault/lease',
  'fault/lost-bookkeeping',
  'fault/mass-deletes',
  'fault/operator-choices',
  'fault/ownership',
  'fault/pending-reconcile',
  'fault/privacy',
  'fault/privacy-of-faults',
  'fault/refusals',
  'fault/replica-behind',
  'fault/restored-targets',
  'fault/schema',
  'fault/session-defaults',
  'fault/several-sources',
  'fault/short-reads',
  'fault/silence',
  'fault/unchecked-rows',
  'fault/unwritable-target',
  'fault/watermarks',
  'e2e/alerts',
  'e2e/environments',
  'e2e/failover',
  'e2e/http',
  'e2e/upgrades',
];

/** Suites whose subject depends on a server's version: in a short run, the others leave out the later MariaDB. */
const ON_EACH_VERSION = [
  'db/bulk',
  'db/cases',
  'db/counted',
  'db/deadlocks',
  'db/doctor-grants',
  'db/doctor-platforms',
  'db/doctor-settings',
  'db/doctor-replication',
  'db/plan',
  'db/servers',
  'db/sessions',
  'db/snapshots',
  'db/upsert-assertion',
  'property/every-collation',
  'property/every-type',
  'property/mapping-in-sql',
];

/** The editions of those present on which the current suite runs. */
function editionsOfSuite(present: readonly Edition[]): readonly Edition[] {
  if (!isShort) return present;
  const file = expect.getState().testPath ?? '';
  const isOneOf = (names: readonly string[]) => names.some(name => file.endsWith(`/${name}.test.ts`));
  if (isOneOf(ON_ONE_SERVER)) return present.slice(0, 1);
  // What was named is not left out.
  const isNamed = process.env['TEST_FLAVOURS'] !== undefined;
  if (isNamed || isOneOf(ON_EACH_VERSION) || !present.includes('mariadb')) return present;
  return present.filter(edition => edition !== 'mariadb-11');
}

/** Describes `name` once for each edition that this run has. */
export function describeEachFlavour(name: string, suite: (context: FlavourContext) => void): void {
  describeEachEdition(name, ({edition, flavour, server}) => {
    const names = uniqueNames('t');
    let databases: Databases | undefined;
    beforeAll(async () => {
      databases = await createDatabases(server, 't', names);
    });
    afterAll(() => databases?.drop());
    suite({flavour, edition, server, ...names});
  });
}

/** The same for suites that need no schemas on the shared server. */
export function describeEachEdition(
  name: string,
  suite: (context: Pick<FlavourContext, 'flavour' | 'edition' | 'server'>) => void,
): void {
  const servers = inject('servers');
  const present = EDITION_NAMES.filter(edition => servers[edition] !== undefined);
  for (const edition of editionsOfSuite(present)) {
    const server = servers[edition];
    if (server === undefined) continue;
    describe(`${name} [${edition}]`, () => suite({flavour: EDITIONS[edition], edition, server}));
  }
}
