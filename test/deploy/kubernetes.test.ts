// What an overlay becomes: rendered by kubectl, read by the API's own schemas, and what the documents say of it.
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Deployment } from 'kubernetes-models/apps/v1';
import { Ingress, NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PriorityClass } from 'kubernetes-models/scheduling.k8s.io/v1';
import { ConfigMap, Namespace, PersistentVolumeClaim, Secret, Service } from 'kubernetes-models/v1';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { readConfig } from '../../server/config/config.ts';
import { skippedBecause } from '../support/skipped-because.ts';
import { tempDir } from '../support/temp-dir.ts';

const root = path.resolve(import.meta.dirname, '../..');
const OVERLAYS = ['traefik', 'nginx'] as const;
const SECRETS = ['private_key', 'api_bearer_token', 'claude_code_oauth_token'];

/** Each kind with the module of its type. What its class checks of a value: types and what is required. */
const KINDS = {
  Deployment: { from: 'kubernetes-models/apps/v1', model: Deployment },
  Ingress: { from: 'kubernetes-models/networking.k8s.io/v1', model: Ingress },
  NetworkPolicy: { from: 'kubernetes-models/networking.k8s.io/v1', model: NetworkPolicy },
  PriorityClass: { from: 'kubernetes-models/scheduling.k8s.io/v1', model: PriorityClass },
  ConfigMap: { from: 'kubernetes-models/v1', model: ConfigMap },
  Namespace: { from: 'kubernetes-models/v1', model: Namespace },
  PersistentVolumeClaim: { from: 'kubernetes-models/v1', model: PersistentVolumeClaim },
  Secret: { from: 'kubernetes-models/v1', model: Secret },
  Service: { from: 'kubernetes-models/v1', model: Service },
} as const;
const CUSTOM = ['Middleware', 'IngressRoute', 'ExternalSecret'];

interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

function whyNoKubectl(): string | undefined {
  const { status, stdout } = spawnSync('kubectl', ['version', '--client', '--output=json'], {
    encoding: 'utf8',
  });
  if (status !== 0) return 'no kubectl on the PATH';
  const { clientVersion } = JSON.parse(stdout) as {
    clientVersion: { major: string; minor: string; gitVersion: string };
  };
  // Its kustomize takes no directory as a resource.
  return Number.parseInt(clientVersion.minor, 10) < 21
    ? `kubectl ${clientVersion.gitVersion} is too old; Debian 13 has a newer one`
    : undefined;
}

