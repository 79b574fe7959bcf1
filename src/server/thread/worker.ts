/** The code of the server's thread: the HTTP interface to a daemon in the other thread. */
import {parentPort, workerData} from 'node:worker_threads';
import {SyncError} from '../../errors.ts';
import {leaveSoon} from '../../lifecycle/leave.ts';
import {adoptConsole, createLogger, describeError, directOutput} from '../../logger.ts';
import {createApp} from '../app.ts';
import {runServer} from '../server.ts';
import {toFault} from './faults.ts';
import type {ThreadData, ToDaemon, ToServer} from './messages.ts';
import {raiseThreadPriority} from './priority.ts';
import {RemoteOperations} from './remote-operations.ts';

if (parentPort === null) throw new SyncError('internal', 'this file is run by the daemon, in a thread');
const port = parentPort;
const {config, metricsType, isTerminal, silentAfterMs, known} = workerData as ThreadData;
const logger = createLogger(config, directOutput(), isTerminal);
adoptConsole(logger);
raiseThreadPriority();

const stop = new AbortController();
const post = (message: ToDaemon) => port.postMessage(message);
const operations = new RemoteOperations({post, known, silentAfterMs});
port.on('message', (message: ToServer) => {
  if (message.tag === 'stop') stop.abort();
  else operations.receive(message);
});
operations.start(stop.signal);

const metrics = {contentType: metricsType, render: () => operations.metrics()};
const app = createApp({operations, metrics, config, logger, signal: stop.signal});
try {
  await runServer(
    {app, config, logger, onListening: address => post({tag: 'listening', address})},
    stop.signal,
  );
  post({tag: 'ended', fault: null});
} catch (error) {
  if (!(error instanceof SyncError))
    logger.error({event: 'http.failed', err: describeError(error)}, 'the HTTP server failed');
  post({tag: 'ended', fault: toFault(error)});
}
// Its connections are closed by now; remaining timers must not keep the thread alive.
port.close();
leaveSoon(logger);
