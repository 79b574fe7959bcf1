/** The text that Prometheus reads, for tests. */

/**
 * The samples by name and labels, without the stream's.
 *
 * @throws Error where one does not bear it
 */
export function samplesOf(text: string, stream: string): Map<string, number> {
  const label = `stream="${stream}"`;
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map(line => {
      if (!line.includes(label)) throw new Error(`a sample without its stream: ${line}`);
      const at = line.lastIndexOf(' ');
      const name = line
        .slice(0, at)
        .replace(new RegExp(`${label},?`), '')
        .replace(/,?\}$/, '}')
        .replace('{}', '');
      return [name, Number(line.slice(at + 1))];
    }),
  );
}
