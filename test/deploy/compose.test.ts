// deploy/compose.yaml: no Docker is here to read it, so this reads what Docker would.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { root } from '../../deploy/source.ts';
import { readConfig } from '../../server/config/config.ts';
import { tempDir } from '../support/temp-dir.ts';

interface Compose {
  readonly services: {
    readonly console: {
      readonly build: { readonly context: string; readonly dockerfile: string };
      readonly environment: Readonly<Record<string, string>>;
      readonly healthcheck: { readonly test: readonly string[] };
      readonly secrets: readonly string[];
      readonly volumes: readonly string[];
      readonly [rest: string]: unknown;
    };
  };
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const deploy = path.join(root, 'deploy');
const compose = parse(readFileSync(path.join(deploy, 'compose.yaml'), 'utf8')) as Compose;
const { console: service } = compose.services;

test('the container is nobody, writes nothing but its data, and holds what was measured', () => {
  expect(service).toMatchObject({
    user: '10001:10001',
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    mem_limit: '512m',
    memswap_limit: '512m',
    restart: 'unless-stopped',
    ports: ['127.0.0.1:8080:8080'],
  });
  // The same figures in every deployment of 512 MiB.
  for (const overlay of ['traefik', 'nginx']) {
    const settings = readFileSync(path.join(deploy, 'kubernetes/overlays', overlay, 'settings.env'), 'utf8');
    for (const [name, value] of Object.entries(service.environment).filter(([each]) =>
      /_AGENTS$|_TURNS$|_MB$/.test(each),
    ))
      expect(settings).toContain(`${name}=${value}\n`);
  }
});

test('what it names exists: the build, the check of its health, every secret and volume', () => {
  expect(existsSync(path.join(deploy, service.build.context, service.build.dockerfile))).toBe(true);
  expect(existsSync(path.join(deploy, 'container', service.healthcheck.test[1] ?? ''))).toBe(true);
  expect(service.secrets.toSorted()).toEqual(Object.keys(compose.secrets).sort());
  for (const [name, { file }] of Object.entries(compose.secrets)) expect(file).toBe(`./secrets/${name}`);
  expect(service.volumes[0]).toBe(`${Object.keys(compose.volumes)[0]}:/data`);
});

test('the console understands its environment, with the targets of the example and the secrets as files', () => {
  const dir = tempDir();
  const env = Object.entries(service.environment).map(([name, value]): [string, string] => {
    if (!value.startsWith('/')) return [name, value];
    const inContainer = path.basename(value);
    // Each is a secret of the container, or the file of the targets.
    expect([...service.secrets, 'targets.yaml']).toContain(inContainer);
    const file = path.join(dir, inContainer);
    writeFileSync(
      file,
      inContainer === 'targets.yaml'
        ? readFileSync(path.join(deploy, 'targets.example.yaml'))
        : 'a secret 0123456789',
    );
    return [name, file];
  });
  const config = readConfig({ ...Object.fromEntries(env), BREAKGLASS_DATA_DIR: dir });
  expect(config.targets.all.map(({ name }) => name)).toEqual(['devvm']);
});

test('an image that compose or a person builds without arguments has no empty label', () => {
  const file = readFileSync(path.join(root, service.build.dockerfile), 'utf8');
  const defaults = new Map(
    Array.from(file.matchAll(/^ARG (.+)$/gm), ([, all = '']) => all.split(' '))
      .flat()
      .map((one) => {
        const [name = '', value] = one.split('=');
        return [name, value] as const;
      }),
  );
  const labels = Array.from(file.matchAll(/^ {6}org\.opencontainers\.image\.(\w+)="\$\{(\w+)\}"/gm));
  expect(labels.map(([, label, name = '']) => [label, defaults.get(name)])).toEqual([
    ['version', 'unknown'],
    ['revision', 'unknown'],
    ['source', 'unknown'],
    ['created', 'unknown'],
  ]);
});
