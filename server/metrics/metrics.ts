// Metrics for Prometheus: counted from what happens, read from what is known, served on a port of their own.
import type { Logger } from 'pino';
import type { TargetName } from '../../protocol/ids.ts';
import type { MetricsConfig } from '../config/config.ts';
import type { Journal } from '../journal/port.ts';
import type { Power } from '../power/port.ts';
import { COUNTED_KINDS, createCount } from './count.ts';
import { addGauges, type Known } from './gauges.ts';
import { createInstruments } from './instruments.ts';
import { type ListenerBounds, listen } from './listener.ts';

export interface MetricsParts {
  readonly journal: Journal | undefined;
  readonly targets: readonly { readonly name: TargetName; readonly power: Pick<Power, 'follow'> }[];
  readonly logger: Logger;
}

export interface Metrics {
  /** Begins to serve. Returns at once. */
  serve(config: MetricsConfig, known: Known, bounds?: Partial<ListenerBounds>): void;
  /** The text that a scrape gets now. */
  text(): Promise<string>;
  /** Where it listens, `address:port`; undefined: not yet. */
  address(): string | undefined;
  /** For the page: why nothing can be scraped. */
  warnings(): readonly string[];
  close(): Promise<void>;
}

/** Counts from now on: what happened before is with the process before, and Prometheus knows that a counter began again. */
export function startMetrics({ journal, targets, logger }: MetricsParts): Metrics {
  const instruments = createInstruments(targets.map(({ name }) => name));
  const { registry } = instruments;
  const count = createCount(instruments, logger);
  const ends = [
    ...targets.map(({ power }) => power.follow(count.operation)),
    ...(journal === undefined
      ? []
      : [journal.follow({ kinds: COUNTED_KINDS }, count.event), journal.followAppends(count.append)]),
  ];
  let listener: ReturnType<typeof listen> | undefined;
  const text = (): Promise<string> => registry.metrics();
  return {
    serve(config, known, bounds = {}) {
      addGauges(registry, known, count, logger);
      listener = listen({ config, render: text, contentType: registry.contentType, logger, bounds });
    },
    text,
    address: () => listener?.address(),
    warnings() {
      const trouble = listener?.trouble();
      return trouble === undefined ? [] : [trouble];
    },
    async close() {
      for (const end of ends) end();
      await listener?.close();
    },
  };
}
