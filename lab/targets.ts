// What the lab tells the console of its targets: the one with the drill, and beside it one that is well. Both are on the same power
// host, where the account that logs in decides which VM a verb reaches.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LabSettings } from './settings.ts';

/** The accounts in a VM. */
export const ACCOUNTS = { repair: 'breakglass', observer: 'breakglass-observer' };
/** On the power host, for the VM that is well. */
export const OTHER_ACCOUNT = 'breakglass-103';

export interface LabHosts {
  readonly powerHostPort: number;
  readonly vmPort: number;
  /** Undefined: there is no second VM. */
  readonly otherVmPort?: number | undefined;
}

/** Variables of the console. With a second VM the targets stand in a file, as an operator of several would write it. */
export function targetsOf(
  { title }: Pick<LabSettings, 'title'>,
  { powerHostPort, vmPort, otherVmPort }: LabHosts,
  scratch: string,
): Readonly<Record<string, string>> {
  if (otherVmPort === undefined)
    return {
      BREAKGLASS_DEVVM_HOST: '127.0.0.1',
      BREAKGLASS_DEVVM_PORT: String(vmPort),
      BREAKGLASS_DEVVM_USER: ACCOUNTS.repair,
      BREAKGLASS_DEVVM_OBSERVER_USER: ACCOUNTS.observer,
      BREAKGLASS_PVE_HOST: '127.0.0.1',
      BREAKGLASS_PVE_PORT: String(powerHostPort),
    };
  const vm = (port: number): string =>
    `{ host: 127.0.0.1, port: ${port}, user: ${ACCOUNTS.repair}, observer_user: ${ACCOUNTS.observer} }`;
  const power = (user: string, vmid: number): string =>
    `{ host: 127.0.0.1, port: ${powerHostPort}, user: ${user}, vmid: ${vmid} }`;
  const file = path.join(scratch, 'targets.yaml');
  writeFileSync(
    file,
    `default: devvm
targets:
  devvm:
    title: ${JSON.stringify(title)}
    vm: ${vm(vmPort)}
    power: ${power('breakglass', 102)}
  web:
    title: Nothing is wrong here
    vm: ${vm(otherVmPort)}
    power: ${power(OTHER_ACCOUNT, 103)}
`,
    { mode: 0o600 },
  );
  return { BREAKGLASS_CONFIG: file };
}
