/** Receives the stream of events, and detects its loss. */
import {ask} from './dom.js';

/** The server sends something every five seconds at least, so this counts as silence. */
const SILENT_MS = 12_000;
const SLOWEST_MS = 15_000;

/**
 * Calls back with each event. `onLost` is called once per loss, `onLive` once it is over, `onExpired` if the
 * server no longer knows the session: no further attempt is made then.
 */
export function connect({onStatus, onRun, onProgress, onLive, onLost, onExpired}) {
  let source = null;
  let heardAtMs = Date.now();
  let live = null;
  let delayMs = 500;
  let timer = null;

  function heard() {
    heardAtMs = Date.now();
    delayMs = 500;
    if (live === true) return;
    const again = live === false;
    live = true;
    onLive(again);
  }

  function lost() {
    source?.close();
    source = null;
    if (live !== false) {
      live = false;
      onLost();
    }
    clearTimeout(timer);
    timer = setTimeout(probe, delayMs);
    delayMs = Math.min(delayMs * 2, SLOWEST_MS);
  }

  function open() {
    source = new EventSource('/sync/events');
    const on = (name, handle) =>
      source.addEventListener(name, event => {
        heard();
        handle(JSON.parse(event.data));
      });
    on('status', onStatus);
    on('run', onRun);
    on('progress', onProgress);
    source.addEventListener('error', lost);
    heardAtMs = Date.now();
  }

  /**
   * EventSource reports no reason for a failure, and no difference between a 401 and a dead server; a plain
   * request does.
   */
  async function probe() {
    try {
      await ask('/sync/status');
      open();
    } catch (error) {
      if (error.status === 401) onExpired();
      else lost();
    }
  }

  setInterval(() => {
    if (source !== null && Date.now() - heardAtMs > SILENT_MS) lost();
  }, 1000);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible' && source === null && live === false) {
      clearTimeout(timer);
      void probe();
    }
  });
  open();
}
