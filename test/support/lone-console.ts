import path from 'node:path';
import { compileCache } from './compile-cache.ts';

/** The environment of a console with nothing around it: no VM, no power host, no model, and everything that it writes below `dir`. */
export const loneConsole = (dir: string, port: number): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: dir,
  ...compileCache(),
  BREAKGLASS_PORT: String(port),
  BREAKGLASS_SESSIONS_DIR: path.join(dir, 'sessions'),
  BREAKGLASS_DATA_DIR: path.join(dir, 'data'),
  BREAKGLASS_DEVVM_HOST: '127.0.0.1',
  BREAKGLASS_PVE_HOST: '127.0.0.1',
});
