// Warnings about the configuration. The log shows them at the start, and the page shows them.
import type { Config } from '../config/config.ts';
import { isKeyFile } from '../ssh/key-file.ts';

/** Whether the console holds an SSH key for every target. */
export const hasKeys = (config: Config): boolean => missingKeys(config).length === 0;

const missingKeys = ({ authSock, targets }: Config): string[] => {
  if (authSock !== undefined) return [];
  const paths = new Set(targets.all.flatMap(({ vmKeyPath, powerKeyPath }) => [vmKeyPath, powerKeyPath]));
  return [...paths].filter((file) => !isKeyFile(file));
};

function isPlainFromAfar(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}

export function warningsOf(config: Config, agentUnavailable: string | undefined): string[] {
  const warnings: string[] = [];
  if (agentUnavailable !== undefined) warnings.push(`The agent is not available. ${agentUnavailable}`);
  const everyone = config.access.trustedProxies.filter((cidr) => cidr.endsWith('/0'));
  if (everyone.length > 0)
    warnings.push(
      `BREAKGLASS_TRUSTED_PROXIES contains ${everyone.join(' and ')}: whoever reaches this port can claim to be anybody.`,
    );
  if (config.access.trustedProxies.length > 0 && config.access.publicUrls.length === 0)
    warnings.push(
      'BREAKGLASS_PUBLIC_URL is not set: requests under any name are taken for ours. Set it to where people open this console.',
    );
  const { signed } = config.access;
  if (signed !== undefined && isPlainFromAfar(signed.jwksUrl))
    warnings.push(
      'BREAKGLASS_JWT_JWKS_URL is plain HTTP: whoever sits on the way can hand out keys of their own. Use https.',
    );
  if (config.environmentFile?.showsSecrets === true)
    warnings.push(
      `Every user of this machine can read ${config.environmentFile.path}, and there is a secret in it. Run: chmod 600 ${config.environmentFile.path}`,
    );
  for (const file of missingKeys(config))
    warnings.push(
      `No SSH key at ${file} and no ssh-agent: neither the VM nor the power host can be reached with it.`,
    );
  const { all } = config.targets;
  const blind = all.filter(({ observerUser }) => observerUser === undefined).map(({ name }) => name);
  const where = all.length === 1 ? '' : ` for ${blind.join(', ')}`;
  if (blind.length > 0)
    warnings.push(
      `No observer account${where} (BREAKGLASS_DEVVM_OBSERVER_USER, or vm.observer_user in the file): every command in the VM counts as repair. Policy observe allows none, and policy ask asks before each.`,
    );
  return warnings;
}
