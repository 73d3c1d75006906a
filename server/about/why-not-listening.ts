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
  switch (code) {
    case 'EADDRINUSE':
      return `another program has this port, perhaps another Breakglass. End that one, or set BREAKGLASS_PORT to a free port, such as ${port === 65_535 ? port - 1 : port + 1}.`;
    case 'EACCES':
      return port < FIRST_FREE_PORT
        ? `this user may not use ports below ${FIRST_FREE_PORT}. Set BREAKGLASS_PORT to ${FIRST_FREE_PORT} or above.`
        : undefined;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `this machine has no address ${bind}. Set BREAKGLASS_BIND to one that it has; 0.0.0.0 means all of them.`;
    default:
      return undefined;
  }
}
