// Why the console cannot listen, and which variable changes that.
export interface Place {
  readonly bind: string;
  readonly port: number;
}

/** Ports below this are root's (ip(7), net.ipv4.ip_unprivileged_port_start). */
const FIRST_FREE_PORT = 1024;

export function whyNotListening(error: unknown, { bind, port }: Place): string {
  const { code, message } =
    error instanceof Error ? (error as NodeJS.ErrnoException) : { code: undefined, message: String(error) };
  return `cannot listen on ${bind}:${port}: ${reason(code, { bind, port }) ?? message}`;
}

function reason(code: string | undefined, { bind, port }: Place): string | undefined {
  if (code === 'EADDRINUSE')
    return `another program has this port, perhaps another Breakglass. End that one, or set BREAKGLASS_PORT to a free port, such as ${port === 65_535 ? port - 1 : port + 1}.`;
  if (code === 'EACCES' && port < FIRST_FREE_PORT)
    return `this user may not use ports below ${FIRST_FREE_PORT}. Set BREAKGLASS_PORT to ${FIRST_FREE_PORT} or above.`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `this machine has no address ${bind}. Set BREAKGLASS_BIND to one that it has; 0.0.0.0 means all of them.`;
  return undefined;
}
