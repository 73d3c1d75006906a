// `breakglass sessions`: the chats and incidents, the latest activity first.
import type { SessionsPage } from '../protocol/sessions.ts';
import { visibleJson } from '../protocol/visible-text.ts';
import { columns } from './columns.ts';
import { type ConsoleAddress, get } from './console-client.ts';
import type { Room } from './surroundings.ts';

export interface SessionsOptions {
  readonly search: string | undefined;
  readonly target: string | undefined;
  readonly json: boolean;
}

export async function sessions(
  address: ConsoleAddress,
  { search, target, json }: SessionsOptions,
  { print, talk }: Pick<Room, 'print' | 'talk'>,
): Promise<void> {
  const query = new URLSearchParams({
    ...(search === undefined ? {} : { q: search }),
    ...(target === undefined ? {} : { target }),
  });
  const page = await get<SessionsPage>(address, `/api/sessions?${query.toString()}`);
  if (json) return print(visibleJson(page));
  const rows = page.sessions.map(
    ({ session_id, target: about, last_at, running, waiting, people, title }) => [
      session_id,
      about,
      `${last_at.slice(0, 16).replace('T', ' ')}Z`,
      waiting ? 'waits' : running ? 'runs' : '',
      people.join(', '),
      title,
    ],
  );
  for (const line of columns(['SESSION', 'TARGET', 'LAST', 'NOW', 'WHO', 'TITLE'], rows)) print(line);
  if (page.next !== undefined) talk('There are more: --search finds them.');
}
