import type { TargetsAnswer } from '../protocol/me.ts';
import { type ConsoleAddress, get } from './console-client.ts';

/** The one that was named, or the default one of the console. */
export async function targetOr(address: ConsoleAddress, named: string | undefined): Promise<string> {
  return named ?? (await get<TargetsAnswer>(address, '/api/targets')).default;
}

export const targetPath = (name: string): string => `/api/targets/${encodeURIComponent(name)}`;
