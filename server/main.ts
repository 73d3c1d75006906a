// The entry: reads the configuration, makes the console and listens. Exit code 2: the configuration is not understood; 1: the start failed.
import pino from 'pino';
import { whyNotListening } from './about/why-not-listening.ts';
import { ownToken, ownTokenFile } from './access/own-token.ts';
import { type Config, readConfig } from './config/config.ts';
import { ConfigError } from './config/fields.ts';
import { type Console, createConsole } from './console.ts';
import { DataDirInUse } from './processes/data-dir-lock.ts';
import { makePrivateFiles } from './processes/private-files.ts';

/** After a signal everything has this long to end; then the process ends anyway and the next start cleans up. */
const SHUTDOWN_LIMIT_MS = 8_000;

const atTerminal = process.stdin.isTTY && process.stdout.isTTY;

function configure(): Config {
  try {
    return readConfig(process.env, (dataDir) => ownToken(dataDir, atTerminal));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(`breakglass: ${error.message}`);
    process.exit(2);
  }
}

makePrivateFiles();
const config = configure();
const logger = pino({
  // The lab's terminal is for what a newcomer needs; warnings are on its page.
  level: config.lab === null ? 'info' : 'error',
  redact: [
    'req.headers.authorization',
    'req.headers.cookie',
    'headers.authorization',
    'headers.cookie',
    '*.ANTHROPIC_API_KEY',
    '*.CLAUDE_CODE_OAUTH_TOKEN',
  ],
});
/** What a person at the terminal needs to come in. The log goes to the same place, and never has the code. */
async function welcome(link: string, tokenFile: string | undefined): Promise<readonly string[]> {
  const { renderUnicodeCompact } = await import('uqr');
  const local = /^https?:\/\/(127\.|localhost|\[::1\])/.test(link);
  return [
    '',
    `Sign in with this link. It is good once, for ten minutes:`,
    '',
    `  ${link}`,
    '',
    // A phone cannot open an address of this machine alone.
    ...(local ? [] : [renderUnicodeCompact(link), '']),
    ...(tokenFile === undefined
      ? ['Another one: breakglass login-link']
      : [
          `Another one: BREAKGLASS_TOKEN_FILE=${tokenFile} breakglass login-link`,
          `The access token itself is in ${tokenFile}, which only this account can read.`,
        ]),
    '',
  ];
}

let breakglass: Console | undefined;
let closing = false;
async function shutDown(cause: string): Promise<void> {
  if (closing) return;
  closing = true;
  logger.info(`${cause}: closing`);
  setTimeout(() => process.exit(1), SHUTDOWN_LIMIT_MS).unref();
  await breakglass?.close();
  process.exit(0);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => void shutDown(signal));
// The other end of this channel is the lab. When it is gone, even by SIGKILL, nobody needs this server and its port any more.
if (config.lab !== null && process.connected)
  process.once('disconnect', () => void shutDown('the lab is gone'));
// One request gone wrong must not take the power path down with it.
process.on('unhandledRejection', (reason) => logger.error({ err: reason }, 'an unhandled rejection'));

function fail(message: string): never {
  console.error(`breakglass: ${message}`);
  process.exit(1);
}

try {
  breakglass = await createConsole(config, logger);
} catch (error) {
  if (!(error instanceof DataDirInUse)) throw error;
  fail(error.message);
}

try {
  const url = await breakglass.app.listen({ host: config.bind, port: config.port });
  logger.info(
    `Breakglass listens on ${url}, target ${config.targets.all.map(({ name }) => name).join(', ')}, policy ${config.policy}`,
  );
  logger.info(
    `the record is in ${config.dataDir}, settings come from ${config.environmentFile === undefined ? 'the environment alone' : `the environment and ${config.environmentFile.path}`}`,
  );
  const { trustedProxies: proxies, identityHeader, signed } = config.access;
  logger.info(
    proxies.length === 0
      ? 'no trusted proxy: no identity header is ever believed'
      : `the header ${signed === undefined ? identityHeader : `${signed.header}, signed by ${signed.issuer},`} is believed from ${proxies.join(', ')}`,
  );
  for (const warning of breakglass.warnings) logger.warn(warning);
  const { bearerToken, isOwnToken } = config.access;
  if (bearerToken !== undefined && atTerminal && config.lab === null)
    for (const line of await welcome(
      breakglass.loginUrl(url),
      isOwnToken ? ownTokenFile(config.dataDir) : undefined,
    ))
      console.log(line);
  // Tells whoever started us with a channel our address, and that we answer now.
  process.send?.({
    ready: url,
    whyPowerOnly: breakglass.whyPowerOnly,
    signIn: config.lab === null ? undefined : breakglass.loginUrl(url),
  });
} catch (error) {
  await breakglass.close();
  fail(whyNotListening(error, config));
}
