// What a server that was started again says about the calls that its dead predecessor had under way. Nothing of them is ever run. Pure.
import { SERVER } from '../../protocol/actors.ts';
import type { PolicyMode } from '../../protocol/approvals.ts';
import type { JournalEvent, JournaledKind, NewEvent } from '../../protocol/events.ts';
import type { SessionId, TargetName } from '../../protocol/ids.ts';

/**
 * Closes each question and each call that has no end yet, once, in their order.
 * @param events of one turn without an end, rising by id
 */
export function closeCalls(events: readonly JournalEvent[]): readonly NewEvent[] {
  const ended = new Set<string>();
  const asked = new Map<string, string>();
  const answers = new Map<string, string>();
  for (const event of events) {
    if (event.kind === 'tool_result') ended.add(event.tool_call_id);
    if (event.kind === 'approval_requested') asked.set(event.tool_call_id, event.approval_id);
    if (event.kind === 'approval_resolved') answers.set(event.approval_id, event.answer);
  }
  return events.flatMap((event): NewEvent[] => {
    const scope = scopeOf(event);
    if (event.kind === 'approval_requested' && !answers.has(event.approval_id))
      return [
        {
          kind: 'approval_resolved',
          approval_id: event.approval_id,
          answer: 'denied',
          by: SERVER.name,
          reason: 'The server stopped while this waited, and was started again. It was not run.',
          ...scope,
        },
      ];
    if (event.kind !== 'tool' || ended.has(event.tool_call_id)) return [];
    const question = asked.get(event.tool_call_id);
    const mayHaveRun = question === undefined || answers.get(question) === 'approved';
    return [
      {
        kind: 'tool_result',
        tool_call_id: event.tool_call_id,
        name: event.name,
        is_error: true,
        output: mayHaveRun
          ? 'The server stopped during this call, and was started again. Whether it ran to its end is not known: look before anything else.'
          : 'Not run: the server stopped before it was approved.',
        truncated: false,
        duration_ms: 0,
        ...(mayHaveRun
          ? { ended: 'unknown' as const, far_side: 'unproven' as const }
          : { ended: 'denied' as const }),
        ...scope,
      },
    ];
  });
}

export const POLICY_KINDS = [
  'policy_changed',
  'grant_started',
  'grant_ended',
] as const satisfies readonly JournaledKind[];

/**
 * Ends what was loosened or granted for a time and had not ended yet.
 * @param events of these kinds, all of them, rising by id
 */
export async function closePolicies(
  events: AsyncIterable<JournalEvent>,
  configured: (target: TargetName) => PolicyMode,
): Promise<readonly NewEvent[]> {
  const loose = new Map<SessionId, EventOf<'policy_changed'>>();
  const grants = new Map<string, EventOf<'grant_started'>>();
  for await (const event of events) {
    if (event.session_id === undefined || event.target === undefined) continue;
    if (event.kind === 'policy_changed') {
      if (event.loosened_until === undefined) loose.delete(event.session_id);
      else loose.set(event.session_id, event);
    } else if (event.kind === 'grant_started') grants.set(event.grant_id, event);
    else if (event.kind === 'grant_ended') grants.delete(event.grant_id);
  }
  const ended: NewEvent[] = [];
  for (const event of loose.values())
    if (event.target !== undefined)
      ended.push({
        kind: 'policy_changed',
        mode: configured(event.target),
        version: event.version + 1,
        by: SERVER.name,
        ...scopeOf(event),
      });
  for (const [grant_id, event] of grants)
    ended.push({ kind: 'grant_ended', grant_id, why: 'restarted', ...scopeOf(event) });
  return ended;
}

type EventOf<Kind extends JournalEvent['kind']> = Extract<JournalEvent, { kind: Kind }>;

const scopeOf = ({ session_id, turn_id, target }: JournalEvent) => ({
  actor: SERVER,
  ...(session_id === undefined ? {} : { session_id }),
  ...(turn_id === undefined ? {} : { turn_id }),
  ...(target === undefined ? {} : { target }),
});
