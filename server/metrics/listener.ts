// The port that Prometheus scrapes. It is apart from the console's own, because whoever scrapes has no identity there, and so that nothing
// that happens to it reaches the console: a port that is taken is tried again, a connection that hangs is closed.
import { createServer, type ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { MetricsConfig } from '../config/config.ts';

export interface ListenerParts {
  readonly config: MetricsConfig;
  /** The text for Prometheus, and its content type. */
  readonly render: () => Promise<string>;
  readonly contentType: string;
  readonly logger: Logger;
  readonly bounds?: Partial<ListenerBounds>;
}

export interface ListenerBounds {
  /** How long a rendering serves everybody: a flood of scrapes costs one each second. */
  readonly freshMs: number;
  /** For a request to come whole, and for an answer to be read. */
  readonly connectionMs: number;
  readonly connections: number;
  /** Until a port that could not be had is tried again. */
  readonly againMs: number;
}

const BOUNDS: ListenerBounds = { freshMs: 1_000, connectionMs: 10_000, connections: 16, againMs: 30_000 };

export interface MetricsListener {
  /** Why nothing can be scraped at present, in a sentence for a person; undefined while all is well. */
  trouble(): string | undefined;
  /** Where it listens; undefined: not yet. */
  address(): string | undefined;
  close(): Promise<void>;
}

/** Returns at once: the console does not wait for this port. */
export function listen({ config, render, contentType, logger, ...parts }: ListenerParts): MetricsListener {
  const bounds: ListenerBounds = { ...BOUNDS, ...parts.bounds };
  const fresh = keptFor(bounds.freshMs, render);
  let trouble: string | undefined;
  let again: NodeJS.Timeout | undefined;
  let closing = false;

  const server = createServer(
    {
      headersTimeout: bounds.connectionMs,
      requestTimeout: bounds.connectionMs,
      connectionsCheckingInterval: Math.min(2_000, bounds.connectionMs),
    },
    (request, response) => {
      // A reader that takes nothing must not keep its place.
      const overdue = setTimeout(() => request.socket.destroy(), bounds.connectionMs).unref();
      response.once('close', () => clearTimeout(overdue));
      const isScrape = /^\/metrics(\?|$)/.test(request.url ?? '');
      if (!isScrape || (request.method !== 'GET' && request.method !== 'HEAD')) {
        answer(response, 404, 'text/plain; charset=utf-8', 'There is only GET /metrics here.\n');
        return;
      }
      fresh().then(
        (text) => answer(response, 200, contentType, text),
        (error: unknown) => {
          logger.error({ err: error }, 'the metrics could not be made');
          answer(
            response,
            500,
            'text/plain; charset=utf-8',
            'The metrics could not be made. The log says why.\n',
          );
        },
      );
    },
  );
  // Each connection is answered once, so none waits in a place that another scraper needs.
  server.maxRequestsPerSocket = 1;
  server.maxConnections = bounds.connections;
  const place = `${config.bind}:${config.port}`;
  server.on('listening', () => {
    trouble = undefined;
    logger.info(`metrics for Prometheus at http://${addressOf() ?? place}/metrics`);
  });
  server.on('error', (error: NodeJS.ErrnoException) => {
    if (server.listening) {
      logger.error({ err: error }, 'the metrics listener had trouble');
      return;
    }
    const told = trouble !== undefined;
    trouble = `Prometheus cannot scrape this console: BREAKGLASS_METRICS_PORT ${config.port} at BREAKGLASS_METRICS_BIND ${config.bind} ${whyNot(error)}. It is tried again; everything else works.`;
    if (!told) logger.warn(trouble);
    if (!closing) again = setTimeout(start, bounds.againMs).unref();
  });
  const start = (): void => {
    server.listen({ host: config.bind, port: config.port });
  };
  const addressOf = (): string | undefined => {
    const address = server.address();
    if (address === null || typeof address === 'string') return undefined;
    return `${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  };
  start();
  return {
    trouble: () => trouble,
    address: addressOf,
    async close() {
      closing = true;
      clearTimeout(again);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}

const WHY_NOT: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is taken by another program',
  EACCES: 'may not be used by this account (below 1024 it takes a privilege)',
  EADDRNOTAVAIL: 'is no address of this machine',
};

const whyNot = ({ code = '', message }: NodeJS.ErrnoException): string =>
  WHY_NOT[code] ?? `cannot be used (${message})`;

/** One result at a time, which serves everybody for a moment. */
function keptFor(freshMs: number, make: () => Promise<string>): () => Promise<string> {
  let kept: { readonly text: Promise<string>; readonly madeAt: number } | undefined;
  return () => {
    if (kept !== undefined && performance.now() - kept.madeAt < freshMs) return kept.text;
    kept = { text: make(), madeAt: performance.now() };
    return kept.text;
  };
}
