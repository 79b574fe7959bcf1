/** A cluster of Galera: MariaDB nodes that each accept writes and have named locks of their own. */
import {randomUUID} from 'node:crypto';
import {chmodSync, existsSync, mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {eventually} from '../helpers/eventually.ts';
import {query, withConnection} from './databases.ts';
import {which} from './packages.ts';
import {freePort} from './ports.ts';
import {startServer, type TestServer} from './server.ts';

const PROVIDER = '/usr/lib/galera/libgalera_smm.so';
/** Options of a node that logs the changes of all nodes. */
export const LOGGED: readonly string[] = ['--log-slave-updates=ON', '--server-id=77'];
const SMALL = ['--innodb-buffer-pool-size=64M', '--innodb-autoinc-lock-mode=2'];

/** Debian's package galera-4 is installed, and fits the MariaDB of the system. */
export const hasGalera = existsSync(PROVIDER);

/** A node can send all its data to another one: the script and its program come with the package of the server. */
export const hasStateTransfer = which('wsrep_sst_rsync') !== undefined && which('rsync') !== undefined;

/** Options of a node that logs the GTIDs of its cluster. */
export const numbered = (index: number): readonly string[] => [
  ...LOGGED,
  '--wsrep-gtid-mode=ON',
  '--wsrep-gtid-domain-id=1',
  `--gtid-domain-id=${11 + index}`,
];

export interface Galera extends AsyncDisposable {
  readonly nodes: readonly TestServer[];
  node(index: number): TestServer;
  /** Starts a node that is down, without its data, so that another node sends it everything. */
  startEmpty(node: TestServer): Promise<void>;
}

/**
 * Starts so many nodes from the same data and the same place in the cluster's history, so that no data has to be sent.
 *
 * @param options for each node's command line
 */
export async function startGalera(
  count: number,
  options: (index: number) => readonly string[] = () => [],
): Promise<Galera> {
  const state = randomUUID();
  const ports: number[] = [];
  for (let i = 0; i < count; i++) ports.push(await freePort());
  const address = (at: number) => `127.0.0.1:${at}`;
  const own = await Promise.all(
    ports.map(async (port, i) => [
      ...SMALL,
      '--wsrep-on=ON',
      `--wsrep-provider=${PROVIDER}`,
      // Otherwise MariaDB 11.8 refuses to change the provider's options later.
      '--loose-plugin-wsrep-provider=OFF',
      `--wsrep-sst-receive-address=${address(await freePort())}`,
      `--wsrep-node-name=node${i}`,
      '--wsrep-node-address=127.0.0.1',
      `--wsrep-provider-options=gmcast.listen_addr=tcp://${address(port)};ist.recv_addr=${address(await freePort())};gcache.size=16M`,
      ...options(i),
    ]),
  );
  const beside = (i: number, peers: readonly number[], transfer: 'skip' | 'rsync') => [
    ...(own[i] ?? []),
    `--wsrep-sst-method=${transfer}`,
    `--wsrep-cluster-address=gcomm://${peers.map(address).join(',')}`,
  ];
  const nodes: TestServer[] = [];
  const end = () => Promise.all(nodes.map(node => node.dispose())).then(() => undefined);
  try {
    for (const i of ports.keys()) {
      const [first] = nodes;
      const seqno = first === undefined ? 0 : await lastCommitted(first);
      const node = await startServer({edition: 'mariadb', options: SMALL});
      nodes.push(node);
      await node.stop();
      writeFileSync(
        join(node.dataDir, 'grastate.dat'),
        `# GALERA saved state\nversion: 2.1\nuuid:    ${state}\nseqno:   ${seqno}\nsafe_to_bootstrap: 1\n`,
      );
      letReceive(node);
      await node.restart(beside(i, ports.slice(0, i), 'skip'));
      await untilSynced(node, i + 1);
    }
    for (const node of nodes) {
      await untilSynced(node, count);
      // From now on, a node that was away gets the data of another one.
      if (hasStateTransfer)
        await withConnection(node, undefined, connection =>
          connection.query("SET GLOBAL wsrep_sst_method = 'rsync'"),
        );
    }
    const startEmpty = async (node: TestServer) => {
      rmSync(node.dataDir, {recursive: true});
      mkdirSync(node.dataDir);
      letReceive(node);
      await node.restart(beside(nodes.indexOf(node), ports, 'rsync'));
    };
    const node = (index: number) => {
      const found = nodes[index];
      if (found === undefined) throw new Error(`the cluster has no node ${index}`);
      return found;
    };
    return {nodes, node, startEmpty, [Symbol.asyncDispose]: end};
  } catch (error) {
    await end();
    throw error;
  }
}

/** A server of root receives its data by an rsync that gives up root's rights. */
function letReceive(node: TestServer): void {
  chmodSync(dirname(node.dataDir), 0o755);
  chmodSync(node.dataDir, 0o777);
}

function lastCommitted(node: TestServer): Promise<number> {
  return withConnection(node, undefined, async connection => {
    const [row] = await query(connection, "SHOW GLOBAL STATUS LIKE 'wsrep_last_committed'");
    return Number(row?.['Value']);
  });
}

/** Resolves when the node accepts writes, and sees all the others. */
export function untilSynced(node: TestServer, size: number): Promise<boolean> {
  return eventually(
    () =>
      withConnection(node, undefined, async connection => {
        const rows = await query(
          connection,
          "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_ready', 'wsrep_cluster_size')",
        );
        const found = new Map(rows.map(row => [row['Variable_name'], row['Value']]));
        return found.get('wsrep_ready') === 'ON' && found.get('wsrep_cluster_size') === String(size);
      }),
    {timeoutMs: 40_000, intervalMs: 200, what: `a node that is ready\n${node.log().slice(-3000)}`},
  );
}

/** Restarts the cluster from a node that has lost the majority, as an operator does. */
export async function bootstrap(node: TestServer): Promise<void> {
  await withConnection(node, undefined, connection =>
    connection.query("SET GLOBAL wsrep_provider_options = 'pc.bootstrap=1'"),
  );
}

/** Cuts a node off from the others, or reconnects it; its clients stay connected. */
export async function isolate(node: TestServer, on: boolean): Promise<void> {
  await withConnection(node, undefined, connection =>
    connection.query(`SET GLOBAL wsrep_provider_options = 'gmcast.isolate=${on ? 1 : 0}'`),
  );
}

/** Resolves when the node knows that it has lost its cluster. */
export function untilOutside(node: TestServer): Promise<boolean> {
  return eventually(
    () =>
      withConnection(node, undefined, async connection => {
        const [row] = await query(connection, "SHOW GLOBAL STATUS LIKE 'wsrep_cluster_status'");
        return row?.['Value'] !== 'Primary';
      }),
    {timeoutMs: 40_000, intervalMs: 200, what: 'a node without its cluster'},
  );
}
