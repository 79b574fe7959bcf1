/** A file of its own, so that the server's thread need not load the configuration and the mapping's file format. */

/** Whether a host is this machine, by its name or its address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}
