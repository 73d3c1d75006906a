#!/usr/bin/env node
// The command `breakglass`: the bundle's entry and the sources'. Of itself it loads nothing, so that what comes after finds the compile cache.
import { enableCompileCache } from 'node:module';
import path from 'node:path';

// The build left V8's compiled code beside the bundle. Where it cannot be written (a read-only container) it is read all the same.
if (import.meta.filename.endsWith('.js'))
  enableCompileCache({ directory: path.join(import.meta.dirname, 'compile-cache'), portable: true });

const { runAsProcess } = await import('./process.ts');
await runAsProcess(process.argv.slice(2));
