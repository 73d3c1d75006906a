// What `breakglass init` must be told: each with the option that says it, the variable that keeps it, a default, and what is accepted.
import { createSocket } from 'node:dgram';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';
import { readSecret } from './model-credential.ts';

export interface Answers {
  readonly powerHost: string;
  readonly vmid: string;
  readonly vm: string;
  /** Where the console connects from, as the power host and the VM see it. */
  readonly from: string;
  /** A file with the model's credential; empty: no agent. */
  readonly modelFile: string;
  /** Where people open the console; empty: under any name. */
  readonly publicUrl: string;
}

export interface Question {
  readonly name: keyof Answers;
  readonly option: string;
  readonly asks: string;
  /** Absent: nothing keeps it, so it is asked again. */
  readonly variable?: string;
  readonly mayBeEmpty: boolean;
  /** What was expected, where the answer is not accepted. */
  readonly refuses: (answer: string) => string | undefined;
}

const isAddress = (text: string): boolean => isIP(text) > 0 || /^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/.test(text);
const address = (answer: string): string | undefined =>
  isAddress(answer)
    ? undefined
    : 'an address such as 192.168.1.127 (better than a name: at night DNS may be down)';

export const QUESTIONS: readonly Question[] = [
  {
    name: 'powerHost',
    option: '--power-host',
    asks: 'Address of the Proxmox host that the VM runs on',
    variable: 'BREAKGLASS_PVE_HOST',
    mayBeEmpty: false,
    refuses: address,
  },
  {
    name: 'vmid',
    option: '--vmid',
    asks: 'Number of the VM there',
    variable: 'BREAKGLASS_PVE_VMID',
    mayBeEmpty: false,
    refuses: (answer) => (/^[1-9]\d{2,8}$/.test(answer) ? undefined : 'the number of a VM, such as 102'),
  },
  {
    name: 'vm',
    option: '--vm',
    asks: 'Address of the VM',
    variable: 'BREAKGLASS_DEVVM_HOST',
    mayBeEmpty: false,
    refuses: address,
  },
  {
    name: 'from',
    option: '--from',
    asks: 'Address of this console, as the host and the VM see it (or a network, such as 10.0.20.0/24)',
    mayBeEmpty: false,
    refuses: (answer) =>
      answer.split(',').every(isNetwork)
        ? undefined
        : 'addresses or networks, such as 10.0.20.5 or 10.0.20.0/24,192.168.1.7',
  },
  {
    name: 'modelFile',
    option: '--model-file',
    asks: 'File with the credential of the model (a Claude token or an API key); nothing: no agent for now',
    mayBeEmpty: true,
    refuses: (answer) =>
      /^\S+$/.test(readSecret(answer) ?? '')
        ? undefined
        : 'a file that can be read and holds the token or key alone, as one word',
  },
  {
    name: 'publicUrl',
    option: '--public-url',
    asks: 'Where people open the console, such as https://breakglass.example; nothing: under any name',
    variable: 'BREAKGLASS_PUBLIC_URL',
    mayBeEmpty: true,
    refuses: (answer) =>
      answer.split(',').every(isOrigin)
        ? undefined
        : 'an address without a path, such as https://breakglass.example',
  },
];

function isNetwork(text: string): boolean {
  if (!text.includes('/')) return isIP(text) > 0 && !text.includes('%');
  // As sshd: no bits beyond the mask.
  return ipaddr.isValidCIDR(text) && ipaddr.parse(text.split('/')[0] ?? '').toString() === networkOf(text);
}

const networkOf = (cidr: string): string =>
  (cidr.includes(':') ? ipaddr.IPv6 : ipaddr.IPv4).networkAddressFromCIDR(cidr).toString();

function isOrigin(text: string): boolean {
  // URL.parse forgives what the environment file does not: line ends, quotes.
  if (!/^ *https?:\/\/[A-Za-z0-9.:[\]-]+\/? *$/.test(text)) return false;
  const url = URL.parse(text.trim());
  return url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
}

/** The address from which this machine would reach that one; nothing is sent. Else the first one that it has. */
export async function ownAddressTowards(host: string): Promise<string> {
  const towards = isIP(host) > 0 ? await routed(host) : undefined;
  if (towards !== undefined) return towards;
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '';
}

function routed(host: string): Promise<string | undefined> {
  const socket = createSocket(isIP(host) === 6 ? 'udp6' : 'udp4');
  return new Promise<string | undefined>((resolve) => {
    socket.once('error', () => resolve(undefined));
    // Node hands it the reason where there is no way there; what the socket says then is 0.0.0.0.
    socket.connect(22, host, (...failed: readonly unknown[]) =>
      resolve(failed[0] instanceof Error ? undefined : socket.address().address),
    );
  }).finally(() => socket.close());
}
