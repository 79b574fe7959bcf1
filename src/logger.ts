/** Logs: JSON for machines, lines for a person at a terminal. The only importer of pino. */
import {createRequire} from 'node:module';
import {pino, type DestinationStream, type Logger as PinoLogger} from 'pino';
import type {build} from 'pino-pretty';
import type {Config} from './config.ts';
import {faultName} from './db/faults.ts';
import {SyncError} from './errors.ts';

export type Logger = PinoLogger;

/**
 * Creates the root logger, which writes to standard error, so that standard output is free for `--json`.
 *
 * Errors are written as code, errno and, for our own ones, their message. A driver's message and its SQL are
 * never written, because both quote values of rows.
 */
export function createLogger(
  config: Pick<Config, 'logLevel' | 'logFormat' | 'name'>,
  output: DestinationStream = process.stderr,
  colorize = 'isTTY' in output && output.isTTY === true,
): Logger {
  const stream = config.logFormat === 'pretty' ? pretty(output, colorize) : output;
  return pino(
    {
      level: config.logLevel,
      base: {stream: config.name},
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {level: label => ({level: label})},
      // An error that was logged whole is described all the same.
      serializers: {err: (error: unknown) => (error instanceof Error ? describeError(error) : error)},
    },
    stream,
  );
}

/** Standard error for a thread other than the main one, without the main thread's event loop, which may be busy. */
export function directOutput(): DestinationStream {
  return pino.destination({fd: 2, sync: true});
}

/** Loaded only for a terminal, because it takes 2 MB in each thread. */
function pretty(destination: DestinationStream, colorize: boolean): DestinationStream {
  const require = createRequire(import.meta.url);
  return (require('pino-pretty') as typeof build)({
    destination,
    colorize,
    ignore: 'pid,hostname,stream,event',
    singleLine: true,
    translateTime: 'HH:MM:ss.l',
  });
}

/**
 * Turns lines that libraries print on the console into log lines, as mysql2 prints one if a server sends an
 * unexpected packet when it shuts down. Their text is left out, because it may quote values of rows.
 */
export function adoptConsole(logger: Logger, output: Console = console): void {
  for (const name of ['debug', 'log', 'info', 'warn', 'error'] as const)
    output[name] = () =>
      logger.debug({event: 'library.line'}, 'a library printed a line, which is left out here');
}

/** Returns the parts of an error that may be logged: never a driver's message, because it may quote values. */
export function describeError(error: unknown): Record<string, string | number> {
  if (error instanceof SyncError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.errno === undefined ? {} : {errno: error.errno}),
      ...(error.cause instanceof Error ? {cause: foreignName(error.cause)} : {}),
    };
  }
  if (error instanceof Error) {
    const errno = 'errno' in error && typeof error.errno === 'number' ? {errno: error.errno} : {};
    return {code: foreignName(error), ...errno, at: stackFrames(error)};
  }
  return {code: typeof error};
}

function foreignName(error: Error): string {
  return faultName(error) ?? error.name;
}

/** Returns the first frames of a stack without the message that precedes them. */
function stackFrames(error: Error): string {
  const frames = (error.stack ?? '').split('\n').filter(line => /^\s+at /.test(line));
  return frames
    .slice(0, 3)
    .map(line => line.trim())
    .join(' < ');
}
