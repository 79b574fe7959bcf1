/** Formats numbers and times for people. Runs on the server and in the browser, so that both show the same. */

const WHOLE = new Intl.NumberFormat('en', {maximumFractionDigits: 0});
const TENTH = new Intl.NumberFormat('en', {maximumFractionDigits: 1, minimumFractionDigits: 1});

export function count(value) {
  return value === null ? 'unknown' : WHOLE.format(value);
}

export function rate(value) {
  if (value === null) return 'unknown';
  return value < 10 && !Number.isInteger(value) ? TENTH.format(value) : WHOLE.format(value);
}

/** 3 ms · 4.2 s · 42 s · 12 min 5 s · 3 h 12 min · 2 d 3 h */
export function duration(ms) {
  if (ms === null) return 'unknown';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${TENTH.format(ms / 1000)} s`;
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return two(Math.floor(s / 60), 'min', s % 60, 's');
  if (s < 86_400) return two(Math.floor(s / 3600), 'h', Math.floor((s % 3600) / 60), 'min');
  return two(Math.floor(s / 86_400), 'd', Math.floor((s % 86_400) / 3600), 'h');
}

export function seconds(value) {
  return value === null ? 'unknown' : duration(value * 1000);
}

export function bytes(value) {
  if (value === null) return 'unknown';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = value;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? WHOLE.format(size) : TENTH.format(size)} ${units[unit]}`;
}

export function ago(iso, nowMs) {
  if (iso === null) return 'never';
  const ms = nowMs - Date.parse(iso);
  if (ms < 1000) return 'just now';
  return `${coarse(ms)} ago`;
}

export function until(iso, nowMs) {
  if (iso === null) return 'none due';
  const ms = Date.parse(iso) - nowMs;
  return ms <= 0 ? 'due now' : `in ${coarse(ms)}`;
}

/** 2026-03-01 02:30:04 UTC: for an engineer on call, one time zone is enough. */
export function moment(iso) {
  return iso === null ? 'never' : `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

export function clockTime(atSeconds) {
  return new Date(atSeconds * 1000).toISOString().slice(11, 19);
}

/** A position of any kind, one line for each part. */
export function position(value) {
  if (value === null) return 'unknown';
  const parts = Object.entries(value).filter(([name]) => name !== 'tag' && name !== 'kind');
  return parts
    .map(([name, part]) => `${name} ${typeof part === 'object' ? JSON.stringify(part) : part}`)
    .join('\n');
}

/** Whole units only: a text that changes ten times a second cannot be read. */
export function coarse(ms) {
  if (ms < 60_000) return `${Math.floor(ms / 1000)} s`;
  return ms < 3_600_000 ? `${Math.floor(ms / 60_000)} min` : duration(ms);
}

function two(major, majorUnit, minor, minorUnit) {
  return minor === 0 ? `${major} ${majorUnit}` : `${major} ${majorUnit} ${minor} ${minorUnit}`;
}
