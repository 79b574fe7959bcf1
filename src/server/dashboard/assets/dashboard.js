/** Keeps the page that the server rendered up to date. */
import {wireActions} from './actions.js';
import {createCharts} from './charts.js';
import {$, $$, ask, fill, list, node, setLook, setText} from './dom.js';
import {coarse} from './format.js';
import {connect} from './live.js';
import {codeItems, countRows, deadLetterRows, reasonItems, runRows} from './rows.js';
import {announcement, healthOf, refusedOf, runStateOf, shownOf, stateOf, textsOf, tonesOf} from './view.js';

const FIRST_RUNS = 15;
const DEAD_LETTERS = 200;
const AGAIN_MS = 5000;

const boot = JSON.parse($('#boot').textContent);
let {status, nextRuns} = boot;
let progress = status.progress;
/** The server's clock may differ from the browser's; ages use the server's clock. */
let skewMs = Date.parse(status.timestamp) - Date.now();
let heardAtMs = Date.now();
let lost = false;
let lettersAt = status.deadLetters;
const charts = createCharts(boot.history, boot.maxLagSeconds);

function nowMs() {
  return Date.now() + skewMs;
}

function render() {
  const shown = {...status, progress: status.currentRun === null ? null : progress};
  const texts = textsOf({
    status: shown,
    history: charts.samples,
    nowMs: nowMs(),
    maxLagSeconds: boot.maxLagSeconds,
  });
  for (const element of $$('[data-text]')) setText(element, texts[element.dataset.text]);
  const tones = tonesOf(status, boot.maxLagSeconds);
  for (const element of $$('[data-tile]')) element.dataset.tone = tones[element.dataset.tile] ?? 'plain';
  const shows = shownOf(status);
  for (const element of $$('[data-show]')) element.hidden = !shows[element.dataset.show];
  setLook($('[data-look="state"]'), stateOf(status));
  setLook($('[data-look="health"]'), healthOf(status));
  if (status.lastRun !== null) setLook($('[data-look="lastRun"]'), runStateOf(status.lastRun));
  $('[data-progress]').value = shown.progress?.fraction ?? 0;
  const refused = Object.entries(refusedOf(status));
  for (const [action, isRefused] of refused) $(`[data-action="${action}"]`).disabled = isRefused;
  fill('counts', countRows(status, boot.tables));
  fill('reasons', reasonItems(status));
  setText($('#announce'), announcement(status));
  showConnection();
}

function showConnection() {
  const age = coarse(Date.now() - heardAtMs);
  document.body.toggleAttribute('data-lost', lost);
  $('#live').dataset.live = lost ? 'lost' : 'live';
  setText($('#live [data-label]'), lost ? `${age} old` : 'live');
  setText($('#lost-age'), lost ? `The numbers are ${age} old.` : '');
  document.title = `${lost ? 'Connection lost' : stateOf(status).label} · ${status.name} · laas-sync`;
}

function takeStatus(fresh) {
  status = fresh;
  progress = fresh.progress;
  skewMs = Date.parse(fresh.timestamp) - Date.now();
  heardAtMs = Date.now();
  charts.push(fresh);
  render();
  if (fresh.deadLetters !== lettersAt) void loadDeadLetters();
}

/** The ids of runs that are known to have ended. */
const endedRuns = new Set();

/**
 * Replaces a run's two rows, or inserts them at the top; an open row stays open. A list that was read before a run
 * ended may arrive after its end, which it does not undo.
 */
function takeRun(run) {
  if (run.endedAt !== null) endedRuns.add(run.runId);
  else if (endedRuns.has(run.runId)) return;
  const body = list('runs');
  const made = runRows(run).map(node);
  const row = body.querySelector(`[data-run="${CSS.escape(run.runId)}"]`);
  if (row === null) body.prepend(...made);
  else {
    const detail = row.nextElementSibling;
    const focused = row.contains(document.activeElement);
    made[1].hidden = detail.hidden;
    made[0].querySelector('.toggle').setAttribute('aria-expanded', String(!detail.hidden));
    detail.replaceWith(made[1]);
    row.replaceWith(made[0]);
    if (focused) made[0].querySelector('.toggle').focus();
  }
  $('[data-empty="runs"]').hidden = true;
}

async function loadRuns() {
  const page = await ask(`/sync/runs?limit=${FIRST_RUNS}`);
  for (const run of page.items.toReversed()) takeRun(run);
  if (list('runs').children.length <= page.items.length * 2) nextRuns = page.next;
  showEmpty('runs', page.items.length === 0, 'No run yet.');
  $('[data-more="runs"]').hidden = nextRuns === null;
}

async function loadDeadLetters() {
  lettersAt = status.deadLetters;
  const page = await ask(`/sync/dead-letters?limit=${DEAD_LETTERS}`);
  fill('dead-letters', deadLetterRows(page.items, nowMs()));
  fill('codes', codeItems(page.items));
  showEmpty('dead-letters', page.items.length === 0, 'None: every eligible row could be written.');
  $('[data-more-letters]').hidden = page.next === null;
}

function showEmpty(name, empty, text) {
  const element = $(`[data-empty="${name}"]`);
  setText(element, text);
  element.hidden = !empty;
}

/** Reads the lists again; if the target cannot be queried, once more a little later. */
async function loadLists() {
  try {
    await Promise.all([loadRuns(), loadDeadLetters()]);
  } catch (error) {
    if (error.status !== 401) setTimeout(loadLists, AGAIN_MS);
  }
}

function showLost(text) {
  lost = text !== null;
  setText($('#lost-text'), text ?? '');
  showConnection();
}

$('[data-more="runs"]').addEventListener('click', async event => {
  event.target.disabled = true;
  try {
    const page = await ask(`/sync/runs?limit=50&after=${encodeURIComponent(nextRuns)}`);
    list('runs').append(...page.items.flatMap(runRows).map(node));
    nextRuns = page.next;
    event.target.hidden = nextRuns === null;
  } catch {
    // The button stays, so that it can be pressed again.
  } finally {
    event.target.disabled = false;
  }
});

list('runs').addEventListener('click', event => {
  const toggle = event.target.closest('[data-toggle]');
  if (toggle === null) return;
  const detail = document.getElementById(toggle.dataset.toggle);
  detail.hidden = !detail.hidden;
  toggle.setAttribute('aria-expanded', String(!detail.hidden));
});

wireActions(
  () => status,
  () => void loadLists(),
);
connect({
  onStatus: takeStatus,
  onRun: takeRun,
  onProgress(fresh) {
    progress = fresh;
    render();
  },
  async onLive(again) {
    showLost(null);
    if (!again) return;
    void loadLists();
    charts.replace(await ask('/sync/history').catch(() => charts.samples));
  },
  onLost: () => showLost('Connection lost; reconnecting.'),
  onExpired() {
    showLost('Your session has ended.');
    $('#lost-link').hidden = false;
  },
});
render();
setInterval(render, 1000);
if (!boot.complete) void loadLists();
