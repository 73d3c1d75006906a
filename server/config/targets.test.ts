import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import { readConfig } from './config.ts';
import { parseTargets } from './targets.ts';

const DEFAULTS = { vmUser: 'breakglass', powerUser: 'root', keyPath: '/secrets/key' };
const parse = (text: string) => parseTargets(text, 'targets.yaml', DEFAULTS);

const THREE = `
default: web
targets:
  devvm:
    title: Development VM
    vm: { host: 10.0.10.10, observer_user: breakglass-observer }
    power: { host: 192.168.1.127, user: breakglass-102, vmid: 102 }
  web:
    vm: { host: '2001:db8::11', port: 2222, user: ops, key: /secrets/web }
    power: { host: 192.168.1.127, user: breakglass-103, key: /secrets/web-power }
    policy: observe
  far:
    vm: { host: far.example }
    power: { host: 192.168.1.128 }
`;

test('several targets, each with its own addresses, key, VM and policy; what is not said is the default', () => {
  const { default: chosen, all } = parse(THREE);
  expect(chosen).toBe('web');
  expect(all).toEqual([
    {
      name: 'devvm',
      title: 'Development VM',
      vm: { host: '10.0.10.10', port: 22, user: 'breakglass' },
      observerUser: 'breakglass-observer',
      vmKeyPath: '/secrets/key',
      powerHost: { host: '192.168.1.127', port: 22, user: 'breakglass-102' },
      powerKeyPath: '/secrets/key',
      vmid: 102,
      policy: undefined,
      alerts: [],
    },
    {
      name: 'web',
      title: undefined,
      vm: { host: '2001:db8::11', port: 2222, user: 'ops' },
      observerUser: undefined,
      vmKeyPath: '/secrets/web',
      powerHost: { host: '192.168.1.127', port: 22, user: 'breakglass-103' },
      powerKeyPath: '/secrets/web-power',
      vmid: undefined,
      policy: 'observe',
      alerts: [],
    },
    expect.objectContaining({ name: 'far', powerHost: { host: '192.168.1.128', port: 22, user: 'root' } }),
  ]);
});

const one = (vm: string, power: string, more = ''): string =>
  `targets:\n  devvm:\n    vm: ${vm}\n    power: ${power}\n${more}`;

test.each([
  ['the file is no YAML', 'targets: [', /^targets\.yaml: this is not YAML: /],
  ['a key stands twice', 'targets: {}\ntargets: {}', /^targets\.yaml: this is not YAML: .*unique/],
  ['there is no target', 'targets: {}', /^targets\.yaml: targets: .*at least one target/],
  ['nothing is there', '', /^targets\.yaml: null .*\{default\?, targets\}/],
  ['a key is not known', 'target: {}', /^targets\.yaml: target: .*no such key/],
  [
    'a key of a target is not known',
    one('{ host: 10.0.0.1, prot: 22 }', '{ host: 10.0.0.2 }'),
    /^targets\.yaml: targets\.devvm\.vm\.prot: 22 .*no such key: an address/,
  ],
  [
    'a host could be an option',
    one('{ host: -oProxyCommand=x }', '{ host: 10.0.0.2 }'),
    /^targets\.yaml: targets\.devvm\.vm\.host: "-oProxyCommand=x" .*an IP address or a host name/,
  ],
  [
    'a port is a word',
    one('{ host: 10.0.0.1, port: ssh }', '{ host: 10.0.0.2 }'),
    /^targets\.yaml: targets\.devvm\.vm\.port: "ssh" .*a port from 1 to 65535/,
  ],
  [
    'the power path is missing',
    one('{ host: 10.0.0.1 }', 'null'),
    /^targets\.yaml: targets\.devvm\.power: null .*an address/,
  ],
  [
    'the VM is no number of one',
    one('{ host: 10.0.0.1 }', '{ host: 10.0.0.2, vmid: 7 }'),
    /^targets\.yaml: targets\.devvm\.power\.vmid: 7 .*the number of a VM/,
  ],
  [
    'a key is relative',
    one('{ host: 10.0.0.1, key: id_ed25519 }', '{ host: 10.0.0.2 }'),
    /^targets\.yaml: targets\.devvm\.vm\.key: "id_ed25519" .*an absolute path/,
  ],
  [
    'the policy is another word',
    one('{ host: 10.0.0.1 }', '{ host: 10.0.0.2 }', '    policy: yolo\n'),
    /^targets\.yaml: targets\.devvm\.policy: "yolo" .*observe, ask or autonomous/,
  ],
  [
    'a name is none',
    'targets:\n  Dev VM:\n    vm: { host: a }\n    power: { host: b }\n',
    /^targets\.yaml: targets: "Dev VM" .*small letters/,
  ],
  [
    'the default is missing among several',
    THREE.replace('default: web\n', ''),
    /^targets\.yaml: default: null .*one of devvm, web, far/,
  ],
  [
    'the default is no target',
    THREE.replace('default: web', 'default: moon'),
    /^targets\.yaml: default: "moon" .*one of devvm, web, far/,
  ],
])('%s: the file, the place in it, the value and what was expected are named', (_name, text, message) => {
  expect(() => parse(text)).toThrow(message);
});

