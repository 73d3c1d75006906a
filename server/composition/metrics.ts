// The metrics, where somebody scrapes them.
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { Journal } from '../journal/port.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Targets } from '../targets/targets.ts';

/** Nothing of it is loaded where nobody scrapes, and a library that cannot be loaded keeps nobody from power. */
export async function makeMetrics(
  config: Config,
  logger: Logger,
  { journal, targets }: { journal: Journal | undefined; targets: Targets },
): Promise<Metrics | undefined> {
  if (config.metrics === undefined) return undefined;
  try {
    const { startMetrics } = await import('../metrics/metrics.ts');
    return startMetrics({ journal, targets: targets.all, logger });
  } catch (error) {
    logger.error({ err: error }, 'there are no metrics: BREAKGLASS_METRICS_PORT is not served');
    return undefined;
  }
}
