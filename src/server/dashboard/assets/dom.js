/** The few operations of the pages on the document. */

export const $ = selector => document.querySelector(selector);
export const $$ = selector => [...document.querySelectorAll(selector)];

/** Creates a node from a tree (rows.js). Text is inserted as text. */
export function node({tag, attrs, children}) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs)) {
    if (value === true) made.setAttribute(name, '');
    else if (value !== false) made.setAttribute(name, value);
  }
  made.append(...children.map(child => (typeof child === 'string' ? child : node(child))));
  return made;
}

export function list(name) {
  return $(`[data-list="${name}"]`);
}

/** Replaces a list's content if it differs, so that a selection or the focus in an unchanged list stays. */
export function fill(name, trees) {
  const target = list(name);
  const made = trees.map(node);
  const draft = document.createElement('div');
  draft.append(...made.map(each => each.cloneNode(true)));
  if (draft.innerHTML !== target.innerHTML) target.replaceChildren(...made);
}

export function setText(element, text) {
  if (element !== null && element.textContent !== text) element.textContent = text;
}

export function setLook(element, {tone, icon, label}) {
  if (element === null) return;
  element.dataset.tone = tone;
  element.querySelector('.icon').dataset.icon = icon;
  setText(element.querySelector('[data-label]'), label);
}

/** Sends a request. A failure is an Error whose message may be shown; its `status` is 0 without an answer. */
export async function ask(path, {method = 'GET', body, token} = {}) {
  const headers = {accept: 'application/json', 'x-laas-sync': '1'};
  if (token) headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      cache: 'no-store',
    });
  } catch {
    throw Object.assign(new Error('The server does not answer.'), {status: 0});
  }
  const content = await answer.json().catch(() => null);
  if (!answer.ok)
    throw Object.assign(new Error(content?.message ?? `The server answered ${answer.status}.`), {
      status: answer.status,
    });
  return content;
}
