// `manifest.json`: what the host did, step by step. Pure.
import type { EvidenceManifest, EvidenceStep } from '../../../protocol/evidence.ts';
import { fieldsOf, listOf, numberOf, parseJson, textOf } from './json.ts';

const STATUS = ['ok', 'timeout', 'error', 'skipped'] as const;
const MOST_STEPS = 200;

/** Undefined when it is no JSON object with an id. */
export function parseManifest(json: string | undefined): EvidenceManifest | undefined {
  const fields = fieldsOf(parseJson(json));
  const id = textOf(fields?.['id']);
  if (fields === undefined || id === undefined) return undefined;
  const texts = ['verb', 'version', 'caller', 'key', 'began_at', 'ended_at'] as const;
  const numbers = ['vmid', 'pid', 'start_time'] as const;
  const pick = <T>(names: readonly string[], read: (value: unknown) => T | undefined): Record<string, T> =>
    Object.fromEntries(
      names.flatMap((name) => {
        const value = read(fields[name]);
        return value === undefined ? [] : [[name, value]];
      }),
    );
  return {
    id,
    ...pick(texts, textOf),
    ...pick(numbers, numberOf),
    steps: listOf(fields['steps']).slice(0, MOST_STEPS).flatMap(readStep),
  };
}

function readStep(value: unknown): EvidenceStep[] {
  const fields = fieldsOf(value);
  const name = textOf(fields?.['name']);
  if (fields === undefined || name === undefined) return [];
  const why = textOf(fields['why']);
  const file = textOf(fields['file']);
  const ms = numberOf(fields['ms']);
  const bytes = numberOf(fields['bytes']);
  return [
    {
      name,
      status: STATUS.find((status) => status === fields['status']) ?? 'error',
      ...(ms === undefined ? {} : { ms }),
      ...(why === undefined ? {} : { why }),
      ...(file === undefined ? {} : { file }),
      ...(bytes === undefined ? {} : { bytes }),
      ...(fields['truncated'] === true ? { truncated: true } : {}),
    },
  ];
}