test('two targets with the same power path are the same VM and refused, unless an account or a key tells them apart', () => {
  const two = (a: string, b: string) =>
    `default: a\ntargets:\n  a:\n    vm: { host: a }\n    power: ${a}\n  b:\n    vm: { host: b }\n    power: ${b}\n`;
  expect(() => parse(two('{ host: h }', '{ host: h }'))).toThrow(
    /targets\.b\.power: the same power path as targets\.a/,
  );
  expect(parse(two('{ host: h }', '{ host: h, key: /other }')).all).toHaveLength(2);
  expect(parse(two('{ host: h }', '{ host: h, user: breakglass-103 }')).all).toHaveLength(2);
});

test('BREAKGLASS_CONFIG names the file; a target in the environment beside it is refused, and so is a file that does not exist', () => {
  const file = path.join(tempDir(), 'targets.yaml');
  writeFileSync(file, THREE);
  const env = { API_BEARER_TOKEN: 'long-enough-0123456789', BREAKGLASS_CONFIG: file };
  expect(readConfig(env).targets.all.map(({ name }) => name)).toEqual(['devvm', 'web', 'far']);
  expect(() => readConfig({ ...env, BREAKGLASS_DEVVM_HOST: '10.0.0.1' })).toThrow(
    /^BREAKGLASS_DEVVM_HOST is set beside BREAKGLASS_CONFIG/,
  );
  expect(() => readConfig({ ...env, BREAKGLASS_CONFIG: '/does/not/exist.yaml' })).toThrow(
    /^BREAKGLASS_CONFIG: .*cannot be read/,
  );
});

test('labels of alerts are one set or several, each label with one value or several', () => {
  const alertsOf = (alerts: string) =>
    parseTargets(one('{ host: 10.0.0.1 }', '{ host: 10.0.0.2 }', `    alerts: ${alerts}\n`), 'targets.yaml', {
      vmUser: 'breakglass',
      powerUser: 'root',
      keyPath: '/k',
    }).all[0]?.alerts;
  expect(alertsOf('{ instance: a, job: [b, c] }')).toEqual([{ instance: ['a'], job: ['b', 'c'] }]);
  expect(alertsOf('[{ instance: a }, { monitor: m }]')).toEqual([{ instance: ['a'] }, { monitor: ['m'] }]);
  // A set without labels would mean every alert.
  for (const wrong of ['{}', '[{}]', 'devvm', '{ instance: 5 }', '{ instance: [] }', '{ instance: "" }'])
    expect(() => alertsOf(wrong)).toThrow(/targets\.devvm\.alerts.*labels such as \{instance: /);
});
