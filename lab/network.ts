// `--host`: under which address another device of the same network reaches this machine.
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

/** Bridges and tunnels that programs make on this machine: a phone is never in them. */
const NOT_A_NETWORK = /^(docker|br-|veth|virbr|lxc|cni|flannel|tun|tap|wg)/;

/** The first IPv4 address of a network that a phone may be in; undefined when there is none. */
export function addressInNetwork(
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces(),
): string | undefined {
  return Object.entries(interfaces)
    .filter(([name]) => !NOT_A_NETWORK.test(name))
    .flatMap(([, addresses = []]) => addresses)
    .find(
      ({ family, internal, address }) => family === 'IPv4' && !internal && !address.startsWith('169.254.'),
    )?.address;
}
