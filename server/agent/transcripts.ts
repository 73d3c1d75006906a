// Where Claude Code keeps a conversation: <config>/projects/<name of the cwd>/<session id>.jsonl. If that file exists, the process of
// the session resumes it; otherwise it starts fresh.
import { readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { SessionId } from '../../protocol/ids.ts';

export function findTranscript(configDir: string, session: SessionId): string | undefined {
  const projects = path.join(configDir, 'projects');
  try {
    for (const project of readdirSync(projects)) {
      const name = `${session}.jsonl`;
      if (readdirSync(path.join(projects, project)).includes(name)) return path.join(projects, project, name);
    }
  } catch {
    // No project yet, or one that went away meanwhile.
  }
  return undefined;
}

/** Moves it out of the way, so that the session id can be used again. It is kept for whoever wants to find out what was wrong. */
export function setAside(transcript: string): void {
  renameSync(transcript, `${transcript}.unreadable-${Date.now()}`);
}

/** Removes what Claude Code kept of a session that the journal holds no more, also what was set aside. */
export function forgetConversation(configDir: string, session: SessionId): void {
  const projects = path.join(configDir, 'projects');
  let kept: string[];
  try {
    kept = readdirSync(projects, { recursive: true, encoding: 'utf8' });
  } catch {
    return; // No project yet.
  }
  for (const name of kept)
    if (path.basename(name).startsWith(session))
      rmSync(path.join(projects, name), { recursive: true, force: true });
}
