// Commands about the agent: sessions, a turn, its questions.
import { type ApproveOptions, approve } from '../approve.ts';
import { type AskOptions, askAgent } from '../ask.ts';
import { type SessionsOptions, sessions } from '../sessions.ts';
import { AS_JSON, type Commands } from './commands.ts';

export function agentCommands({ program, room, address, exit }: Commands): void {
  program
    .command('sessions')
    .description('chats and incidents, the latest activity first')
    .option('--search <words>', 'words of a prompt, a name or an alert')
    .option('--target <target>', 'only about this one')
    .option(...AS_JSON)
    .action(({ search, target, json }: Partial<SessionsOptions> & { json: boolean }) =>
      sessions(address(), { search, target, json }, room),
    );
  program
    .command('ask')
    .description('one turn with the agent: its answer goes to stdout, what it does to stderr')
    .argument('<prompt>')
    .option('--session <id>', 'go on in this session; without it a new one')
    .option('--target <target>', 'of the new session; the default one when left out')
    .option('--deny-all', 'deny whatever the agent asks for', false)
    .option('--json', 'each event as one line of JSON', false)
    .action(
      async (
        prompt: string,
        { session, target, denyAll, json }: Partial<AskOptions> & { denyAll: boolean; json: boolean },
      ) => exit(await askAgent(address(), { prompt, session, target, denyAll, json }, room)),
    );
  program
    .command('approve')
    .description('what the agent asks for, and the answer to one question')
    .argument('[id]', 'of the question, or its first characters; without it all are listed')
    .option('--deny', 'say no', false)
    .option('--reason <sentence>', 'with --deny: what the agent reads')
    .option('--yes', 'do not ask', false)
    .option(...AS_JSON)
    .action(async (id: string | undefined, { reason, ...options }: Omit<ApproveOptions, 'id'>) =>
      exit(await approve(address(), { id, reason, ...options }, room)),
    );
}
