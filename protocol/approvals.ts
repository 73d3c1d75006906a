// What a person is asked before the agent changes something, what they answer, and what the agent may do without asking.
import { z } from 'zod';
import { instant, sessionId, targetName, verb, type Wire } from './wire.ts';

export const PolicyMode = z.enum(['observe', 'ask', 'autonomous']);
export type PolicyMode = Wire<typeof PolicyMode>;

const account = z.enum(['observer', 'repair']);
export type Account = Wire<typeof account>;

/** The whole validated input of the call, after all defaults: what runs is exactly this. */
const AskedInput = z.object({
  host: z.string(),
  command: z.string(),
  stdin: z.string().exactOptional(),
  timeout_s: z.number().exactOptional().describe('only in the VM'),
  despite_finding: z.boolean().exactOptional().describe('only for a verb'),
});
export type AskedInput = Wire<typeof AskedInput>;

/** What is asked for. `account` and `verb` say of which kind it is. */
export const Asked = z.union([
  z.object({ account, input: AskedInput }).describe('a command in the VM'),
  z.object({ verb, input: AskedInput }).describe('a verb at the power host'),
]);
export type Asked = Wire<typeof Asked>;

const approvalId = z.guid();

/** One question. It never changes: another input is another question. */
export const Approval = z
  .object({
    approval_id: approvalId,
    session_id: sessionId,
    target: targetName,
    asked: Asked,
    said: z.string().exactOptional().describe("the agent's words before the call: its own reason, unproven"),
    binding: z
      .string()
      .describe(
        'SHA-256 of all that the answer is about: the whole input, host, account or verb, session, target, version of the policy, expiry',
      ),
    at: instant,
    expires_at: instant.describe('then it is denied, and the agent is told that nobody answered'),
    observer: z
      .boolean()
      .describe(
        'whether the target has an observer account; without one nothing separates looking from changing',
      ),
    grant_minutes: z
      .int()
      .exactOptional()
      .describe('how long a grant would be; absent where none may be given: never for a verb'),
  })
  .meta({ id: 'Approval' });
export type Approval = Wire<typeof Approval>;

export const ApprovalAnswer = z
  .enum(['approved', 'denied', 'expired', 'void'])
  .describe('`void`: it can no longer be answered, because the policy was tightened or the turn is over');
export type ApprovalAnswer = Wire<typeof ApprovalAnswer>;

/** "Repair commands in this session for so long", never a verb. */
export const Grant = z
  .object({
    grant_id: z.guid(),
    session_id: sessionId,
    target: targetName,
    by: z.string(),
    at: instant,
    expires_at: instant,
  })
  .meta({ id: 'Grant' });
export type Grant = Wire<typeof Grant>;

/** What became of a question. */
export const ApprovalOutcome = z
  .object({
    approval_id: approvalId,
    answer: ApprovalAnswer,
    by: z.string(),
    at: instant,
    grant: Grant.exactOptional().describe('the one that was asked for with the answer'),
  })
  .meta({ id: 'ApprovalOutcome' });
export type ApprovalOutcome = Wire<typeof ApprovalOutcome>;

/** What the agent may do in one session. */
export const SessionPolicy = z
  .object({
    mode: PolicyMode,
    configured: PolicyMode.describe('what holds where nobody changed it'),
    version: z.int().describe('rises with each change in this session'),
    by: z.string().exactOptional().describe('who changed it'),
    loosened_until: instant.exactOptional().describe('then `configured` holds again'),
    grants: z.array(Grant),
  })
  .meta({ id: 'SessionPolicy' });
export type SessionPolicy = Wire<typeof SessionPolicy>;
