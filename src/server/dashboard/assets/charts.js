/** The two charts of the last hour. uPlot is loaded earlier as a plain script. */
import {$, setText} from './dom.js';
import * as f from './format.js';
import {ratesOf} from './view.js';

const HOUR_S = 3600;
const SAMPLE_S = 5;
/** A young daemon's first minutes fill the chart, instead of its edge. */
const LEAST_WINDOW_S = 300;
const TIMES_S = [60, 120, 300, 600, 900, 1800];
const HEIGHT = 176;
const UNITS_S = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200,
  21_600, 86_400,
];

/** Holds the history of the page and draws it. */
export function createCharts(history, maxLagSeconds) {
  const samples = {
    at: [...history.at],
    lag: [...history.lag],
    rows: [...history.rows],
    transactions: [...history.transactions],
  };
  /** The last sample is less than a full step after the one before. */
  let provisional = false;
  let charts = draw();

  function draw() {
    const rates = ratesOf(samples.at, samples.rows);
    return [
      chart('lag', {
        color: '--lag',
        format: f.seconds,
        limit: maxLagSeconds,
        least: 0.02,
        incrs: UNITS_S,
        values: samples.lag,
        at: samples.at,
      }),
      chart('rate', {
        color: '--rate',
        format: value => (value === null ? 'unknown' : `${f.rate(value)} /s`),
        limit: null,
        least: 5,
        values: rates,
        at: samples.at,
      }),
    ];
  }

  function update() {
    const rates = ratesOf(samples.at, samples.rows);
    charts[0].update(samples.at, samples.lag);
    charts[1].update(samples.at, rates);
  }

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const each of charts) each.destroy();
    charts = draw();
  });

  return {
    samples,
    /** The newest sample is replaced by the next one until a whole step has passed. */
    push(status) {
      const at = Date.parse(status.timestamp) / 1000;
      if (provisional) for (const column of Object.values(samples)) column.pop();
      const before = samples.at.at(-1);
      provisional = before !== undefined && at - before < SAMPLE_S;
      samples.at.push(at);
      samples.lag.push(status.replication.lagSeconds);
      samples.rows.push(status.replication.rowsApplied);
      samples.transactions.push(status.replication.transactionsApplied);
      while (samples.at[0] < at - HOUR_S) for (const column of Object.values(samples)) column.shift();
      update();
    },
    replace(fresh) {
      provisional = false;
      for (const [name, column] of Object.entries(samples)) column.splice(0, column.length, ...fresh[name]);
      update();
    },
  };
}

function chart(name, {color, format, limit, least, incrs, values, at}) {
  const box = $(`[data-chart="${name}"]`);
  const readout = $(`[data-readout="${name}"]`);
  const style = getComputedStyle(document.documentElement);
  const ink = variable => style.getPropertyValue(variable).trim();
  const font = `11px ${style.getPropertyValue('--sans')}`;
  const axis = {stroke: ink('--note'), font, grid: {stroke: ink('--grid'), width: 1}, ticks: {show: false}};
  const plot = new globalThis.uPlot(
    {
      width: Math.max(box.clientWidth, 200),
      height: HEIGHT,
      padding: [10, 22, 0, 0],
      legend: {show: false},
      tzDate: seconds => globalThis.uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
      cursor: {y: false, drag: {x: false, y: false}, sync: {key: 'hour'}},
      scales: {
        x: {range: (u, min, max) => [Math.max(max - HOUR_S, Math.min(min, max - LEAST_WINDOW_S)), max]},
        y: {range: (u, min, max) => [0, Math.max(max ?? 0, least) * 1.15]},
      },
      axes: [
        {
          ...axis,
          space: 56,
          size: 28,
          incrs: TIMES_S,
          values: (u, splits) => splits.map(s => f.clockTime(s).slice(0, 5)),
        },
        {
          ...axis,
          space: 26,
          size: 62,
          ...(incrs === undefined ? {} : {incrs}),
          values: (u, splits) => splits.map(s => (s === 0 ? '0' : format(s))),
        },
      ],
      series: [{}, {stroke: ink(color), fill: `${ink(color)}26`, width: 1.75, points: {show: false}}],
      hooks: {
        drawAxes: [u => name === 'lag' && shadeUnknown(u, ink('--unknown'))],
        draw: [u => limit !== null && drawLimit(u, limit, ink('--bad'), format, font)],
        setCursor: [u => describe(u, readout, format)],
      },
    },
    [at, values],
    box,
  );
  const observer = new ResizeObserver(() =>
    plot.setSize({width: Math.max(box.clientWidth, 200), height: HEIGHT}),
  );
  observer.observe(box);
  label(plot, box, name, format);
  describe(plot, readout, format);
  return {
    update(newAt, newValues) {
      plot.setData([newAt, newValues]);
      label(plot, box, name, format);
      describe(plot, readout, format);
    },
    destroy() {
      observer.disconnect();
      plot.destroy();
    },
  };
}

/** Shows the moment under the cursor; otherwise the current value, and the maximum of the hour. */
function describe(plot, readout, format) {
  const [at, values] = plot.data;
  const i = plot.cursor.idx;
  const hovered = i !== null && i !== undefined && plot.cursor.left >= 0;
  setText(readout, hovered ? `${f.clockTime(at[i])}  ${format(values[i] ?? null)}` : summary(values, format));
}

function summary(values, format) {
  const known = values.filter(value => value !== null);
  if (known.length === 0) return 'no measurement yet';
  const median = known.toSorted((a, b) => a - b)[Math.floor(known.length / 2)];
  return `median ${format(median)} · most ${format(Math.max(...known))}`;
}

function label(plot, box, name, format) {
  const values = plot.data[1];
  const unknown =
    values.filter(value => value === null).length - (name === 'rate' && values.length > 0 ? 1 : 0);
  const text = `${name === 'lag' ? 'Lag' : 'Rows applied a second'} over the last hour: now ${format(values.at(-1) ?? null)}, ${summary(values, format)}`;
  box.setAttribute(
    'aria-label',
    unknown > 0 ? `${text}, unknown in ${unknown} of ${values.length} samples` : text,
  );
}

/** An unknown value is neither 0 nor a gap that nobody sees: it is shaded. */
function shadeUnknown(plot, color) {
  const [at, values] = plot.data;
  const {ctx, bbox} = plot;
  ctx.save();
  ctx.fillStyle = color;
  for (let i = 1; i < at.length; i += 1) {
    if (values[i] !== null) continue;
    const from = Math.max(plot.valToPos(at[i - 1], 'x', true), bbox.left);
    const to = plot.valToPos(at[i], 'x', true);
    if (to > from) ctx.fillRect(from, bbox.top, to - from, bbox.height);
  }
  ctx.restore();
}

function drawLimit(plot, limit, color, format, font) {
  if (limit > plot.scales.y.max) return;
  const {ctx, bbox} = plot;
  const y = plot.valToPos(limit, 'y', true);
  ctx.save();
  ctx.strokeStyle = color;
  ctx.fillStyle = color;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.textAlign = 'left';
  ctx.textBaseline = 'alphabetic';
  ctx.font = font.replace('11px', `${11 * devicePixelRatio}px`);
  ctx.fillText(`limit ${format(limit)}`, bbox.left + 6 * devicePixelRatio, y - 5 * devicePixelRatio);
  ctx.restore();
}
