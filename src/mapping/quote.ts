/** Quotes names in SQL, in statements of ours and in those that a person pastes. */

export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