/** From a copy, which has the secrets that ours has not. */
function render(overlay: string, more = ''): readonly KubernetesObject[] {
  const kubernetes = mkdtempSync(path.join(copies, 'k-'));
  cpSync(path.join(root, 'deploy/kubernetes'), kubernetes, { recursive: true });
  if (overlay === 'nginx')
    for (const name of SECRETS)
      writeFileSync(
        path.join(kubernetes, 'overlays/nginx/secrets', name),
        `${name} of the test 0123456789\n`,
      );
  appendFileSync(path.join(kubernetes, 'overlays', overlay, 'kustomization.yaml'), more);
  const text = execFileSync('kubectl', ['kustomize', path.join(kubernetes, 'overlays', overlay)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
}

let copies = '';
const why = whyNoKubectl();

describe.skipIf(why)(`Kubernetes${skippedBecause(why)}`, () => {
  const rendered: Record<string, readonly KubernetesObject[]> = {};
  const of = <T>(overlay: string, kind: string, name?: string): T => {
    const found = rendered[overlay]?.find(
      (one) => one.kind === kind && (name === undefined || one.metadata.name.startsWith(name)),
    );
    if (found === undefined) throw new Error(`${overlay} has no ${kind} ${name ?? ''}`);
    return found as T;
  };

  beforeAll(() => {
    copies = mkdtempSync(path.join(tmpdir(), 'bg-kubernetes-'));
    for (const overlay of OVERLAYS) rendered[overlay] = render(overlay);
  });
  afterAll(() => rmSync(copies, { recursive: true, force: true }));

  test.each(OVERLAYS)('the overlay %s is what the schemas of the API know', (overlay) => {
    for (const one of rendered[overlay] ?? []) {
      if (CUSTOM.includes(one.kind)) continue;
      const known = KINDS[one.kind as keyof typeof KINDS];
      expect(known, `${one.kind} has no schema here`).toBeDefined();
      expect(() =>
        new (known.model as new (data: never) => { validate(): void })(one as never).validate(),
      ).not.toThrow();
    }
  });

  // The schemas let a key pass that they do not know. The compiler does not, in a literal.
  test('no overlay has a key that nobody reads, and a misspelt one would be seen', () => {
    const all = OVERLAYS.flatMap((overlay) => rendered[overlay] ?? []);
    expect(typeErrors(all)).toBe('');
    const misspelt = structuredClone(of<KubernetesObject>('traefik', 'Deployment'));
    (misspelt as unknown as { spec: { template: { spec: Record<string, unknown> } } }).spec.template.spec[
      'priorityClass'
    ] = 'x';
    expect(typeErrors([misspelt])).toMatch(/priorityClass\W+ does not exist/);
  });

  test.each(OVERLAYS)(
    '%s: one console, which is nobody, writes nothing but its data, and asks nothing of the cluster',
    (overlay) => {
      const { spec } = of<Deployment>(overlay, 'Deployment');
      const pod = spec?.template.spec;
      const [container, ...others] = pod?.containers ?? [];
      expect(others).toEqual([]);
      expect(spec).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
      expect(pod).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        dnsPolicy: 'Default',
        priorityClassName: of<KubernetesObject>(overlay, 'PriorityClass').metadata.name,
        securityContext: { runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001 },
      });
      expect(container).toMatchObject({
        securityContext: {
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
        },
        resources: { requests: { memory: '512Mi' }, limits: { memory: '512Mi' } },
        livenessProbe: { httpGet: { path: '/health', port: 'http' } },
        readinessProbe: { httpGet: { path: '/ready', port: 'http' } },
      });
      expect(container?.resources?.requests).toEqual(container?.resources?.limits);
    },
  );

  test('it starts on a node that is not well, and stays on one that is not ready', () => {
    const { tolerations = [] } = of<Deployment>('traefik', 'Deployment').spec?.template.spec ?? {};
    for (const trouble of [
      'memory-pressure',
      'disk-pressure',
      'pid-pressure',
      'not-ready',
      'unreachable',
      'unschedulable',
    ])
      expect(tolerations.map(({ key }) => key)).toContain(`node.kubernetes.io/${trouble}`);
    expect(tolerations.filter(({ tolerationSeconds }) => tolerationSeconds !== undefined)).toEqual([
      expect.objectContaining({
        key: 'node.kubernetes.io/unreachable',
        effect: 'NoExecute',
        tolerationSeconds: 300,
      }),
    ]);
  });

  test.each(OVERLAYS)(
    '%s: in from the edge alone; out to the hosts by address, to the rest by port',
    (overlay) => {
      const policies = (rendered[overlay] ?? []).filter(
        ({ kind }) => kind === 'NetworkPolicy',
      ) as unknown as NetworkPolicy[];
      expect(policies.map(({ metadata }) => metadata?.name ?? '').toSorted()).toEqual([
        'edge',
        'hosts',
        'names-and-https',
        'nothing',
      ]);
      // Each is for all of the namespace, so the first one closes what the others do not open.
      for (const { spec, metadata } of policies)
        expect([metadata?.namespace, spec?.podSelector]).toEqual(['breakglass', {}]);
      const ingress = policies.flatMap(({ spec }) => spec?.ingress ?? []);
      expect(ingress).toHaveLength(1);
      expect(
        ingress[0]?.from?.every(({ namespaceSelector, podSelector }) => namespaceSelector && podSelector),
      ).toBe(true);
      const egress = policies.flatMap(({ spec }) => spec?.egress ?? []);
      expect(
        egress.filter(({ to }) => to === undefined).flatMap(({ ports }) => ports?.map(({ port }) => port)),
      ).toEqual([53, 53, 443]);
      const hosts = egress.filter(({ to }) => to !== undefined);
      expect(hosts.flatMap(({ ports }) => ports?.map(({ port }) => port))).toEqual([22]);
      const addresses = hosts.flatMap(({ to }) => to?.map(({ ipBlock }) => ipBlock?.cidr));
      const targets = of<ConfigMap>(overlay, 'ConfigMap', 'breakglass-targets').data?.['targets.yaml'] ?? '';
      expect(addresses).toEqual([...targets.matchAll(/host: ([\d.]+)/g)].map(([, host]) => `${host}/32`));
    },
  );

  test.each(OVERLAYS)(
    '%s: the console understands the settings and the targets that it is given',
    (overlay) => {
      const dir = tempDir();
      const secret = path.join(dir, 'secret');
      writeFileSync(secret, 'a secret of the test 0123456789');
      const targets = path.join(dir, 'targets.yaml');
      writeFileSync(
        targets,
        of<ConfigMap>(overlay, 'ConfigMap', 'breakglass-targets').data?.['targets.yaml'] ?? '',
      );
      const given = of<Deployment>(overlay, 'Deployment').spec?.template.spec?.containers[0]?.env ?? [];
      const config = readConfig({
        ...of<ConfigMap>(overlay, 'ConfigMap', 'breakglass-settings').data,
        ...Object.fromEntries(
          given.map(({ name, value }) => [name, name.endsWith('_FILE') ? secret : value]),
        ),
        BREAKGLASS_CONFIG: targets,
        BREAKGLASS_DATA_DIR: dir,
      });
      expect(config.targets.all.map(({ name }) => name)).toEqual(['devvm']);
      expect(config.access.trustedProxies).toEqual(['10.42.0.0/16']);
      // nginx cannot take away what a client says of itself, so there a plain header must name nobody.
      if (overlay === 'nginx') expect(config.access.signed).toBeDefined();
    },
  );

  test.each(OVERLAYS)(
    '%s: with the component, Prometheus alone reaches the metrics, at a port of the Service',
    (overlay) => {
      rendered['metrics'] = render(overlay, 'components: [../../components/metrics]\n');
      expect(typeErrors(rendered['metrics'])).toBe('');
      const [container] = of<Deployment>('metrics', 'Deployment').spec?.template.spec?.containers ?? [];
      expect(container?.ports?.map(({ name, containerPort }) => [name, containerPort])).toEqual(
        expect.arrayContaining([
          ['http', 8080],
          ['metrics', 9464],
        ]),
      );
      const given = Object.fromEntries(container?.env?.map(({ name, value }) => [name, value]) ?? []);
      expect(given['BREAKGLASS_CONFIG']).toBe('/etc/breakglass/targets.yaml');
      const { BREAKGLASS_METRICS_PORT, BREAKGLASS_METRICS_BIND } = given;
      const env = {
        API_BEARER_TOKEN: 'a token of the test 0123',
        BREAKGLASS_METRICS_PORT,
        BREAKGLASS_METRICS_BIND,
      };
      expect(readConfig({ ...env, BREAKGLASS_DATA_DIR: tempDir() }).metrics).toEqual({
        port: 9464,
        bind: '0.0.0.0',
      });
      expect(of<Service>('metrics', 'Service').spec?.ports?.map(({ name, port }) => [name, port])).toEqual(
        expect.arrayContaining([
          ['http', 80],
          ['metrics', 9464],
        ]),
      );
      const [opened, ...others] =
        of<NetworkPolicy>('metrics', 'NetworkPolicy', 'metrics').spec?.ingress ?? [];
      expect(others).toEqual([]);
      expect(opened?.ports?.map(({ port }) => port)).toEqual(['metrics']);
      expect(
        opened?.from?.every(({ namespaceSelector, podSelector }) => namespaceSelector && podSelector),
      ).toBe(true);
    },
  );

  test('a secret is mounted as a file for the group alone, and changes its name with its content', () => {
    const secret = of<Secret>('nginx', 'Secret');
    expect(secret.metadata?.name).toMatch(/^breakglass-secrets-\w+$/);
    const { volumes = [] } = of<Deployment>('nginx', 'Deployment').spec?.template.spec ?? {};
    expect(volumes.find(({ name }) => name === 'secrets')?.secret).toEqual({
      secretName: secret.metadata?.name,
      defaultMode: 0o440,
    });
    expect(Object.keys(secret.data ?? {}).sort()).toEqual(SECRETS.toSorted());
  });

  test('without the files of the secrets nothing is rendered', () => {
    const { status, stderr } = spawnSync(
      'kubectl',
      ['kustomize', path.join(root, 'deploy/kubernetes/overlays/nginx')],
      {
        encoding: 'utf8',
      },
    );
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/secrets\/private_key/);
  });

  test('both edges take away the names that Caddy takes away', () => {
    const caddy = readFileSync(path.join(root, 'deploy/Caddyfile'), 'utf8');
    const taken = [...caddy.matchAll(/request_header -(X-\S+)/g)].map(([, name = '']) => name);
    const traefik = of<{ spec: { headers: { customRequestHeaders: Record<string, string> } } }>(
      'traefik',
      'Middleware',
      'nobody',
    );
    expect(traefik.spec.headers.customRequestHeaders).toEqual(
      Object.fromEntries(taken.map((name) => [name, ''])),
    );
  });
});

/** The compiler's words about these objects, each as a literal of its type. */
function typeErrors(objects: readonly KubernetesObject[]): string {
  // In the repository, so that the packages are found.
  const dir = mkdtempSync(path.join(root, 'node_modules/.breakglass-types-'));
  try {
    const file = path.join(dir, 'objects.ts');
    const custom = path.relative(dir, path.join(import.meta.dirname, 'custom-resources.ts'));
    const lines = objects.map((one, at) => {
      const from = CUSTOM.includes(one.kind) ? custom : KINDS[one.kind as keyof typeof KINDS].from;
      return `export const object${at}: import(${JSON.stringify(from)}).I${one.kind} = ${JSON.stringify(one, undefined, 1)};`;
    });
    writeFileSync(file, lines.join('\n'));
    const { stdout } = spawnSync(
      process.execPath,
      [
        path.join(root, 'node_modules/@typescript/native/bin/tsc'),
        ...'--ignoreConfig --noEmit --strict --skipLibCheck --allowImportingTsExtensions'.split(' '),
        ...'--module nodenext'.split(' '),
        file,
      ],
      { encoding: 'utf8', cwd: dir },
    );
    return stdout;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
