/**
 * A TCP proxy that fails as networks do: silence, resets, cuts in mid-stream, refusal, delay.
 *
 * What a client sends while the proxy is silent stays in the kernel's buffers, and is delivered after
 * {@link FaultProxy.restore}, as after a network outage.
 */
import {connect as connectTcp, createServer, type Server, type Socket} from 'node:net';
import {type Allowance, Pipe} from './pipe.ts';

/** As seen from the client. */
export type Direction = 'toServer' | 'toClient';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export async function startProxy(target: Endpoint): Promise<FaultProxy> {
  const proxy = new FaultProxy(target);
  await proxy.listen();
  return proxy;
}

interface Link {
  readonly client: Socket;
  /** Undefined for a connection that was accepted in silence. */
  server: Socket | undefined;
  readonly pipes: Pipe[];
}

interface Budget {
  readonly direction: Direction;
  left: number;
}

export class FaultProxy implements Endpoint, AsyncDisposable {
  readonly host = '127.0.0.1';
  readonly #links = new Set<Link>();
  /** New connections lead to them in turn. */
  #targets: readonly Endpoint[];
  #accepted = 0;
  #listener: Server | undefined;
  #port = 0;
  #silent = false;
  #delayMs = 0;
  #budget: Budget | undefined;

  /** Use {@link startProxy}. */
  constructor(target: Endpoint) {
    this.#targets = [target];
  }

  /** It stays the same across {@link refuse}. */
  get port(): number {
    return this.#port;
  }

  /** The number of connected clients; during silence, it includes clients that left meanwhile. */
  connections(): number {
    return this.#links.size;
  }

  listen(): Promise<void> {
    // Each half of a connection ends on its own, as between real peers.
    const listener = createServer({allowHalfOpen: true}, client => this.#accept(client));
    return new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(this.#port, this.host, () => {
        const address = listener.address();
        if (address !== null && typeof address !== 'string') this.#port = address.port;
        this.#listener = listener;
        resolve();
      });
    });
  }

  /** From now on nothing passes, and nothing is closed; new connections are accepted and receive nothing. */
  blackhole(): void {
    this.#silent = true;
    for (const link of this.#links) for (const pipe of link.pipes) pipe.hold();
  }

  /** Silences some of the connections that are open now, by the port that the server sees them come from. */
  freeze(isMeant: (port: number) => boolean): void {
    for (const {server, pipes} of this.#links)
      if (isMeant(server?.localPort ?? 0)) for (const pipe of pipes) pipe.hold();
  }

  /** On open connections, requests arrive and answers do not. */
  muffle(): void {
    for (const {pipes} of this.#links) pipes[1]?.hold();
  }

  /** Ends the silence and the delay: waiting bytes are delivered. */
  restore(): void {
    this.#silent = false;
    this.#delayMs = 0;
    for (const link of this.#links) {
      if (link.server === undefined) this.#forward(link);
      for (const pipe of link.pipes) pipe.release();
    }
  }

  /** Resets every connection; new ones are accepted. */
  cut(): void {
    this.#budget = undefined;
    for (const link of this.#links) this.#reset(link);
  }

  /** Lets `count` more bytes pass in that direction, over all connections, then resets every one, once. */
  cutAfterBytes(count: number, direction: Direction): void {
    this.#budget = {direction, left: count};
  }

  /** While on, new connections are refused; open ones continue. */
  async refuse(on: boolean): Promise<void> {
    if (!on) {
      if (this.#listener === undefined) await this.listen();
      return;
    }
    // The end of close() waits for the open connections; the refusal starts at once.
    this.#listener?.close();
    this.#listener = undefined;
  }

  /** Delays all bytes that arrive from now on, in both directions. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Sends new connections elsewhere: to several servers in turn, as a name with several addresses does. */
  retarget(...targets: readonly Endpoint[]): void {
    this.#targets = targets;
  }

  async close(): Promise<void> {
    await this.refuse(true);
    this.cut();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(client: Socket): void {
    const link: Link = {client, server: undefined, pipes: []};
    this.#links.add(link);
    client.setNoDelay(true);
    client.pause();
    client.on('error', () => this.#reset(link));
    client.on('close', () => this.#drop(link));
    if (!this.#silent) this.#forward(link);
  }

  #forward(link: Link): void {
    const target = this.#targets[this.#accepted++ % this.#targets.length];
    if (target === undefined) throw new RangeError('a proxy before no server');
    const {host, port} = target;
    const server = connectTcp({host, port, noDelay: true, allowHalfOpen: true});
    link.server = server;
    server.pause();
    server.on('error', () => this.#reset(link));
    server.on('close', () => this.#drop(link));
    link.pipes.push(this.#pipe(link.client, server, 'toServer'), this.#pipe(server, link.client, 'toClient'));
  }

  #pipe(from: Socket, to: Socket, direction: Direction): Pipe {
    const pipe = new Pipe(from, to, {
      delayMs: () => this.#delayMs,
      spend: wanted => this.#spend(direction, wanted),
      exhausted: () => this.cut(),
    });
    if (this.#silent) pipe.hold();
    return pipe;
  }

  /** Returns how many of these bytes may still pass, and whether the cut is due after them. */
  #spend(direction: Direction, wanted: number): Allowance {
    const budget = this.#budget;
    if (budget?.direction !== direction) return {bytes: wanted, last: false};
    const bytes = Math.min(wanted, budget.left);
    budget.left -= bytes;
    return {bytes, last: budget.left === 0};
  }

  #reset(link: Link): void {
    this.#links.delete(link);
    for (const pipe of link.pipes) pipe.end();
    link.client.resetAndDestroy();
    link.server?.resetAndDestroy();
  }

  /** One side is closed, so the other one is closed, too. */
  #drop(link: Link): void {
    if (!this.#links.delete(link)) return;
    for (const pipe of link.pipes) pipe.end();
    link.client.destroySoon(); // after the bytes that are still to be written
    link.server?.destroySoon();
  }
}
