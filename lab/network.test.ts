import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { addressInNetwork } from './network.ts';

const at = (address: string, internal = false): NetworkInterfaceInfo[] => [
  {
    address,
    internal,
    family: address.includes(':') ? 'IPv6' : 'IPv4',
    netmask: '',
    mac: '',
    cidr: null,
    scopeid: 0,
  } as NetworkInterfaceInfo,
];

test('the address of a network that a phone may be in, not that of this machine alone or of its containers', () => {
  const loopback = { lo: at('127.0.0.1', true), docker0: at('172.17.0.1'), eth1: at('169.254.3.4') };
  expect(addressInNetwork({ ...loopback, wlan0: [...at('fe80::1'), ...at('192.168.1.20')] })).toBe(
    '192.168.1.20',
  );
  expect(addressInNetwork(loopback)).toBeUndefined();
});
