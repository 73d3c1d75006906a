// Composition root: config → parts → listen. Exit 2: the configuration is not understood; 1: it could not start.
import pino from 'pino';
import { type Config, ConfigError, readConfig } from './config.ts';
import { createConsole } from './console.ts';

/** After a signal everything has this long to end; then the process ends anyway and the next start cleans up. */
const SHUTDOWN_LIMIT_MS = 8_000;

function configure(): Config {
  try {
    return readConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(`breakglass: ${error.message}`);
    process.exit(2);
  }
}

const config = configure();
const logger = pino({
  // The lab has a terminal of its own to speak to.
  level: config.lab === null ? 'info' : 'warn',
  redact: [
    'req.headers.authorization',
    'req.headers.cookie',
    'headers.authorization',
    'headers.cookie',
    '*.ANTHROPIC_API_KEY',
    '*.CLAUDE_CODE_OAUTH_TOKEN',
  ],
});
const breakglass = await createConsole(config, logger);

let closing = false;
async function shutDown(signal: string): Promise<void> {
  if (closing) return;
  closing = true;
  logger.info(`${signal}: closing`);
  setTimeout(() => process.exit(1), SHUTDOWN_LIMIT_MS).unref();
  await breakglass.close();
  process.exit(0);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => void shutDown(signal));
// One request gone wrong must not take the power path down with it.
process.on('unhandledRejection', (reason) => logger.error({ err: reason }, 'an unhandled rejection'));

try {
  const url = await breakglass.app.listen({ host: config.bind, port: config.port });
  logger.info(`Breakglass listens on ${url}, target ${config.target.name}, policy ${config.policy.mode}`);
  const proxies = config.access.trustedProxies;
  logger.info(
    proxies.length === 0
      ? 'no trusted proxy: X-authentik-username is never believed'
      : `X-authentik-username is believed from ${proxies.join(', ')}`,
  );
  for (const warning of breakglass.warnings) logger.warn(warning);
} catch (error) {
  console.error(
    `breakglass: cannot listen on ${config.bind}:${config.port}: ${error instanceof Error ? error.message : String(error)}`,
  );
  await breakglass.close();
  process.exit(1);
}
