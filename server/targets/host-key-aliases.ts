// The names under which host keys are kept: one for each VM and one for each power host, whatever their addresses are. Pure.
import type { TargetConfig } from '../config/targets.ts';

export interface HostKeyAliases {
  readonly vm: string;
  readonly powerHost: string;
}

/**
 * The default target keeps the names that a console with one target has always used, so that its pinned keys stay valid when its
 * description moves into a file. Targets on one power host share the name of that host.
 */
export function hostKeyAliases(target: TargetConfig, ofDefault: TargetConfig): HostKeyAliases {
  const place = ({ powerHost }: TargetConfig): string =>
    `${powerHost.host}-${powerHost.port}`.replaceAll(/[^A-Za-z0-9.-]/g, '_');
  return {
    vm: target.name === ofDefault.name ? 'breakglass-vm' : `breakglass-vm-${target.name}`,
    powerHost:
      place(target) === place(ofDefault) ? 'breakglass-power-host' : `breakglass-power-host-${place(target)}`,
  };
}
