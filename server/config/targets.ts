// The targets: one described by the environment, or several by the YAML file that BREAKGLASS_CONFIG names.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import type { PolicyMode } from '../../protocol/approvals.ts';
import { parseTargetName, type TargetName } from '../../protocol/ids.ts';
import { ConfigError, host, notUnderstood, policyMode, port, user, vmid } from './fields.ts';

export interface HostAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/** One machine to recover: where its SSH is, where its power path is, and with which key. */
export interface TargetConfig {
  readonly name: TargetName;
  readonly title: string | undefined;
  readonly vm: HostAddress;
  readonly observerUser: string | undefined;
  readonly vmKeyPath: string;
  readonly powerHost: HostAddress;
  readonly powerKeyPath: string;
  /** The number of the VM that the power path must name; undefined when any will do. */
  readonly vmid: number | undefined;
  /** The policy for the agent on this target; undefined when the general one applies. */
  readonly policy: PolicyMode | undefined;
  /** Labels of alerts that mean this target: any of these sets, of which each label must have one of its values. */
  readonly alerts: readonly Readonly<Record<string, readonly string[]>>[];
}

export interface TargetsConfig {
  readonly default: TargetName;
  /** In the order of the file; at least one. */
  readonly all: readonly TargetConfig[];
}

/** What applies to a target of the file that does not say otherwise. */
export interface TargetDefaults {
  readonly vmUser: string;
  readonly powerUser: string;
  readonly keyPath: string;
}

const key = z.string({ error: 'the path of a key' }).refine(path.isAbsolute, { error: 'an absolute path' });
const title = z
  .string({ error: 'a title of at most 80 characters' })
  .min(1, { error: 'a title of at most 80 characters' })
  .max(80, { error: 'a title of at most 80 characters' });

const LABELS = 'labels such as {instance: 10.0.10.10:9100}, or a list of such sets';
const labelValue = z.string({ error: LABELS }).min(1, { error: LABELS });
const labelSet = z
  .record(
    z.string(),
    z.union([labelValue.transform((value) => [value]), z.array(labelValue).min(1)], { error: LABELS }),
    { error: LABELS },
  )
  // A set of none would mean every alert.
  .refine((set) => Object.keys(set).length > 0, { error: LABELS });

const TargetEntry = z.strictObject(
  {
    title: title.optional(),
    vm: z.strictObject(
      {
        host,
        port: port.default(22),
        user: user.optional(),
        observer_user: user.optional(),
        key: key.optional(),
      },
      { error: 'an address: {host, port?, user?, observer_user?, key?}' },
    ),
    power: z.strictObject(
      { host, port: port.default(22), user: user.optional(), key: key.optional(), vmid: vmid.optional() },
      { error: 'an address: {host, port?, user?, key?, vmid?}' },
    ),
    policy: policyMode.optional(),
    alerts: z.union([labelSet.transform((set) => [set]), z.array(labelSet)], { error: LABELS }).default([]),
  },
  { error: 'a target: {title?, vm, power, policy?, alerts?}' },
);

const TARGET_NAME = 'a name of small letters, digits and dashes';
const TargetsFile = z.strictObject(
  {
    default: z.string({ error: TARGET_NAME }).optional(),
    targets: z.record(z.string(), TargetEntry, { error: 'at least one target by its name' }),
  },
  { error: '{default?, targets}' },
);

/** Throws a ConfigError that names the file, the place in it, the value and what was expected. */
export function readTargetsFile(file: string, defaults: TargetDefaults): TargetsConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(
      `BREAKGLASS_CONFIG: ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
  return parseTargets(text, file, defaults);
}

/** Pure. `file` is only for error messages. */
export function parseTargets(text: string, file: string, defaults: TargetDefaults): TargetsConfig {
  const document = parseDocument(text, { prettyErrors: true, uniqueKeys: true });
  const [broken] = document.errors;
  if (broken !== undefined)
    throw new ConfigError(`${file}: this is not YAML: ${broken.message.replace(/\s+/g, ' ').trim()}.`);
  const value: unknown = document.toJS();
  const parsed = TargetsFile.safeParse(value);
  if (!parsed.success) throw explain(file, value, parsed.error);
  const all = Object.entries(parsed.data.targets).map(([text, entry]) =>
    toTarget(file, text, entry, defaults),
  );
  const [first] = all;
  if (first === undefined) throw notUnderstood(`${file}: targets`, {}, 'at least one target by its name');
  refuseSharedPaths(file, all);
  const wanted = parsed.data.default;
  if (wanted === undefined && all.length > 1)
    throw notUnderstood(`${file}: default`, null, `one of ${all.map(({ name }) => name).join(', ')}`);
  const chosen = wanted === undefined ? first : all.find(({ name }) => name === wanted);
  if (chosen === undefined)
    throw notUnderstood(`${file}: default`, wanted, `one of ${all.map(({ name }) => name).join(', ')}`);
  return { default: chosen.name, all };
}

function toTarget(
  file: string,
  text: string,
  { title, vm, power, policy, alerts }: z.infer<typeof TargetEntry>,
  defaults: TargetDefaults,
): TargetConfig {
  const name = parseTargetName(text);
  if (name === undefined) throw notUnderstood(`${file}: targets`, text, TARGET_NAME);
  return {
    name,
    title,
    vm: { host: vm.host, port: vm.port, user: vm.user ?? defaults.vmUser },
    observerUser: vm.observer_user,
    vmKeyPath: vm.key ?? defaults.keyPath,
    powerHost: { host: power.host, port: power.port, user: power.user ?? defaults.powerUser },
    powerKeyPath: power.key ?? defaults.keyPath,
    vmid: power.vmid,
    policy,
    alerts,
  };
}

/** On the power host the account or its key decides which VM a verb reaches. Two targets that share both are the same VM. */
function refuseSharedPaths(file: string, all: readonly TargetConfig[]): void {
  const seen = new Map<string, TargetName>();
  for (const { name, powerHost, powerKeyPath } of all) {
    const way = `${powerHost.user}@${powerHost.host} port ${powerHost.port} with ${powerKeyPath}`;
    const other = seen.get(way);
    if (other !== undefined)
      throw new ConfigError(
        `${file}: targets.${name}.power: the same power path as targets.${other} (${way}). Expected an account or a key of its own for each VM.`,
      );
    seen.set(way, name);
  }
}

function explain(file: string, value: unknown, error: z.ZodError): ConfigError {
  // A misspelt key is named first, since it also makes the right key look missing.
  const issue = error.issues.find(({ code }) => code === 'unrecognized_keys') ?? error.issues[0];
  if (issue === undefined) return new ConfigError(`${file}: not understood.`);
  const unknownKey = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const at = [...issue.path, ...(unknownKey === undefined ? [] : [unknownKey])];
  const found = at.reduce<unknown>(
    (here, step) => (typeof here === 'object' && here !== null ? Reflect.get(here, step) : undefined),
    value,
  );
  const place = at.length === 0 ? file : `${file}: ${at.map(String).join('.')}`;
  const expected = unknownKey === undefined ? issue.message : `no such key: ${issue.message}`;
  return notUnderstood(place, found ?? null, expected);
}
