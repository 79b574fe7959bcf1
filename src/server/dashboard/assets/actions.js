/** The operations. Each is confirmed in a dialog that says what will happen and where. */
import {$, $$, ask, fill, setText} from './dom.js';
import * as f from './format.js';
import {verdictRows} from './rows.js';

const TOAST_MS = 8000;

const ACTIONS = {
  trigger: {
    title: 'Run a reconcile?',
    text: name =>
      `Compares every row on ${name} and repairs the differences. The stream continues meanwhile.`,
    go: 'Run reconcile',
    path: '/sync/trigger',
    body: form => ({mode: form.get('mode'), wait: false, allowDeletes: form.has('allowDeletes')}),
    done: answer => `Run ${answer.runId} started.`,
  },
  'confirm-deletes': {
    title: 'Confirm the deletes?',
    text: (name, {lastRun}) =>
      `The last run on ${name} stopped at more deletes than SYNC_MAX_DELETE_RATIO allows (${lastRun?.error ?? 'their number is unknown'}). This runs it again and deletes every row that the source no longer has. If the source lost rows by mistake, cancel and restore them there first.`,
    go: 'Run and delete',
    path: '/sync/trigger',
    body: () => ({mode: 'diff', wait: false, allowDeletes: true}),
    done: answer => `Run ${answer.runId} started.`,
  },
  verify: {
    title: 'Verify every row?',
    text: name =>
      `Compares every row on ${name} and changes nothing. It reads both databases in full, which may take minutes.`,
    go: 'Verify',
    path: '/sync/verify',
    long: 'Verifying: the result will appear below.',
    done: showVerdict,
  },
  pause: {
    title: 'Pause replication?',
    text: name =>
      `No change is applied to the target of ${name} until an operator resumes it, so the lag will grow. No change is lost while the source keeps its log.`,
    go: 'Pause',
    path: '/replication/pause',
    done: () => 'Replication is paused.',
  },
  resume: {
    title: 'Resume replication?',
    text: name => `${name} continues from where it paused.`,
    go: 'Resume',
    path: '/replication/resume',
    done: () => 'Replication resumes.',
  },
  retry: {
    title: 'Retry all dead letters?',
    text: name => `Retries each row that could not be written on ${name}.`,
    go: 'Retry all',
    path: '/sync/dead-letters/retry',
    done: answer => `${answer.retried} retried, ${answer.remaining} remain.`,
  },
};

/** @param status returns the status that the page shows at that moment */
export function wireActions(status, changed) {
  const dialog = $('#confirm');
  const form = $('#confirm-form');
  let current = null;

  for (const button of $$('[data-action]')) {
    // The server sends the buttons disabled: before this point they would have no effect.
    button.disabled = false;
    button.addEventListener('click', () => {
      current = button;
      const action = ACTIONS[button.dataset.action];
      form.reset();
      setText($('#confirm-title'), action.title);
      setText($('#confirm-text'), action.text(status().name, status()));
      setText($('#confirm-go'), action.go);
      setText($('#confirm-error'), '');
      for (const part of $$('[data-for]')) part.hidden = part.dataset.for !== button.dataset.action;
      dialog.showModal();
    });
  }
  $('[data-cancel]').addEventListener('click', () => dialog.close());
  dialog.addEventListener('click', event => event.target === dialog && dialog.close());

  form.addEventListener('submit', async event => {
    event.preventDefault();
    const action = ACTIONS[current.dataset.action];
    const given = new FormData(form);
    const request = ask(action.path, {method: 'POST', body: action.body?.(given), token: given.get('token')});
    const button = current;
    const waiting = action.long === undefined ? $('#confirm-go') : button;
    if (action.long !== undefined) {
      dialog.close();
      toast(action.long, 'busy');
    }
    waiting.disabled = true;
    try {
      const answer = await request;
      dialog.close();
      toast(action.done(answer), 'ok');
      changed();
    } catch (error) {
      if (dialog.open) setText($('#confirm-error'), error.message);
      else toast(error.message, 'bad');
    } finally {
      waiting.disabled = false;
    }
  });
}

function showVerdict(verdict) {
  fill('verdict', verdictRows(verdict));
  $('#verification').hidden = false;
  setText($('[data-verdict-note]'), `took ${f.duration(verdict.durationMs)}`);
  return verdict.equal ? 'Verified: both sides are equal.' : 'Verified: there is drift; see Verification.';
}

function toast(text, tone) {
  const item = document.createElement('p');
  item.dataset.tone = tone;
  item.textContent = text;
  $('#toasts').replaceChildren(item);
  // The message of a running operation stays until another replaces it.
  if (tone !== 'busy') setTimeout(() => item.remove(), TOAST_MS);
}
