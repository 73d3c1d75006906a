// Which targets an alert means. Pure. A name wins over labels of the configuration; labels may mean several targets, such as all VMs of one
// power host; and where there is one target only, everything means it.
import type { TargetName } from '../../protocol/ids.ts';
import { type Alert, labelsTold, told } from './incoming.ts';

/** One set of labels: all of them, each with one of its values. */
export type MeantBy = Readonly<Record<string, readonly string[]>>;

export interface Mapped {
  readonly name: TargetName;
  /** Any of these sets means the target. */
  readonly alerts: readonly MeantBy[];
}

export type Meant =
  | { readonly type: 'targets'; readonly names: readonly TargetName[] }
  | { readonly type: 'none'; readonly why: string };

/** Names a target, and nothing else. */
const OUR_LABEL = 'breakglass_target';
/** Others use it too, so a value that names no target says nothing. */
const USUAL_LABEL = 'target';

export function targetsMeant(alert: Pick<Alert, 'labels' | 'target'>, all: readonly Mapped[]): Meant {
  const label = (name: string): string | undefined =>
    Object.hasOwn(alert.labels, name) ? alert.labels[name] : undefined;
  const wanted = alert.target ?? label(OUR_LABEL);
  const known = all.map(({ name }) => name).join(', ');
  const named = all.find(({ name }) => name === (wanted ?? label(USUAL_LABEL)));
  if (named !== undefined) return { type: 'targets', names: [named.name] };
  if (wanted !== undefined)
    return { type: 'none', why: `It names the target "${told(wanted, 40)}", which is not one of ${known}.` };
  const matching = all.filter(({ alerts }) =>
    alerts.some((set) => Object.entries(set).every(([name, values]) => values.includes(label(name) ?? ''))),
  );
  if (matching.length > 0) return { type: 'targets', names: matching.map(({ name }) => name) };
  const [only, ...others] = all;
  if (only !== undefined && others.length === 0) return { type: 'targets', names: [only.name] };
  const labels = labelsTold(alert.labels);
  return {
    type: 'none',
    why: `${labels === '' ? 'It has no labels' : `Its labels (${labels}) mean none`} of ${known}. Add the label ${OUR_LABEL} with the name of a target, or write labels under alerts: of that target in the file of BREAKGLASS_CONFIG.`,
  };
}
