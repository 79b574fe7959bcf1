/** Sends a form of the API page, and shows the answer unchanged. */

for (const form of document.querySelectorAll('form[data-path]')) {
  form.addEventListener('submit', async event => {
    event.preventDefault();
    const method = form.dataset.method.toUpperCase();
    const answer = form.parentElement.querySelector('.answer');
    const show = (status, body) => {
      answer.hidden = false;
      answer.querySelector('[data-answer="status"]').textContent = status;
      answer.querySelector('[data-answer="body"]').textContent = body;
    };
    const startedAtMs = performance.now();
    show('sending', '');
    try {
      const response = await fetch(addressOf(form), {
        method,
        headers: headersOf(form),
        body: form.elements.body?.value ?? null,
      });
      const head = `${response.status} ${response.statusText}, ${Math.round(performance.now() - startedAtMs)} ms`;
      if (response.headers.get('content-type')?.startsWith('text/event-stream'))
        await showEvents(response, text => show(head, text));
      else show(head, pretty(await response.text()));
    } catch {
      show('The server does not answer.', '');
    }
  });
}

function addressOf(form) {
  let path = form.dataset.path;
  const query = new URLSearchParams();
  for (const input of form.querySelectorAll('[data-in]')) {
    if (input.dataset.in === 'path') path = path.replace(`{${input.name}}`, encodeURIComponent(input.value));
    else if (input.value !== '') query.set(input.name, input.value);
  }
  return query.size === 0 ? path : `${path}?${query}`;
}

function headersOf(form) {
  const token = document.querySelector('#token')?.value;
  return {
    'x-laas-sync': '1',
    ...(token ? {authorization: `Bearer ${token}`} : {}),
    ...(form.elements.body === undefined ? {} : {'content-type': 'application/json'}),
  };
}

/** A stream without an end is shown for a moment, and then closed. */
async function showEvents(response, show) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (let chunks = 0; chunks < 4; chunks += 1) {
    const {value, done} = await reader.read();
    if (done) break;
    text += value;
    show(text);
  }
  await reader.cancel();
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
