// What the lab prints once everything is up: one link that signs in, and what is behind it.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { renderUnicodeCompact } from 'uqr';
import { byHand } from './by-hand.ts';
import type { Ready } from './console-process.ts';
import { addressInNetwork } from './network.ts';
import type { LabSettings } from './settings.ts';

const PAGE = path.resolve(import.meta.dirname, '../web/dist/index.html');

/** @param host the directory of the simulated power host */
export function announcement(settings: LabSettings, { signIn, whyPowerOnly }: Ready, host: string): string {
  const { drill, name, title, brief, token, ownModel } = settings;
  const address = settings.inNetwork ? addressInNetwork() : undefined;
  const link = address === undefined ? signIn : reachable(signIn, address);
  return [
    '',
    `Breakglass lab: ${title} (${name}). ${drill.kind === 'qemu' ? 'The VM is real, the host is not.' : 'Nothing here is real.'}`,
    `  ${brief}`,
    '',
    `  Open    ${link}`,
    '          It signs you in: once, for ten minutes.',
    ...(existsSync(PAGE) ? [] : ['          The page is not built: npm run build']),
    ...(settings.inNetwork ? inNetwork(link, address, ownModel) : []),
    '',
    `  Token   ${token}   (for a second sign-in, and for the API)`,
    `  Model   ${ownModel ? 'the endpoint in ANTHROPIC_BASE_URL' : 'the rehearsal model (scripted, no AI)'}`,
    ...(whyPowerOnly === undefined ? [] : [`  Power only, no agent. ${whyPowerOnly}`]),
    drill.kind === 'simulated' ? byHand(drill.scenario.byHand, host) : '',
    '',
    '  Ctrl-C ends it.',
  ].join('\n');
}

/** Where the console listens everywhere, its link names this machine by an address that no other device can open. */
const reachable = (link: string, address: string): string =>
  link.replace(/\/\/(0\.0\.0\.0|127\.0\.0\.1|\[::1?\]):/, `//${address}:`);

function inNetwork(link: string, address: string | undefined, ownModel: boolean): string[] {
  if (address === undefined)
    return ['', '  --host: this machine has no address in a network, so only it can open the lab.'];
  return [
    '',
    ...renderUnicodeCompact(link)
      .split('\n')
      .map((line) => `  ${line}`),
    '',
    '  Whoever is in this network can reach the lab, and whoever listens there can read along, because it is plain HTTP.',
    `  ${ownModel ? 'Nothing real is behind it but your model endpoint, which a stranger who signs in could use.' : 'Nothing real is behind it.'}`,
  ];
}
